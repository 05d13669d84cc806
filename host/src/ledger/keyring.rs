//! Keys made, listed and revoked: the operators', and each tenant's own.
//! Refuses to give a tenant's key more than the key that makes it has, and to forget one: what was revoked stays listed.

use crate::domain::{TenantId, TenantName};
use crate::ledger::keys::{Terms, insert};
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Act, Book, Key, KeyKind, Ledger, LedgerError, Operator, Scope, sqlite};
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::Path;

/// A key to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it may be used for; none for an operator's key that opens all.
    pub scopes: Vec<Scope>,
    /// What it is for.
    pub note: String,
    /// Milliseconds from now until it opens nothing any more.
    pub expires_in_ms: Option<i64>,
}

/// What was said of a key to be, and cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct WrongTerm {
    /// What it was said of.
    pub field: &'static str,
    /// What could be.
    pub expected: String,
}

/// Longer than anybody plans: a hundred years of seconds.
const EXPIRES_LIMIT: u64 = 100 * 366 * 86_400;

/// The longest note, in bytes.
const NOTE_LIMIT: usize = 200;

impl NewKey {
    /// What somebody wants, if it can be meant: the same for one who asks a server and one who sits at the machine.
    pub fn wanted(
        kind: KeyKind,
        scopes: Option<&[String]>,
        note: &str,
        expires_in_seconds: Option<u64>,
    ) -> Result<Self, WrongTerm> {
        let wrong = |field, expected: &str| Err(WrongTerm { field, expected: expected.to_owned() });
        let scopes = match (kind, scopes) {
            (KeyKind::Tenant, None) => Scope::DEFAULT.to_vec(),
            (KeyKind::Tenant, Some(names)) => some_of(names)?,
            (KeyKind::Operator, None) => Vec::new(),
            (KeyKind::Operator, Some(names)) if some_of(names)? == [Scope::Metrics] => {
                vec![Scope::Metrics]
            }
            (KeyKind::Operator, Some(_)) => {
                return wrong(
                    "scopes",
                    "metrics alone, or none: then an operator key opens everything",
                );
            }
        };
        if note.len() > NOTE_LIMIT || note.chars().any(char::is_control) {
            return wrong("note", "at most 200 bytes on one line");
        }
        if expires_in_seconds.is_some_and(|seconds| !(1..=EXPIRES_LIMIT).contains(&seconds)) {
            return wrong("expires_in", "seconds, from 1 to a hundred years");
        }
        let expires_in_ms =
            expires_in_seconds.and_then(|s| i64::try_from(s).ok()).map(|s| s * 1000);
        Ok(Self { scopes, note: note.to_owned(), expires_in_ms })
    }
}

/// In the order of the contract, each once.
fn some_of(names: &[String]) -> Result<Vec<Scope>, WrongTerm> {
    let named = Scope::ALL.into_iter().filter(|scope| names.iter().any(|n| n == scope.as_str()));
    let scopes: Vec<_> = named.collect();
    if names.iter().all(|name| Scope::parse(name).is_some()) && !scopes.is_empty() {
        return Ok(scopes);
    }
    let all = Scope::ALL.map(Scope::as_str).join(", ");
    Err(WrongTerm { field: "scopes", expected: format!("some of {all}") })
}

/// What is kept of a key.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    /// The eight characters that a key of ours carries.
    pub id: String,
    /// Whether it is an operator's.
    pub operator: bool,
    /// What it may be used for; none for an operator's that opens all.
    pub scopes: Vec<Scope>,
    /// What it is for.
    pub note: String,
    /// Milliseconds since 1970-01-01 UTC, like the others here.
    pub created_at_ms: i64,
    /// The key that made it; none for one that the machine made.
    pub created_by: Option<String>,
    /// From then on it opens nothing.
    pub expires_at_ms: Option<i64>,
    /// To the minute.
    pub last_used_at_ms: Option<i64>,
    /// Since then it opens nothing.
    pub revoked_at_ms: Option<i64>,
}

