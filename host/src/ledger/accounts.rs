//! Accounts: who somebody is, which name is whose, and the one transaction that opens an account.
//! Refuses to rename and to merge: a name is frozen, and two identities never share one; the constraints decide.

use crate::domain::{
    Account, AccountState, Allowance, Applicant, Email, FoldKey, HostCode, Name, Refusal, TenantId,
    Usage,
};
use crate::ledger::record::{self, json, now_ms};
use crate::ledger::turns::Turn;
use crate::ledger::{Book, Entry, LedgerError, Person};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Who the ledger takes an applicant for. Asking changes nothing.
#[derive(Debug)]
pub enum Recognition {
    /// Nobody it knows: the policy is asked.
    Stranger,
    /// The holder of this account.
    Known(Account),
    /// The holder of this account, which was opened without the subject that the provider names now, and whose verified
    /// e-mail it was opened with.
    Linkable(Account),
    /// Somebody who gets a no without the policy being asked.
    Refused(Refusal),
    /// The same, and the operator can mend it: the subject is held under no issuer, and the tenant has none.
    IssuerUnset(Refusal),
}

/// A name that nobody else can get while this lives.
#[derive(Debug)]
pub struct Reservation {
    _turn: Turn<(TenantId, FoldKey)>,
}

/// This person's requests wait for each other while this lives.
#[derive(Debug)]
pub struct PersonTurn {
    _username: Turn<(TenantId, Person)>,
    _subject: Option<Turn<(TenantId, Person)>>,
}

/// What came of opening an account.
#[derive(Debug)]
pub enum Opened {
    /// It is open, and so it stays.
    Account(Account),
    /// The transaction found a reason not to.
    Refused(Refusal),
}

/// How long a name that somebody else is about to get is waited for: well inside what the provider waits.
const NAME_WAIT: Duration = Duration::from_secs(2);

/// The same for one's own other requests.
const PERSON_WAIT: Duration = Duration::from_secs(3);

/// The counter of a tenant's open accounts, whatever their domain.
const IN_ALL: &str = "";

const COLUMNS: &str = "id, name, issuer, subject, username, email, state, allowance, revision";

impl Book {
    /// Waits until no other request about this person is on its way; `Busy` when that takes longer than anybody waits.
    pub async fn turn(&self, applicant: &Applicant) -> Result<PersonTurn, LedgerError> {
        let turn = tokio::time::timeout(PERSON_WAIT, self.both_turns(applicant));
        turn.await.map_err(|_| LedgerError::Busy)
    }

    /// The provider username first, then the subject: the one order in which both are ever taken.
    async fn both_turns(&self, applicant: &Applicant) -> PersonTurn {
        let (tenant, issuer) = (self.tenant.id, &applicant.issuer);
        let people = &self.ledger.people;
        let username = Person::Username(issuer.clone(), applicant.username.clone());
        let username = people.take((tenant, username)).await;
        let subject = match &applicant.subject {
            Some(s) => {
                Some(people.take((tenant, Person::Subject(issuer.clone(), s.clone()))).await)
            }
            None => None,
        };
        PersonTurn { _username: username, _subject: subject }
    }

    /// Who the applicant is, by the contract's section "Who somebody is".
    pub async fn recognise(&self, applicant: &Applicant) -> Result<Recognition, LedgerError> {
        let (tenant, applicant) = (self.tenant.clone(), applicant.clone());
        let unset = tenant.issuer.is_empty();
        self.ledger.database.read(move |c| recognise(c, tenant.id, unset, &applicant)).await
    }

    /// Gives an account that has no subject the one the provider names now, and records it. False if it has one by now.
    pub async fn link(
        &self,
        account: &Account,
        subject: &str,
        entry: Entry,
    ) -> Result<bool, LedgerError> {
        let (tenant, id, subject) = (self.tenant.clone(), account.id, subject.to_owned());
        let link = move |tx: &Connection| {
            let linked = tx.execute(
                "UPDATE accounts SET subject = ?1 WHERE id = ?2 AND tenant = ?3 AND subject IS NULL",
                (subject, id, tenant.id.0),
            )?;
            if linked == 1 {
                record::insert(tx, tenant.id.0, &tenant.key, &entry)?;
            }
            Ok(linked == 1)
        };
        self.ledger.database.write(self.tenant.id, link).await
    }

    /// What is in use, the applicant not counted.
    pub async fn usage(&self, applicant: &Applicant) -> Result<Usage, LedgerError> {
        let (tenant, email) = (self.tenant.id, applicant.email.clone());
        let count = move |c: &Connection| usage(c, tenant, email.as_ref().map(Email::domain));
        self.ledger.database.read(count).await
    }

    /// Whether somebody holds the name or a spelling of it.
    pub async fn is_held(&self, name: &Name) -> Result<bool, LedgerError> {
        let (tenant, key) = (self.tenant.id, name.fold());
        self.ledger.database.read(move |c| is_held(c, tenant, &key)).await
    }

    /// Keeps a name free for the caller: waits for whoever is about to get it, and is `None` when somebody has it.
    pub async fn reserve(&self, name: &Name) -> Result<Option<Reservation>, LedgerError> {
        let turn = self.ledger.names.take((self.tenant.id, name.fold()));
        let turn = tokio::time::timeout(NAME_WAIT, turn).await.map_err(|_| LedgerError::Busy)?;
        Ok((!self.is_held(name).await?).then_some(Reservation { _turn: turn }))
    }

