//! Whether a domain is a public suffix: one below which anybody can have a domain, such as `co.uk` or `github.io`. What is kept of
//! the Public Suffix List (publicsuffix.org, both its sections) are 28 bits of each rule's SHA-256: enough to tell that a domain is
//! not there, and wrong about one in twenty-five thousand that are not. `examples/suffixes.rs` makes the file.

use sha2::{Digest, Sha256};

/// How many fingerprints begin with less than these twelve bits, for each of them; then the other sixteen, in ascending order.
static SUFFIXES: &[u8] = include_bytes!("suffixes.bin");

const BUCKETS: usize = 1 << 12;

/// Whether `domain`, lower-case A-labels, is one. A top-level domain that nobody knows is.
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    let Some((_, parent)) = domain.split_once('.') else { return true };
    !holds(&format!("!{domain}")) && (holds(domain) || holds(&format!("*.{parent}")))
}

fn holds(rule: &str) -> bool {
    let (numbers, _) = SUFFIXES.as_chunks::<2>();
    let (buckets, rests) = numbers.split_at(BUCKETS + 1);
    let (bucket, rest) = fingerprint(rule);
    let at = |bucket: usize| usize::from(u16::from_be_bytes(buckets[bucket]));
    rests[at(bucket.into())..at(usize::from(bucket) + 1)].contains(&rest.to_be_bytes())
}

/// What is kept of a rule: its bucket, of twelve bits, and sixteen more.
pub fn fingerprint(rule: &str) -> (u16, u16) {
    let digest = Sha256::digest(rule);
    let bucket = u16::from_be_bytes([digest[0], digest[1]]) >> 4;
    (bucket, u16::from_be_bytes([digest[2], digest[3]]))
}

#[cfg(test)]
mod tests {
    use super::is_public_suffix;

    #[test]
    fn it_says_what_the_list_says() {
        for domain in [
            "com",
            "co.uk",
            "uk",
            "example.com",
            "github.io",
            "me.github.io",
            "ck",
            "x.ck",
            "www.ck",
            "a.www.ck",
            "kawasaki.jp",
            "city.kawasaki.jp",
            "x.kawasaki.jp",
            "k12.ca.us",
            "ca.us",
            "us",
            "herokuapp.com",
            "xn--55qx5d.cn",
            "google.com",
            "s3.amazonaws.com",
            "nosuchtld",
            "b.nosuchtld",
            "gov.in",
            "ac.jp",
            "tokyo.jp",
            "shibuya.tokyo.jp",
        ] {
            let theirs = psl::suffix(domain.as_bytes())
                .is_some_and(|suffix| suffix.as_bytes().len() == domain.len());
            assert_eq!(is_public_suffix(domain), theirs, "{domain}");
        }
    }
}
