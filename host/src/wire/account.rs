//! An account as the API shows it.
//! Refuses to show a tombstone's person: there is none any more.

use crate::domain::{Account, AccountState};
use crate::wire::{AllowanceText, moment_ms};
use serde::Serialize;
use std::path::PathBuf;

/// An account as JSON.
#[derive(Debug, Serialize)]
pub struct AccountText {
    name: String,
    username: Option<String>,
    subject: Option<String>,
    issuer: Option<String>,
    email: Option<String>,
    state: &'static str,
    home: PathBuf,
    allowance: AllowanceText,
    created_at: String,
    revision: u64,
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
            state: account.state.as_str(),
            home,
            allowance: account.allowance.into(),
            created_at: moment_ms(account.created_at_ms),
            revision: account.revision,
        }
    }
}
