//! Tenants' webhooks: where they are, what their messages are signed with, and whose messages are due. Every change is an act in the record.
//! Refuses to write a secret, or more of a URL than its origin, into the record; to leave a webhook without a secret; and to let what one
//! tenant waits for stand before another's.

use crate::domain::{
    Delivery, Endpoint, SecretEntry, SigningSecret, Sink, TenantId, TenantName, Webhook,
};
use crate::ledger::outbox::{COLUMNS, NEW_MESSAGE, backlog, delivery};
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Act, Book, Ledger, LedgerError, keys, tenants};
use rusqlite::{Connection, OptionalExtension};

/// Secrets that a webhook has at most.
const SECRETS: i64 = 5;

/// A secret that was just made.
#[derive(Clone, Debug)]
pub struct MadeSecret {
    /// What is kept of it for people.
    pub entry: SecretEntry,
    /// To be shown and forgotten.
    pub secret: SigningSecret,
}

/// Why a secret was not made or revoked. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSecret {
    /// There is no webhook, or no such secret.
    Missing,
    /// It has as many as it may.
    TooMany,
    /// It is the only one.
    Last,
}

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

impl Book {
    /// The tenant's webhook, if it has one.
    pub async fn webhook(&self) -> Result<Option<Webhook>, LedgerError> {
        let tenant = self.tenant.id;
        self.ledger.database.read(move |c| webhook(c, tenant)).await
    }

    /// Where the tenant's messages go, if it has a webhook, and an id for one that is in no outbox.
    pub async fn endpoint(&self) -> Result<Option<(Endpoint, String)>, LedgerError> {
        let tenant = self.tenant.id;
        let read = move |c: &Connection| {
            let id = c.query_row(&format!("SELECT {NEW_MESSAGE}"), [], |row| row.get(0))?;
            Ok(endpoint(c, tenant)?.map(|endpoint| (endpoint, id)))
        };
        self.ledger.database.read(read).await
    }

