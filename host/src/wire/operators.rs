//! A tenant and a key as the API shows them.

use serde::Serialize;
use std::path::PathBuf;
use utoipa::ToSchema;

/// A tenant as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantText {
    /// What people know it as.
    pub name: String,
    /// Who vouches when a request names nobody.
    pub issuer: Option<String>,
    /// Its home root, absolute.
    #[schema(value_type = String)]
    pub home: PathBuf,
    /// The auth.db of its ankisyncd, absolute.
    #[schema(value_type = Option<String>)]
    pub ankisyncd_auth_db: Option<PathBuf>,
    /// The revision that decides.
    pub revision: u64,
    /// Accounts that are open.
    pub accounts: u64,
    /// RFC 3339.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// A key as JSON; never the key itself, but once.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyText {
    /// What it is called.
    pub id: String,
    /// The key, when it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub key: Option<String>,
    /// `valid`, `expired` or `revoked`.
    #[schema(pattern = "^(valid|expired|revoked)$")]
    pub state: &'static str,
    /// What it may be used for; none for an operator's that opens all.
    pub scopes: Option<Vec<&'static str>>,
    /// What it is for.
    pub note: String,
    /// RFC 3339, like the others here.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The key that made it; none for one that the machine made.
    pub created_by: Option<String>,
    /// From then on it opens nothing.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// To the minute.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// Since then it opens nothing.
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
}
