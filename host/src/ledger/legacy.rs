//! What tenant `default` takes over from the ini of an ankisyncd: the key of its door and its issuer. Read at every start: the ini is
//! the truth about its key, the tenant's row about the issuer.
//! Refuses to give back what an operator took away, to lend a key that somebody else has, and to change an issuer.

use crate::domain::{TenantId, TenantName};
use crate::ledger::keyring::{ON_THE_MACHINE, act};
use crate::ledger::keys::{Terms, hash, insert};
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::tenants::{conflict, set_issuer};
use crate::ledger::{Act, Key, Ledger, LedgerError, LedgerFile, Scope};
use rusqlite::{Connection, OptionalExtension, Row};

/// What an ini says.
#[derive(Clone, Debug)]
pub struct Legacy {
    /// The key, if it is one that may be used.
    pub key: Option<Key>,
    /// What the key is for.
    pub note: String,
    /// Who vouches; empty when it does not say.
    pub issuer: String,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inherited {
    /// Of the key.
    pub key: LegacyKey,
    /// Keys that stood in the ini before, and open nothing from now on.
    pub replaced: Vec<String>,
    /// Of the issuer.
    pub issuer: LegacyIssuer,
}

/// What becomes of the key of an ini.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacyKey {
    /// There is none that may be used.
    None,
    /// It opens the door from now on.
    New,
    /// It has opened it before.
    Known(String),
    /// It did, until an operator revoked it or it expired.
    Ended(String),
    /// It is a key for something else.
    Elsewhere(String),
    /// There is no tenant `default` any more.
    NoTenant,
}

/// What becomes of the issuer of an ini.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacyIssuer {
    /// The ini does not say one, or there is nobody to have it.
    None,
    /// It is the tenant's from now on, and that of so many accounts without one.
    New(usize),
    /// It is the tenant's.
    Same,
    /// The tenant has this one, and keeps it.
    Other(String),
    /// These two accounts would be one person's under it.
    Conflict(String, String),
}

/// What the row of such a key says of where it comes from.
const ORIGIN: &str = "ankisyncd.conf";

/// What the record calls the start that did it.
const REQUEST: &str = "serve --ankisyncd-conf";

impl Inherited {
    /// What becomes of it at a first start.
    pub fn at_first(legacy: &Legacy) -> Self {
        let key = if legacy.key.is_some() { LegacyKey::New } else { LegacyKey::None };
        let issuer = match legacy.issuer.as_str() {
            "" => LegacyIssuer::None,
            _ => LegacyIssuer::New(0),
        };
        Self { key, replaced: Vec::new(), issuer }
    }
}

impl Ledger {
    /// Takes it over, in one transaction.
    pub async fn inherit(&self, legacy: Legacy) -> Result<Inherited, LedgerError> {
        self.database.write(HOUSE, move |tx| inherit(tx, &legacy)).await
    }
}

impl LedgerFile {
    /// What would become of it.
    pub fn foresee(&self, legacy: &Legacy) -> Result<Inherited, LedgerError> {
        Ok(foresee(&self.connection, legacy)?.1)
    }
}

fn inherit(tx: &Connection, legacy: &Legacy) -> Result<Inherited, LedgerError> {
    let (tenant, inherited) = foresee(tx, legacy)?;
    let Some(tenant) = tenant else { return Ok(inherited) };
    let now = now_ms();
    for id in &inherited.replaced {
        tx.execute("UPDATE keys SET revoked_at = ?1 WHERE id = ?2", (now, id))?;
        let why = format!("{id}, which is not in the ini any more");
        act("key_revoke", REQUEST.to_owned(), why).record(tx, tenant, ON_THE_MACHINE)?;
    }
    if let (LegacyKey::New, Some(key)) = (&inherited.key, &legacy.key) {
        let scopes = &[Scope::Provision];
        let terms =
            Terms { tenant: Some(tenant.0), scopes, note: &legacy.note, ..Terms::default() };
        insert(tx, key, &terms, now)?;
        tx.execute("UPDATE keys SET origin = ?1 WHERE id = ?2", (ORIGIN, key.id()))?;
        let detail = format!("{} with {}", key.id(), Scope::Provision.as_str());
        act("key_create", REQUEST.to_owned(), detail).record(tx, tenant, ON_THE_MACHINE)?;
    }
    if let LegacyIssuer::New(_) = inherited.issuer
        && let Ok(given) = set_issuer(tx, tenant, "", &legacy.issuer)?
    {
        let detail = Some(format!("issuer {:?}, given to {given} accounts", legacy.issuer));
        let act = Act { request_id: REQUEST.to_owned(), what: "tenant_set", name: None, detail };
        act.record(tx, tenant, ON_THE_MACHINE)?;
    }
    Ok(inherited)
}

