//! `key create --local`: a key for whoever runs the server and has lost the operator's, made in the database itself.
//! Refuses to touch a data folder that is another user's: what it leaves there the server could not use.

use crate::app::data_dir::another_owner;
use crate::config::Config;
use crate::domain::TenantName;
use crate::http::shown_once;
use crate::ledger::{KeyKind, LedgerError, NewKey, WrongTerm, recover_key};
use crate::manage::Made;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A key that is wanted without asking a server.
#[derive(Debug)]
pub(crate) struct LocalKey<'a> {
    /// The tenant whose key it shall be; none for an operator's.
    pub(crate) tenant: Option<&'a str>,
    /// What it may be used for; none for what a key may that says nothing.
    pub(crate) scopes: &'a [String],
    /// What it is for.
    pub(crate) note: &'a str,
    /// From now on.
    pub(crate) expires_in_seconds: Option<u64>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    /// Nothing to make a key for.
    #[error("no server has started here: there is no {}", .0.display())]
    NoDatabase(PathBuf),
    /// Another user's.
    #[error("{} belongs to user {owner}: run this as that user", .path.display())]
    NotTheOwner {
        /// What.
        path: PathBuf,
        /// Whose.
        owner: u32,
    },
    /// What is wanted of it cannot be meant.
    #[error(transparent)]
    Wrong(#[from] WrongTerm),
    /// No such tenant.
    #[error("there is no tenant {0}")]
    NoTenant(String),
    /// The database could not.
    #[error("the database")]
    Ledger(#[from] LedgerError),
}

/// Makes a key, and shows it as a server that made it would.
pub(crate) fn create_key(config: &Config, wanted: &LocalKey<'_>) -> Result<Value, RecoveryError> {
    let database = config.database_path();
    check_owner(&config.data_dir)?;
    check_owner(database)?;
    let kind = if wanted.tenant.is_some() { KeyKind::Tenant } else { KeyKind::Operator };
    let scopes = Some(wanted.scopes).filter(|scopes| !scopes.is_empty());
    let new = NewKey::wanted(kind, scopes, wanted.note, wanted.expires_in_seconds)?;
    let no_tenant = || RecoveryError::NoTenant(wanted.tenant.unwrap_or_default().to_owned());
    let tenant = match wanted.tenant {
        Some(name) => Some(TenantName::parse(name).ok_or_else(no_tenant)?),
        None => None,
    };
    let (key, entry) = recover_key(database, tenant.as_ref(), &new)?.ok_or_else(no_tenant)?;
    Ok(json!(shown_once(Made { key, entry })))
}

/// Whoever changes something here must be who runs the server, also when that is not root and they are.
fn check_owner(path: &Path) -> Result<(), RecoveryError> {
    if !path.exists() {
        return Err(RecoveryError::NoDatabase(path.to_owned()));
    }
    match another_owner(path) {
        Some(owner) => Err(RecoveryError::NotTheOwner { path: path.to_owned(), owner }),
        None => Ok(()),
    }
}