    /// Makes the tenant's webhook, with its first secret, or changes where it leads: then it is no longer stopped, and all that waits is
    /// due. `origin` is what the record may say of the URL.
    pub async fn set_webhook(
        &self,
        url: String,
        origin: String,
        request_id: &str,
    ) -> Result<(Webhook, Option<MadeSecret>), LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let made = new_secret()?;
        let set = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let sql = "UPDATE webhooks SET url = ?2, stopped_at = NULL WHERE tenant = ?1";
            let is_new = tx.execute(sql, (tenant.id.0, &url))? == 0;
            if is_new {
                let sql = "INSERT INTO webhooks (tenant, url, created_at) VALUES (?1, ?2, ?3)";
                tx.execute(sql, (tenant.id.0, &url, now_ms()))?;
                insert(tx, tenant.id, &made)?;
            } else {
                let sql =
                    "UPDATE outbox SET next_at = ?3, attempts = 0 WHERE tenant = ?1 AND sink = ?2";
                tx.execute(sql, (tenant.id.0, Sink::Webhook.as_str(), now_ms()))?;
            }
            act("webhook_set", request_id, Some(origin)).record(tx, tenant.id, &tenant.key)?;
            let missing = || LedgerError::Unexpected("no webhook where one was set".to_owned());
            let webhook = webhook(tx, tenant.id)?.ok_or_else(missing)?;
            Ok((webhook, is_new.then_some(made)))
        };
        let set = self.ledger.database.write(self.tenant.id, set).await?;
        self.ledger.announce();
        Ok(set)
    }

    /// Removes the tenant's webhook, and what waits for it; false when there is none.
    pub async fn remove_webhook(&self, request_id: &str) -> Result<bool, LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let remove = move |tx: &Connection| {
            tx.execute("DELETE FROM webhook_secrets WHERE tenant = ?1", [tenant.id.0])?;
            if tx.execute("DELETE FROM webhooks WHERE tenant = ?1", [tenant.id.0])? == 0 {
                return Ok(false);
            }
            let sql = "DELETE FROM outbox WHERE tenant = ?1 AND sink = ?2";
            let lost = tx.execute(sql, (tenant.id.0, Sink::Webhook.as_str()))?;
            let detail = (lost > 0).then(|| format!("{lost} messages were waiting"));
            act("webhook_remove", request_id, detail).record(tx, tenant.id, &tenant.key)?;
            Ok(true)
        };
        self.ledger.database.write(self.tenant.id, remove).await
    }

    /// Makes one more secret.
    pub async fn create_webhook_secret(
        &self,
        request_id: &str,
    ) -> Result<Result<MadeSecret, NoSecret>, LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let made = new_secret()?;
        let create = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let refusal = match count(tx, tenant.id)? {
                None => Some(NoSecret::Missing),
                Some(SECRETS..) => Some(NoSecret::TooMany),
                Some(_) => None,
            };
            if let Some(refusal) = refusal {
                return Ok(Err(refusal));
            }
            insert(tx, tenant.id, &made)?;
            let detail = Some(made.entry.id.clone());
            act("webhook_secret_create", request_id, detail).record(tx, tenant.id, &tenant.key)?;
            Ok(Ok(made))
        };
        self.ledger.database.write(self.tenant.id, create).await
    }

    /// Revokes a secret: from now on nothing is signed with it.
    pub async fn revoke_webhook_secret(
        &self,
        id: &str,
        request_id: &str,
    ) -> Result<Result<(), NoSecret>, LedgerError> {
        let (tenant, id, request_id) = (self.tenant.clone(), id.to_owned(), request_id.to_owned());
        let revoke = move |tx: &Connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM webhook_secrets WHERE tenant = ?1 AND id = ?2)";
            if !tx.query_row(sql, (tenant.id.0, &id), |row| row.get(0))? {
                return Ok(Err(NoSecret::Missing));
            }
            if count(tx, tenant.id)? == Some(1) {
                return Ok(Err(NoSecret::Last));
            }
            let sql = "DELETE FROM webhook_secrets WHERE tenant = ?1 AND id = ?2";
            tx.execute(sql, (tenant.id.0, &id))?;
            let act = act("webhook_secret_revoke", request_id, Some(id));
            act.record(tx, tenant.id, &tenant.key)?;
            Ok(Ok(()))
        };
        self.ledger.database.write(self.tenant.id, revoke).await
    }
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
                 WHERE o.sink = ?1 AND o.tenant = ?2 AND o.next_at <= ?3 AND NOT EXISTS (SELECT 1 FROM outbox e
                     WHERE e.tenant = o.tenant AND e.sink = o.sink AND e.name = o.name AND e.id < o.id)
                 ORDER BY o.next_at, o.id LIMIT ?4"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let asked = (Sink::Webhook.as_str(), tenant.0, now_ms(), limit as i64);
            let due = statement.query_map(asked, delivery)?.collect::<Result<_, _>>()?;
            Ok(Some((endpoint, due)))
        };
        self.database.read(read).await
    }

    /// Nothing is sent any more to a tenant's endpoint, if it is still this one, until its URL is set again.
    pub async fn stop_webhook(&self, endpoint: &Endpoint) -> Result<(), LedgerError> {
        let (tenant, url) = (endpoint.tenant, endpoint.url.clone());
        let stop = move |tx: &Connection| {
            let sql = "UPDATE webhooks SET stopped_at = coalesce(stopped_at, ?3) WHERE tenant = ?1 AND url = ?2";
            tx.execute(sql, (tenant.0, url, now_ms()))?;
            Ok(())
        };
        self.database.write(HOUSE, stop).await
    }

    /// Forgets a message that nobody took; what came after it about the same name is due.
    pub async fn give_up(&self, delivery: &Delivery) -> Result<(), LedgerError> {
        let (number, tenant) = (delivery.number, delivery.tenant);
        let give_up = move |tx: &Connection| {
            let gone = tx.execute("DELETE FROM outbox WHERE id = ?1", [number])?;
            count_given_up(tx, tenant, gone)
        };
        self.database.write(HOUSE, give_up).await
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

fn endpoint(c: &Connection, tenant: TenantId) -> Result<Option<Endpoint>, LedgerError> {
    let sql = "SELECT url FROM webhooks WHERE tenant = ?1";
    let url = c.prepare_cached(sql)?.query_row([tenant.0], |row| row.get(0)).optional()?;
    let Some(url) = url else { return Ok(None) };
    let sql = "SELECT secret FROM webhook_secrets WHERE tenant = ?1 ORDER BY created_at, rowid";
    let mut statement = c.prepare_cached(sql)?;
    let secrets = statement.query_map([tenant.0], |row| row.get(0).map(SigningSecret::new))?;
    Ok(Some(Endpoint { tenant, url, secrets: secrets.collect::<Result<_, _>>()? }))
}

fn webhook(c: &Connection, tenant: TenantId) -> Result<Option<Webhook>, LedgerError> {
    let sql =
        "SELECT id, created_at FROM webhook_secrets WHERE tenant = ?1 ORDER BY created_at, rowid";
    let mut statement = c.prepare_cached(sql)?;
    let secrets = statement.query_map([tenant.0], |row| {
        Ok(SecretEntry { id: row.get(0)?, created_at_ms: row.get(1)? })
    })?;
    let secrets = secrets.collect::<Result<_, _>>()?;
    let backlog = backlog(c, tenant)?.into_iter().find(|one| one.sink == Sink::Webhook);
    let sql = "SELECT url, created_at, stopped_at, given_up FROM webhooks WHERE tenant = ?1";
    let found = c.query_row(sql, [tenant.0], |row| {
        Ok(Webhook {
            url: row.get(0)?,
            created_at_ms: row.get(1)?,
            stopped_at_ms: row.get(2)?,
            given_up: row.get::<_, i64>(3)?.unsigned_abs(),
            secrets,
            backlog,
        })
    });
    Ok(found.optional()?)
}

/// How many secrets the tenant's webhook has; none when it has no webhook.
fn count(tx: &Connection, tenant: TenantId) -> Result<Option<i64>, LedgerError> {
    let sql = "SELECT count(*) FROM webhook_secrets WHERE tenant = ?1";
    let secrets: i64 = tx.query_row(sql, [tenant.0], |row| row.get(0))?;
    Ok(Some(secrets).filter(|secrets| *secrets > 0))
}

fn new_secret() -> Result<MadeSecret, LedgerError> {
    let (mut id, mut secret) = ([0; 4], vec![0; SigningSecret::BYTES]);
    keys::fill(&mut id)?;
    keys::fill(&mut secret)?;
    let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let entry = SecretEntry { id, created_at_ms: now_ms() };
    Ok(MadeSecret { entry, secret: SigningSecret::new(secret) })
}

fn insert(tx: &Connection, tenant: TenantId, made: &MadeSecret) -> Result<(), LedgerError> {
    let sql =
        "INSERT INTO webhook_secrets (id, tenant, secret, created_at) VALUES (?1, ?2, ?3, ?4)";
    let MadeSecret { entry, secret } = made;
    tx.execute(sql, (&entry.id, tenant.0, secret.bytes(), entry.created_at_ms))?;
    Ok(())
}

fn act(what: &'static str, request_id: String, detail: Option<String>) -> Act {
    Act { request_id, what, name: None, detail }
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
