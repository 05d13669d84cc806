//! What deliveries to an ankisyncd ask of the ledger: whose line in the outbox waits, what stands in it, and the hashes that are kept of
//! closed accounts until they are opened again.
//! Refuses to keep a hash of somebody who is forgotten.

use crate::domain::{
    Account, AccountState, Delivery, Event, FoldKey, HostCode, Sink, TenantId, TenantName,
};
use crate::ledger::accounts::{Acted, Change};
use crate::ledger::outbox::{COLUMNS, delivery};
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Act, Book, Ledger, LedgerError, LedgerFile, tenants};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::HashMap;
use std::path::Path;

const SINK: &str = "ankisyncd";

/// The row of `meta` that names the file of the settings at the latest start.
const SETTING: &str = "ankisyncd_auth_db";

/// An account of which nothing waits for the ankisyncd: it must know.
#[derive(Clone, Debug)]
pub struct MustKnow {
    /// As it is stored, and as its row is called.
    pub name: String,
    /// Whether its person is let in.
    pub is_open: bool,
    /// Whether a hash is kept of it that is to be given back.
    pub is_kept: bool,
}

/// How much waits for a sink of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Whose.
    pub tenant: TenantName,
    /// Where to.
    pub sink: Sink,
    /// How many.
    pub waiting: u64,
}

