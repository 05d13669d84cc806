//! What is known for good: tenants, keys, accounts, revisions and the record, in a database; and who may ask for it.
//! Refuses to be asked without a tenant: `authenticate` is the only maker of a [`Tenant`], and `of` the only door to a query.
//! A [`LedgerFile`] is the exception, for whoever may open the file itself: the upkeep of this machine.

mod accounts;
mod ankisyncd;
mod authenticate;
mod checkpoint;
mod compiled;
mod file;
mod first_start;
mod keyring;
mod keys;
mod legacy;
mod outbox;
mod record;
mod retention;
mod revisions;
mod sites;
mod spelling;
mod sqlite;
mod status;
mod strays;
mod survey;
mod tenants;
mod turns;
mod webhooks;
mod writer;

pub use accounts::{
    Acted, Allotted, Census, Claim, Opened, Place, Recognition, Reservation, Reviewed, Settled,
    Standing, Waiting,
};
pub use ankisyncd::{MustKnow, Queued};
pub use authenticate::Denied;
pub use file::{Content, LedgerFile, copy_name, make_private_folder, move_wal, sync_folder_of};
pub use first_start::FirstStart;
pub use keyring::{KeyEntry, NewKey, WrongTerm, recover_key};
pub use keys::{Key, KeyError, KeyKind, Scope};
pub use legacy::{Inherited, Legacy, LegacyIssuer, LegacyKey};
pub use record::{Act, Asked, Decisions, Entry, Heard, Privacy, Said};
pub use retention::Walk;
pub use revisions::{
    ActiveRevision, FellBack, Moved, NewRevision, OnProbation, RevisionEntry, SettingsDocument,
    StoredRevision, Unmoved,
};
pub use sites::Site;
pub use status::Lately;
pub use survey::{Component, Counter, HeldName, ReservedName, StoredSettings, SurveyedTenant};
pub use tenants::{NewTenant, TenantChange, TenantEntry, Unchanged};
pub use webhooks::{Agenda, GivenUp, MadeSecret, NoSecret};

use crate::domain::{FoldKey, HostCode, TenantId, TenantName};
use sqlite::Database;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use turns::Turns;

/// The database and the turns of those who are waiting for it.
#[derive(Clone, Debug)]
pub struct Ledger {
    database: Arc<Database>,
    names: Arc<Turns<(TenantId, FoldKey)>>,
    people: Arc<Turns<(TenantId, Person)>>,
    privacy: Privacy,
    /// Whether tenant `default` has an ankisyncd where its row says nothing.
    default_auth_db: bool,
    /// Told when something was put into the outbox, one for each sink.
    filled: Arc<[Notify; 2]>,
    /// Keys that were used, and the minute, until it is written.
    uses: Arc<Mutex<HashMap<String, i64>>>,
}

/// A person as one request may name them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Person {
    Username(String, String),
    Subject(String, String),
}

/// The right to act for one tenant. Only [`Ledger::authenticate`] makes one.
#[derive(Clone, Debug)]
pub struct Tenant {
    id: TenantId,
    name: TenantName,
    issuer: String,
    /// Its own home root, as the row says it.
    home: Option<String>,
    /// When it was made: a removed tenant's number may be given again.
    since: i64,
    key: String,
    /// Of the key; none when it is an operator's that opens all.
    scopes: Option<Vec<Scope>>,
}

/// The right to act for the whole house. Only [`Ledger::authenticate_operator`] makes one.
#[derive(Clone, Debug)]
pub struct Operator {
    key: String,
}

impl Tenant {
    /// What the sandbox and the homes know the tenant as.
    pub fn id(&self) -> TenantId {
        self.id
    }

    /// What people know the tenant as.
    pub fn name(&self) -> &TenantName {
        &self.name
    }

    /// Who vouches when a request names nobody; empty when nobody does.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether the key may be used for this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }

    /// Whether the key is an operator's.
    pub fn is_operators(&self) -> bool {
        self.scopes.is_none()
    }
}

/// A tenant's part of the ledger.
#[derive(Clone, Debug)]
pub struct Book {
    ledger: Ledger,
    tenant: Tenant,
}

impl Book {
    /// Whose part it is.
    pub fn owner(&self) -> &Tenant {
        &self.tenant
    }
}

/// Why the ledger could not say or do something.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// More is waiting to be written than the queue holds.
    #[error("the writer's queue is full")]
    Busy,
    /// The writer is gone: the server is stopping.
    #[error("the writer has stopped")]
    Stopped,
    /// The database refused this one thing.
    #[error("SQLite")]
    Database(#[from] rusqlite::Error),
    /// The transaction that this was part of was not committed, and never will be.
    #[error("the transaction was undone")]
    Undone(#[source] Arc<rusqlite::Error>),
    /// The transaction that this was part of may be on the disk or not.
    #[error("a commit is in doubt")]
    InDoubt(#[source] Arc<rusqlite::Error>),
    /// A file beside the database could not be made or read.
    #[error("{0}")]
    File(String, #[source] std::io::Error),
    /// Not what it was taken for.
    #[error("no database of Enlist's")]
    Foreign,
    /// A row that this program cannot have written.
    #[error("unexpected content: {0}")]
    Unexpected(String),
    /// Two names would be one by this program's tables. Nothing was changed.
    #[error(
        "tenant {tenant}: the names {one:?} and {other:?} are one by this Enlist's Unicode tables: use the Enlist that wrote the database"
    )]
    Merging {
        /// Whose.
        tenant: String,
        /// One of the names.
        one: String,
        /// The other.
        other: String,
    },
    /// The database was written by a newer Enlist.
    #[error(
        "the database has schema {found}, this Enlist {known}: use the newer Enlist that wrote it"
    )]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The database was written by an older Enlist, which may be running.
    #[error(
        "the database has schema {found}, this Enlist {known}: start its server first, which brings it up to date"
    )]
    Older {
        /// The schema found.
        found: i64,
        /// The schema this program needs.
        known: i64,
    },
}

impl LedgerError {
    /// What a caller is told.
    pub fn code(&self) -> HostCode {
        match self {
            Self::Busy | Self::Stopped => HostCode::Busy,
            Self::Database(_)
            | Self::Undone(_)
            | Self::InDoubt(_)
            | Self::File(..)
            | Self::Foreign
            | Self::Unexpected(_)
            | Self::Merging { .. }
            | Self::Newer { .. }
            | Self::Older { .. } => HostCode::StorageUnavailable,
        }
    }

    /// Whether the file is no sound database: asking again would not help.
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let Self::Database(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
    }

    /// Whether what was to be written may be there all the same.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::InDoubt(_) | Self::Stopped)
    }
}

impl Ledger {
    /// Opens the database, making or migrating it, and starts its writer. Before a migration it is copied into the folder `backups`.
    pub fn open(path: &Path, backups: &Path, privacy: Privacy) -> Result<Self, LedgerError> {
        file::copy_before_migration(path, backups)?;
        Ok(Self {
            database: Arc::new(Database::open(path)?),
            names: Arc::new(Turns::new()),
            people: Arc::new(Turns::new()),
            privacy,
            default_auth_db: false,
            filled: Arc::default(),
            uses: Arc::default(),
        })
    }

    /// The part that belongs to `tenant`.
    pub fn of(&self, tenant: &Tenant) -> Book {
        Book { ledger: self.clone(), tenant: tenant.clone() }
    }

    /// Whether something can be written now: writes, and reads it back.
    pub async fn ready(&self) -> Result<(), LedgerError> {
        self.database.write(sqlite::HOUSE, sqlite::touch).await
    }
}
