//! Tenants: made, listed, changed and removed, each with its row in the record.
//! Refuses to move accounts and to forget a tenant that had one: its row keeps the name from being given again.

use crate::domain::{Page, TenantId, TenantName};
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Act, Book, Ledger, LedgerError, Operator, StoredRevision, Tenant, ankisyncd};
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::PathBuf;

/// A tenant to be.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// What people will know it as.
    pub name: TenantName,
    /// Who vouches when a request names nobody; empty when nobody does.
    pub issuer: String,
    /// Its own home root; none for the place that follows from the name.
    pub home: Option<String>,
    /// Its own ankisyncd database.
    pub auth_db: Option<String>,
    /// Its revision 1; the number is not looked at.
    pub revision: StoredRevision,
}

/// What is known of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantEntry {
    /// For the rooms behind the door.
    pub id: TenantId,
    /// For people.
    pub name: TenantName,
    /// Who vouches when a request names nobody; empty when nobody does.
    pub issuer: String,
    /// Its own home root; none for the place that follows from the name.
    pub home: Option<PathBuf>,
    /// Its own ankisyncd database; none for none, or for what the settings say.
    pub auth_db: Option<PathBuf>,
    /// The revision that decides.
    pub revision: u64,
    /// Accounts that are open.
    pub accounts: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
}

/// What shall be different; none leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct TenantChange {
    /// The issuer; empty for none.
    pub issuer: Option<String>,
    /// Its own home root; inside, none for the place that follows from the name.
    pub home: Option<Option<String>>,
    /// Its own ankisyncd database; inside, none for none, or for what the settings say.
    pub auth_db: Option<Option<String>>,
}

/// Why a tenant was not made, changed or removed. Nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unchanged {
    /// There is no such tenant any more.
    Gone,
    /// The name is a tenant's, or was one's that is removed.
    Exists {
        /// Which of both.
        removed: bool,
    },
    /// It has open accounts, so many.
    Open(u64),
    /// It has accounts, open or not.
    HasAccounts,
    /// These two accounts would be one person's under the issuer.
    Conflict(String, String),
}

impl Tenant {
    /// What the key was told of the tenant still holds. A request that comes too late, after the tenant was removed, got its
    /// issuer or moved its homes, has changed nothing and is asked to come again.
    pub(super) fn still_holds(&self, tx: &Connection) -> Result<(), LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM tenants
            WHERE id = ?1 AND created_at = ?2 AND issuer = ?3 AND home IS ?4 AND removed_at IS NULL)";
        let mut statement = tx.prepare_cached(sql)?;
        let told = (self.id.0, self.since, &self.issuer, &self.home);
        let holds = statement.query_row(told, |row| row.get(0))?;
        if holds { Ok(()) } else { Err(LedgerError::Busy) }
    }
}

impl Ledger {
    /// At most `limit` tenants behind the name `after`, in the order of their names.
    pub async fn tenants(
        &self,
        _by: &Operator,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<TenantEntry, String>, LedgerError> {
        self.database.read(move |c| page(c, after.as_deref().unwrap_or_default(), limit)).await
    }

    /// Makes a tenant.
    pub async fn create_tenant(
        &self,
        by: &Operator,
        new: NewTenant,
        request_id: &str,
    ) -> Result<Result<TenantEntry, Unchanged>, LedgerError> {
        let (by, request_id) = (by.key.clone(), request_id.to_owned());
        let create = move |tx: &Connection| {
            let held = "SELECT removed_at IS NOT NULL FROM tenants WHERE name = ?1";
            let held = tx.query_row(held, [new.name.as_str()], |row| row.get(0)).optional()?;
            if let Some(removed) = held {
                return Ok(Err(Unchanged::Exists { removed }));
            }
            let id = insert(tx, &new, Some(&by), now_ms())?;
            let home = new.home.map(|home| format!("home {home}"));
            let auth_db = new.auth_db.map(|file| format!("ankisyncd_auth_db {file}"));
            let details: Vec<_> = home.into_iter().chain(auth_db).collect();
            let detail = (!details.is_empty()).then(|| details.join("; "));
            let act = Act { request_id, what: "tenant_create", name: None, detail };
            act.record(tx, id, &by)?;
            Ok(entry_of(tx, id)?.ok_or(Unchanged::Gone))
        };
        self.database.write(HOUSE, create).await
    }
}

impl Book {
    /// The tenant itself.
    pub async fn entry(&self) -> Result<Option<TenantEntry>, LedgerError> {
        let tenant = self.tenant.id;
        self.ledger.database.read(move |c| entry_of(c, tenant)).await
    }

