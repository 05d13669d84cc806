//! A revision as the API shows it, and what is sent to make one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// `POST …/revisions` as JSON: one of both, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisionForm {
    /// The settings document; without it `{}`.
    pub settings: Option<Map<String, Value>>,
    /// `builtin:NAME`; without it the component that is active.
    pub policy: Option<String>,
}

/// A revision as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionText {
    /// The tenant's own number, from 1.
    pub revision: u64,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Where the component came from: `builtin:NAME`, or a file's name.
    pub policy: String,
    /// Bytes of the component.
    pub size: u64,
    /// `sha256:…` of the settings as the policy gets them.
    pub settings_digest: String,
    /// RFC 3339.
    #[schema(format = DateTime)]
    pub made_at: String,
    /// Id of the key that made it; null for one that the machine made with its tenant.
    pub made_by: Option<String>,
    /// What its maker wanted to be read beside it.
    pub note: String,
    /// Since when it decides; null while another does.
    #[schema(format = DateTime)]
    pub active_since: Option<String>,
}

/// What came of sending a revision.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeRevisionText {
    /// Its number.
    pub revision: u64,
    /// `sha256:…` of the component.
    pub digest: String,
    /// What the policy wanted to say to the settings; nothing when the revision was there already.
    pub notes: Vec<String>,
}

/// What came of an activation or a rollback.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovedText {
    /// The revision that decides now.
    pub revision: u64,
    /// The one that decided before; the same when nothing had to be changed.
    pub previous: u64,
}