impl KeyEntry {
    /// Whether it opens anything: `valid`, `expired` or `revoked`.
    pub fn state(&self) -> &'static str {
        match (self.revoked_at_ms, self.expires_at_ms) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= now_ms() => "expired",
            _ => "valid",
        }
    }
}

/// What the record names where no key stands behind an act.
pub(super) const ON_THE_MACHINE: &str = "local";

const COLUMNS: &str =
    "id, tenant, scopes, note, created_at, created_by, expires_at, last_used_at, revoked_at";

impl Book {
    /// Every key of the tenant, the oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyEntry>, LedgerError> {
        let tenant = self.tenant.id;
        self.ledger.database.read(move |c| list(c, Some(tenant.0))).await
    }

    /// Makes a key of the tenant; none when it would have a scope that the key behind this request has not.
    pub async fn create_key(
        &self,
        new: NewKey,
        request_id: &str,
    ) -> Result<Option<(Key, KeyEntry)>, LedgerError> {
        if !new.scopes.iter().all(|scope| self.tenant.may(*scope)) {
            return Ok(None);
        }
        let key = Key::random(KeyKind::Tenant)?;
        let (tenant, request_id, made) = (self.tenant.clone(), request_id.to_owned(), key.clone());
        let create = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let Some(new) = within(tx, &tenant.key, new)? else { return Ok(None) };
            create(tx, &made, Some(tenant.id), &new, Some(&tenant.key), request_id).map(Some)
        };
        let entry = self.ledger.database.write(self.tenant.id, create).await?;
        Ok(entry.map(|entry| (key, entry)))
    }

    /// Revokes a key of the tenant; false when there is none of this id that still opened something.
    pub async fn revoke_key(&self, id: &str, request_id: &str) -> Result<bool, LedgerError> {
        let (tenant, id, request_id) = (self.tenant.clone(), id.to_owned(), request_id.to_owned());
        let revoke = move |tx: &Connection| {
            let revoked = revoke(tx, Some(tenant.id.0), &id, &tenant.key)?;
            if revoked {
                act("key_revoke", request_id, id).record(tx, tenant.id, &tenant.key)?;
            }
            Ok(revoked)
        };
        self.ledger.database.write(self.tenant.id, revoke).await
    }
}

impl Ledger {
    /// Every operator's key, the oldest first.
    pub async fn operator_keys(&self, _by: &Operator) -> Result<Vec<KeyEntry>, LedgerError> {
        self.database.read(|c| list(c, None)).await
    }

    /// Makes a key for an operator; none when the asking one was revoked meanwhile. It is no tenant's, so its own row is the record of who made it.
    pub async fn create_operator_key(
        &self,
        by: &Operator,
        new: NewKey,
    ) -> Result<Option<(Key, KeyEntry)>, LedgerError> {
        let key = Key::random(KeyKind::Operator)?;
        let (by, made) = (by.key.clone(), key.clone());
        let create = move |tx: &Connection| {
            let Some(new) = within(tx, &by, new)? else { return Ok(None) };
            create(tx, &made, None, &new, Some(&by), String::new()).map(Some)
        };
        let entry = self.database.write(HOUSE, create).await?;
        Ok(entry.map(|entry| (key, entry)))
    }

    /// Revokes an operator's key, also the last and the asking one: the machine can make another.
    pub async fn revoke_operator_key(&self, by: &Operator, id: &str) -> Result<bool, LedgerError> {
        let (by, id) = (by.key.clone(), id.to_owned());
        self.database.write(HOUSE, move |tx| revoke(tx, None, &id, &by)).await
    }
}