    /// Changes the tenant. An issuer where there was none becomes the one of its accounts that have none, in the same
    /// transaction.
    pub async fn change(
        &self,
        change: TenantChange,
        request_id: &str,
    ) -> Result<Result<TenantEntry, Unchanged>, LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let default_auth_db = self.ledger.default_auth_db;
        let change = move |tx: &Connection| {
            let Some(now) = entry_of(tx, tenant.id)?.filter(|now| tenant.is(now)) else {
                return Ok(Err(Unchanged::Gone));
            };
            let home = change.home.filter(|home| *home != text(&now.home));
            if home.is_some() && has_accounts(tx, tenant.id)? {
                return Ok(Err(Unchanged::HasAccounts));
            }
            let mut details = Vec::new();
            // First, because it may be refused: nothing is changed then.
            if let Some(issuer) = change.issuer.filter(|issuer| *issuer != now.issuer) {
                match set_issuer(tx, tenant.id, &now.issuer, &issuer)? {
                    Ok(given) => {
                        details.push(format!("issuer {issuer:?}, given to {given} accounts"))
                    }
                    Err(unchanged) => return Ok(Err(unchanged)),
                }
            }
            if let Some(home) = home {
                details.push(format!("home {}", home.as_deref().unwrap_or("by name")));
                let sql = "UPDATE tenants SET home = ?1 WHERE id = ?2";
                tx.execute(sql, (home, tenant.id.0))?;
            }
            let auth_db = change.auth_db.filter(|file| *file != text(&now.auth_db));
            if let Some(file) = auth_db {
                details.push(format!(
                    "ankisyncd_auth_db {}",
                    file.as_deref().unwrap_or("none of its own")
                ));
                tx.execute("UPDATE tenants SET auth_db = ?1 WHERE id = ?2", (&file, tenant.id.0))?;
                // What waits goes to the other file, if there is one.
                if file.is_some() || (default_auth_db && now.name == TenantName::default_tenant()) {
                    ankisyncd::follow_all(tx, tenant.id)?;
                } else {
                    ankisyncd::follow_nobody(tx, tenant.id)?;
                }
            }
            if !details.is_empty() {
                let detail = Some(details.join("; "));
                let act = Act { request_id, what: "tenant_set", name: None, detail };
                act.record(tx, tenant.id, &tenant.key)?;
            }
            Ok(entry_of(tx, tenant.id)?.ok_or(Unchanged::Gone))
        };
        let changed = self.ledger.database.write(self.tenant.id, change).await?;
        self.ledger.announce();
        Ok(changed)
    }

