//! How a tenant is doing, as the API shows it.

use crate::domain::{Backlog, Outcomes};
use crate::wire::{KeyText, ListText, moment};
use serde::Serialize;
use std::path::PathBuf;
use utoipa::ToSchema;

/// `GET /v1/status`
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusText {
    /// Every tenant that the key may see.
    items: Vec<TenantStatusText>,
    /// Where the next page begins.
    next: Option<String>,
    /// For an operator: operators' keys that end soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expiring_operator_keys: Option<Vec<KeyText>>,
}

impl StatusText {
    /// A page of tenants; `expiring_operator_keys` is an operator's to see.
    pub fn new(
        tenants: ListText<TenantStatusText>,
        expiring_operator_keys: Option<Vec<KeyText>>,
    ) -> Self {
        let ListText { items, next } = tenants;
        Self { items, next, expiring_operator_keys }
    }
}

/// A tenant and how it is doing, as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantStatusText {
    /// Its name.
    pub tenant: String,
    /// The revision that decides.
    pub revision: u64,
    /// Where that came from.
    pub policy: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    pub active_since: String,
    /// The key that made it so; null for the machine.
    pub active_by: Option<String>,
    /// The revision that failed people and was rolled back by itself, while the one before it decides again.
    pub fell_back_from: Option<u64>,
    /// Accounts that are open.
    pub accounts: u64,
    /// Open accounts whose allowance was not decided yet by the revision that decides now.
    pub allowances_waiting: u64,
    /// What requests came to.
    pub last_hour: OutcomesText,
    /// The same for a day.
    pub last_day: OutcomesText,
    /// Keys that end soon.
    pub expiring_keys: Vec<KeyText>,
    /// What waits to be told to other programs; nothing of one for which nothing does.
    pub outbox: Vec<BacklogText>,
    /// The home root, absolute.
    #[schema(value_type = String)]
    pub home: PathBuf,
    /// Null when the file system did not say.
    pub free_bytes: Option<u64>,
    /// The same.
    pub total_bytes: Option<u64>,
}

/// What waits to be told to another program, as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct BacklogText {
    /// `ankisyncd` or `webhook`.
    #[schema(pattern = "^(ankisyncd|webhook)$")]
    sink: &'static str,
    /// How much.
    waiting: u64,
    /// Since when the oldest of it waits: RFC 3339.
    #[schema(format = DateTime)]
    oldest: String,
    /// Why the latest attempt failed, in a word.
    trouble: Option<String>,
}

impl From<Backlog> for BacklogText {
    fn from(backlog: Backlog) -> Self {
        let Backlog { sink, waiting, oldest_ms, trouble } = backlog;
        Self { sink: sink.as_str(), waiting, oldest: moment(oldest_ms), trouble }
    }
}

/// Counts as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomesText {
    /// Opened.
    granted: u64,
    /// Turned away.
    refused: u64,
    /// Neither.
    failed: u64,
}

impl From<Outcomes> for OutcomesText {
    fn from(outcomes: Outcomes) -> Self {
        let Outcomes { granted, refused, failed } = outcomes;
        Self { granted, refused, failed }
    }
}
