//! Rows of accounts, read: by name, by who they belong to, and how many there are.
//! Refuses to write one.

use crate::domain::{
    Account, AccountState, Allowance, Applicant, FoldKey, Name, Skeleton, TenantId, Usage,
};
use crate::ledger::{Claim, LedgerError};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

/// The counter of a tenant's open accounts, whatever their domain.
const IN_ALL: &str = "";

/// What [`account`] reads, in its order.
pub(super) const COLUMNS: &str = "id, name, issuer, subject, username, email, state, allowance, revision, created_at, erased_at, verified_domain";

/// The account of exactly this name.
pub(super) fn by_name(
    connection: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<Account>, LedgerError> {
    let sql =
        format!("SELECT {COLUMNS} FROM accounts WHERE tenant = ?1 AND name_key = ?2 AND name = ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let key = FoldKey::of(name);
    Ok(statement.query_row((tenant.0, key.as_str(), name), account).optional()?)
}

pub(super) fn by_subject(
    connection: &Connection,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
) -> Result<Option<Account>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM accounts WHERE tenant = ?1 AND issuer = ?2 AND subject = ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row((tenant.0, issuer, subject), account).optional()?)
}

/// At most two: more make no difference to anybody.
pub(super) fn by_username(
    connection: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
    and: &str,
) -> Result<Vec<Account>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM accounts WHERE tenant = ?1 AND issuer = ?2 AND username = ?3 AND erased_at IS NULL {and} LIMIT 2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map((tenant.0, &applicant.issuer, &applicant.username), account)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether an account has a spelling of the name, or it is reserved for whoever the folder belongs to.
pub(super) fn is_held(
    connection: &Connection,
    tenant: TenantId,
    name: &Name,
    claim: Claim,
) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1 AND name_key = ?2)
        OR EXISTS (SELECT 1 FROM reserved WHERE tenant = ?1 AND name_key = ?2 AND (?3 IS NULL OR name <> ?3))";
    let (key, own) = (name.fold(), (claim != Claim::Asking).then(|| name.as_str()));
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row((tenant.0, key.as_str(), own), |row| row.get(0))?)
}

/// The name of another account that looks like this one: one outside ASCII, if there is any.
pub(super) fn look_alike(
    connection: &Connection,
    tenant: TenantId,
    name: &Name,
) -> Result<Option<String>, LedgerError> {
    let sql = "SELECT name FROM accounts WHERE tenant = ?1 AND skeleton = ?2
        ORDER BY length(CAST(name AS BLOB)) > length(name) DESC LIMIT 1";
    let skeleton = Skeleton::of(name.as_str());
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row((tenant.0, skeleton.as_str()), |row| row.get(0)).optional()?)
}

pub(super) fn usage(
    connection: &Connection,
    tenant: TenantId,
    domain: Option<&str>,
) -> Result<Usage, LedgerError> {
    let sql = "SELECT active FROM usage WHERE tenant = ?1 AND domain = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut counted = |domain: &str| -> Result<u64, LedgerError> {
        let found = statement.query_row((tenant.0, domain), |row| row.get::<_, i64>(0));
        Ok(found.optional()?.unwrap_or(0).unsigned_abs())
    };
    Ok(Usage {
        accounts: counted(IN_ALL)?,
        accounts_in_domain: domain.map(counted).transpose()?.unwrap_or(0),
    })
}

pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let state: String = row.get(6)?;
    let erased_at: Option<i64> = row.get(10)?;
    let allowance: String = row.get(7)?;
    let allowance: AllowanceRow = serde_json::from_str(&allowance).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Account {
        id: row.get(0)?,
        name: row.get(1)?,
        issuer: row.get(2)?,
        subject: row.get(3)?,
        username: row.get(4)?,
        email: row.get(5)?,
        domain: row.get(11)?,
        state: match (state.as_str(), erased_at) {
            ("active", _) => AccountState::Active,
            (_, None) => AccountState::Closed,
            (_, Some(_)) => AccountState::Erased,
        },
        allowance: allowance.into(),
        revision: row.get::<_, i64>(8)?.unsigned_abs(),
        created_at_ms: row.get(9)?,
    })
}

/// An allowance as a column's JSON text.
#[derive(Deserialize, Serialize)]
pub(in crate::ledger) struct AllowanceRow {
    max_accounts: Option<u64>,
    max_accounts_in_domain: Option<u64>,
    storage_bytes: Option<u64>,
    storage_files: Option<u64>,
    labels: Vec<(String, String)>,
}

impl From<&Allowance> for AllowanceRow {
    fn from(allowance: &Allowance) -> Self {
        Self {
            max_accounts: allowance.max_accounts,
            max_accounts_in_domain: allowance.max_accounts_in_domain,
            storage_bytes: allowance.storage_bytes,
            storage_files: allowance.storage_files,
            labels: allowance.labels.clone(),
        }
    }
}

impl From<AllowanceRow> for Allowance {
    fn from(row: AllowanceRow) -> Self {
        Self {
            max_accounts: row.max_accounts,
            max_accounts_in_domain: row.max_accounts_in_domain,
            storage_bytes: row.storage_bytes,
            storage_files: row.storage_files,
            labels: row.labels,
        }
    }
}
