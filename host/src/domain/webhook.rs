//! A tenant's webhook: where what happens to it is told, and what the telling is signed with.
//! Refuses to show a secret but as the one text that whoever made it is given.

use crate::domain::{Backlog, TenantId};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::fmt;

/// What stands before a secret's text, by Standard Webhooks.
const PREFIX: &str = "whsec_";

/// What messages are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// Where a tenant's messages go, and what they are signed with.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Whose.
    pub tenant: TenantId,
    /// Where to.
    pub url: String,
    /// Which setting of the URL this is: no other's.
    pub setting: i64,
    /// Every one that holds, the oldest first.
    pub secrets: Vec<SigningSecret>,
}

/// What is known of a tenant's webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// Milliseconds since 1970-01-01 UTC, like the others here.
    pub created_at_ms: i64,
    /// Since when nothing is sent, because the endpoint is gone.
    pub stopped_at_ms: Option<i64>,
    /// How many messages nobody ever took.
    pub given_up: u64,
    /// What is signed with, the oldest first.
    pub secrets: Vec<SecretEntry>,
    /// What waits; none when nothing does.
    pub backlog: Option<Backlog>,
}

/// What is known of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEntry {
    /// What it is called.
    pub id: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
}

impl SigningSecret {
    /// How many bytes a new one has.
    pub const BYTES: usize = 32;

    /// The secret of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What is signed with.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As whoever verifies is given it, once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::SigningSecret;

    #[test]
    fn a_secret_is_shown_as_receivers_know_it_and_never_by_accident() {
        let secret = SigningSecret::new(vec![0xff; 24]);
        assert_eq!(secret.reveal(), "whsec_////////////////////////////////");
        assert!(!format!("{secret:?}").contains("255"));
    }
}