    /// Removes the tenant and revokes its keys. The row stays if there ever was an account.
    pub async fn remove(&self, request_id: &str) -> Result<Result<(), Unchanged>, LedgerError> {
        let (tenant, request_id) = (self.tenant.clone(), request_id.to_owned());
        let remove = move |tx: &Connection| {
            let Some(now) = entry_of(tx, tenant.id)?.filter(|now| tenant.is(now)) else {
                return Ok(Err(Unchanged::Gone));
            };
            if now.accounts > 0 {
                return Ok(Err(Unchanged::Open(now.accounts)));
            }
            if !has_accounts(tx, tenant.id)? {
                forget(tx, tenant.id)?;
                return Ok(Ok(()));
            }
            let act = Act { request_id, what: "tenant_remove", name: None, detail: None };
            act.record(tx, tenant.id, &tenant.key)?;
            let at = (now_ms(), tenant.id.0);
            tx.execute(
                "UPDATE keys SET revoked_at = ?1 WHERE tenant = ?2 AND revoked_at IS NULL",
                at,
            )?;
            tx.execute("UPDATE tenants SET removed_at = ?1 WHERE id = ?2", at)?;
            Ok(Ok(()))
        };
        self.ledger.database.write(self.tenant.id, remove).await
    }
}

impl Tenant {
    /// Whether this is the tenant that the key opened, and not a later one under the same number.
    fn is(&self, entry: &TenantEntry) -> bool {
        self.since == entry.created_at_ms && self.name == entry.name
    }
}

fn text(path: &Option<PathBuf>) -> Option<String> {
    path.as_ref().map(|path| path.display().to_string())
}

/// Gives a tenant its rows: its own, the component's, that of revision 1 and of its activation. `by` is the id of the key that
/// makes it; none for the machine.
pub(super) fn insert(
    tx: &Connection,
    new: &NewTenant,
    by: Option<&str>,
    now: i64,
) -> Result<TenantId, LedgerError> {
    let next = "UPDATE last_tenant SET id = id + 1 RETURNING id";
    let tenant: i64 = tx.query_row(next, [], |row| row.get(0))?;
    tx.execute(
        "INSERT INTO tenants (id, name, issuer, home, auth_db, active_revision, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)",
        (tenant, new.name.as_str(), &new.issuer, &new.home, &new.auth_db, now),
    )?;
    let StoredRevision { policy, digest, component, settings, settings_digest, .. } = &new.revision;
    tx.execute(
        "INSERT INTO components (digest, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        (digest, component),
    )?;
    tx.execute(
        "INSERT INTO revisions (tenant, number, policy, component, settings, settings_digest, made_at, made_by)
         VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (tenant, policy, digest, settings, settings_digest, now, by),
    )?;
    let sql =
        "INSERT INTO activations (tenant, revision, at, by, why) VALUES (?1, 1, ?2, ?3, 'created')";
    tx.execute(sql, (tenant, now, by))?;
    let first = tx.last_insert_rowid();
    tx.execute("UPDATE tenants SET activation = ?1 WHERE id = ?2", (first, tenant))?;
    Ok(TenantId(tenant))
}

/// How many accounts got it. Where there was an issuer before, none do: theirs stays who vouched for them.
pub(super) fn set_issuer(
    tx: &Connection,
    tenant: TenantId,
    before: &str,
    issuer: &str,
) -> Result<Result<usize, Unchanged>, LedgerError> {
    if issuer.is_empty() && has_accounts(tx, tenant)? {
        return Ok(Err(Unchanged::HasAccounts));
    }
    let mut given = 0;
    if before.is_empty() {
        if let Some((one, other)) = conflict(tx, tenant, issuer)? {
            return Ok(Err(Unchanged::Conflict(one, other)));
        }
        let sql = "UPDATE accounts SET issuer = ?1 WHERE tenant = ?2 AND issuer = '' AND erased_at IS NULL";
        given = tx.execute(sql, (issuer, tenant.0))?;
    }
    tx.execute("UPDATE tenants SET issuer = ?1 WHERE id = ?2", (issuer, tenant.0))?;
    Ok(Ok(given))
}

