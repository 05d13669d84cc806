//! The first start: tenant `default`, its policy, an operator key and a tenant key, all in one transaction or not at all.
//! Refuses to happen twice, and to see a key's text in the database.

use crate::domain::TenantName;
use crate::ledger::keys::Terms;
use crate::ledger::record::now_ms;
use crate::ledger::sqlite::HOUSE;
use crate::ledger::{Key, Ledger, LedgerError, NewTenant, Scope, StoredRevision, keys, tenants};
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
                // Tenants may all have been removed; keys are revoked and stay.
                let any = "SELECT EXISTS (SELECT 1 FROM keys)";
                Ok(!c.query_row(any, [], |row| row.get::<_, bool>(0))?)
            })
            .await
    }

    /// Makes tenant `default`. Fails, changing nothing, if there is one.
    pub async fn first_start(&self, first: FirstStart) -> Result<(), LedgerError> {
        self.database.write(HOUSE, move |tx| found(tx, first)).await
    }
}

fn found(tx: &Connection, first: FirstStart) -> Result<(), LedgerError> {
    let now = now_ms();
    let FirstStart { operator_key, tenant_key, revision } = first;
    let (name, issuer) = (TenantName::default_tenant(), String::new());
    let tenant = tenants::insert(
        tx,
        &NewTenant { name, issuer, home: None, auth_db: None, revision },
        None,
        now,
    )?;
    keys::insert(tx, &operator_key, &Terms::default(), now)?;
    let terms = Terms { tenant: Some(tenant.0), scopes: &Scope::DEFAULT, ..Terms::default() };
    keys::insert(tx, &tenant_key, &terms, now)
}
