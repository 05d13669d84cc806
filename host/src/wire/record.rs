//! A row of the record as the API shows it, with the person or without.
//! Refuses to show a person to those who read the record for its rules.

use crate::domain::{Person, RecordRow};
use crate::wire::moment_ms;
use serde::Serialize;

/// A row of the record as JSON.
#[derive(Debug, Serialize)]
pub struct RecordText {
    request_id: String,
    at: String,
    occasion: String,
    source: String,
    outcome: String,
    code: Option<String>,
    stage: Option<String>,
    name: Option<String>,
    revision: u64,
    digest: String,
    notes: Vec<String>,
    dry_run: bool,
    key: String,
    detail: Option<String>,
    applicant: Option<PersonText>,
}

#[derive(Debug, Serialize)]
struct PersonText {
    issuer: Option<String>,
    subject: Option<String>,
    username: Option<String>,
    email: Option<String>,
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
            applicant: row.person.map(|person| {
                let Person { issuer, subject, username, email } = person;
                let issuer = issuer.filter(|issuer| !issuer.is_empty());
                PersonText { issuer, subject, username, email }
            }),
        }
    }

    /// A row of which nobody can tell whom it is about.
    pub fn masked(row: RecordRow) -> Self {
        Self { name: None, detail: None, applicant: None, ..Self::whole(row) }
    }
}