/// An account without an issuer, and the one that its person has under `issuer` already.
pub(super) fn conflict(
    tx: &Connection,
    tenant: TenantId,
    issuer: &str,
) -> Result<Option<(String, String)>, LedgerError> {
    for who in [
        "b.subject = a.subject",
        "b.username = a.username AND b.subject IS NULL AND a.subject IS NULL",
    ] {
        let sql = format!(
            "SELECT a.name, b.name FROM accounts a JOIN accounts b ON b.tenant = a.tenant AND b.issuer = ?2 AND {who}
             WHERE a.tenant = ?1 AND a.issuer = '' AND a.erased_at IS NULL AND b.erased_at IS NULL LIMIT 1"
        );
        let both = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found = tx.query_row(&sql, (tenant.0, issuer), both).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Everything there is of a tenant that never had an account.
fn forget(tx: &Connection, tenant: TenantId) -> Result<(), LedgerError> {
    for sql in [
        "DELETE FROM decisions WHERE tenant = ?1",
        "DELETE FROM keys WHERE tenant = ?1",
        "DELETE FROM usage WHERE tenant = ?1",
        "DELETE FROM outbox WHERE tenant = ?1",
        "DELETE FROM webhook_secrets WHERE tenant = ?1",
        "DELETE FROM webhooks WHERE tenant = ?1",
        "UPDATE tenants SET activation = NULL WHERE id = ?1",
        "DELETE FROM activations WHERE tenant = ?1",
        "DELETE FROM revisions WHERE tenant = ?1",
        "DELETE FROM tenants WHERE id = ?1",
    ] {
        tx.execute(sql, [tenant.0])?;
    }
    let unused = "DELETE FROM components WHERE NOT EXISTS (SELECT 1 FROM revisions WHERE component = digest)";
    tx.execute(unused, [])?;
    let unused = "DELETE FROM compiled WHERE NOT EXISTS (SELECT 1 FROM revisions r
        WHERE r.component = compiled.component AND r.settings_digest = compiled.settings_digest)";
    tx.execute(unused, [])?;
    Ok(())
}

fn has_accounts(connection: &Connection, tenant: TenantId) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1)
        OR EXISTS (SELECT 1 FROM reserved WHERE tenant = ?1)";
    Ok(connection.query_row(sql, [tenant.0], |row| row.get(0))?)
}

const ENTRY: &str = "SELECT t.id, t.name, t.issuer, t.home, t.active_revision, coalesce(u.active, 0), t.created_at, t.auth_db
    FROM tenants t LEFT JOIN usage u ON u.tenant = t.id AND u.domain = '' WHERE t.removed_at IS NULL";

fn entry_of(connection: &Connection, id: TenantId) -> Result<Option<TenantEntry>, LedgerError> {
    let mut statement = connection.prepare_cached(&format!("{ENTRY} AND t.id = ?1"))?;
    Ok(statement.query_row([id.0], entry).optional()?)
}

fn page(
    connection: &Connection,
    after: &str,
    limit: usize,
) -> Result<Page<TenantEntry, String>, LedgerError> {
    let sql = format!("{ENTRY} AND t.name > ?1 ORDER BY t.name LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    // One more than is wanted says whether there is a next page.
    let rows = statement.query_map((after, limit.saturating_add(1) as i64), entry)?;
    let mut items = rows.collect::<Result<Vec<_>, _>>()?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.name.to_string());
    Ok(Page { items, next })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<TenantEntry> {
    Ok(TenantEntry {
        id: TenantId(row.get(0)?),
        name: name(row, 1)?,
        issuer: row.get(2)?,
        home: row.get::<_, Option<String>>(3)?.map(PathBuf::from),
        revision: row.get::<_, i64>(4)?.unsigned_abs(),
        accounts: row.get::<_, i64>(5)?.unsigned_abs(),
        created_at_ms: row.get(6)?,
        auth_db: row.get::<_, Option<String>>(7)?.map(PathBuf::from),
    })
}

/// A tenant's name in a row.
pub(super) fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<TenantName> {
    let text: String = row.get(column)?;
    TenantName::parse(&text).ok_or_else(|| {
        let what = format!("a tenant named {text:?}").into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what)
    })
}
