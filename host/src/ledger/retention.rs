//! How long the record remembers: rows past their time go, a page at a time, beside everybody else's work.
//! Refuses to forget what a preview of new rules needs: the latest request of each open account stays, however old it is.

use crate::domain::FoldKey;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Ledger, LedgerError};
use rusqlite::Connection;

/// Rows looked at in one read, and deleted in one write at most.
const PAGE: i64 = 256;

/// Where a walk through the record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// There may be more after this row.
    On(i64),
    /// Everything that was old enough is gone.
    Done,
}

struct Page {
    old: Vec<i64>,
    walk: Walk,
}

impl Ledger {
    /// Forgets what is older than `before` (milliseconds since 1970) in one page of the record, the one after the row `after`.
    pub async fn forget(&self, before: i64, after: i64) -> Result<Walk, LedgerError> {
        let Page { old, walk } = self.database.read(move |c| page(c, before, after)).await?;
        if !old.is_empty() {
            self.database.write(HOUSE, move |tx| delete(tx, &old)).await?;
        }
        Ok(walk)
    }
}

/// Rows are numbered in the order of their time, so the walk ends at the first that is young.
fn page(connection: &Connection, before: i64, after: i64) -> Result<Page, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT d.id, d.at, d.tenant,
             CASE WHEN d.dry_run = 0 AND d.occasion IN ('opening', 'account_import') AND d.outcome IN ('granted', 'known') AND d.username IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM decisions n WHERE n.tenant = d.tenant AND n.name = d.name AND n.id > d.id
                 AND n.dry_run = 0 AND n.occasion IN ('opening', 'account_import') AND n.outcome IN ('granted', 'known') AND n.username IS NOT NULL)
             THEN d.name END
         FROM decisions d WHERE d.id > ?1 ORDER BY d.id LIMIT ?2",
    )?;
    let mut rows = statement.query((after, PAGE))?;
    let (mut old, mut seen, mut last) = (Vec::new(), 0, after);
    while let Some(row) = rows.next()? {
        let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        if at >= before {
            return Ok(Page { old, walk: Walk::Done });
        }
        let needed = match row.get::<_, Option<String>>(3)? {
            Some(latest_of) => is_open(connection, row.get(2)?, &latest_of)?,
            None => false,
        };
        if !needed {
            old.push(id);
        }
        (seen, last) = (seen + 1, id);
    }
    Ok(Page { old, walk: if seen < PAGE { Walk::Done } else { Walk::On(last) } })
}

fn is_open(connection: &Connection, tenant: i64, name: &str) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1 AND name_key = ?2 AND state = 'active')";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row((tenant, FoldKey::of(name).as_str()), |row| row.get(0))?)
}

fn delete(tx: &Connection, rows: &[i64]) -> Result<(), LedgerError> {
    let mut statement = tx.prepare_cached("DELETE FROM decisions WHERE id = ?1")?;
    for id in rows {
        statement.execute([id])?;
    }
    Ok(())
}
