//! Allowances decided again: whom a policy is asked about whose name is settled, which accounts wait for that, and what came of it.
//! Refuses to touch anything of an account but what it may use, and to keep what a revision said that does not decide any more.

use crate::domain::{
    Account, AccountState, Allowance, Applicant, Assurance, Attribute, Email, HostCode, Refusal,
    TenantId, TenantName, Usage,
};
use crate::ledger::accounts::acts::{Acted, Change};
use crate::ledger::accounts::rows::{self, AllowanceRow, COLUMNS, account};
use crate::ledger::record::{json, latest_applicant};
use crate::ledger::{Act, Book, Ledger, LedgerError, Privacy, tenants};
use rusqlite::Connection;

/// An account whose allowance is to be decided.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// It.
    pub account: Account,
    /// Its person, as their latest known request had them; the identity is the account's.
    pub applicant: Applicant,
    /// What is in use without it.
    pub used: Usage,
}

/// An allowance, and the revision that decided it.
#[derive(Clone, Debug)]
pub struct Allotted {
    /// How much.
    pub allowance: Allowance,
    /// By which.
    pub revision: u64,
}

/// A tenant of which accounts wait.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Whose.
    pub tenant: TenantId,
    /// For people.
    pub name: TenantName,
}

/// What came of asking about one of those who wait. It waits no longer.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The account's row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it had when it was asked about.
    pub before: Allowance,
    /// What it may use from now on; a no, and it keeps what it has.
    pub answer: Result<Allowance, Refusal>,
}

/// What the record calls it.
const ACT: &str = "account_allowance";

/// What stands where a request's id does, in rows of what no request asked for.
const BY_ITSELF: &str = "activation";

/// Accounts that are open and wait: the revision that was asked last is not the one that decides. `<` and `>`, each of which an index
/// finds, together are what no index finds.
const OLDER: &str = "state = 'active' AND allowance_revision < ?2";
const NEWER: &str = "state = 'active' AND allowance_revision > ?2";

impl Book {
    /// The account of exactly this name, as a policy is asked about it.
    pub async fn reviewed(&self, name: &str) -> Result<Option<Reviewed>, LedgerError> {
        let (tenant, tenant_name) = (self.tenant.id, self.tenant.name.clone());
        let name = name.to_owned();
        let read = move |c: &Connection| {
            let account = rows::by_name(c, tenant, &name)?;
            account.map(|account| review(c, tenant, &tenant_name, account)).transpose()
        };
        self.ledger.database.read(read).await
    }

    /// What the tenant has in use, and the account's domain, the account counted.
    pub fn counted(&self, account: &Account) -> Result<Usage, LedgerError> {
        let (tenant, domain) = (self.tenant.id, account.domain.as_deref());
        self.ledger.database.glance(|c| rows::usage(c, tenant, domain))
    }

    /// Gives the account `name` what was decided, and nothing else.
    pub async fn allot(
        &self,
        name: &str,
        allotted: Allotted,
        act: Act,
    ) -> Result<Acted, LedgerError> {
        let change = move |tx: &Connection, _, account: &Account| {
            if account.state == AccountState::Erased {
                return Ok(Change::Refused(HostCode::AccountErased));
            }
            store(tx, account.id, &allotted)?;
            let changes = account.allowance.changes(&allotted.allowance);
            Ok(changes.map_or(Change::Nothing, |changes| Change::Made(Some(changes))))
        };
        match self.act(name, act, change).await? {
            // What it may use now, also where no act was made of it.
            Acted::Account(_) => Ok(self
                .account(name)
                .await?
                .map_or(Acted::Missing, |account| Acted::Account(Box::new(account)))),
            other => Ok(other),
        }
    }
}

