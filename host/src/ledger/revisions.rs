//! Revisions: a component and its settings under a number that the tenant owns, and which of them is active.
//! Refuses to read a component: it is bytes and a digest here; the sandbox knows what they mean.

use crate::domain::TenantId;
use crate::ledger::{Ledger, LedgerError};

/// A revision as it is stored.
#[derive(Clone, Debug)]
pub struct StoredRevision {
    /// The tenant's own number, from 1.
    pub number: u64,
    /// Where it came from: `builtin:localpart`, or a file's name.
    pub policy: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// The component.
    pub component: Vec<u8>,
    /// The settings document, JSON.
    pub settings: String,
    /// `sha256:…` of the settings document.
    pub settings_digest: String,
}

/// What decides for a tenant, without its component.
#[derive(Clone, Debug)]
pub struct ActiveRevision {
    /// For whom.
    pub tenant: TenantId,
    /// The tenant's own number, from 1.
    pub number: u64,
    /// Where it came from.
    pub policy: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// The settings document, JSON.
    pub settings: String,
    /// `sha256:…` of the settings document.
    pub settings_digest: String,
}

impl Ledger {
    /// The active revision of every tenant that was not removed.
    pub async fn active_revisions(&self) -> Result<Vec<ActiveRevision>, LedgerError> {
        self.database
            .read(|connection| {
                let mut statement = connection.prepare(
                    "SELECT t.id, r.number, r.policy, r.component, r.settings, r.settings_digest
                     FROM tenants t JOIN revisions r ON r.tenant = t.id AND r.number = t.active_revision
                     WHERE t.removed_at IS NULL ORDER BY t.id",
                )?;
                let rows = statement.query_map([], |row| {
                    Ok(ActiveRevision {
                        tenant: TenantId(row.get(0)?),
                        number: row.get::<_, i64>(1)?.unsigned_abs(),
                        policy: row.get(2)?,
                        digest: row.get(3)?,
                        settings: row.get(4)?,
                        settings_digest: row.get(5)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The component of this digest.
    pub async fn component(&self, digest: &str) -> Result<Vec<u8>, LedgerError> {
        let digest = digest.to_owned();
        let sql = "SELECT bytes FROM components WHERE digest = ?1";
        self.database.read(move |c| Ok(c.query_row(sql, [digest], |row| row.get(0))?)).await
    }
}
