//! Tenants' webhooks: where they are, and what their messages are signed with. Every change is an act in the record.
//! Refuses to write a secret, or more of a URL than its origin, into the record, and to leave a webhook without a secret.

mod attempts;

pub use attempts::{Agenda, GivenUp};

use crate::domain::{Endpoint, SecretEntry, SigningSecret, Sink, TenantId, Webhook};
use crate::ledger::outbox::{NEW_MESSAGE, backlog};
use crate::ledger::record::now_ms;
use crate::ledger::{Act, Book, LedgerError, keys};
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
            let sql = "UPDATE webhooks SET url = ?2, stopped_at = NULL, setting = random() WHERE tenant = ?1";
            let is_new = tx.execute(sql, (tenant.id.0, &url))? == 0;
            if is_new {
                let sql = "INSERT INTO webhooks (tenant, url, created_at, setting) VALUES (?1, ?2, ?3, random())";
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

fn endpoint(c: &Connection, tenant: TenantId) -> Result<Option<Endpoint>, LedgerError> {
    let sql = "SELECT url, setting FROM webhooks WHERE tenant = ?1";
    let mut statement = c.prepare_cached(sql)?;
    let found = statement.query_row([tenant.0], |row| Ok((row.get(0)?, row.get(1)?)));
    let Some((url, setting)) = found.optional()? else { return Ok(None) };
    let sql = "SELECT secret FROM webhook_secrets WHERE tenant = ?1 ORDER BY created_at, rowid";
    let mut statement = c.prepare_cached(sql)?;
    let secrets = statement.query_map([tenant.0], |row| row.get(0).map(SigningSecret::new))?;
    Ok(Some(Endpoint { tenant, url, setting, secrets: secrets.collect::<Result<_, _>>()? }))
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