    /// Opens an account and records the decision, or records why not: one transaction. The name's home must be durable.
    pub async fn open(
        &self,
        applicant: &Applicant,
        name: &Name,
        allowance: &Allowance,
        entry: Entry,
    ) -> Result<Opened, LedgerError> {
        let tenant = self.tenant.clone();
        let (applicant, name, allowance) = (applicant.clone(), name.clone(), allowance.clone());
        let open = move |tx: &Connection| {
            crate::kill_point::reach("before_commit");
            let opened = open(tx, tenant.id, &applicant, &name, &allowance, entry.asked.revision)?;
            let said = match &opened {
                Opened::Account(_) => entry.said.clone(),
                Opened::Refused(refusal) => entry.said.clone().overruled(refusal),
            };
            let entry = Entry { asked: entry.asked.clone(), said };
            record::insert(tx, tenant.id.0, &tenant.key, &entry)?;
            Ok(opened)
        };
        let opened = self.ledger.database.write(self.tenant.id, open).await?;
        crate::kill_point::reach("after_commit");
        Ok(opened)
    }
}

fn recognise(
    connection: &Connection,
    tenant: TenantId,
    tenant_issuer_unset: bool,
    applicant: &Applicant,
) -> Result<Recognition, LedgerError> {
    let issuer = &applicant.issuer;
    let Some(subject) = &applicant.subject else {
        let mut found = by_username(connection, tenant, applicant, "")?;
        return Ok(match found.len() {
            0 => Recognition::Stranger,
            1 => known(found.remove(0)),
            _ => Recognition::Refused(taken("ambiguous_username")),
        });
    };
    if let Some(account) = by_subject(connection, tenant, issuer, subject)? {
        return Ok(known(account));
    }
    if tenant_issuer_unset
        && !issuer.is_empty()
        && by_subject(connection, tenant, "", subject)?.is_some()
    {
        return Ok(Recognition::IssuerUnset(taken("issuer_unset")));
    }
    let without_subject = by_username(connection, tenant, applicant, "AND subject IS NULL")?;
    Ok(match without_subject.into_iter().next() {
        None => Recognition::Stranger,
        Some(account) if !is_same_email(&account, applicant) => {
            Recognition::Refused(taken("link_refused"))
        }
        Some(account) if account.state == AccountState::Closed => known(account),
        Some(account) => Recognition::Linkable(account),
    })
}

fn is_same_email(account: &Account, applicant: &Applicant) -> bool {
    let verified = applicant.email.as_ref().and_then(Email::verified);
    verified.is_some() && verified == account.email.as_deref()
}

fn known(account: Account) -> Recognition {
    match account.state {
        AccountState::Active => Recognition::Known(account),
        AccountState::Closed => Recognition::Refused(Refusal::host(HostCode::AccountClosed)),
    }
}

fn taken(why: &str) -> Refusal {
    Refusal::Host { code: HostCode::UsernameTaken, detail: Some(why.to_owned()) }
}

fn by_subject(
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
fn by_username(
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

fn is_held(connection: &Connection, tenant: TenantId, key: &FoldKey) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE tenant = ?1 AND name_key = ?2)";
    Ok(connection.prepare_cached(sql)?.query_row((tenant.0, key.as_str()), |row| row.get(0))?)
}

fn usage(
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

fn open(
    tx: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
    name: &Name,
    allowance: &Allowance,
    revision: u64,
) -> Result<Opened, LedgerError> {
    let email = applicant.email.as_ref();
    let used = usage(tx, tenant, email.map(Email::domain))?;
    if let Some(code) = allowance.over_quota(used, email.map(Email::assurance)) {
        return Ok(Opened::Refused(Refusal::host(code)));
    }
    let sql = format!(
        "INSERT INTO accounts (tenant, issuer, subject, username, name, name_key, email, verified_domain, state, allowance,
             revision, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'active', ?9, ?10, ?11)
         ON CONFLICT (tenant, name_key) DO NOTHING RETURNING {COLUMNS}"
    );
    let inserted = tx
        .prepare_cached(&sql)?
        .query_row(
            rusqlite::params![
                tenant.0,
                applicant.issuer,
                applicant.subject,
                applicant.username,
                name.as_str(),
                name.fold().as_str(),
                email.map(Email::address),
                email.filter(|email| email.verified().is_some()).map(Email::domain),
                json(&AllowanceRow::from(allowance))?,
                revision as i64,
                now_ms(),
            ],
            account,
        )
        .optional()?;
    Ok(match inserted {
        Some(account) => Opened::Account(account),
        None => Opened::Refused(Refusal::host(HostCode::UsernameTaken)),
    })
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let state: String = row.get(6)?;
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
        state: if state == "active" { AccountState::Active } else { AccountState::Closed },
        allowance: allowance.into(),
        revision: row.get::<_, i64>(8)?.unsigned_abs(),
    })
}

/// An allowance as a column's JSON text.
#[derive(Deserialize, Serialize)]
struct AllowanceRow {
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
