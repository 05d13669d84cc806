//! Which revision decides, and how that changed: activated by a key, rolled back by one or by the machine. One row a change, and in
//! the same transaction the tenant's pointer and a row of the record.
//! Refuses to move a pointer that somebody else moved meanwhile, and to roll forward: a change knows what it goes back to.

use crate::domain::{TenantId, TenantName};
use crate::kill_point;
use crate::ledger::record::now_ms;
use crate::ledger::revisions::{RevisionEntry, entry_of};
use crate::ledger::{Act, Book, Ledger, LedgerError, outbox, tenants};
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
    why: String,
}

/// Why a change was made, as its row has it.
#[derive(Clone, Copy)]
enum Why {
    Activated,
    RolledBack,
    Probation,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::RolledBack => "rolled_back",
            Self::Probation => "probation",
        }
    }

    /// The row's occasion in the record.
    fn occasion(self) -> &'static str {
        match self {
            Self::Activated => "policy_activate",
            Self::RolledBack => "policy_rollback",
            Self::Probation => "policy_fallback",
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
            let now = present(tx, tenant.id)?;
            let previous = now.revision.unsigned_abs();
            if if_active.is_some_and(|expected| expected != previous) {
                return Ok(Err(Unmoved::Changed(previous)));
            }
            if !exists(tx, tenant.id, number)? {
                return Ok(Err(Unmoved::Missing));
            }
            if number == previous {
                return Ok(Ok(Moved { revision: number, previous }));
            }
            let (revision, before) = (number as i64, Some(now.id));
            let by = Some(tenant.key.as_str());
            set(tx, tenant.id, (revision, before), previous, Why::Activated, by, request_id).map(Ok)
        };
        self.ledger.database.write(self.tenant.id, write).await
    }

    /// What would decide after a rollback: the revision that was active before the present one, or the latest time that `to` was.
    pub async fn behind(&self, to: Option<u64>) -> Result<Result<u64, Unmoved>, LedgerError> {
        let tenant = self.tenant.id;
        let read =
            move |c: &Connection| Ok(target(c, tenant, to)?.map(|a| a.revision.unsigned_abs()));
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
            let previous = present(tx, tenant.id)?.revision.unsigned_abs();
            let by = Some(tenant.key.as_str());
            match target(tx, tenant.id, to)? {
                Ok(target) => set(
                    tx,
                    tenant.id,
                    (target.revision, target.before),
                    previous,
                    Why::RolledBack,
                    by,
                    request_id,
                )
                .map(Ok),
                Err(unmoved) => Ok(Err(unmoved)),
            }
        };
        let moved = self.ledger.database.write(self.tenant.id, write).await?;
        self.ledger.announce();
        Ok(moved)
    }
}

/// A revision that was activated by a key a short while ago.
#[derive(Clone, Debug)]
pub struct OnProbation {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub revision: u64,
    /// The one that decided before.
    pub before: RevisionEntry,
    /// When it was activated, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
}

/// A pointer that the machine moved back.
#[derive(Clone, Debug)]
pub struct FellBack {
    /// Whose.
    pub tenant: TenantName,
    /// The revision that decides again.
    pub revision: RevisionEntry,
}

