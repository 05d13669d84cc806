//! What happens to a tenant's accounts and rules that other programs follow, and where they follow it.
//! Refuses to say how it reaches them: rows are the ledger's, files and requests are downstream's.

use crate::domain::{TenantId, TenantName};

/// Where something is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sink {
    /// The `auth.db` of an ankisyncd.
    Ankisyncd,
    /// A tenant's own endpoint, by Standard Webhooks.
    Webhook,
}

impl Sink {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Ankisyncd, Self::Webhook];

    /// As rows, metrics and answers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ankisyncd => "ankisyncd",
            Self::Webhook => "webhook",
        }
    }

    /// Whether this is of any interest there.
    pub fn follows(self, event: Event) -> bool {
        match self {
            Self::Ankisyncd => event != Event::RevisionRolledBack,
            Self::Webhook => true,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody has an account now.
    AccountOpened,
    /// An account was closed.
    AccountClosed,
    /// A closed account was opened again.
    AccountReopened,
    /// An earlier revision decides again.
    RevisionRolledBack,
}

impl Event {
    /// Every one.
    pub const ALL: [Self; 4] =
        [Self::AccountOpened, Self::AccountClosed, Self::AccountReopened, Self::RevisionRolledBack];

    /// As rows and webhooks spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountOpened => "account.opened",
            Self::AccountClosed => "account.closed",
            Self::AccountReopened => "account.reopened",
            Self::RevisionRolledBack => "revision.rolled_back",
        }
    }

    /// The event of this spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// One thing that has to reach one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The row's number: the order in which things happened.
    pub number: i64,
    /// Whose.
    pub tenant: TenantId,
    /// What people know the tenant as.
    pub tenant_name: TenantName,
    /// Where to.
    pub sink: Sink,
    /// The account that it is about; empty when it is about the tenant.
    pub name: String,
    /// What happened.
    pub event: Event,
    /// The same at every attempt, and no other's.
    pub message: String,
    /// What it is about, as a JSON object.
    pub content: String,
    /// When it happened: milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// How often it was tried before.
    pub attempts: u32,
}

/// What waits to be delivered to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Where to.
    pub sink: Sink,
    /// How many.
    pub waiting: u64,
    /// When the oldest of them happened: milliseconds since 1970-01-01 UTC.
    pub oldest_ms: i64,
    /// Why the latest attempt that failed did.
    pub trouble: Option<String>,
}
