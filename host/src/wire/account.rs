//! An account as the API shows it.
//! Refuses to show a tombstone's person: there is none any more.

use crate::domain::{Account, AccountState};
use crate::wire::{AllowanceText, moment_ms};
use serde::Serialize;
use std::path::PathBuf;
use utoipa::ToSchema;

/// An account as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountText {
    /// The name of the account and its folder.
    name: String,
    /// The provider's own name for its person; null when nobody knows any more.
    username: Option<String>,
    /// The provider's stable id.
    subject: Option<String>,
    /// Who vouches.
    issuer: Option<String>,
    /// As it was when the account was opened.
    email: Option<String>,
    /// Whether it was a verified one.
    email_verified: bool,
    /// `active`, `closed` or `erased`.
    #[schema(pattern = "^(active|closed|erased)$")]
    state: &'static str,
    /// Its folder, absolute.
    #[schema(value_type = String)]
    home: PathBuf,
    /// How much it may use.
    allowance: AllowanceText,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// The revision that decided.
    revision: u64,
    /// When it was asked for: what is in use of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    usage: Option<UsageText>,
}

/// What is in use of an allowance, in its words.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageText {
    /// Open accounts of the tenant.
    pub accounts: u64,
    /// Those whose verified e-mail has this one's domain; null when this one has none.
    pub accounts_in_domain: Option<u64>,
    /// Bytes of all files in the home; null when there was no time to count.
    pub storage_bytes: Option<u64>,
    /// Files in the home.
    pub storage_files: Option<u64>,
    /// False when more may be there than was counted.
    pub complete: bool,
}

impl AccountText {
    /// An account and its home.
    pub fn new(account: Account, home: PathBuf) -> Self {
        let known = account.state != AccountState::Erased;
        let issuer = Some(account.issuer).filter(|issuer| !issuer.is_empty());
        Self {
            name: account.name,
            username: known.then_some(account.username),
            subject: account.subject,
            issuer,
            email: account.email,
            email_verified: account.domain.is_some(),
            state: account.state.as_str(),
            home,
            allowance: account.allowance.into(),
            created_at: moment_ms(account.created_at_ms),
            revision: account.revision,
            usage: None,
        }
    }

    /// The same, and what is in use.
    pub fn using(self, usage: UsageText) -> Self {
        Self { usage: Some(usage), ..self }
    }
}
