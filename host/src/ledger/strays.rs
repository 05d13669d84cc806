//! Names against accounts: which of those that were found elsewhere are no account's, and which a restore reserved.
//! Refuses to say anything of an account but that it has a name.

use crate::domain::{FoldKey, TenantId};
use crate::ledger::{Ledger, LedgerError};
use rusqlite::Connection;

impl Ledger {
    /// Those of the names that no account of the tenant has in exactly this spelling.
    pub async fn without_account(
        &self,
        tenant: TenantId,
        names: Vec<String>,
    ) -> Result<Vec<String>, LedgerError> {
        self.database.read(move |c| without_account(c, tenant, names)).await
    }

    /// The names that a restore reserved in the tenant.
    pub async fn restored(&self, tenant: TenantId) -> Result<Vec<String>, LedgerError> {
        let read = move |c: &Connection| {
            let mut statement =
                c.prepare_cached("SELECT name FROM reserved WHERE tenant = ?1 ORDER BY name_key")?;
            let rows = statement.query_map([tenant.0], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.read(read).await
    }
}

fn without_account(
    connection: &Connection,
    tenant: TenantId,
    names: Vec<String>,
) -> Result<Vec<String>, LedgerError> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1 AND name_key = ?2 AND name = ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    let mut nobodys = Vec::new();
    for name in names {
        let key = FoldKey::of(&name);
        if !statement.query_row((tenant.0, key.as_str(), &name), |row| row.get(0))? {
            nobodys.push(name);
        }
    }
    Ok(nobodys)
}
