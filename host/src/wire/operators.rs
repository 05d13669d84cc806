//! A tenant and a key as the API shows them.

use serde::Serialize;
use std::path::PathBuf;

/// A tenant as JSON.
#[derive(Debug, Serialize)]
pub struct TenantText {
    /// What people know it as.
    pub name: String,
    /// Who vouches when a request names nobody.
    pub issuer: Option<String>,
    /// Its home root, absolute.
    pub home: PathBuf,
    /// The revision that decides.
    pub revision: u64,
    /// Accounts that are open.
    pub accounts: u64,
    /// RFC 3339.
    pub created_at: String,
}

/// A key as JSON; never the key itself, but once.
#[derive(Debug, Serialize)]
pub struct KeyText {
    /// What it is called.
    pub id: String,
    /// The key, when it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `valid`, `expired` or `revoked`.
    pub state: &'static str,
    /// What it may be used for; none for an operator's, which opens all.
    pub scopes: Option<Vec<&'static str>>,
    /// What it is for.
    pub note: String,
    /// RFC 3339, like the others here.
    pub created_at: String,
    /// The key that made it; none for one that the machine made.
    pub created_by: Option<String>,
    /// From then on it opens nothing.
    pub expires_at: Option<String>,
    /// To the minute.
    pub last_used_at: Option<String>,
    /// Since then it opens nothing.
    pub revoked_at: Option<String>,
}
