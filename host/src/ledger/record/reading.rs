//! The record read: a page of it, newest first; what came since, for those who follow it; and how often requests came to what.
//! Refuses to hold a reader for long: it looks at some rows, gives the connection back, and goes on from there.

use crate::domain::{Outcomes, Page, Person, RecordFilter, RecordRow, TenantId};
use crate::ledger::record::LOOK_ALIKE;
use crate::ledger::{Book, Ledger, LedgerError};
use rusqlite::{Connection, Row, ToSql};

/// Rows that are looked at before others may read.
const AT_A_TIME: usize = 10_000;

/// How far a clock may have been set back while rows were written: so much further back it is looked.
const SLACK_MS: i64 = 3_600_000;

/// What the host says beside a decision, and everybody who may read a row may know. All else that a decision's detail says (a
/// policy's own, a trap, a path) is the log's.
const WORDS: [&str; 5] =
    ["linked", "link_refused", "issuer_unset", "ambiguous_username", LOOK_ALIKE];

const COLUMNS: &str = "id, request_id, at, key, occasion, source, outcome, code, stage, name, revision, digest, notes, dry_run,
    detail, issuer, subject, username, email";

/// Which way the rows are looked at.
#[derive(Clone, Copy)]
enum Way {
    Older,
    Newer,
}

/// What was found, in the order looked at, and the row that was looked at last, if there may be more.
struct Looked {
    found: Vec<RecordRow>,
    last: Option<i64>,
}

impl Book {
    /// At most `limit` rows, newest first, older than the row `after`.
    pub async fn decisions(
        &self,
        filter: RecordFilter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<RecordRow, i64>, LedgerError> {
        // One more than is wanted says whether there is a next page.
        let mut items =
            self.collect(&filter, Way::Older, after.unwrap_or(i64::MAX), limit + 1).await?.found;
        let next = (items.len() > limit).then(|| {
            items.truncate(limit);
            items.last().map_or(0, |row| row.number)
        });
        Ok(Page { items, next })
    }

    /// At most `limit` rows that were written after the row `after`, oldest first; without one, the latest there are. `next` is
    /// where to go on, always.
    pub async fn decisions_since(
        &self,
        filter: RecordFilter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<RecordRow, i64>, LedgerError> {
        let newest = self.newest().await?;
        let Some(after) = after else {
            let looked = self.collect(&filter, Way::Older, newest.saturating_add(1), limit).await?;
            let items = looked.found.into_iter().rev().collect();
            return Ok(Page { items, next: Some(newest) });
        };
        let Looked { found, last } = self.collect(&filter, Way::Newer, after, limit).await?;
        let next = last.unwrap_or(newest).max(after);
        let next = found.last().map_or(next, |row| next.max(row.number));
        Ok(Page { items: found, next: Some(next) })
    }

    async fn collect(
        &self,
        filter: &RecordFilter,
        way: Way,
        mut from: i64,
        want: usize,
    ) -> Result<Looked, LedgerError> {
        let (tenant, mut found) = (self.tenant.id, Vec::new());
        loop {
            let (filter, still) = (filter.clone(), want - found.len());
            let look = move |c: &Connection| look(c, tenant, &filter, way, from, still);
            let mut looked = self.ledger.database.read(look).await?;
            found.append(&mut looked.found);
            match looked.last {
                Some(last) if found.len() < want => from = last,
                last => return Ok(Looked { found, last }),
            }
        }
    }

    async fn newest(&self) -> Result<i64, LedgerError> {
        let tenant = self.tenant.id;
        let newest = move |c: &Connection| {
            let sql = "SELECT coalesce(max(id), 0) FROM decisions WHERE tenant = ?1";
            Ok(c.prepare_cached(sql)?.query_row([tenant.0], |row| row.get(0))?)
        };
        self.ledger.database.read(newest).await
    }
}

impl Ledger {
    /// How often requests came to what since each of these moments.
    pub(in crate::ledger) async fn outcomes<const N: usize>(
        &self,
        tenant: TenantId,
        since_ms: [i64; N],
    ) -> Result<[Outcomes; N], LedgerError> {
        let (mut from, mut counted) = (i64::MAX, [Outcomes::default(); N]);
        loop {
            let count = move |c: &Connection| count(c, tenant, from, since_ms);
            let (more, last) = self.database.read(count).await?;
            for (sum, more) in counted.iter_mut().zip(more) {
                sum.granted += more.granted;
                sum.refused += more.refused;
                sum.failed += more.failed;
            }
            match last {
                Some(last) => from = last,
                None => return Ok(counted),
            }
        }
    }
}

fn look(
    connection: &Connection,
    tenant: TenantId,
    filter: &RecordFilter,
    way: Way,
    from: i64,
    want: usize,
) -> Result<Looked, LedgerError> {
    let (behind, order) = match way {
        Way::Older => ("<", "DESC"),
        Way::Newer => (">", "ASC"),
    };
    // What an index finds is looked for by it, and by none other (not the tenant's, which has every row of it); the rest is read
    // row by row.
    let (by, about) = if filter.applicant.is_none() {
        ("", "")
    } else {
        let about =
            "AND id IN (SELECT id FROM decisions WHERE tenant = :tenant AND username = :applicant
             UNION SELECT id FROM decisions WHERE tenant = :tenant AND subject = :applicant
             UNION SELECT id FROM decisions WHERE tenant = :tenant AND email = :applicant
             UNION SELECT id FROM decisions WHERE tenant = :tenant AND name = :applicant)";
        ("NOT INDEXED", about)
    };
    let of = if filter.request_id.is_none() { "" } else { "AND request_id = :request_id" };
    let sql = format!(
        "SELECT {COLUMNS} FROM decisions {by} WHERE tenant = :tenant AND id {behind} :from {about} {of} ORDER BY id {order}"
    );
    let mut parameters: Vec<(&str, &dyn ToSql)> = vec![(":tenant", &tenant.0), (":from", &from)];
    if let Some(applicant) = &filter.applicant {
        parameters.push((":applicant", applicant));
    }
    if let Some(request_id) = &filter.request_id {
        parameters.push((":request_id", request_id));
    }
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&*parameters)?;
    let (mut found, mut looked) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let at: i64 = row.get("at")?;
        let too_old = |since: i64| at < since.saturating_sub(SLACK_MS);
        if matches!(way, Way::Older) && filter.since_ms.is_some_and(too_old) {
            break;
        }
        looked += 1;
        if is_wanted(row, at, filter)? {
            found.push(read(row)?);
        }
        if looked == AT_A_TIME || found.len() == want {
            return Ok(Looked { found, last: Some(row.get("id")?) });
        }
    }
    Ok(Looked { found, last: None })
}

