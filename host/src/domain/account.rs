//! An account: a person of one issuer, the name they got, and what they may use.
//! Refuses to change: a name is frozen when the account is opened.

use crate::domain::Allowance;
use std::path::PathBuf;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Open.
    Active,
    /// Closed; its name stays taken.
    Closed,
    /// Closed, and nothing is known of the person any more: a name that nobody gets.
    Erased,
}

impl AccountState {
    /// As answers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Closed => "closed",
            Self::Erased => "erased",
        }
    }
}

/// What is kept of somebody who was provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The row's number.
    pub id: i64,
    /// The name of the account and of its folder, as stored.
    pub name: String,
    /// Who vouches; empty when nobody was named.
    pub issuer: String,
    /// The provider's stable id, if it ever said one.
    pub subject: Option<String>,
    /// The provider's own name for them when the account was opened.
    pub username: String,
    /// The address the account was opened with, as sent.
    pub email: Option<String>,
    /// The domain of the e-mail, if that was verified: what a domain's quota counts.
    pub domain: Option<String>,
    /// Open, closed or erased.
    pub state: AccountState,
    /// What the policy allows, by what it was asked last.
    pub allowance: Allowance,
    /// The revision that decided the opening, or that was active when it was opened by hand.
    pub revision: u64,
    /// When it was opened: milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
}

/// An account and where its home is.
#[derive(Clone, Debug)]
pub struct Held {
    /// The account.
    pub account: Account,
    /// Its home, absolute.
    pub home: PathBuf,
}
