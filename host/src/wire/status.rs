//! How a tenant is doing, as the API shows it.

use crate::domain::Outcomes;
use crate::wire::{KeyText, ListText};
use serde::Serialize;
use std::path::PathBuf;

/// `GET /v1/status`
#[derive(Debug, Serialize)]
pub struct StatusText {
    /// Every tenant that the key may see.
    #[serde(flatten)]
    pub tenants: ListText<TenantStatusText>,
    /// For an operator: operators' keys that end soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiring_operator_keys: Option<Vec<KeyText>>,
}

/// A tenant and how it is doing, as JSON.
#[derive(Debug, Serialize)]
pub struct TenantStatusText {
    /// Its name.
    pub tenant: String,
    /// The revision that decides.
    pub revision: u64,
    /// Where that came from.
    pub policy: String,
    /// RFC 3339.
    pub active_since: String,
    /// The key that made it so; null for the first start.
    pub active_by: Option<String>,
    /// Accounts that are open.
    pub accounts: u64,
    /// What requests came to.
    pub last_hour: OutcomesText,
    /// The same for a day.
    pub last_day: OutcomesText,
    /// Keys that end soon.
    pub expiring_keys: Vec<KeyText>,
    /// The home root, absolute.
    pub home: PathBuf,
    /// Null when the file system did not say.
    pub free_bytes: Option<u64>,
    /// The same.
    pub total_bytes: Option<u64>,
}

/// Counts as JSON.
#[derive(Debug, Serialize)]
pub struct OutcomesText {
    granted: u64,
    refused: u64,
    failed: u64,
}

impl From<Outcomes> for OutcomesText {
    fn from(outcomes: Outcomes) -> Self {
        let Outcomes { granted, refused, failed } = outcomes;
        Self { granted, refused, failed }
    }
}
