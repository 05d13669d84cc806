//! Whether a domain is a public suffix: one below which anybody can have a domain, such as `co.uk` or `github.io`. What is kept of
//! the Public Suffix List (publicsuffix.org, both its sections) are 32 bits of each rule's SHA-256: enough to tell that a domain is
//! not there, and wrong about one in four hundred thousand that are not. `examples/suffixes.rs` makes the file.

use sha2::{Digest, Sha256};

/// Fingerprints in ascending order, four bytes each.
static SUFFIXES: &[u8] = include_bytes!("suffixes.bin");

const BYTES: usize = 4;

/// Whether `domain`, lower-case A-labels, is one. A top-level domain that nobody knows is.
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    let Some((_, parent)) = domain.split_once('.') else { return true };
    !holds(&format!("!{domain}")) && (holds(domain) || holds(&format!("*.{parent}")))
}

fn holds(rule: &str) -> bool {
    let wanted = fingerprint(rule);
    let (found, _) = SUFFIXES.as_chunks::<BYTES>();
    found.binary_search_by_key(&wanted, |bytes| u32::from_be_bytes(*bytes)).is_ok()
}

/// What is kept of a rule.
pub fn fingerprint(rule: &str) -> u32 {
    let digest = Sha256::digest(rule);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
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
