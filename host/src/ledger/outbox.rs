//! The outbox: what has to follow a change, written in the change's own transaction, read by whoever delivers it, and taken away when
//! it has arrived. A crash loses none of it; what was delivered and not yet taken away is delivered again.
//! Refuses to hand out what happened later to a name while something earlier waits.

use crate::domain::{Account, Backlog, Delivery, Event, Sink, TenantId};
use crate::ledger::record::{json, now_ms};
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Ledger, LedgerError, tenants};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

/// What an event about an account says of it.
#[derive(Serialize)]
struct AccountContent<'a> {
    name: &'a str,
    issuer: &'a str,
    subject: Option<&'a str>,
    username: &'a str,
    email: Option<&'a str>,
}

/// What an event about the rules says of them.
#[derive(Serialize)]
struct RollbackContent<'a> {
    from: u64,
    to: u64,
    why: &'a str,
}

/// What [`delivery`] reads, in its order.
pub(super) const COLUMNS: &str =
    "o.id, o.tenant, t.name, o.sink, o.name, o.event, o.message, o.content, o.at, o.attempts";

/// What stands first in the line of its name, of those that wait for sink ?1 of tenant ?2.
pub(super) const FIRST: &str =
    "o.sink = ?1 AND o.tenant = ?2 AND NOT EXISTS (SELECT 1 FROM outbox e
    WHERE e.tenant = o.tenant AND e.sink = o.sink AND e.name = o.name AND e.id < o.id)";

/// What a new message is known under: no other's, and without the dot that stands between the parts of what is signed.
pub(super) const NEW_MESSAGE: &str = "'msg_' || lower(hex(randomblob(16)))";

impl Ledger {
    /// Everything that waits for a sink about one name, whether it is due or not, the oldest first.
    pub async fn waiting_for(
        &self,
        tenant: TenantId,
        sink: Sink,
        name: &str,
    ) -> Result<Vec<Delivery>, LedgerError> {
        let name = name.to_owned();
        let read = move |c: &Connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM outbox o JOIN tenants t ON t.id = o.tenant
                 WHERE o.tenant = ?1 AND o.sink = ?2 AND o.name = ?3 ORDER BY o.id"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map((tenant.0, sink.as_str(), name), delivery)?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.read(read).await
    }

    /// These arrived.
    pub async fn delivered(&self, numbers: Vec<i64>) -> Result<(), LedgerError> {
        let write = move |tx: &Connection| {
            let mut statement = tx.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
            for number in numbers {
                statement.execute([number])?;
            }
            Ok(())
        };
        self.database.write(HOUSE, write).await
    }

    /// These did not arrive, and why; they are due again at `next_ms`, milliseconds since 1970-01-01 UTC, and nothing that waits behind
    /// them is before.
    pub async fn postponed(
        &self,
        numbers: Vec<i64>,
        trouble: String,
        next_ms: i64,
    ) -> Result<(), LedgerError> {
        let write = move |tx: &Connection| postpone(tx, &numbers, &trouble, next_ms);
        self.database.write(HOUSE, write).await
    }

    /// What waits for this tenant, by sink; nothing of a sink for which nothing does.
    pub async fn backlog(&self, tenant: TenantId) -> Result<Vec<Backlog>, LedgerError> {
        self.database.read(move |c| backlog(c, tenant)).await
    }

    /// Waits until something was put into the outbox.
    pub async fn outbox_filled(&self, sink: Sink) {
        self.filled[sink as usize].notified().await;
    }

    /// Tells who delivers that something may be there: to be called after the commit.
    pub(super) fn announce(&self) {
        for sink in &*self.filled {
            sink.notify_one();
        }
    }

    /// Whether tenant `default` has an ankisyncd by the settings, where its row says nothing.
    pub fn with_default_auth_db(mut self, there: bool) -> Self {
        self.default_auth_db = there;
        self
    }
}

pub(super) fn postpone(
    tx: &Connection,
    numbers: &[i64],
    trouble: &str,
    next_ms: i64,
) -> Result<(), LedgerError> {
    let sql = "UPDATE outbox SET attempts = attempts + 1, next_at = ?2, trouble = ?3 WHERE id = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let sql = "UPDATE outbox SET next_at = ?2 WHERE (tenant, sink, name) = (SELECT tenant, sink, name FROM outbox WHERE id = ?1)
        AND id > ?1 AND next_at < ?2";
    let mut behind = tx.prepare_cached(sql)?;
    for number in numbers {
        statement.execute((number, next_ms, trouble))?;
        behind.execute((number, next_ms))?;
    }
    Ok(())
}

/// Puts into the outbox what happened to an account, for every sink of its tenant.
pub(super) fn follow_account(
    tx: &Connection,
    default_auth_db: bool,
    tenant: TenantId,
    event: Event,
    account: &Account,
) -> Result<(), LedgerError> {
    let content = AccountContent {
        name: &account.name,
        issuer: &account.issuer,
        subject: account.subject.as_deref(),
        username: &account.username,
        email: account.email.as_deref(),
    };
    follow(tx, default_auth_db, tenant, event, &account.name, &content)
}

/// Puts into the outbox that an earlier revision decides again.
pub(super) fn follow_rollback(
    tx: &Connection,
    tenant: TenantId,
    from: u64,
    to: u64,
    why: &str,
) -> Result<(), LedgerError> {
    let content = RollbackContent { from, to, why };
    follow(tx, false, tenant, Event::RevisionRolledBack, "", &content)
}