impl Ledger {
    /// Every tenant for whose ankisyncd something waits.
    pub async fn waiting_for_ankisyncd(&self) -> Result<Vec<(TenantId, TenantName)>, LedgerError> {
        let read = |c: &Connection| {
            let sql = "SELECT t.id, t.name FROM tenants t
                WHERE EXISTS (SELECT 1 FROM outbox o WHERE o.sink = ?1 AND o.tenant = t.id)";
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement
                .query_map([SINK], |row| Ok((TenantId(row.get(0)?), tenants::name(row, 1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.read(read).await
    }

    /// At most `limit` things that wait for the tenant's ankisyncd, the oldest first; of those of one name the first alone.
    pub async fn line(&self, tenant: TenantId, limit: usize) -> Result<Vec<Delivery>, LedgerError> {
        let read = move |c: &Connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM outbox o JOIN tenants t ON t.id = o.tenant
                 WHERE o.sink = ?1 AND o.tenant = ?2 AND NOT EXISTS (SELECT 1 FROM outbox e
                     WHERE e.tenant = o.tenant AND e.sink = o.sink AND e.name = o.name AND e.id < o.id)
                 ORDER BY o.id LIMIT ?3"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map((SINK, tenant.0, limit as i64), delivery)?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.read(read).await
    }

    /// What is kept for these names, where something is.
    pub async fn kept_hashes(
        &self,
        tenant: TenantId,
        names: Vec<String>,
    ) -> Result<HashMap<String, String>, LedgerError> {
        let read = move |c: &Connection| {
            let sql =
                "SELECT kept_hash FROM accounts WHERE tenant = ?1 AND name_key = ?2 AND name = ?3";
            let mut statement = c.prepare_cached(sql)?;
            let mut kept = HashMap::new();
            for name in names {
                let key = FoldKey::of(&name);
                let found = statement
                    .query_row((tenant.0, key.as_str(), &name), |row| {
                        row.get::<_, Option<String>>(0)
                    })
                    .optional()?;
                if let Some(hash) = found.flatten() {
                    kept.insert(name, hash);
                }
            }
            Ok(kept)
        };
        self.database.read(read).await
    }

    /// Keeps the hash that each of these names has, before it is taken from them.
    pub async fn keep_hashes(
        &self,
        tenant: TenantId,
        hashes: Vec<(String, String)>,
    ) -> Result<(), LedgerError> {
        let write = move |tx: &Connection| {
            let sql = "UPDATE accounts SET kept_hash = ?4
                WHERE tenant = ?1 AND name_key = ?2 AND name = ?3 AND erased_at IS NULL";
            let mut statement = tx.prepare_cached(sql)?;
            for (name, hash) in hashes {
                statement.execute((tenant.0, FoldKey::of(&name).as_str(), name, hash))?;
            }
            Ok(())
        };
        self.database.write(tenant, write).await
    }

    /// These arrived in this file. What was kept for an account that is open again has been given back.
    pub async fn arrived(
        &self,
        tenant: TenantId,
        file: &Path,
        deliveries: Vec<(i64, Event, String)>,
    ) -> Result<(), LedgerError> {
        let file = file.display().to_string();
        let write = move |tx: &Connection| {
            set_there(tx, tenant, &file)?;
            let mut taken = tx.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
            let sql = "UPDATE accounts SET kept_hash = NULL WHERE tenant = ?1 AND name_key = ?2 AND name = ?3";
            let mut given = tx.prepare_cached(sql)?;
            for (number, event, name) in deliveries {
                taken.execute([number])?;
                if event == Event::AccountReopened {
                    given.execute((tenant.0, FoldKey::of(&name).as_str(), name))?;
                }
            }
            Ok(())
        };
        self.database.write(tenant, write).await
    }

    /// This file of the tenant's has been there: from now on, where it is gone, its names are not free and none is made in its place.
    pub async fn auth_db_found(&self, tenant: TenantId, file: &Path) -> Result<(), LedgerError> {
        let file = file.display().to_string();
        let known = file.clone();
        let is_known = move |c: &Connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND auth_db_there = ?2)";
            Ok(c.prepare_cached(sql)?.query_row((tenant.0, known), |row| row.get(0))?)
        };
        if self.database.read(is_known).await? {
            return Ok(());
        }
        self.database.write(tenant, move |tx| set_there(tx, tenant, &file)).await
    }

    /// Which file the settings name for tenant `default` from this start on. What happened while they named another, or none, was
    /// told to nobody there: it is now.
    pub async fn follow_setting(&self, file: Option<&Path>) -> Result<(), LedgerError> {
        let file = file.map(|file| file.display().to_string());
        let follow = move |tx: &Connection| {
            let before: Option<String> = tx
                .query_row("SELECT value FROM meta WHERE name = ?1", [SETTING], |row| row.get(0))
                .optional()?;
            if before == file {
                return Ok(());
            }
            let Some(file) = file else {
                tx.execute("DELETE FROM meta WHERE name = ?1", [SETTING])?;
                return Ok(());
            };
            let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
            tx.execute(sql, (SETTING, file))?;
            let sql =
                "SELECT id FROM tenants WHERE name = ?1 AND auth_db IS NULL AND removed_at IS NULL";
            let default = TenantName::default_tenant();
            let tenant = tx.query_row(sql, [default.as_str()], |row| row.get(0)).optional()?;
            tenant.map_or(Ok(()), |tenant| follow_all(tx, TenantId(tenant)))
        };
        self.database.write(HOUSE, follow).await
    }

    /// How much waits for every sink that a tenant has, nothing included.
    pub async fn queued(&self) -> Result<Vec<Queued>, LedgerError> {
        let default_auth_db = self.default_auth_db;
        let read = move |c: &Connection| {
            let sql = "SELECT t.name,
                    t.auth_db IS NOT NULL OR (?1 AND t.name = 'default'), EXISTS (SELECT 1 FROM webhooks w WHERE w.tenant = t.id),
                    (SELECT count(*) FROM outbox o WHERE o.sink = 'ankisyncd' AND o.tenant = t.id),
                    (SELECT count(*) FROM outbox o WHERE o.sink = 'webhook' AND o.tenant = t.id)
                FROM tenants t";
            let mut statement = c.prepare_cached(sql)?;
            let mut rows = statement.query([default_auth_db])?;
            let mut queued = Vec::new();
            while let Some(row) = rows.next()? {
                for (at, sink) in [Sink::Ankisyncd, Sink::Webhook].into_iter().enumerate() {
                    let (is_there, waiting): (bool, i64) = (row.get(1 + at)?, row.get(3 + at)?);
                    if is_there || waiting > 0 {
                        let (tenant, waiting) = (tenants::name(row, 0)?, waiting.unsigned_abs());
                        queued.push(Queued { tenant, sink, waiting });
                    }
                }
            }
            Ok(queued)
        };
        self.database.read(read).await
    }
}

impl Book {
    /// Records that the open account `name` gets another password; nothing of the password.
    pub async fn new_password(&self, name: &str, act: Act) -> Result<Acted, LedgerError> {
        let check = |_: &Connection, _, account: &Account| {
            Ok(match account.state {
                AccountState::Active => Change::Made(None),
                AccountState::Closed => Change::Refused(HostCode::AccountClosed),
                AccountState::Erased => Change::Refused(HostCode::AccountErased),
            })
        };
        self.act(name, act, check).await
    }

    /// Has the tenant's ankisyncd told once more how it stands with the account `name`.
    pub async fn tell_again(&self, name: &str, act: Act) -> Result<Acted, LedgerError> {
        self.act(name, act, |_, _, _| Ok(Change::Repeated)).await
    }
}

impl LedgerFile {
    /// Accounts of a tenant of which its ankisyncd must know.
    pub fn told(&self, tenant: TenantId) -> Result<Vec<MustKnow>, LedgerError> {
        let sql = "SELECT name, state = 'active', kept_hash IS NOT NULL FROM accounts a WHERE tenant = ?1 AND NOT EXISTS
                (SELECT 1 FROM outbox o WHERE o.tenant = a.tenant AND o.sink = ?2 AND o.name = a.name)
            ORDER BY name";
        let mut statement = self.connection.prepare(sql)?;
        let told = |row: &Row<'_>| {
            Ok(MustKnow { name: row.get(0)?, is_open: row.get(1)?, is_kept: row.get(2)? })
        };
        let rows = statement.query_map((tenant.0, SINK), told)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Has the next start tell the tenant's ankisyncd of these accounts again.
    pub fn tell_again(&self, tenant: TenantId, names: &[String]) -> Result<(), LedgerError> {
        let tx = self.connection.unchecked_transaction()?;
        let mut statement = tx.prepare(&format!("{FOLLOW} AND a.name_key = ?3 AND a.name = ?4"))?;
        for name in names {
            statement.execute((tenant.0, now_ms(), FoldKey::of(name).as_str(), name))?;
        }
        drop(statement);
        Ok(tx.commit()?)
    }
}

/// Puts into the outbox of the ankisyncd how it stands with accounts of a tenant, but for those of which that waits there last.
const FOLLOW: &str = "INSERT INTO outbox (tenant, sink, name, event, message, content, at, next_at)
    SELECT a.tenant, 'ankisyncd', a.name, a.event,
        'msg_' || lower(hex(randomblob(16))), json_object('name', a.name), ?2, ?2
    FROM (SELECT *, CASE WHEN state <> 'active' THEN 'account.closed'
            WHEN kept_hash IS NOT NULL THEN 'account.reopened' ELSE 'account.opened' END AS event FROM accounts) a
    WHERE a.tenant = ?1 AND a.event IS NOT (SELECT o.event FROM outbox o
        WHERE o.tenant = a.tenant AND o.sink = 'ankisyncd' AND o.name = a.name ORDER BY o.id DESC LIMIT 1)";

/// Everybody whom the tenant's ankisyncd is to know, for a file that is its own from now on: who has an account gets a row, whose account
/// is closed gets in no more.
pub(super) fn follow_all(tx: &Connection, tenant: TenantId) -> Result<(), LedgerError> {
    tx.execute(&format!("{FOLLOW} ORDER BY a.id"), (tenant.0, now_ms()))?;
    Ok(())
}

/// How it stands with an account that is as somebody wants it already: its ankisyncd, if the tenant has one, may not know it.
pub(super) fn follow_again(
    tx: &Connection,
    default_auth_db: bool,
    tenant: TenantId,
    account: &Account,
) -> Result<(), LedgerError> {
    let sql = format!(
        "{FOLLOW} AND a.id = ?3 AND EXISTS (SELECT 1 FROM tenants t
            WHERE t.id = a.tenant AND (t.auth_db IS NOT NULL OR (?4 AND t.name = 'default')))"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    statement.execute((tenant.0, now_ms(), account.id, default_auth_db))?;
    Ok(())
}

/// Nothing waits any more for an ankisyncd that the tenant has not.
pub(super) fn follow_nobody(tx: &Connection, tenant: TenantId) -> Result<(), LedgerError> {
    tx.execute("DELETE FROM outbox WHERE tenant = ?1 AND sink = ?2", (tenant.0, SINK))?;
    Ok(())
}

fn set_there(tx: &Connection, tenant: TenantId, file: &str) -> Result<(), LedgerError> {
    let sql = "UPDATE tenants SET auth_db_there = ?2 WHERE id = ?1 AND auth_db_there IS NOT ?2";
    tx.prepare_cached(sql)?.execute((tenant.0, file))?;
    Ok(())
}
