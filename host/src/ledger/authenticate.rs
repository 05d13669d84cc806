//! From a key to the right to act: for one tenant, or as the operator. The only maker of either.
//! Refuses to tell a key that was revoked or has expired from one that never was, and to make a request wait for its own note
//! that the key was used.

use crate::domain::{TenantId, TenantName};
use crate::ledger::keys::{hash, own_id};
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{KeyKind, Ledger, LedgerError, Operator, Scope, Tenant};
use crate::meters::{METERS, Stage};
use rusqlite::{Connection, OptionalExtension, ToSql};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use tracing::warn;

/// Why a key does not open what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// No such key.
    #[error("no such key")]
    Unknown,
    /// A tenant's key without the scope, in its own tenant.
    #[error("the key has no scope {}", .0.as_str())]
    ScopeMissing(Scope),
    /// A tenant's key where only an operator's is of use.
    #[error("this takes an operator key")]
    OperatorOnly,
    /// An operator's key that has scopes, where they do not go.
    #[error("this takes an operator key without scopes")]
    Limited,
    /// An operator's key where the key itself must name the tenant.
    #[error("an operator key needs a tenant in the path")]
    TenantRequired,
    /// No such tenant, or not this key's: the same answer.
    #[error("no such tenant")]
    NoSuchTenant,
    /// It could not be found out.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A key as it is stored.
struct KeyRow {
    id: String,
    tenant: Option<i64>,
    scopes: String,
    last_used_at: Option<i64>,
}

impl KeyRow {
    /// An operator's without scopes: one that has some, also such as only a newer Enlist knows, is for those alone.
    fn opens_all(&self) -> bool {
        self.tenant.is_none() && self.scopes.is_empty()
    }
}

const MINUTE_MS: i64 = 60_000;

/// How long a use is kept in memory: the requests that bring it come first.
const NOTED_AFTER: Duration = Duration::from_secs(3);

impl Ledger {
    /// Opens a tenant with a key that has one of these scopes. `wanted` names the tenant, `None` means the key's own. An unknown
    /// key is found out first, then a tenant that is not the key's, then a missing scope; comparisons take the same time
    /// wherever they differ.
    pub fn authenticate(
        &self,
        presented: &str,
        wanted: Option<&str>,
        any_of: &[Scope],
    ) -> Result<Tenant, Denied> {
        self.with_key(presented, |c, key| admit(c, key, wanted, any_of))
    }

    /// Opens what is no tenant's: tenants themselves, and the operators' keys.
    pub fn authenticate_operator(&self, presented: &str) -> Result<Operator, Denied> {
        self.with_key(presented, |_, key| match key.tenant {
            None if key.opens_all() => Ok(Operator { key: key.id }),
            None => Err(Denied::Limited),
            Some(_) => Err(Denied::OperatorOnly),
        })
    }

    /// Opens the numbers of the server: all of them for an operator's key, else those of the tenant that is given.
    pub fn authenticate_metrics(&self, presented: &str) -> Result<Option<Tenant>, Denied> {
        self.with_key(presented, |c, key| match key.tenant {
            None if key.opens_all() || Scope::split(&key.scopes).contains(&Scope::Metrics) => {
                Ok(None)
            }
            None => Err(Denied::Limited),
            Some(_) => admit(c, key, None, &[Scope::Metrics]).map(Some),
        })
    }

    fn with_key<T>(
        &self,
        presented: &str,
        open: impl FnOnce(&Connection, KeyRow) -> Result<T, Denied>,
    ) -> Result<T, Denied> {
        let (began, now) = (Instant::now(), now_ms());
        let opened = self.database.glance(|c| {
            let Some(key) = find(c, presented, now)? else { return Ok(None) };
            let used = (key.id.clone(), key.last_used_at);
            Ok(Some((used, open(c, key))))
        })?;
        METERS.stage(Stage::Key, began);
        let Some(((id, last_used_at), opened)) = opened else { return Err(Denied::Unknown) };
        self.note_use(id, last_used_at, now);
        opened
    }

