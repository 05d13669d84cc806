//! How a tenant is doing: what decides for it and since when, what its requests came to lately, which of its keys end soon.

use crate::domain::{Outcomes, TenantId};
use crate::ledger::record::now_ms;
use crate::ledger::{KeyEntry, Ledger, LedgerError, TenantEntry, keyring};
use rusqlite::{Connection, OptionalExtension};

/// How a tenant is doing.
#[derive(Clone, Debug)]
pub struct Lately {
    /// Where the active revision came from.
    pub policy: String,
    /// Since when it decides: milliseconds since 1970-01-01 UTC.
    pub active_since_ms: i64,
    /// The key that made it so; none for the first start, and when the row has left the record.
    pub active_by: Option<String>,
    /// What requests of the last hour came to.
    pub hour: Outcomes,
    /// Those of the last day.
    pub day: Outcomes,
    /// Keys that open something now and nothing soon.
    pub expiring: Vec<KeyEntry>,
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How far ahead the end of a key is told.
const SOON_MS: i64 = 14 * DAY_MS;

impl KeyEntry {
    /// Whether it opens something now and nothing in a fortnight.
    pub fn ends_soon(&self) -> bool {
        let soon = now_ms().saturating_add(SOON_MS);
        self.state() == "valid" && self.expires_at_ms.is_some_and(|at| at <= soon)
    }
}

impl Ledger {
    /// How the tenant of this entry is doing: whoever has the entry had the right to it.
    pub async fn lately(&self, entry: &TenantEntry) -> Result<Lately, LedgerError> {
        let (tenant, now) = (entry.id, now_ms());
        let [hour, day] = self.outcomes(tenant, [now - HOUR_MS, now - DAY_MS]).await?;
        let read = move |c: &Connection| {
            let (policy, active_since_ms) = active(c, tenant)?;
            let active_by = maker(c, tenant)?;
            let keys = keyring::list(c, Some(tenant.0))?;
            let expiring = keys.into_iter().filter(KeyEntry::ends_soon).collect();
            Ok(Lately { policy, active_since_ms, active_by, hour, day, expiring })
        };
        self.database.read(read).await
    }
}

fn active(connection: &Connection, tenant: TenantId) -> Result<(String, i64), LedgerError> {
    let sql = "SELECT r.policy, r.made_at FROM tenants t JOIN revisions r ON r.tenant = t.id AND r.number = t.active_revision
        WHERE t.id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([tenant.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Who made the tenant, and with it the revision that decides: no other has been activated yet.
fn maker(connection: &Connection, tenant: TenantId) -> Result<Option<String>, LedgerError> {
    let sql = "SELECT occasion, key FROM decisions WHERE tenant = ?1 ORDER BY id LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let first = statement
        .query_row([tenant.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let made = first.optional()?.filter(|(occasion, _)| occasion == "tenant_create");
    Ok(made.map(|(_, key)| key))
}
