//! The keys that are made of names: the fold, by which two spellings are one name, and the skeleton, by which a name looks like
//! another. Made anew, in one transaction, where this program's tables are not those that they were made with.
//! Refuses to rename anybody, and to let two names become one: then nothing is changed, and both are named.

use crate::domain::{FoldKey, Skeleton};
use crate::ledger::LedgerError;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

/// What of this program's makes the keys, by the name of its row in `meta`.
const VERSIONS: [(&str, &str); 2] =
    [("fold_version", FoldKey::VERSION), ("skeleton_version", Skeleton::VERSION)];

/// Where a name stands.
#[derive(Clone, Copy)]
enum Of {
    /// The row of an account, by its number.
    Account(i64),
    /// A name that is kept from everybody.
    Reserved,
}

struct Spelt {
    of: Of,
    name: String,
    key: String,
}

/// Makes every key anew, if some were made with other tables.
pub(super) fn bring_up(tx: &Connection) -> Result<(), LedgerError> {
    if is_up_to_date(tx)? {
        return Ok(());
    }
    let mut statement = tx.prepare("SELECT id, name FROM tenants ORDER BY id")?;
    let tenants = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (id, name) in tenants.collect::<Result<Vec<(i64, String)>, _>>()? {
        spell(tx, id, &name)?;
    }
    let mut statement = tx.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?;
    for (name, version) in VERSIONS {
        statement.execute((name, version))?;
    }
    Ok(())
}

fn is_up_to_date(tx: &Connection) -> Result<bool, LedgerError> {
    let mut statement = tx.prepare("SELECT value FROM meta WHERE name = ?1")?;
    for (name, version) in VERSIONS {
        let found: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
        if found.as_deref() != Some(version) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn spell(tx: &Connection, tenant: i64, tenant_name: &str) -> Result<(), LedgerError> {
    let names = names(tx, tenant)?;
    let mut holders: HashMap<FoldKey, &str> = HashMap::with_capacity(names.len());
    let mut moved = Vec::new();
    for spelt in &names {
        let key = FoldKey::of(&spelt.name);
        if key.as_str() != spelt.key {
            moved.push((spelt, key.clone()));
        }
        if let Some(other) = holders.insert(key, &spelt.name) {
            let (one, other) = (other.to_owned(), spelt.name.clone());
            return Err(LedgerError::Merging { tenant: tenant_name.to_owned(), one, other });
        }
    }
    move_keys(tx, tenant, &moved)?;
    let mut skeleton = tx.prepare("UPDATE accounts SET skeleton = ?1 WHERE id = ?2")?;
    for Spelt { of, name, .. } in &names {
        if let Of::Account(id) = of {
            skeleton.execute((Skeleton::of(name).as_str(), id))?;
        }
    }
    tracing::info!(
        tenant = tenant_name,
        names = names.len(),
        moved = moved.len(),
        fold = FoldKey::VERSION,
        skeleton = Skeleton::VERSION,
        "the keys of names were made anew"
    );
    Ok(())
}

/// Out of each other's way first: the key that one is given may be the one that another still has.
fn move_keys(tx: &Connection, tenant: i64, moved: &[(&Spelt, FoldKey)]) -> Result<(), LedgerError> {
    let mut account = tx.prepare("UPDATE accounts SET name_key = ?1 WHERE id = ?2")?;
    let mut reserved =
        tx.prepare("UPDATE reserved SET name_key = ?1 WHERE tenant = ?2 AND name_key = ?3")?;
    let aside = |key: &str| format!("\u{1}{key}");
    for (Spelt { of, key, .. }, _) in moved {
        match of {
            Of::Account(id) => account.execute((aside(key), id))?,
            Of::Reserved => reserved.execute((aside(key), tenant, key))?,
        };
    }
    for (Spelt { of, key, .. }, new) in moved {
        match of {
            Of::Account(id) => account.execute((new.as_str(), id))?,
            Of::Reserved => reserved.execute((new.as_str(), tenant, aside(key)))?,
        };
    }
    Ok(())
}

/// Every name that a tenant's accounts hold or that is reserved in it.
fn names(tx: &Connection, tenant: i64) -> Result<Vec<Spelt>, LedgerError> {
    let sql = "SELECT id, name, name_key FROM accounts WHERE tenant = ?1
        UNION ALL SELECT NULL, name, name_key FROM reserved WHERE tenant = ?1";
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([tenant], |row| {
        let id: Option<i64> = row.get(0)?;
        let of = id.map_or(Of::Reserved, Of::Account);
        Ok(Spelt { of, name: row.get(1)?, key: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