    /// Remembers that a key was used, once a minute. Nobody waits for it: it is written a moment later, with that of other keys.
    fn note_use(&self, id: String, last_used_at: Option<i64>, now: i64) {
        let minute = now - now.rem_euclid(MINUTE_MS);
        if last_used_at.is_some_and(|at| at >= minute) {
            return;
        }
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = uses.is_empty();
        uses.insert(id, minute);
        if !begin {
            return;
        }
        let (database, uses) = (Arc::downgrade(&self.database), Arc::clone(&self.uses));
        tokio::spawn(async move {
            tokio::time::sleep(NOTED_AFTER).await;
            let uses = std::mem::take(&mut *uses.lock().unwrap_or_else(PoisonError::into_inner));
            // The server may have stopped meanwhile.
            let Some(database) = database.upgrade() else { return };
            if let Err(error) = database.write(HOUSE, move |tx| note(tx, &uses)).await {
                warn!(?error, "when keys were last used is not known to the minute");
            }
        });
    }
}

fn note(tx: &Connection, uses: &HashMap<String, i64>) -> Result<(), LedgerError> {
    let mut statement = tx.prepare_cached("UPDATE keys SET last_used_at = ?2 WHERE id = ?1")?;
    for (id, minute) in uses {
        statement.execute((id, minute))?;
    }
    Ok(())
}

fn admit(
    connection: &Connection,
    key: KeyRow,
    wanted: Option<&str>,
    any_of: &[Scope],
) -> Result<Tenant, Denied> {
    if key.tenant.is_none() && !key.opens_all() {
        // It has the right to no tenant, so none is there for it.
        return Err(wanted.map_or(Denied::Limited, |_| Denied::NoSuchTenant));
    }
    // A tenant's key looks up its own tenant, whichever was wanted: so much work tells nobody whether another one is there.
    let (column, value): (&str, &dyn ToSql) = match (&wanted, &key.tenant) {
        (_, Some(own)) => ("id", own),
        (Some(name), None) => ("name", name),
        (None, None) => return Err(Denied::TenantRequired),
    };
    let sql = format!(
        "SELECT id, name, issuer, home, created_at FROM tenants WHERE {column} = ?1 AND removed_at IS NULL"
    );
    let (id, name, issuer, home, since): (i64, String, String, Option<String>, i64) = connection
        .prepare_cached(&sql)
        .and_then(|mut s| {
            let row =
                |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?));
            s.query_row([value], row).optional()
        })
        .map_err(LedgerError::from)?
        .filter(|(_, name, ..)| wanted.is_none_or(|wanted| wanted == name))
        .ok_or(Denied::NoSuchTenant)?;
    let scopes = key.tenant.map(|_| Scope::split(&key.scopes));
    let name = TenantName::parse(&name)
        .ok_or_else(|| LedgerError::Unexpected(format!("a tenant named {name:?}")))?;
    let tenant = Tenant { id: TenantId(id), name, issuer, home, since, key: key.id, scopes };
    match any_of.first() {
        Some(scope) if !any_of.iter().any(|scope| tenant.may(*scope)) => {
            Err(Denied::ScopeMissing(*scope))
        }
        _ => Ok(tenant),
    }
}

fn find(connection: &Connection, presented: &str, now: i64) -> Result<Option<KeyRow>, LedgerError> {
    let kinds = [KeyKind::Operator, KeyKind::Tenant];
    let own = kinds.into_iter().find_map(|kind| own_id(presented, kind));
    let presented_hash = hash(presented);
    // One row for a key that carries its id; for any other, every key that does not.
    let mut statement = connection.prepare_cached(
        "SELECT id, tenant, scopes, hash, last_used_at FROM keys
         WHERE foreign_form = (?1 IS NULL) AND (?1 IS NULL OR id = ?1)
             AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)",
    )?;
    let mut rows = statement.query((own, now))?;
    let mut found = None;
    while let Some(row) = rows.next()? {
        let stored: Vec<u8> = row.get(3)?;
        if bool::from(stored.ct_eq(&presented_hash)) {
            found = Some(KeyRow {
                id: row.get(0)?,
                tenant: row.get(1)?,
                scopes: row.get(2)?,
                last_used_at: row.get(4)?,
            });
        }
    }
    Ok(found)
}