/// Makes a key for whoever is in charge of the machine, an operator's when no tenant is named, in the database of a server that may
/// be running: it reads keys as they are now. None when there is no such tenant.
pub fn recover_key(
    database: &Path,
    tenant: Option<&TenantName>,
    new: &NewKey,
) -> Result<Option<(Key, KeyEntry)>, LedgerError> {
    let kind = if tenant.is_some() { KeyKind::Tenant } else { KeyKind::Operator };
    let key = Key::random(kind)?;
    let entry = sqlite::transact(&mut sqlite::open_as_it_is(database)?, |tx| {
        let tenant = match tenant {
            None => None,
            Some(name) => {
                let sql = "SELECT id FROM tenants WHERE name = ?1 AND removed_at IS NULL";
                let id = tx.query_row(sql, [name.as_str()], |row| row.get(0)).optional()?;
                let Some(id) = id else { return Ok(None) };
                Some(TenantId(id))
            }
        };
        create(tx, &key, tenant, new, None, "key create --local".to_owned()).map(Some)
    })?;
    Ok(entry.map(|entry| (key, entry)))
}

/// What is wanted, ending no later than the key that makes it; none when that one opens nothing any more.
fn within(tx: &Connection, maker: &str, new: NewKey) -> Result<Option<NewKey>, LedgerError> {
    let now = now_ms();
    let sql = "SELECT expires_at FROM keys WHERE id = ?1 AND revoked_at IS NULL AND coalesce(expires_at > ?2, 1)";
    let maker: Option<Option<i64>> =
        tx.query_row(sql, (maker, now), |row| row.get(0)).optional()?;
    Ok(maker.map(|ends| {
        let left = ends.map(|ends| ends - now);
        let wanted = new.expires_in_ms;
        NewKey { expires_in_ms: wanted.into_iter().chain(left).min(), ..new }
    }))
}

fn create(
    tx: &Connection,
    key: &Key,
    tenant: Option<TenantId>,
    new: &NewKey,
    by: Option<&str>,
    request_id: String,
) -> Result<KeyEntry, LedgerError> {
    let now = now_ms();
    let terms = Terms {
        tenant: tenant.map(|tenant| tenant.0),
        scopes: &new.scopes,
        note: &new.note,
        created_by: by,
        expires_at: new.expires_in_ms.map(|after| now.saturating_add(after)),
    };
    insert(tx, key, &terms, now)?;
    if let Some(tenant) = tenant {
        let detail = format!("{} with {}", key.id(), Scope::join(&new.scopes));
        act("key_create", request_id, detail).record(tx, tenant, by.unwrap_or(ON_THE_MACHINE))?;
    }
    let sql = format!("SELECT {COLUMNS} FROM keys WHERE id = ?1");
    Ok(tx.query_row(&sql, [key.id()], entry)?)
}

fn revoke(tx: &Connection, tenant: Option<i64>, id: &str, by: &str) -> Result<bool, LedgerError> {
    let changed = tx.execute(
        "UPDATE keys SET revoked_at = ?1, revoked_by = ?2 WHERE id = ?3 AND tenant IS ?4 AND revoked_at IS NULL
             AND coalesce(expires_at > ?1, 1)",
        (now_ms(), by, id, tenant),
    )?;
    Ok(changed == 1)
}

pub(super) fn act(what: &'static str, request_id: String, detail: String) -> Act {
    Act { request_id, what, name: None, detail: Some(detail) }
}

pub(super) fn list(
    connection: &Connection,
    tenant: Option<i64>,
) -> Result<Vec<KeyEntry>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM keys WHERE tenant IS ?1 ORDER BY created_at, rowid");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([tenant], entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<KeyEntry> {
    let (operator, scopes): (Option<i64>, String) = (row.get(1)?, row.get(2)?);
    Ok(KeyEntry {
        id: row.get(0)?,
        operator: operator.is_none(),
        scopes: Scope::split(&scopes),
        note: row.get(3)?,
        created_at_ms: row.get(4)?,
        created_by: row.get(5)?,
        expires_at_ms: row.get(6)?,
        last_used_at_ms: row.get(7)?,
        revoked_at_ms: row.get(8)?,
    })
}
