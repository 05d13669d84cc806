//! Which revision decides, and how that changed: activated by a key, rolled back by one. One row a change, and in the same
//! transaction the tenant's pointer and a row of the record.
//! Refuses to move a pointer that somebody else moved meanwhile, and to roll forward: a change knows what it goes back to.

use crate::ledger::record::now_ms;
use crate::ledger::{Act, Book, LedgerError, Tenant};
use rusqlite::{Connection, OptionalExtension};

/// The pointer, before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The revision that decides now.
    pub revision: u64,
    /// The one that decided before; the same when nothing had to be changed.
    pub previous: u64,
}

/// Why the pointer stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmoved {
    /// The tenant has no revision of this number, or none to go back to under it.
    Missing,
    /// Another revision is active than the caller thinks.
    Changed(u64),
    /// There was no other revision before this one.
    NothingBefore,
}

/// A change that stands.
struct Activation {
    id: i64,
    revision: i64,
    before: Option<i64>,
}

/// Why a change was made, as its row has it.
#[derive(Clone, Copy)]
enum Why {
    Activated,
    RolledBack,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::RolledBack => "rolled_back",
        }
    }

    /// The row's occasion in the record.
    fn occasion(self) -> &'static str {
        match self {
            Self::Activated => "policy_activate",
            Self::RolledBack => "policy_rollback",
        }
    }
}

impl Book {
    /// From now on revision `number` decides; with `if_active` only when that one does now.
    pub async fn activate(
        &self,
        number: u64,
        if_active: Option<u64>,
        request_id: &str,
    ) -> Result<Result<Moved, Unmoved>, LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let write = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let now = present(tx, &tenant)?;
            let previous = now.revision.unsigned_abs();
            if if_active.is_some_and(|expected| expected != previous) {
                return Ok(Err(Unmoved::Changed(previous)));
            }
            if !exists(tx, &tenant, number)? {
                return Ok(Err(Unmoved::Missing));
            }
            if number == previous {
                return Ok(Ok(Moved { revision: number, previous }));
            }
            let to = Activation { id: 0, revision: number as i64, before: Some(now.id) };
            set(tx, &tenant, &to, previous, Why::Activated, request_id)
        };
        self.ledger.database.write(self.tenant.id, write).await
    }

    /// What would decide after a rollback: the revision that was active before the present one, or the latest time that `to` was.
    pub async fn behind(&self, to: Option<u64>) -> Result<Result<u64, Unmoved>, LedgerError> {
        let tenant = self.tenant.clone();
        let read =
            move |c: &Connection| Ok(target(c, &tenant, to)?.map(|a| a.revision.unsigned_abs()));
        self.ledger.database.read(read).await
    }

    /// Goes back to the revision that was active before the present one; once more, and it goes one further back. With `to`, to
    /// the latest time that this one was active.
    pub async fn roll_back(
        &self,
        to: Option<u64>,
        request_id: &str,
    ) -> Result<Result<Moved, Unmoved>, LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let write = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let previous = present(tx, &tenant)?.revision.unsigned_abs();
            match target(tx, &tenant, to)? {
                Ok(target) => set(tx, &tenant, &target, previous, Why::RolledBack, request_id),
                Err(unmoved) => Ok(Err(unmoved)),
            }
        };
        self.ledger.database.write(self.tenant.id, write).await
    }
}

fn present(c: &Connection, tenant: &Tenant) -> Result<Activation, LedgerError> {
    let sql = "SELECT a.id, a.revision, a.before FROM tenants t JOIN activations a ON a.id = t.activation WHERE t.id = ?1";
    Ok(c.query_row(sql, [tenant.id.0], activation)?)
}

/// The change that a rollback goes back to.
fn target(
    c: &Connection,
    tenant: &Tenant,
    to: Option<u64>,
) -> Result<Result<Activation, Unmoved>, LedgerError> {
    let sql = "SELECT id, revision, before FROM activations WHERE id = ?1";
    let mut statement = c.prepare_cached(sql)?;
    let now = present(c, tenant)?;
    let mut before = now.before;
    while let Some(id) = before {
        let found = statement.query_row([id], activation)?;
        let wanted = match to {
            Some(to) => found.revision.unsigned_abs() == to,
            // A change to what was active already is none.
            None => found.revision != now.revision,
        };
        if wanted {
            return Ok(Ok(found));
        }
        before = found.before;
    }
    Ok(Err(if to.is_some() { Unmoved::Missing } else { Unmoved::NothingBefore }))
}

fn exists(tx: &Connection, tenant: &Tenant, number: u64) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM revisions WHERE tenant = ?1 AND number = ?2";
    let found = tx.query_row(sql, (tenant.id.0, number as i64), |_| Ok(())).optional()?;
    Ok(found.is_some())
}

/// Writes the change, moves the pointer, and says so in the record.
fn set(
    tx: &Connection,
    tenant: &Tenant,
    to: &Activation,
    previous: u64,
    why: Why,
    request_id: String,
) -> Result<Result<Moved, Unmoved>, LedgerError> {
    let insert = "INSERT INTO activations (tenant, revision, at, by, why, before) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.execute(insert, (tenant.id.0, to.revision, now_ms(), &tenant.key, why.as_str(), to.before))?;
    let made = tx.last_insert_rowid();
    let point = "UPDATE tenants SET active_revision = ?1, activation = ?2 WHERE id = ?3";
    tx.execute(point, (to.revision, made, tenant.id.0))?;
    let revision = to.revision.unsigned_abs();
    let detail = Some(format!("{previous} -> {revision}"));
    let act = Act { request_id, what: why.occasion(), name: None, detail };
    act.record(tx, tenant.id, &tenant.key)?;
    Ok(Ok(Moved { revision, previous }))
}

fn activation(row: &rusqlite::Row<'_>) -> rusqlite::Result<Activation> {
    Ok(Activation { id: row.get(0)?, revision: row.get(1)?, before: row.get(2)? })
}
