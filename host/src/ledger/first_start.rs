//! The first start: tenant `default`, its policy, an operator key and a tenant key, all in one transaction or not at all.
//! Refuses to happen twice, and to see a key's text in the database.

use crate::domain::TenantName;
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Key, Ledger, LedgerError, Scope, StoredRevision, keys};
use rusqlite::Connection;

/// What the first start puts into an empty ledger.
#[derive(Debug)]
pub struct FirstStart {
    /// Opens everything.
    pub operator_key: Key,
    /// Opens tenant `default`.
    pub tenant_key: Key,
    /// Revision 1 of tenant `default`; its number is not looked at.
    pub revision: StoredRevision,
}

impl Ledger {
    /// Whether nobody has started here before.
    pub async fn is_empty(&self) -> Result<bool, LedgerError> {
        self.database
            .read(|c| {
                let any: bool =
                    c.query_row("SELECT EXISTS (SELECT 1 FROM tenants)", [], |r| r.get(0))?;
                Ok(!any)
            })
            .await
    }

    /// Makes tenant `default`. Fails, changing nothing, if there is one.
    pub async fn first_start(&self, first: FirstStart) -> Result<(), LedgerError> {
        self.database.write(HOUSE, move |tx| found(tx, &first)).await
    }
}

fn found(tx: &Connection, first: &FirstStart) -> Result<(), LedgerError> {
    let now = now_ms();
    let revision = &first.revision;
    tx.execute(
        "INSERT INTO tenants (name, active_revision, created_at) VALUES (?1, 1, ?2)",
        (TenantName::default_tenant().as_str(), now),
    )?;
    let tenant = tx.last_insert_rowid();
    tx.execute(
        "INSERT INTO components (digest, bytes) VALUES (?1, ?2)",
        (&revision.digest, &revision.component),
    )?;
    tx.execute(
        "INSERT INTO revisions (tenant, number, policy, component, settings, settings_digest, made_at)
         VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6)",
        (tenant, &revision.policy, &revision.digest, &revision.settings, &revision.settings_digest, now),
    )?;
    keys::insert(tx, &first.operator_key, None, &[], now)?;
    keys::insert(tx, &first.tenant_key, Some(tenant), &Scope::DEFAULT, now)
}
