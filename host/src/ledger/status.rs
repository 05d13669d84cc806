//! How a tenant is doing: what decides for it and since when, what its requests came to lately, which of its keys end soon.

use crate::domain::{Outcomes, TenantId};
use crate::ledger::accounts::count_waiting;
use crate::ledger::record::now_ms;
use crate::ledger::{KeyEntry, Ledger, LedgerError, TenantEntry, keyring};
use rusqlite::Connection;

/// How a tenant is doing.
#[derive(Clone, Debug)]
pub struct Lately {
    /// Where the active revision came from.
    pub policy: String,
    /// Since when it decides: milliseconds since 1970-01-01 UTC.
    pub active_since_ms: i64,
    /// Id of the key that made it so; none for the machine.
    pub active_by: Option<String>,
    /// The revision that failed people and was rolled back by itself, while the one before it decides again.
    pub fell_back_from: Option<u64>,
    /// What requests of the last hour came to.
    pub hour: Outcomes,
    /// Those of the last day.
    pub day: Outcomes,
    /// Accounts whose allowance the revision that decides was not asked for yet.
    pub allowances_waiting: u64,
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
            let (policy, active_since_ms, active_by, fell_back_from) = active(c, tenant)?;
            let keys = keyring::list(c, Some(tenant.0))?;
            let expiring = keys.into_iter().filter(KeyEntry::ends_soon).collect();
            let allowances_waiting = count_waiting(c, tenant)?;
            Ok(Lately {
                policy,
                active_since_ms,
                active_by,
                fell_back_from,
                hour,
                day,
                allowances_waiting,
                expiring,
            })
        };
        self.database.read(read).await
    }
}

type Active = (String, i64, Option<String>, Option<u64>);

fn active(connection: &Connection, tenant: TenantId) -> Result<Active, LedgerError> {
    let sql = "SELECT r.policy, a.at, a.by, CASE WHEN a.why = 'probation' THEN
            (SELECT f.revision FROM activations f WHERE f.tenant = a.tenant AND f.id < a.id ORDER BY f.id DESC LIMIT 1) END
        FROM tenants t JOIN activations a ON a.id = t.activation
        JOIN revisions r ON r.tenant = t.id AND r.number = a.revision WHERE t.id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let active = statement.query_row([tenant.0], |row| {
        let fell_back_from = row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs);
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, fell_back_from))
    });
    Ok(active?)
}
