//! Many people at once: what `POST …/imports` is sent and answers.
//! Refuses to fail all for one: an item that cannot be read is answered at its place.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// `POST …/imports`
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportForm {
    /// Whether nothing shall come of it: no account, no row in the record.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether an account becomes the one of the person who comes with its name, whoever it was of before.
    #[serde(default)]
    pub relink: bool,
    /// At most 500 people, each with the fields of `POST …/accounts`; and, for somebody whose name is given, `name`, with `adopt` where a
    /// folder that is there becomes the home as it is.
    #[schema(max_items = 500)]
    pub items: Vec<Value>,
}

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportsText {
    /// Of each person, in the order they were sent in.
    pub items: Vec<ImportedText>,
}

/// What became of one person.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedText {
    /// `opened`; `known`; `linked` (the account had no subject); `relinked` (it had another); `refused`; `failed` (no answer: again
    /// it may be another).
    #[schema(pattern = "^(opened|known|linked|relinked|refused|failed)$")]
    pub outcome: &'static str,
    /// What the account is called; null without one.
    pub name: Option<String>,
    /// Why not.
    pub code: Option<String>,
    /// More of it, for those who run the tenant.
    pub detail: Option<String>,
}
