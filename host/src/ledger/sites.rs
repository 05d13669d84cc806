//! Where the folders of every tenant are, of removed ones too: no other may have its own there.
//! Refuses to look at a folder: it is paths and names here.

use crate::domain::{TenantId, TenantName};
use crate::ledger::tenants::name;
use crate::ledger::{Ledger, LedgerError};
use rusqlite::{Connection, Row};
use std::path::PathBuf;

/// Where the folders of a tenant are, or were.
#[derive(Clone, Debug)]
pub struct Site {
    /// For the rooms behind the door.
    pub id: TenantId,
    /// For people.
    pub name: TenantName,
    /// Its own home root; none for the place that follows from the name.
    pub home: Option<PathBuf>,
    /// Its own ankisyncd database; none for none, or for what the settings say.
    pub auth_db: Option<PathBuf>,
    /// The ankisyncd database that something was written to.
    pub auth_db_there: Option<PathBuf>,
    /// Whether it had an account ever, open or not, or has names that a restore reserved: then there are folders.
    pub has_accounts: bool,
    /// Whether it was removed: its row is kept, and so are its folders.
    pub removed: bool,
}

impl Ledger {
    /// Where every tenant's folders are, those of removed ones included, in the order in which the tenants were made.
    pub async fn sites(&self) -> Result<Vec<Site>, LedgerError> {
        self.database.read(sites).await
    }

    /// Names of some open accounts: where a tenant's homes are, their folders must be.
    pub async fn some_names(&self, tenant: TenantId) -> Result<Vec<String>, LedgerError> {
        let some = move |c: &Connection| {
            let sql = "SELECT name FROM accounts WHERE tenant = ?1 AND state = 'active' ORDER BY id DESC LIMIT 8";
            let mut statement = c.prepare(sql)?;
            let rows = statement.query_map([tenant.0], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.read(some).await
    }
}

fn sites(connection: &Connection) -> Result<Vec<Site>, LedgerError> {
    let mut statement =
        connection.prepare(&format!("SELECT {SITE} FROM tenants t ORDER BY t.id"))?;
    let rows = statement.query_map([], site)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The columns of a [`Site`], of `tenants` as `t`.
pub(super) const SITE: &str =
    "t.id, t.name, t.home, EXISTS (SELECT 1 FROM accounts a WHERE a.tenant = t.id)
    OR EXISTS (SELECT 1 FROM reserved r WHERE r.tenant = t.id), t.removed_at IS NOT NULL, t.auth_db, t.auth_db_there";

pub(super) fn site(row: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: TenantId(row.get(0)?),
        name: name(row, 1)?,
        home: row.get::<_, Option<String>>(2)?.map(PathBuf::from),
        has_accounts: row.get(3)?,
        removed: row.get(4)?,
        auth_db: row.get::<_, Option<String>>(5)?.map(PathBuf::from),
        auth_db_there: row.get::<_, Option<String>>(6)?.map(PathBuf::from),
    })
}
