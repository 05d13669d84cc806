//! What operators change and look at: tenants, their keys, accounts after their opening, the record, on a server that runs. What is
//! changed here holds at once, and after a restart.
//! Refuses to change two things at a time, to touch a folder that is there, and to leave half of a change behind.

mod accounts;
mod allowances;
mod ankisyncds;
mod deliveries;
mod ground;
mod keys;
mod record;
mod reviews;
mod revisions;
mod status;
mod tenants;
mod webhooks;

pub use accounts::InUse;
pub use allowances::Decided;
pub use ankisyncds::usable;
pub use deliveries::Trouble;
pub use ground::{Ground, SameFile, resolved};
pub use keys::Made;
pub use reviews::{Difference, Example, Kind, Opinion, Preview, Progress, Replay, State};
pub use revisions::{MadeRevision, Parts, Source};
pub use status::Status;
pub use tenants::{Change, Shown, Wanted};
pub use webhooks::SetWebhook;

use crate::domain::{HostCode, TenantName};
use crate::downstream::{AuthDbs, Courier};
use crate::homes::{HomeError, Homes};
use crate::ledger::{Ledger, LedgerError, NoSecret, StoredRevision, Unchanged, Unmoved};
use crate::probation::Probations;
use crate::sandbox::{Catalog, Engine, Kept, MakeError, NotReady, ReviewError, Workshop};
use reviews::Reviews;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify};

/// The rooms that a change leads through.
#[derive(Clone)]
pub struct Operations {
    ledger: Ledger,
    catalog: Arc<Catalog>,
    homes: Arc<Homes>,
    auth_dbs: Arc<AuthDbs>,
    /// Where revisions are made.
    workshop: Arc<Workshop>,
    /// Where tenants' homes may be.
    ground: Ground,
    /// Revision 1 of every new tenant.
    first: Arc<StoredRevision>,
    /// Changes of tenants wait for each other: what was found out about the ground holds until the change is made.
    turn: Arc<Mutex<()>>,
    /// Kept while a tenant's pointer moves, on the disk and in memory.
    pointer: Arc<Mutex<()>>,
    /// The components that travel inside the binary, by name.
    built_in: BuiltIn,
    /// Revisions that were activated a short while ago.
    probations: Arc<Probations<Kept>>,
    /// What goes through the record in the background.
    reviews: Arc<Reviews>,
    /// Told when another revision decides for somebody: what their accounts may use is decided again.
    rules_changed: Arc<Notify>,
    /// Who carries messages to webhooks.
    courier: Courier,
}

/// Where tenants have what is not in the ledger.
pub struct Places {
    /// Their folders.
    pub homes: Arc<Homes>,
    /// Their ankisyncds' files.
    pub auth_dbs: Arc<AuthDbs>,
    /// Where both may be.
    pub ground: Ground,
}

/// What revisions are made of, and where.
pub struct Stock {
    /// Where they are made.
    pub workshop: Arc<Workshop>,
    /// Revision 1 of every new tenant.
    pub first: StoredRevision,
    /// The components that travel inside the binary.
    pub built_in: BuiltIn,
}