fn foresee(c: &Connection, legacy: &Legacy) -> Result<(Option<TenantId>, Inherited), LedgerError> {
    let sql = "SELECT id, issuer FROM tenants WHERE name = ?1 AND removed_at IS NULL";
    let default = TenantName::default_tenant();
    let row = |row: &Row<'_>| Ok((TenantId(row.get(0)?), row.get::<_, String>(1)?));
    let Some((tenant, issuer)) = c.query_row(sql, [default.as_str()], row).optional()? else {
        let (key, issuer) = (LegacyKey::NoTenant, LegacyIssuer::None);
        return Ok((None, Inherited { key, replaced: Vec::new(), issuer }));
    };
    let key = legacy.key.as_ref().map_or(Ok(LegacyKey::None), |key| key_of(c, tenant, key))?;
    let present = legacy.key.as_ref().map(|key| hash(key.reveal()));
    let sql = "SELECT id FROM keys WHERE tenant = ?1 AND origin = ?2 AND revoked_at IS NULL
        AND (?3 IS NULL OR hash <> ?3) ORDER BY rowid";
    let mut statement = c.prepare(sql)?;
    let replaced = statement.query_map((tenant.0, ORIGIN, present), |row| row.get(0))?;
    let replaced = replaced.collect::<Result<_, _>>()?;
    let issuer = issuer_of(c, tenant, issuer, &legacy.issuer)?;
    Ok((Some(tenant), Inherited { key, replaced, issuer }))
}

/// A row with this key's hash.
struct Found {
    id: String,
    tenant: Option<i64>,
    scopes: String,
    /// By an operator; a start that found another key in the ini only put it aside.
    revoked: bool,
    valid: bool,
}

fn key_of(c: &Connection, tenant: TenantId, key: &Key) -> Result<LegacyKey, LedgerError> {
    let sql = "SELECT id, tenant, scopes, revoked_at IS NOT NULL AND (revoked_by IS NOT NULL OR origin IS NULL),
        revoked_at IS NULL AND coalesce(expires_at > ?2, 1), revoked_at IS NULL FROM keys WHERE hash = ?1 ORDER BY rowid";
    let mut statement = c.prepare(sql)?;
    let found = statement.query_map((hash(key.reveal()), now_ms()), |row| {
        let (valid, unrevoked): (bool, bool) = (row.get(4)?, row.get(5)?);
        let revoked = row.get::<_, bool>(3)? || unrevoked && !valid;
        Ok(Found { id: row.get(0)?, tenant: row.get(1)?, scopes: row.get(2)?, revoked, valid })
    })?;
    let found: Vec<Found> = found.collect::<Result<_, _>>()?;
    let opens = |found: &&Found| {
        found.tenant == Some(tenant.0) && Scope::split(&found.scopes).contains(&Scope::Provision)
    };
    let valid = || found.iter().filter(|found| found.valid);
    if let Some(other) = valid().find(|found| !opens(found)) {
        return Ok(LegacyKey::Elsewhere(other.id.clone()));
    }
    if let Some(known) = valid().next() {
        return Ok(LegacyKey::Known(known.id.clone()));
    }
    let ended = found.iter().find(|found| found.revoked);
    Ok(ended.map_or(LegacyKey::New, |ended| LegacyKey::Ended(ended.id.clone())))
}

fn issuer_of(
    c: &Connection,
    tenant: TenantId,
    has: String,
    said: &str,
) -> Result<LegacyIssuer, LedgerError> {
    if said.is_empty() {
        return Ok(LegacyIssuer::None);
    }
    if !has.is_empty() {
        return Ok(if has == said { LegacyIssuer::Same } else { LegacyIssuer::Other(has) });
    }
    if let Some((one, other)) = conflict(c, tenant, said)? {
        return Ok(LegacyIssuer::Conflict(one, other));
    }
    let sql =
        "SELECT count(*) FROM accounts WHERE tenant = ?1 AND issuer = '' AND erased_at IS NULL";
    let count: i64 = c.query_row(sql, [tenant.0], |row| row.get(0))?;
    Ok(LegacyIssuer::New(usize::try_from(count).unwrap_or_default()))
}
