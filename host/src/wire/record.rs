//! A row of the record as the API shows it, with the person or without.
//! Refuses to show a person to those who read the record for its rules.

use crate::domain::{Person, RecordRow};
use crate::wire::moment_ms;
use serde::Serialize;
use utoipa::ToSchema;

/// A row of the record as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordText {
    /// The request's `X-Request-Id`.
    request_id: String,
    /// When, in RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// What was asked.
    occasion: String,
    /// Where the request came from.
    source: String,
    /// `known`, `granted`, `refused` or `failed`.
    #[schema(pattern = "^(known|granted|refused|failed)$")]
    outcome: String,
    /// The host's code or the policy's.
    code: Option<String>,
    /// Where in a decision it ended.
    stage: Option<String>,
    /// The account; null for those who read the record for its rules.
    name: Option<String>,
    /// The revision that decided.
    revision: u64,
    /// What that revision's component is.
    digest: String,
    /// What the policy wrote down.
    notes: Vec<String>,
    /// Whether nothing was to come of it.
    dry_run: bool,
    /// The id of the key that asked; empty for what the machine did.
    key: String,
    /// Why; null for those who read the record for its rules.
    detail: Option<String>,
    /// Who asked, where that is kept and may be read.
    applicant: Option<PersonText>,
}

/// Somebody as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonText {
    /// Who vouches.
    issuer: Option<String>,
    /// The provider's stable id.
    subject: Option<String>,
    /// The provider's own name for them.
    username: Option<String>,
    /// Their e-mail.
    email: Option<String>,
}

impl From<Person> for PersonText {
    fn from(person: Person) -> Self {
        let Person { issuer, subject, username, email } = person;
        let issuer = issuer.filter(|issuer| !issuer.is_empty());
        Self { issuer, subject, username, email }
    }
}

impl RecordText {
    /// A row, whole.
    pub fn whole(row: RecordRow) -> Self {
        Self {
            request_id: row.request_id,
            at: moment_ms(row.at_ms),
            occasion: row.occasion,
            source: row.source,
            outcome: row.outcome,
            code: row.code,
            stage: row.stage,
            name: row.name,
            revision: row.revision,
            digest: row.digest,
            notes: row.notes,
            dry_run: row.dry_run,
            key: row.key,
            detail: row.detail,
            applicant: row.person.map(PersonText::from),
        }
    }

    /// A row of which nobody can tell whom it is about.
    pub fn masked(row: RecordRow) -> Self {
        Self { name: None, detail: None, applicant: None, ..Self::whole(row) }
    }
}