impl Ledger {
    /// Goes back from revision `from`, which failed people that the one before it would not have, if it still decides and was
    /// activated by a key; none if not. Nobody's right is needed for it: it is the machine that does it.
    pub async fn fall_back(
        &self,
        tenant: TenantId,
        from: u64,
    ) -> Result<Option<FellBack>, LedgerError> {
        let write = move |tx: &Connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND removed_at IS NULL)";
            if !tx.query_row(sql, [tenant.0], |row| row.get::<_, bool>(0))? {
                return Ok(None);
            }
            let present = present(tx, tenant)?;
            let previous = present.revision.unsigned_abs();
            if previous != from || present.why != Why::Activated.as_str() {
                return Ok(None);
            }
            let Ok(target) = target(tx, tenant, None)? else { return Ok(None) };
            let (to, id) = ((target.revision, target.before), "probation".to_owned());
            let moved = set(tx, tenant, to, previous, Why::Probation, None, id)?;
            let sql = "SELECT name FROM tenants WHERE id = ?1";
            let tenant_name = tx.query_row(sql, [tenant.0], |row| tenants::name(row, 0))?;
            let revision = entry_of(tx, tenant, moved.revision)?;
            Ok(revision.map(|revision| FellBack { tenant: tenant_name, revision }))
        };
        let fell = self.database.write(tenant, write).await?;
        self.announce();
        Ok(fell)
    }

    /// Every revision that decides since `since_ms` or later, because a key activated it.
    pub async fn on_probation(&self, since_ms: i64) -> Result<Vec<OnProbation>, LedgerError> {
        let read = move |c: &Connection| {
            let sql = "SELECT t.id, a.revision, b.revision, a.at FROM tenants t JOIN activations a ON a.id = t.activation
                JOIN activations b ON b.id = a.before WHERE t.removed_at IS NULL AND a.why = 'activated' AND a.at >= ?1";
            let mut statement = c.prepare(sql)?;
            let mut rows = statement.query([since_ms])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let tenant = TenantId(row.get(0)?);
                let before = entry_of(c, tenant, row.get::<_, i64>(2)?.unsigned_abs())?;
                let (revision, since_ms) = (row.get::<_, i64>(1)?.unsigned_abs(), row.get(3)?);
                all.extend(before.map(|before| OnProbation { tenant, revision, before, since_ms }));
            }
            Ok(all)
        };
        self.database.read(read).await
    }
}

fn present(c: &Connection, tenant: TenantId) -> Result<Activation, LedgerError> {
    let sql = "SELECT a.id, a.revision, a.before, a.why FROM tenants t JOIN activations a ON a.id = t.activation WHERE t.id = ?1";
    Ok(c.query_row(sql, [tenant.0], activation)?)
}

/// The change that a rollback goes back to.
fn target(
    c: &Connection,
    tenant: TenantId,
    to: Option<u64>,
) -> Result<Result<Activation, Unmoved>, LedgerError> {
    let sql = "SELECT id, revision, before, why FROM activations WHERE id = ?1";
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

fn exists(tx: &Connection, tenant: TenantId, number: u64) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM revisions WHERE tenant = ?1 AND number = ?2";
    let found = tx.query_row(sql, (tenant.0, number as i64), |_| Ok(())).optional()?;
    Ok(found.is_some())
}

/// Writes the change, moves the pointer, and says so in the record. `by` is the id of the key that does it; none for the machine.
fn set(
    tx: &Connection,
    tenant: TenantId,
    (to, before): (i64, Option<i64>),
    previous: u64,
    why: Why,
    by: Option<&str>,
    request_id: String,
) -> Result<Moved, LedgerError> {
    let insert = "INSERT INTO activations (tenant, revision, at, by, why, before) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    tx.execute(insert, (tenant.0, to, now_ms(), by, why.as_str(), before))?;
    let made = tx.last_insert_rowid();
    let point = "UPDATE tenants SET active_revision = ?1, activation = ?2 WHERE id = ?3";
    tx.execute(point, (to, made, tenant.0))?;
    let revision = to.unsigned_abs();
    let detail = Some(format!("{previous} -> {revision}"));
    let act = Act { request_id, what: why.occasion(), name: None, detail };
    act.record(tx, tenant, by.unwrap_or_default())?;
    if !matches!(why, Why::Activated) {
        outbox::follow_rollback(tx, tenant, previous, revision, why.as_str())?;
    }
    kill_point::reach("activating");
    Ok(Moved { revision, previous })
}

fn activation(row: &rusqlite::Row<'_>) -> rusqlite::Result<Activation> {
    Ok(Activation { id: row.get(0)?, revision: row.get(1)?, before: row.get(2)?, why: row.get(3)? })
}
