//! What upkeep asks of a ledger, and the little it may change: counters made anew from what they count, and reserved names.
//! Refuses to change anything about a person.

use crate::domain::{FoldKey, TenantId};
use crate::ledger::record::now_ms;
use crate::ledger::sites::{SITE, site};
use crate::ledger::{LedgerError, LedgerFile, Site};
use rusqlite::{Params, Row};

/// A tenant as far as its folders and its rules are concerned.
#[derive(Clone, Debug)]
pub struct SurveyedTenant {
    /// Where its folders are.
    pub site: Site,
    /// The active revision, if there is such a revision.
    pub active_revision: Option<u64>,
    /// Accounts that are open.
    pub open_accounts: u64,
}

/// A name that an account holds.
#[derive(Clone, Debug)]
pub struct HeldName {
    /// As it is stored, and as the folder is called.
    pub name: String,
    /// The key under which it is stored.
    pub key: String,
    /// Nothing is known of the person any more: there need be no folder either.
    pub erased: bool,
    /// What was there was taken over as it was.
    pub adopted: bool,
}

/// A name that nobody gets, without an account.
#[derive(Clone, Debug)]
pub struct ReservedName {
    /// As the folder was called.
    pub name: String,
    /// The key under which it is reserved.
    pub key: String,
}

/// Open accounts of a tenant, in all (an empty domain) or of one domain: by the counter, and counted.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The tenant's name.
    pub tenant: String,
    /// The domain; empty for all.
    pub domain: String,
    /// What the counter says.
    pub says: u64,
    /// What there is.
    pub is: u64,
}

/// A stored component.
#[derive(Clone, Debug)]
pub struct Component {
    /// What it is stored under.
    pub digest: String,
    /// Itself.
    pub bytes: Vec<u8>,
    /// Whether a revision names it.
    pub used: bool,
}

/// A revision's settings.
#[derive(Clone, Debug)]
pub struct StoredSettings {
    /// The tenant's name.
    pub tenant: String,
    /// The revision's number.
    pub revision: u64,
    /// The document.
    pub settings: String,
    /// What it is stored under.
    pub digest: String,
}

impl LedgerFile {
    /// Reads everything between this and [`LedgerFile::let_go`] as it is at one moment, whoever writes meanwhile.
    pub fn hold_still(&self) -> Result<(), LedgerError> {
        Ok(self.connection.execute_batch("BEGIN")?)
    }

    /// From here on every read sees what is there by then.
    pub fn let_go(&self) -> Result<(), LedgerError> {
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    /// Rows that speak of rows which are not there, in words.
    pub fn dangling(&self) -> Result<Vec<String>, LedgerError> {
        self.list("PRAGMA foreign_key_check", [], |row| {
            let (table, id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
            let parent: String = row.get(2)?;
            let id = id.map_or_else(String::new, |id| format!(" {id}"));
            Ok(format!("row{id} of {table} speaks of a row of {parent} that is not there"))
        })
    }

    /// Every tenant, in the order they were made.
    pub fn tenants(&self) -> Result<Vec<SurveyedTenant>, LedgerError> {
        let sql = format!(
            "SELECT {SITE},
                 (SELECT r.number FROM revisions r JOIN activations a ON a.tenant = r.tenant AND a.revision = r.number
                     WHERE r.tenant = t.id AND r.number = t.active_revision AND a.id = t.activation),
                 (SELECT count(*) FROM accounts a WHERE a.tenant = t.id AND a.state = 'active')
             FROM tenants t ORDER BY t.id"
        );
        self.list(&sql, [], |row| {
            Ok(SurveyedTenant {
                site: site(row)?,
                active_revision: row.get::<_, Option<i64>>(7)?.map(i64::unsigned_abs),
                open_accounts: row.get::<_, i64>(8)?.unsigned_abs(),
            })
        })
    }

    /// The names that a tenant's accounts hold.
    pub fn held(&self, tenant: TenantId) -> Result<Vec<HeldName>, LedgerError> {
        let sql = "SELECT name, name_key, erased_at IS NOT NULL, adopted FROM accounts WHERE tenant = ?1 ORDER BY name";
        self.list(sql, [tenant.0], |row| {
            let (name, key, erased) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(HeldName { name, key, erased, adopted: row.get(3)? })
        })
    }

    /// Whether an account holds exactly this name.
    pub fn is_held(&self, tenant: TenantId, name: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1 AND name_key = ?2 AND name = ?3)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let key = FoldKey::of(name);
        Ok(statement.query_row((tenant.0, key.as_str(), name), |row| row.get(0))?)
    }

    /// The names that are reserved in a tenant.
    pub fn reserved(&self, tenant: TenantId) -> Result<Vec<ReservedName>, LedgerError> {
        let sql = "SELECT name, name_key FROM reserved WHERE tenant = ?1 ORDER BY name";
        self.list(sql, [tenant.0], |row| Ok(ReservedName { name: row.get(0)?, key: row.get(1)? }))
    }

    /// Keeps names from everybody who asks for them, in one transaction. A name that an account has, or that is reserved
    /// already, stays as it is.
    pub fn reserve(&self, names: &[(TenantId, String)]) -> Result<(), LedgerError> {
        let tx = self.connection.unchecked_transaction()?;
        let sql = "INSERT INTO reserved (tenant, name_key, name, at) SELECT ?1, ?2, ?3, ?4
             WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1 AND name_key = ?2)
             ON CONFLICT DO NOTHING";
        let mut statement = tx.prepare(sql)?;
        for (tenant, name) in names {
            statement.execute((tenant.0, FoldKey::of(name).as_str(), name, now_ms()))?;
        }
        drop(statement);
        Ok(tx.commit()?)
    }

