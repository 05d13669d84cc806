//! `key create --local`: a key for whoever runs the server and has lost the operator's, made in the database itself.
//! Refuses to touch a data folder that is another user's: what it leaves there the server could not use.

use crate::app::data_dir::another_owner;
use crate::config::Config;
use crate::domain::TenantName;
use crate::ledger::{LedgerError, NewKey, Scope, recover_key};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    pub(crate) expires_in: Option<Duration>,
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
    /// No such scope.
    #[error("{0:?} is no scope: expected some of provision, policy, read, manage, metrics")]
    NoScope(String),
    /// No such tenant.
    #[error("there is no tenant {0}")]
    NoTenant(String),
    /// The database could not.
    #[error("the database")]
    Ledger(#[from] LedgerError),
}

/// Makes a key and gives its id and its text.
pub(crate) fn create_key(
    config: &Config,
    wanted: &LocalKey<'_>,
) -> Result<(String, String), RecoveryError> {
    let database = config.database_path();
    check_owner(&config.data_dir)?;
    check_owner(database)?;
    let scope =
        |name: &String| Scope::parse(name).ok_or_else(|| RecoveryError::NoScope(name.clone()));
    let named: Vec<Scope> = wanted.scopes.iter().map(scope).collect::<Result<_, _>>()?;
    let scopes = match (wanted.tenant, named.is_empty()) {
        (None, _) => Vec::new(),
        (Some(_), true) => Scope::DEFAULT.to_vec(),
        (Some(_), false) => named,
    };
    let no_tenant = || RecoveryError::NoTenant(wanted.tenant.unwrap_or_default().to_owned());
    let tenant = match wanted.tenant {
        Some(name) => Some(TenantName::parse(name).ok_or_else(no_tenant)?),
        None => None,
    };
    let expires_in_ms =
        wanted.expires_in.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    let new = NewKey { scopes, note: wanted.note.to_owned(), expires_in_ms };
    let (key, entry) = recover_key(database, tenant.as_ref(), &new)?.ok_or_else(no_tenant)?;
    Ok((entry.id, key.reveal().to_owned()))
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