fn follow(
    tx: &Connection,
    default_auth_db: bool,
    tenant: TenantId,
    event: Event,
    name: &str,
    content: &impl Serialize,
) -> Result<(), LedgerError> {
    let sql = "SELECT auth_db IS NOT NULL OR (?2 AND name = 'default'),
        EXISTS (SELECT 1 FROM webhooks w WHERE w.tenant = t.id) FROM tenants t WHERE id = ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let (ankisyncd, webhook): (bool, bool) = statement
        .query_row((tenant.0, default_auth_db), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or_default();
    for (sink, is_there) in [(Sink::Ankisyncd, ankisyncd), (Sink::Webhook, webhook)] {
        if !is_there || !sink.follows(event) {
            continue;
        }
        let sql = format!(
            "INSERT INTO outbox (tenant, sink, name, event, message, content, at, next_at)
            VALUES (?1, ?2, ?3, ?4, {NEW_MESSAGE}, ?5, ?6, ?6)"
        );
        tx.prepare_cached(&sql)?.execute((
            tenant.0,
            sink.as_str(),
            name,
            event.as_str(),
            json(content)?,
            now_ms(),
        ))?;
    }
    Ok(())
}

/// Forgets whom things are about that wait for this name: the name alone goes out then.
pub(super) fn forget_person(
    tx: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<(), LedgerError> {
    let sql =
        "UPDATE outbox SET content = json_object('name', name) WHERE tenant = ?1 AND name = ?2";
    tx.execute(sql, (tenant.0, name))?;
    Ok(())
}

pub(super) fn backlog(c: &Connection, tenant: TenantId) -> Result<Vec<Backlog>, LedgerError> {
    let sql = "SELECT count(*), coalesce(min(at), 0),
            (SELECT trouble FROM outbox WHERE tenant = ?1 AND sink = ?2 AND trouble IS NOT NULL ORDER BY id DESC LIMIT 1)
        FROM outbox WHERE tenant = ?1 AND sink = ?2";
    let mut statement = c.prepare_cached(sql)?;
    let mut all = Vec::new();
    for sink in Sink::ALL {
        let found = statement.query_row((tenant.0, sink.as_str()), |row| {
            let waiting = row.get::<_, i64>(0)?.unsigned_abs();
            Ok(Backlog { sink, waiting, oldest_ms: row.get(1)?, trouble: row.get(2)? })
        })?;
        all.extend(Some(found).filter(|found| found.waiting > 0));
    }
    Ok(all)
}

pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let wrong = |column: usize, text: &str| {
        let what = format!("{text:?} in the outbox").into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what)
    };
    let (sink, event): (String, String) = (row.get(3)?, row.get(5)?);
    Ok(Delivery {
        number: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        tenant_name: tenants::name(row, 2)?,
        sink: Sink::ALL
            .into_iter()
            .find(|known| known.as_str() == sink)
            .ok_or_else(|| wrong(3, &sink))?,
        name: row.get(4)?,
        event: Event::parse(&event).ok_or_else(|| wrong(5, &event))?,
        message: row.get(6)?,
        content: row.get(7)?,
        at_ms: row.get(8)?,
        attempts: row.get::<_, u32>(9)?,
    })
}

#[cfg(test)]
mod tests {
    use crate::ledger::sqlite::{MIGRATIONS, migrate};
    use rusqlite::Connection;

    const ROW: &str = "INSERT INTO outbox (id, tenant, sink, name, event, message, content, at, attempts, next_at, trouble)";

    #[test]
    fn what_waited_is_carried_over_and_no_number_is_given_again() {
        let mut c = Connection::open_in_memory().expect("a database");
        c.execute_batch("PRAGMA foreign_keys = OFF").expect("no tenant needed");
        for migration in &MIGRATIONS[..6] {
            c.execute_batch(migration).expect("an older schema");
        }
        c.pragma_update(None, "user_version", 6).expect("its version");
        let rows = format!(
            "{ROW} VALUES (3, 1, 'webhook', 'a', 'account.opened', 'm3', '{{}}', 10, 2, 20, 'status'),
                (7, 2, 'ankisyncd', 'b', 'account.closed', 'm7', '{{}}', 11, 0, 21, NULL)"
        );
        c.execute_batch(&rows).expect("rows");
        let all = |c: &Connection| -> String {
            let sql = "SELECT group_concat(concat_ws(' ', id, tenant, sink, name, event, message, content, at, attempts, next_at, trouble), '; ')
                FROM (SELECT * FROM outbox ORDER BY id)";
            c.query_row(sql, [], |row| row.get(0)).expect("rows")
        };
        let before = all(&c);
        migrate(&mut c).expect("a migration");
        assert_eq!(all(&c), before);
        c.execute_batch("DELETE FROM outbox").expect("all delivered");
        let next = format!(
            "{ROW} VALUES (NULL, 1, 'webhook', 'c', 'account.opened', 'm8', '{{}}', 12, 0, 22, NULL)"
        );
        for number in [8, 9] {
            c.execute(&next, []).expect("another");
            assert_eq!(c.last_insert_rowid(), number);
            c.execute_batch("DELETE FROM outbox").expect("delivered");
        }
    }
}