/// A component of the binary's own.
pub type BuiltIn = fn(&str) -> Option<&'static [u8]>;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The tenant does not allow it.
    #[error("the tenant stays as it is: {0:?}")]
    Unchanged(Unchanged),
    /// The home root would share folders with something else.
    #[error("the home root overlaps with {0}")]
    Overlaps(String),
    /// The ankisyncd database is another tenant's.
    #[error("the auth.db is tenant {0}'s")]
    AuthDbTaken(TenantName),
    /// The ankisyncd could not be told now.
    #[error("the ankisyncd")]
    Undelivered(#[from] Trouble),
    /// A field's value is of no use, and why.
    #[error("{0}: {1}")]
    Field(&'static str, String),
    /// The key does not have what is asked for, and what that is.
    #[error("beyond the key: {0}")]
    BeyondKey(&'static str),
    /// The account does not allow it.
    #[error("the account stays as it is: {0:?}")]
    Refused(HostCode),
    /// The tenant has no policy.
    #[error("this tenant has no policy")]
    NoPolicy,
    /// Nobody knows how much an account may use.
    #[error("the policy was asked")]
    Review(#[from] ReviewError),
    /// Nothing of this name.
    #[error("no such thing")]
    Missing,
    /// The home root cannot be made or opened.
    #[error("the home root")]
    Home(#[from] HomeError),
    /// The ledger could not.
    #[error("the ledger")]
    Ledger(#[from] LedgerError),
    /// No revision is made of these parts, or not now.
    #[error("no revision")]
    Made(#[from] MakeError),
    /// The revision cannot be loaded, so it must not decide.
    #[error("the revision")]
    NotReady(#[from] NotReady),
    /// The pointer stays where it is.
    #[error("the revision stays: {0:?}")]
    Unmoved(Unmoved),
    /// The tenant's record is being gone through already, or others' are.
    #[error("another preview or replay is running")]
    Reviewing,
    /// The webhook keeps the secrets it has.
    #[error("the secrets stay as they are: {0:?}")]
    Secret(NoSecret),
    /// A defect of ours.
    #[error("the work was lost")]
    Lost,
}

impl ManageError {
    /// What the caller is told.
    pub fn code(&self) -> HostCode {
        match self {
            Self::Unchanged(Unchanged::Gone) | Self::Missing | Self::Secret(NoSecret::Missing) => {
                HostCode::NotFound
            }
            Self::Secret(NoSecret::TooMany) => HostCode::TooManySecrets,
            Self::Secret(NoSecret::Last) => HostCode::LastSecret,
            Self::Unchanged(Unchanged::Exists { .. }) => HostCode::TenantExists,
            Self::Unchanged(Unchanged::Open(_) | Unchanged::HasAccounts) => {
                HostCode::TenantNotEmpty
            }
            Self::Unchanged(Unchanged::Conflict(..)) => HostCode::IssuerConflict,
            Self::Overlaps(_) => HostCode::HomeOverlaps,
            Self::AuthDbTaken(_) => HostCode::AuthDbTaken,
            Self::Undelivered(_) => HostCode::DownstreamBusy,
            Self::Refused(code) => *code,
            Self::Field(..) => HostCode::FieldInvalid,
            Self::BeyondKey(_) => HostCode::ScopeMissing,
            Self::NoPolicy => HostCode::PolicyFailed,
            Self::Review(error) => error.code(),
            Self::Home(_) => HostCode::StorageUnavailable,
            Self::Ledger(error) => error.code(),
            Self::Made(MakeError::TurnedAway { code, .. }) => *code,
            Self::Made(MakeError::Busy | MakeError::Unavailable(_)) => HostCode::Busy,
            Self::NotReady(NotReady::Failed(_)) => HostCode::PolicyFailed,
            Self::NotReady(NotReady::Later(_)) | Self::Reviewing => HostCode::Busy,
            Self::Unmoved(unmoved) => revisions::code(*unmoved),
            Self::Lost => HostCode::InternalError,
        }
    }

    /// Where in a document something is wrong, by RFC 6901, and what.
    pub fn places(&self) -> Vec<(String, String)> {
        let Self::Made(MakeError::TurnedAway { problems, .. }) = self else { return Vec::new() };
        problems.iter().map(|problem| (problem.path.clone(), problem.message.clone())).collect()
    }

    /// What somebody with the right to change it should know beside the code.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Unchanged(unchanged) => detail(unchanged),
            Self::Overlaps(what) => Some(format!("it overlaps with {what}")),
            Self::AuthDbTaken(name) => Some(format!("it is tenant {name}'s")),
            Self::Undelivered(trouble) => {
                Some(format!("the ankisyncd is not told yet: {}", trouble.word()))
            }
            Self::Field(_, why) => Some(why.clone()),
            Self::BeyondKey(what) => Some((*what).to_owned()),
            Self::Reviewing => Some(self.to_string()),
            Self::Made(MakeError::TurnedAway { detail, .. }) => Some(detail.clone()),
            Self::NotReady(NotReady::Failed(why)) => Some(why.clone()),
            Self::Unmoved(Unmoved::Changed(active)) => Some(format!("revision {active} is active")),
            _ => None,
        }
    }
}

fn detail(unchanged: &Unchanged) -> Option<String> {
    Some(match unchanged {
        Unchanged::Gone | Unchanged::Exists { removed: false } => return None,
        Unchanged::Exists { removed: true } => {
            "a removed tenant had it, and the record still speaks of its accounts".to_owned()
        }
        Unchanged::Open(count) => format!("{count} of them are open: close them first"),
        Unchanged::HasAccounts => {
            "homes are not moved, and an issuer is not taken away, once there was an account"
                .to_owned()
        }
        Unchanged::Conflict(one, other) => format!("{one:?}, which has no issuer, and {other:?}"),
    })
}

impl Operations {
    /// The rooms that changes lead through.
    pub fn new(
        ledger: Ledger,
        catalog: Arc<Catalog>,
        places: Places,
        stock: Stock,
        probations: Arc<Probations<Kept>>,
        engine: &Engine,
    ) -> Self {
        let Places { homes, auth_dbs, ground } = places;
        let Stock { workshop, first, built_in } = stock;
        Self {
            ledger,
            catalog,
            homes,
            auth_dbs,
            workshop,
            ground,
            first: Arc::new(first),
            turn: Arc::default(),
            pointer: Arc::default(),
            built_in,
            probations,
            reviews: Arc::new(Reviews::new(engine)),
            rules_changed: Arc::default(),
            courier: Courier::new(&[]),
        }
    }

    /// With somebody else who carries messages to webhooks.
    pub fn with_courier(self, courier: Courier) -> Self {
        Self { courier, ..self }
    }
}