    /// Gives a reserved name back.
    pub fn release(&self, tenant: TenantId, key: &str) -> Result<(), LedgerError> {
        let sql = "DELETE FROM reserved WHERE tenant = ?1 AND name_key = ?2";
        self.connection.execute(sql, (tenant.0, key))?;
        Ok(())
    }

    /// The counters that do not say what there is.
    pub fn miscounted(&self) -> Result<Vec<Counter>, LedgerError> {
        let sql = "WITH counted (tenant, domain, active) AS (
                 SELECT tenant, '', count(*) FROM accounts WHERE state = 'active' GROUP BY tenant
                 UNION ALL
                 SELECT tenant, verified_domain, count(*) FROM accounts
                     WHERE state = 'active' AND verified_domain IS NOT NULL GROUP BY tenant, verified_domain
             ), both (tenant, domain, says, there) AS (
                 SELECT tenant, domain, active, 0 FROM usage UNION ALL SELECT tenant, domain, 0, active FROM counted
             )
             SELECT coalesce(t.name, b.tenant), b.domain, sum(b.says), sum(b.there) FROM both b LEFT JOIN tenants t ON t.id = b.tenant
             GROUP BY b.tenant, b.domain HAVING sum(b.says) <> sum(b.there) ORDER BY b.tenant, b.domain";
        self.list(sql, [], |row| {
            Ok(Counter {
                tenant: row.get(0)?,
                domain: row.get(1)?,
                says: row.get::<_, i64>(2)?.unsigned_abs(),
                is: row.get::<_, i64>(3)?.unsigned_abs(),
            })
        })
    }

    /// Makes every counter anew, in one transaction.
    pub fn recount(&self) -> Result<(), LedgerError> {
        let tx = self.connection.unchecked_transaction()?;
        tx.execute_batch(
            "DELETE FROM usage;
             INSERT INTO usage SELECT tenant, '', count(*) FROM accounts WHERE state = 'active' GROUP BY tenant;
             INSERT INTO usage SELECT tenant, verified_domain, count(*) FROM accounts
                 WHERE state = 'active' AND verified_domain IS NOT NULL GROUP BY tenant, verified_domain;",
        )?;
        Ok(tx.commit()?)
    }

    /// Hands every component to `look`, one at a time.
    pub fn each_component(&self, mut look: impl FnMut(Component)) -> Result<(), LedgerError> {
        let sql =
            "SELECT digest, bytes, EXISTS (SELECT 1 FROM revisions r WHERE r.component = c.digest)
             FROM components c ORDER BY digest";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            look(Component { digest: row.get(0)?, bytes: row.get(1)?, used: row.get(2)? });
        }
        Ok(())
    }

    /// The settings of every revision.
    pub fn settings(&self) -> Result<Vec<StoredSettings>, LedgerError> {
        let sql = "SELECT t.name, r.number, r.settings, r.settings_digest
             FROM revisions r JOIN tenants t ON t.id = r.tenant ORDER BY r.tenant, r.number";
        self.list(sql, [], |row| {
            Ok(StoredSettings {
                tenant: row.get(0)?,
                revision: row.get::<_, i64>(1)?.unsigned_abs(),
                settings: row.get(2)?,
                digest: row.get(3)?,
            })
        })
    }

    fn list<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map(parameters, row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
