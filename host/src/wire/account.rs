//! An account as the API shows it, and what is said of one by hand.
//! Refuses to show a tombstone's person: there is none any more.

use crate::domain::{Account, AccountState};
use crate::wire::applicant::{BodyError, flag, object, text, username};
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
        Self {
            name: account.name,
            username: known.then_some(account.username),
            subject: account.subject,
            issuer: known.then_some(account.issuer),
            email: account.email,
            state: account.state.as_str(),
            home,
            allowance: account.allowance.into(),
            created_at: moment_ms(account.created_at_ms),
            revision: account.revision,
        }
    }
}

/// Whose an account shall be that is opened by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandBody {
    /// The provider's own name for them.
    pub username: String,
    /// The provider's stable id.
    pub subject: Option<String>,
    /// Who vouches; none means the tenant's.
    pub issuer: Option<String>,
    /// As the provider will send it: it links the account to them.
    pub email: Option<String>,
    /// Whether a folder that is there becomes the home as it is.
    pub adopt: bool,
}

/// Whose an account shall be that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkBody {
    /// The provider's stable id.
    pub subject: String,
    /// Who vouches; none leaves the account's.
    pub issuer: Option<String>,
}

impl HandBody {
    /// Reads the body of `PUT …/accounts/{name}`.
    pub fn read(body: &[u8]) -> Result<Self, BodyError> {
        let fields = object(body)?;
        Ok(Self {
            username: username(&fields)?,
            subject: text(&fields, "subject")?,
            issuer: text(&fields, "issuer")?,
            email: text(&fields, "email")?,
            adopt: flag(&fields, "adopt")?,
        })
    }
}

impl LinkBody {
    /// Reads the body of `POST …/accounts/{name}/link`.
    pub fn read(body: &[u8]) -> Result<Self, BodyError> {
        let fields = object(body)?;
        let subject = text(&fields, "subject")?.ok_or(BodyError::Field("subject"))?;
        Ok(Self { subject, issuer: text(&fields, "issuer")? })
    }
}
