//! An e-mail address as far as a decision needs one: the address as sent, its domain as A-labels, and who vouches for it.
//! Refuses to repair: an address that does not split at its only `@`, or whose domain is none, is no address at all.

/// What the provider says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// Verified by the provider.
    Verified,
    /// At sign-up, before the provider could have sent its code.
    Pending,
    /// Not verified, or the provider did not say.
    Unverified,
}

/// A syntactically sound address: one `@`, something before it, a domain after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    address: String,
    domain: String,
    assurance: Assurance,
}

/// RFC 5321 4.5.3.1.1, in octets.
const LOCAL_PART_LIMIT: usize = 64;
/// RFC 5321 4.5.3.1.3 less the angle brackets, in octets.
const ADDRESS_LIMIT: usize = 254;

impl Email {
    /// The address, trimmed of nothing, or `None` when it is no address: not exactly one `@`, an empty or over-long part,
    /// a control character, or a domain that UTS #46 (strict, non-transitional) has no A-labels for.
    pub fn parse(address: &str, assurance: Assurance) -> Option<Self> {
        let (local, domain) = address.split_once('@')?;
        let sound = !local.is_empty()
            && local.len() <= LOCAL_PART_LIMIT
            && address.len() <= ADDRESS_LIMIT
            && !address.chars().any(char::is_control)
            && !domain.contains('@');
        let domain = sound.then(|| idna::domain_to_ascii_strict(domain).ok())??;
        (!domain.is_empty()).then(|| Self { address: address.to_owned(), domain, assurance })
    }

    /// An address that was one before: what a decision depended on stays as it was, whatever tables say by now.
    pub fn taken_before(address: String, domain: String, assurance: Assurance) -> Self {
        Self { address, domain, assurance }
    }

    /// As sent.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Lower-case A-labels: what domain quotas are counted under.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Who vouches for the address.
    pub fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// The address if the provider has verified it.
    pub fn verified(&self) -> Option<&str> {
        (self.assurance == Assurance::Verified).then_some(self.address.as_str())
    }

    /// The same address before the provider could verify it: what was not verified is pending.
    pub fn at_sign_up(mut self) -> Self {
        if self.assurance == Assurance::Unverified {
            self.assurance = Assurance::Pending;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Assurance, Email};

    fn domain(address: &str) -> Option<String> {
        Email::parse(address, Assurance::Verified).map(|email| email.domain().to_owned())
    }

    #[test]
    fn the_domain_is_lower_case_a_labels() {
        assert_eq!(domain("a@EXAMPLE.com").as_deref(), Some("example.com"));
        assert_eq!(domain("a@bücher.example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(domain("a@example\u{3002}com").as_deref(), Some("example.com"));
    }

    #[test]
    fn what_is_no_address_is_none() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in ["", "a", "@b.c", "a@", "a@b@c", "a@b/c", "a\n@b.c", "a@b..c", &long] {
            assert_eq!(domain(text), None, "{text:?}");
        }
    }
}