impl Ledger {
    /// The tenants of which accounts wait.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, LedgerError> {
        let read = |c: &Connection| {
            let exists = |which: &str| {
                let which = which.replace("?2", "t.active_revision");
                format!("EXISTS (SELECT 1 FROM accounts a WHERE a.tenant = t.id AND {which})")
            };
            let (older, newer) = (exists(OLDER), exists(NEWER));
            let sql = format!(
                "SELECT t.id, t.name FROM tenants t WHERE t.removed_at IS NULL AND ({older} OR {newer}) ORDER BY t.id"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map([], |row| {
                Ok(Waiting { tenant: TenantId(row.get(0)?), name: tenants::name(row, 1)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.read(read).await
    }

    /// At most `limit` of a tenant's accounts that wait for `revision`.
    pub async fn who_waits(
        &self,
        waiting: &Waiting,
        revision: u64,
        limit: usize,
    ) -> Result<Vec<Reviewed>, LedgerError> {
        let Waiting { tenant, name } = waiting.clone();
        let read = move |c: &Connection| {
            let mut found = Vec::new();
            for which in [OLDER, NEWER] {
                let sql = format!(
                    "SELECT {COLUMNS} FROM accounts WHERE tenant = ?1 AND {which} LIMIT ?3"
                );
                let mut statement = c.prepare_cached(&sql)?;
                let left = (limit - found.len()) as i64;
                let rows = statement.query_map((tenant.0, revision as i64, left), account)?;
                for account in rows {
                    found.push(review(c, tenant, &name, account?)?);
                }
            }
            Ok(found)
        };
        self.database.read(read).await
    }

    /// Keeps what `revision` said of some of a tenant's accounts, with a row of the record where it is something new. False, and
    /// nothing is kept, when another revision decides by now.
    pub async fn settle(
        &self,
        tenant: TenantId,
        revision: u64,
        settled: Vec<Settled>,
    ) -> Result<bool, LedgerError> {
        let privacy = self.privacy;
        let write = move |tx: &Connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND active_revision = ?2 AND removed_at IS NULL)";
            let decides = tx.query_row(sql, (tenant.0, revision as i64), |row| row.get(0))?;
            if decides {
                for one in &settled {
                    settle(tx, tenant, revision, privacy, one)?;
                }
            }
            Ok(decides)
        };
        self.database.write(tenant, write).await
    }
}

/// How many of a tenant's accounts wait.
pub(in crate::ledger) fn count(c: &Connection, tenant: TenantId) -> Result<u64, LedgerError> {
    let sql = "SELECT active_revision FROM tenants WHERE id = ?1";
    let active: i64 = c.prepare_cached(sql)?.query_row([tenant.0], |row| row.get(0))?;
    let mut waiting = 0;
    for which in [OLDER, NEWER] {
        let sql = format!("SELECT count(*) FROM accounts WHERE tenant = ?1 AND {which}");
        let counted = c.prepare_cached(&sql)?.query_row((tenant.0, active), |row| row.get(0));
        waiting += counted.map(i64::unsigned_abs)?;
    }
    Ok(waiting)
}

/// The allowance, and whose decision it is.
pub(super) fn store(tx: &Connection, id: i64, allotted: &Allotted) -> Result<(), LedgerError> {
    let sql = "UPDATE accounts SET allowance = ?1, allowance_revision = ?2 WHERE id = ?3";
    let allowance = json(&AllowanceRow::from(&allotted.allowance))?;
    tx.prepare_cached(sql)?.execute((allowance, allotted.revision as i64, id))?;
    Ok(())
}

fn settle(
    tx: &Connection,
    tenant: TenantId,
    revision: u64,
    privacy: Privacy,
    settled: &Settled,
) -> Result<(), LedgerError> {
    let Settled { id, name, before, answer } = settled;
    let sql = "UPDATE accounts SET allowance_revision = ?1 WHERE id = ?2 AND state = 'active'";
    // Closed meanwhile, it is asked about when it is opened again.
    if tx.prepare_cached(sql)?.execute((revision as i64, id))? == 0 {
        return Ok(());
    }
    let act = |detail| Act {
        request_id: BY_ITSELF.to_owned(),
        what: ACT,
        name: Some(name.clone()),
        detail,
    };
    match answer {
        Ok(allowance) => {
            let Some(changes) = before.changes(allowance) else { return Ok(()) };
            store(tx, *id, &Allotted { allowance: allowance.clone(), revision })?;
            act(Some(changes)).record_about(tx, tenant, "", privacy)
        }
        Err(refusal) => {
            // Why is the log's.
            act(None).record_refused(tx, tenant, "", privacy, refusal)
        }
    }
}

fn review(
    c: &Connection,
    tenant: TenantId,
    tenant_name: &TenantName,
    account: Account,
) -> Result<Reviewed, LedgerError> {
    let latest = latest_applicant(c, tenant, &account.name)?;
    let applicant = latest.unwrap_or_else(|| as_opened(tenant_name, &account));
    let applicant =
        Applicant { issuer: account.issuer.clone(), subject: account.subject.clone(), ..applicant };
    let counted = account.domain.as_deref();
    let domain = counted.or_else(|| applicant.email.as_ref().map(Email::domain));
    let mut used = rows::usage(c, tenant, domain)?;
    if account.state == AccountState::Active {
        used.accounts = used.accounts.saturating_sub(1);
        used.accounts_in_domain -= u64::from(counted.is_some()).min(used.accounts_in_domain);
    }
    Ok(Reviewed { account, applicant, used })
}

/// Of somebody who never asked, or of whom the record knows nothing: what the account says.
fn as_opened(tenant: &TenantName, account: &Account) -> Applicant {
    let assurance =
        if account.domain.is_some() { Assurance::Verified } else { Assurance::Unverified };
    Applicant {
        issuer: account.issuer.clone(),
        subject: account.subject.clone(),
        username: account.username.clone(),
        email: account.email.as_deref().and_then(|address| Email::parse(address, assurance)),
        groups: Vec::new(),
        attributes: vec![Attribute::of_tenant(tenant)],
    }
}
