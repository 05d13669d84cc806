//! Attempts at webhooks, as the ledger has them: whose messages are due, what came of one, what is given up, and what is forgotten of
//! tenants that are no more.
//! Refuses to let what one tenant waits for stand before another's, and to write a miss over a URL that was set after the attempt began.

use crate::domain::{Delivery, Endpoint, Sink, TenantId, TenantName};
use crate::ledger::outbox::{COLUMNS, FIRST, delivery, postpone};
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::webhooks::endpoint;
use crate::ledger::{Ledger, LedgerError, tenants};
use rusqlite::Connection;

/// Whose messages are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Tenants that have something due, who has waited longest first.
    pub due: Vec<TenantId>,
    /// When something else is due: milliseconds since 1970-01-01 UTC; none when nothing is.
    pub next_ms: Option<i64>,
}

/// What was given up without an attempt, because an endpoint is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Whose.
    pub tenant: TenantName,
    /// How many messages.
    pub messages: u64,
}

impl Ledger {
    /// Whose messages are due now. Who has a backlog costs no more to be found than who has one message.
    pub async fn agenda(&self) -> Result<Agenda, LedgerError> {
        self.database.read(|c| agenda(c, now_ms())).await
    }

    /// At most `limit` of a tenant's messages that are due, who has waited longest first, of those of one name the first alone; and where
    /// they go. None when nothing is to be sent there.
    pub async fn due_of(
        &self,
        tenant: TenantId,
        limit: usize,
    ) -> Result<Option<(Endpoint, Vec<Delivery>)>, LedgerError> {
        let read = move |c: &Connection| {
            let Some(endpoint) = endpoint(c, tenant)? else { return Ok(None) };
            let sql = format!(
                "SELECT {COLUMNS} FROM outbox o JOIN tenants t ON t.id = o.tenant
                 WHERE {FIRST} AND o.next_at <= ?3 ORDER BY o.next_at, o.id LIMIT ?4"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let asked = (Sink::Webhook.as_str(), tenant.0, now_ms(), limit as i64);
            let due = statement.query_map(asked, delivery)?.collect::<Result<_, _>>()?;
            Ok(Some((endpoint, due)))
        };
        self.database.read(read).await
    }

    /// It did not arrive there, and why; it is due again at `next_ms`, as [`Ledger::postponed`] has it.
    pub async fn missed(
        &self,
        endpoint: &Endpoint,
        number: i64,
        trouble: &'static str,
        next_ms: i64,
    ) -> Result<(), LedgerError> {
        self.under(endpoint, move |tx| postpone(tx, &[number], trouble, next_ms)).await
    }

    /// Nothing is sent any more to a tenant's endpoint, until its URL is set again.
    pub async fn stop_webhook(&self, endpoint: &Endpoint) -> Result<(), LedgerError> {
        let tenant = endpoint.tenant;
        let stop = move |tx: &Connection| {
            let sql = "UPDATE webhooks SET stopped_at = coalesce(stopped_at, ?2) WHERE tenant = ?1";
            tx.execute(sql, (tenant.0, now_ms()))?;
            Ok(())
        };
        self.under(endpoint, stop).await
    }

    /// Forgets a message that nobody took there; what came after it about the same name is due.
    pub async fn give_up(&self, endpoint: &Endpoint, number: i64) -> Result<(), LedgerError> {
        let tenant = endpoint.tenant;
        let give_up = move |tx: &Connection| {
            let gone = tx.execute("DELETE FROM outbox WHERE id = ?1", [number])?;
            count_given_up(tx, tenant, gone)
        };
        self.under(endpoint, give_up).await
    }

    /// Writes what came of an attempt that failed. Nothing, if the URL was set while it was made: what waits is due since then, also this,
    /// and has a beginning before it.
    async fn under(
        &self,
        endpoint: &Endpoint,
        work: impl FnOnce(&Connection) -> Result<(), LedgerError> + Send + 'static,
    ) -> Result<(), LedgerError> {
        let (tenant, setting) = (endpoint.tenant, endpoint.setting);
        let write = move |tx: &Connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM webhooks WHERE tenant = ?1 AND setting = ?2)";
            let mut statement = tx.prepare_cached(sql)?;
            let holds = statement.query_row((tenant.0, setting), |row| row.get(0))?;
            if holds { work(tx) } else { Ok(()) }
        };
        self.database.write(HOUSE, write).await
    }

    /// Forgets what happened before then and waits for an endpoint that is gone.
    pub async fn give_up_stopped(&self, before_ms: i64) -> Result<Vec<GivenUp>, LedgerError> {
        let give_up = move |tx: &Connection| {
            let sql = "SELECT w.tenant, t.name FROM webhooks w JOIN tenants t ON t.id = w.tenant WHERE w.stopped_at IS NOT NULL";
            let mut statement = tx.prepare_cached(sql)?;
            let rows = statement
                .query_map([], |row| Ok((TenantId(row.get(0)?), tenants::name(row, 1)?)))?;
            let mut all = Vec::new();
            for stopped in rows {
                let (id, tenant) = stopped?;
                let sql = "DELETE FROM outbox WHERE tenant = ?1 AND sink = ?2 AND at < ?3";
                let gone = tx.execute(sql, (id.0, Sink::Webhook.as_str(), before_ms))?;
                count_given_up(tx, id, gone)?;
                if gone > 0 {
                    all.push(GivenUp { tenant, messages: gone as u64 });
                }
            }
            Ok(all)
        };
        self.database.write(HOUSE, give_up).await
    }

    /// Forgets the webhooks of removed tenants, with their secrets, where nothing waits any more: whose they were.
    pub async fn forget_webhooks(&self) -> Result<Vec<TenantName>, LedgerError> {
        let forget = |tx: &Connection| {
            let sql = "SELECT t.id, t.name FROM webhooks w JOIN tenants t ON t.id = w.tenant
                WHERE t.removed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.sink = ?1 AND o.tenant = t.id)";
            let mut statement = tx.prepare_cached(sql)?;
            let rows = statement.query_map([Sink::Webhook.as_str()], |row| {
                Ok((row.get::<_, i64>(0)?, tenants::name(row, 1)?))
            })?;
            let mut all = Vec::new();
            for removed in rows.collect::<Result<Vec<_>, _>>()? {
                let (id, tenant) = removed;
                tx.execute("DELETE FROM webhook_secrets WHERE tenant = ?1", [id])?;
                tx.execute("DELETE FROM webhooks WHERE tenant = ?1", [id])?;
                all.push(tenant);
            }
            Ok(all)
        };
        self.database.write(HOUSE, forget).await
    }
}

