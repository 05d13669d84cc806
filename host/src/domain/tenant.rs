//! Which tenant: a row's number for the rooms behind the door, a name for people.
//! Refuses to grant anything: the right to act for a tenant is `ledger::Tenant`, which only authentication makes.

use std::fmt;

/// A tenant as the rooms behind the door know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub i64);

/// A tenant's name: `[a-z0-9][a-z0-9-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantName(String);

impl TenantName {
    /// The tenant that the first start makes.
    pub fn default_tenant() -> Self {
        Self("default".to_owned())
    }

    /// The name if it is one, else `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = matches!(bytes.len(), 1..=63);
        let good = fits && plain(&bytes[0]) && bytes.iter().all(|b| plain(b) || *b == b'-');
        good.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::TenantName;

    #[test]
    fn a_tenant_name_is_lower_case_and_short() {
        for good in ["default", "a", "0-x", &"a".repeat(63)] {
            assert!(TenantName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a/b", "ä", &"a".repeat(64)] {
            assert!(TenantName::parse(bad).is_none(), "{bad}");
        }
    }
}