fn is_wanted(row: &Row<'_>, at: i64, filter: &RecordFilter) -> rusqlite::Result<bool> {
    let is = |column: &str, wanted: &Option<String>| -> rusqlite::Result<bool> {
        let Some(wanted) = wanted else { return Ok(true) };
        Ok(row.get_ref(column)?.as_str_or_null() == Ok(Some(wanted.as_str())))
    };
    Ok(filter.since_ms.is_none_or(|since| at >= since)
        && filter.until_ms.is_none_or(|until| at < until)
        && is("outcome", &filter.outcome)?
        && is("code", &filter.code)?)
}

fn read(row: &Row<'_>) -> Result<RecordRow, LedgerError> {
    let occasion: String = row.get("occasion")?;
    let notes: String = row.get("notes")?;
    let notes = serde_json::from_str(&notes)
        .map_err(|error| LedgerError::Unexpected(format!("notes in the record: {error}")))?;
    let is_act = !matches!(occasion.as_str(), "opening" | "sign_up");
    let (detail, outcome): (Option<String>, String) = (row.get("detail")?, row.get("outcome")?);
    let detail = detail.filter(|detail| is_act || is_word(detail, &outcome));
    let person = Person {
        issuer: row.get("issuer")?,
        subject: row.get("subject")?,
        username: row.get("username")?,
        email: row.get("email")?,
    };
    Ok(RecordRow {
        number: row.get("id")?,
        request_id: row.get("request_id")?,
        at_ms: row.get("at")?,
        key: row.get("key")?,
        occasion,
        source: row.get("source")?,
        outcome,
        code: row.get("code")?,
        stage: row.get("stage")?,
        name: row.get("name")?,
        revision: row.get::<_, i64>("revision")?.unsigned_abs(),
        digest: row.get("digest")?,
        notes,
        dry_run: row.get("dry_run")?,
        detail,
        person: (person.username.is_some() || person.subject.is_some()).then_some(person),
    })
}

/// One of the host's words; after a yes, in which no policy has its say, also what follows it.
fn is_word(detail: &str, outcome: &str) -> bool {
    let word = match outcome {
        "granted" => detail.split(": ").next().unwrap_or(detail),
        _ => detail,
    };
    WORDS.contains(&word)
}

fn count<const N: usize>(
    connection: &Connection,
    tenant: TenantId,
    from: i64,
    since_ms: [i64; N],
) -> Result<([Outcomes; N], Option<i64>), LedgerError> {
    let oldest = since_ms.into_iter().min().unwrap_or(i64::MAX).saturating_sub(SLACK_MS);
    let sql = "SELECT id, at, outcome, dry_run = 0 AND occasion = 'opening' FROM decisions
        WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((tenant.0, from))?;
    let (mut counted, mut looked) = ([Outcomes::default(); N], 0);
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(1)?;
        if at < oldest {
            break;
        }
        let (outcome, counts) = (row.get::<_, String>(2)?, row.get::<_, bool>(3)?);
        for (sum, since) in counted.iter_mut().zip(since_ms) {
            if counts && at >= since {
                match outcome.as_str() {
                    "granted" => sum.granted += 1,
                    "refused" => sum.refused += 1,
                    "failed" => sum.failed += 1,
                    _ => {}
                }
            }
        }
        looked += 1;
        if looked == AT_A_TIME {
            return Ok((counted, Some(row.get(0)?)));
        }
    }
    Ok((counted, None))
}
