//! An account that somebody opens by hand: whose it is and what it is called are said, not decided.
//! Refuses what no door may do: a second account for one person, a name that is held, a seat that there is not.

use crate::domain::{Account, AccountState, Applicant, HostCode, Name, Refusal, TenantId};
use crate::ledger::accounts::{Allotted, Claim, Draft, New, Opened, insert, rows};
use crate::ledger::record::look_alike;
use crate::ledger::{Act, Book, LedgerError};
use rusqlite::Connection;

/// Where a person and a name stand that shall become an account by hand.
#[derive(Debug)]
pub enum Standing {
    /// Neither has an account.
    Free,
    /// The name is this person's already.
    Theirs(Box<Account>),
    /// It cannot be.
    Refused(HostCode),
}

impl Book {
    /// Whether the name is this person's, or could become it. A held spelling of the name is found out by `reserve`.
    pub async fn standing(
        &self,
        applicant: &Applicant,
        name: &Name,
    ) -> Result<Standing, LedgerError> {
        let (tenant, applicant, name) = (self.tenant.id, applicant.clone(), name.clone());
        self.ledger.database.read(move |c| standing(c, tenant, &applicant, &name)).await
    }

    /// Opens an account with what was decided that it may use, and records the act, or records why not: one transaction. The name's home must be durable.
    pub async fn open_by_hand(
        &self,
        applicant: &Applicant,
        name: &Name,
        claim: Claim,
        allotted: Allotted,
        act: Act,
    ) -> Result<Opened, LedgerError> {
        let (tenant, privacy) = (self.tenant.clone(), self.ledger.privacy);
        let (applicant, name) = (applicant.clone(), name.clone());
        let open = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            Ok(match open(tx, tenant.id, &applicant, &name, claim, &allotted)? {
                Ok(New { account, looks_like }) => {
                    let detail = looks_like.as_deref().map(look_alike);
                    Act { detail, ..act }.record_about(tx, tenant.id, &tenant.key, privacy)?;
                    Opened::Account(account)
                }
                Err(refusal) => {
                    act.record_refused(tx, tenant.id, &tenant.key, privacy, &refusal)?;
                    Opened::Refused(refusal)
                }
            })
        };
        self.commit(open).await
    }
}

fn standing(
    connection: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
    name: &Name,
) -> Result<Standing, LedgerError> {
    let held = rows::by_name(connection, tenant, name.as_str())?;
    Ok(match held.filter(|account| is_theirs(account, applicant)) {
        Some(account) if account.state == AccountState::Active => {
            Standing::Theirs(Box::new(account))
        }
        Some(_) => Standing::Refused(HostCode::AccountClosed),
        None if has_account(connection, tenant, applicant)? => {
            Standing::Refused(HostCode::IdentityTaken)
        }
        None => Standing::Free,
    })
}

pub(super) fn is_theirs(account: &Account, applicant: &Applicant) -> bool {
    let is_same = match &applicant.subject {
        Some(subject) => account.subject.as_ref() == Some(subject),
        None => account.username == applicant.username,
    };
    account.issuer == applicant.issuer && is_same
}

pub(super) fn has_account(
    connection: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
) -> Result<bool, LedgerError> {
    Ok(match &applicant.subject {
        // Also the account that this subject would be linked to.
        Some(subject) => {
            rows::by_subject(connection, tenant, &applicant.issuer, subject)?.is_some()
                || !rows::by_username(connection, tenant, applicant, "AND subject IS NULL")?
                    .is_empty()
        }
        None => !rows::by_username(connection, tenant, applicant, "")?.is_empty(),
    })
}

fn open(
    tx: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
    name: &Name,
    claim: Claim,
    allotted: &Allotted,
) -> Result<Result<New, Refusal>, LedgerError> {
    if has_account(tx, tenant, applicant)? {
        return Ok(Err(Refusal::host(HostCode::IdentityTaken)));
    }
    let Allotted { allowance, revision } = allotted;
    // What is said of an e-mail by hand is not verified: no domain counts it.
    let used = rows::usage(tx, tenant, None)?;
    if let Some(code) = allowance.over_quota(used, None) {
        return Ok(Err(Refusal::host(code)));
    }
    let (revision, decided_by) = (*revision, *revision);
    insert(tx, tenant, &Draft { applicant, name, claim, allowance, revision, decided_by })
}
