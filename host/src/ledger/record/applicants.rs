//! Somebody as the record has them: the latest request of an account's person, read back.
//! Refuses to make one up: where people are masked, and of somebody who was forgotten, there is none.

use crate::domain::{Applicant, Assurance, Attribute, Email, TenantId};
use crate::ledger::LedgerError;
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use tracing::warn;

#[derive(Deserialize)]
struct RequestRow {
    applicant: ApplicantRow,
}

#[derive(Deserialize)]
struct ApplicantRow {
    issuer: String,
    subject: Option<String>,
    username: String,
    email: Option<EmailRow>,
    groups: Vec<String>,
    attributes: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct EmailRow {
    address: String,
    assurance: String,
}

/// The person of the account `name` as they came last, to be let in or as somebody known.
pub(in crate::ledger) fn latest_applicant(
    c: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<Applicant>, LedgerError> {
    let sql = "SELECT request FROM decisions WHERE tenant = ?1 AND name = ?2 AND dry_run = 0 AND occasion = 'opening'
        AND outcome IN ('granted', 'known') AND username IS NOT NULL ORDER BY id DESC LIMIT 1";
    let mut statement = c.prepare_cached(sql)?;
    let found = statement.query_row((tenant.0, name), |row| row.get::<_, String>(0));
    let Some(text) = found.optional()? else { return Ok(None) };
    // One row that nobody can read must not stop everybody's allowances.
    let read = serde_json::from_str(&text).map(|row: RequestRow| row.applicant.into());
    Ok(read.inspect_err(|error| warn!(%error, "a request in the record cannot be read")).ok())
}

impl From<ApplicantRow> for Applicant {
    fn from(row: ApplicantRow) -> Self {
        let email = row.email.and_then(|email| {
            let assurance = match email.assurance.as_str() {
                "verified" => Assurance::Verified,
                "pending" => Assurance::Pending,
                _ => Assurance::Unverified,
            };
            Email::parse(&email.address, assurance)
        });
        let attributes = row.attributes.into_iter();
        Self {
            issuer: row.issuer,
            subject: row.subject,
            username: row.username,
            email,
            groups: row.groups,
            attributes: attributes.map(|(name, value)| Attribute { name, value }).collect(),
        }
    }
}