fn count_given_up(tx: &Connection, tenant: TenantId, messages: usize) -> Result<(), LedgerError> {
    let sql = "UPDATE webhooks SET given_up = given_up + ?2 WHERE tenant = ?1";
    tx.execute(sql, (tenant.0, messages as i64))?;
    Ok(())
}

/// Steps from tenant to tenant over the index, so that a backlog is not walked over.
fn agenda(c: &Connection, now: i64) -> Result<Agenda, LedgerError> {
    let sql = "WITH RECURSIVE waiting (tenant) AS (
            SELECT min(tenant) FROM outbox WHERE sink = ?1
            UNION ALL
            SELECT (SELECT min(tenant) FROM outbox WHERE sink = ?1 AND tenant > waiting.tenant) FROM waiting WHERE tenant IS NOT NULL)
        SELECT w.tenant, (SELECT min(next_at) FROM outbox WHERE sink = ?1 AND tenant = w.tenant) AS first,
            (SELECT min(next_at) FROM outbox WHERE sink = ?1 AND tenant = w.tenant AND next_at > ?2)
        FROM waiting JOIN webhooks w ON w.tenant = waiting.tenant WHERE w.stopped_at IS NULL ORDER BY first";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map((Sink::Webhook.as_str(), now), |row| {
        Ok((TenantId(row.get(0)?), row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?))
    })?;
    let mut agenda = Agenda::default();
    for row in rows {
        let (tenant, first, next) = row?;
        if first <= now {
            agenda.due.push(tenant);
        }
        agenda.next_ms = agenda.next_ms.into_iter().chain(next).min();
    }
    Ok(agenda)
}

#[cfg(test)]
mod tests {
    use super::{Agenda, TenantId, agenda};
    use crate::ledger::{Ledger, Privacy};
    use rusqlite::Connection;

    #[tokio::test]
    async fn the_agenda_has_each_tenant_once_and_what_waits_behind_something_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("enlist.db");
        let ledger = Ledger::open(&path, folder.path(), Privacy::Shown).expect("a ledger");
        let c = Connection::open(&path).expect("the database");
        c.execute_batch(
            "PRAGMA foreign_keys = OFF;
            INSERT INTO webhooks (tenant, url, created_at, stopped_at)
                VALUES (1, 'u', 0, NULL), (2, 'u', 0, NULL), (3, 'u', 0, 1), (4, 'u', 0, NULL), (7, 'u', 0, NULL);
            INSERT INTO outbox (id, tenant, sink, name, event, message, content, at, next_at) VALUES
                (1, 2, 'webhook', 'a', 'account.opened', 'm1', '{}', 0, 50), (2, 2, 'webhook', 'b', 'account.opened', 'm2', '{}', 0, 300),
                (3, 1, 'webhook', 'a', 'account.opened', 'm3', '{}', 0, 60), (4, 1, 'webhook', 'a', 'account.closed', 'm4', '{}', 0, 70),
                (5, 3, 'webhook', 'a', 'account.opened', 'm5', '{}', 0, 10), (6, 7, 'webhook', 'a', 'account.opened', 'm6', '{}', 0, 200),
                (7, 4, 'ankisyncd', 'a', 'account.opened', 'm7', '{}', 0, 20)",
        )
        .expect("rows");
        let due = |now: i64| agenda(&c, now).expect("an agenda");
        let is = |due: &[i64], next_ms| Agenda {
            due: due.iter().copied().map(TenantId).collect(),
            next_ms,
        };
        assert_eq!(
            due(100),
            is(&[2, 1], Some(200)),
            "who waited longest first, nobody's that is gone"
        );
        assert_eq!(due(55), is(&[2], Some(60)));
        assert_eq!(due(0), is(&[], Some(50)));
        ledger.postponed(vec![3], "status".to_owned(), 150).await.expect("put off");
        assert_eq!(due(100), is(&[2], Some(150)), "and what is behind it");
        ledger.delivered(vec![1, 3]).await.expect("delivered");
        assert_eq!(due(160), is(&[1], Some(200)));
    }
}
