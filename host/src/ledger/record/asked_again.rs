//! Decisions that policies made, with everything that they saw and said, a page at a time.
//! Refuses what cannot be asked again as it was: what a policy was not asked, what was masked, what is older than its answers.

use crate::domain::{Occasion, Past, TenantId, Told, Usage};
use crate::ledger::record::columns::{NOBODY, read, read_answer, read_request};
use crate::ledger::{Book, LedgerError};
use rusqlite::{Connection, Row};

/// Rows that are looked at before others may read.
const AT_A_TIME: usize = 1_000;

/// How far a clock may have been set back while rows were written: so much further back it is looked.
const SLACK_MS: i64 = 3_600_000;

/// A page of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// What can be asked again, the newest first.
    pub past: Vec<Past>,
    /// Rows of which that is not so because no policy was asked.
    pub not_asked: u64,
    /// Because they are about nobody.
    pub masked: u64,
    /// Because their answers were not written down whole.
    pub older: u64,
    /// The row looked at last, if there may be more behind it.
    pub last: Option<i64>,
}

impl Book {
    /// What was decided since `since_ms`, before the row `from`.
    pub async fn decided(&self, since_ms: i64, from: i64) -> Result<Decisions, LedgerError> {
        let tenant = self.tenant.id;
        self.ledger.database.read(move |c| decided(c, tenant, since_ms, from)).await
    }

    /// How many rows [`Book::decided`] will have looked at in the end.
    pub async fn count_decided(&self, since_ms: i64) -> Result<u64, LedgerError> {
        let (tenant, mut from, mut counted) = (self.tenant.id, i64::MAX, 0);
        loop {
            let count = move |c: &Connection| count(c, tenant, since_ms, from);
            let (more, last) = self.ledger.database.read(count).await?;
            counted += more;
            match last {
                Some(last) => from = last,
                None => return Ok(counted),
            }
        }
    }
}

/// Whether so old a row and all before it are out of the question, and whether this one is.
fn is_too_old(at: i64, since_ms: i64) -> (bool, bool) {
    (at < since_ms.saturating_sub(SLACK_MS), at < since_ms)
}

fn count(
    c: &Connection,
    tenant: TenantId,
    since_ms: i64,
    from: i64,
) -> Result<(u64, Option<i64>), LedgerError> {
    let sql = "SELECT id, at FROM decisions WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC";
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query((tenant.0, from))?;
    let (mut counted, mut looked) = (0, 0);
    while let Some(row) = rows.next()? {
        let (end, skip) = is_too_old(row.get(1)?, since_ms);
        if end {
            break;
        }
        counted += u64::from(!skip);
        looked += 1;
        if looked == AT_A_TIME {
            return Ok((counted, Some(row.get(0)?)));
        }
    }
    Ok((counted, None))
}

fn decided(
    c: &Connection,
    tenant: TenantId,
    since_ms: i64,
    from: i64,
) -> Result<Decisions, LedgerError> {
    let mut statement = c.prepare_cached(
        "SELECT id, request_id, at, occasion, source, dry_run, outcome, code, stage, detail, revision, digest, settings_digest,
             request, used, used_in_domain, notes, answer, fuel
         FROM decisions WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC",
    )?;
    let mut rows = statement.query((tenant.0, from))?;
    let (mut decided, mut looked) = (Decisions::default(), 0);
    while let Some(row) = rows.next()? {
        let (end, skip) = is_too_old(row.get("at")?, since_ms);
        if end {
            break;
        }
        if !skip {
            let is_act = Occasion::read(row.get_ref("occasion")?.as_str().unwrap_or_default());
            if is_act.is_none() || row.get::<_, Option<i64>>("fuel")?.is_none() {
                decided.not_asked += 1;
            } else if row.get_ref("request")?.as_str() == Ok(NOBODY) {
                decided.masked += 1;
            } else if let Some(past) = past(row)? {
                decided.past.push(past);
            } else {
                decided.older += 1;
            }
        }
        looked += 1;
        if looked == AT_A_TIME {
            decided.last = Some(row.get("id")?);
            break;
        }
    }
    Ok(decided)
}

/// None where the answer was not written down.
fn past(row: &Row<'_>) -> Result<Option<Past>, LedgerError> {
    let (occasion, source): (String, String) = (row.get("occasion")?, row.get("source")?);
    let occasion = Occasion::read(&occasion)
        .ok_or_else(|| LedgerError::Unexpected(format!("occasion {occasion}")))?;
    let request = row.get_ref("request")?.as_str().unwrap_or_default();
    let notes = row.get_ref("notes")?.as_str().unwrap_or_default();
    let counted = |column: &str| -> rusqlite::Result<u64> {
        Ok(row.get::<_, Option<i64>>(column)?.unwrap_or_default().unsigned_abs())
    };
    let Some(answer) = row.get::<_, Option<String>>("answer")? else { return Ok(None) };
    let (heard, allowance, message) = read_answer(&answer)?;
    let (code, stage): (Option<String>, Option<String>) = (row.get("code")?, row.get("stage")?);
    let (code, stage) = (code.unwrap_or_default(), stage.unwrap_or_default());
    let outcome: String = row.get("outcome")?;
    let overruled = outcome == "refused" && allowance.is_some();
    let said = match (allowance, message) {
        _ if outcome == "failed" => Told::Failed { stage, code },
        (Some(allowance), _) => Told::Granted(allowance),
        (None, Some(message)) => Told::Refused { stage, code, message, detail: row.get("detail")? },
        (None, None) => Told::NoName(code),
    };
    Ok(Some(Past {
        number: row.get("id")?,
        request_id: row.get("request_id")?,
        at_ms: row.get("at")?,
        request: read_request(request, occasion, source)?,
        usage: Usage { accounts: counted("used")?, accounts_in_domain: counted("used_in_domain")? },
        revision: row.get::<_, i64>("revision")?.unsigned_abs(),
        digest: row.get("digest")?,
        settings_digest: row.get("settings_digest")?,
        dry_run: row.get("dry_run")?,
        overruled,
        names: heard.names,
        name: heard.name,
        said,
        notes: read(notes, "notes")?,
    }))
}
