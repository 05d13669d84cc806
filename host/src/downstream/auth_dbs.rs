//! Which tenant has an ankisyncd, and where its `auth.db` is.
//! Refuses one file to two tenants: of those the older has it, and the other is told so whenever it asks.

use crate::domain::{TenantId, TenantName};
use crate::downstream::{AuthDb, AuthDbError};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

/// Every tenant's file.
#[derive(Debug, Default)]
pub struct AuthDbs {
    files: RwLock<HashMap<TenantId, Entry>>,
}

/// What a tenant has.
#[derive(Debug)]
enum Entry {
    Own(AuthDb),
    /// Its file is this other tenant's.
    Shared(PathBuf, TenantName),
}

impl AuthDbs {
    /// The tenant's file; none when it has no ankisyncd. An error when the file that it names is another tenant's: then nobody knows
    /// which names are free, and nobody may be opened.
    pub fn of(&self, tenant: TenantId) -> Result<Option<AuthDb>, AuthDbError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        match files.get(&tenant) {
            None => Ok(None),
            Some(Entry::Own(file)) => Ok(Some(file.clone())),
            Some(Entry::Shared(path, owner)) => {
                Err(AuthDbError::Shared { path: path.clone(), owner: owner.clone() })
            }
        }
    }

    /// Those whose file is another tenant's.
    pub fn refused(&self) -> Vec<TenantId> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let refused = files.iter().filter(|(_, entry)| matches!(entry, Entry::Shared(..)));
        let mut refused: Vec<_> = refused.map(|(tenant, _)| *tenant).collect();
        // The older one first, as at a start.
        refused.sort_unstable();
        refused
    }

    /// From here on this is the tenant's file, or it has none.
    pub fn put(&self, tenant: TenantId, file: Option<AuthDb>) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let path = file.as_ref().map(AuthDb::path);
        let stays = |entry: &Entry| matches!(entry, Entry::Own(own) if Some(own.path()) == path);
        if files.get(&tenant).is_some_and(stays) {
            // Whoever works with it and whoever will wait for each other.
            return;
        }
        match file {
            Some(file) => files.insert(tenant, Entry::Own(file)),
            None => files.remove(&tenant),
        };
    }

    /// The file that the tenant names is another's.
    pub fn refuse(&self, tenant: TenantId, file: PathBuf, owner: TenantName) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(tenant, Entry::Shared(file, owner));
    }
}
