//! Somebody as the record has them: the latest request of an account's person, read back.
//! Refuses to make one up: where people are masked, and of somebody who was forgotten, there is none.

use crate::domain::{Applicant, Occasion, TenantId};
use crate::ledger::LedgerError;
use crate::ledger::record::columns::read_request;
use rusqlite::{Connection, OptionalExtension};
use tracing::warn;

/// The person of the account `name` as they came last: to be let in, as somebody known, or by an import.
pub(in crate::ledger) fn latest_applicant(
    c: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<Applicant>, LedgerError> {
    let sql = "SELECT request, source FROM decisions WHERE tenant = ?1 AND name = ?2 AND dry_run = 0
        AND occasion IN ('opening', 'account_import') AND request <> '{}' AND outcome IN ('granted', 'known') AND username IS NOT NULL ORDER BY id DESC LIMIT 1";
    let mut statement = c.prepare_cached(sql)?;
    let found = statement.query_row((tenant.0, name), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    let Some((text, source)) = found.optional()? else { return Ok(None) };
    // One row that nobody can read must not stop everybody's allowances.
    let read = read_request(&text, Occasion::Opening, source).map(|request| request.applicant);
    Ok(read.inspect_err(|error| warn!(%error, "a request in the record cannot be read")).ok())
}
