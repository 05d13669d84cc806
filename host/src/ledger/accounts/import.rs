//! An account that comes with its name: somebody who is moved over from elsewhere, or whose provider knows them under another subject
//! since.
//! Refuses to give an account of one subject to another unless that was said, and to count seats: who is moved over is there already.

use crate::domain::{
    Account, AccountState, Allowance, Applicant, HostCode, Name, Refusal, Request, TenantId,
};
use crate::ledger::accounts::acts::{Acted, Change, link};
use crate::ledger::accounts::by_hand::{has_account, is_theirs};
use crate::ledger::accounts::recognise::{is_same_email, taken};
use crate::ledger::accounts::{Claim, Draft, New, Opened, insert, rows};
use crate::ledger::record::look_alike;
use crate::ledger::{Act, Book, LedgerError};
use rusqlite::Connection;

/// Where a person and the name stand that they come with.
#[derive(Debug)]
pub enum Place {
    /// Neither has an account.
    Free,
    /// The name is this person's already.
    Theirs(Box<Account>),
    /// The account of the name, which becomes this person's: it was nobody's subject's, or that it shall was said.
    Linkable(Box<Account>),
    /// It cannot be.
    Refused(Refusal),
}

/// What an account may use until it is decided.
const UNDECIDED: Allowance = Allowance {
    max_accounts: None,
    max_accounts_in_domain: None,
    storage_bytes: None,
    storage_files: None,
    labels: Vec::new(),
};

impl Book {
    /// Where this person and the name stand; with `relink` an account of the name becomes theirs whoever it was of before.
    pub fn place(
        &self,
        applicant: &Applicant,
        name: &Name,
        relink: bool,
    ) -> Result<Place, LedgerError> {
        let (tenant, unset) = (self.tenant.id, self.tenant.issuer.is_empty());
        self.ledger.database.glance(|c| place(c, tenant, unset, applicant, name, relink))
    }

    /// The one open account that has this person's issuer and provider username and another subject, or none; nothing for somebody
    /// who is known.
    pub fn predecessor(&self, applicant: &Applicant) -> Result<Option<Account>, LedgerError> {
        let tenant = self.tenant.id;
        self.ledger.database.glance(|c| predecessor(c, tenant, applicant))
    }

    /// Opens an account with its name and records the act, or records why not: one transaction. The name's home must be durable.
    /// How much they may have is decided later.
    pub async fn import(
        &self,
        request: &Request,
        name: &Name,
        claim: Claim,
        revision: u64,
        act: Act,
    ) -> Result<Opened, LedgerError> {
        let (tenant, privacy) = (self.tenant.clone(), self.ledger.privacy);
        let (request, name) = (request.clone(), name.clone());
        let open = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            Ok(match open(tx, tenant.id, &request.applicant, &name, claim, revision)? {
                Ok(New { account, looks_like }) => {
                    let act = Act { detail: looks_like.as_deref().map(look_alike), ..act };
                    act.record_import(tx, tenant.id, &tenant.key, privacy, &request)?;
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

    /// Gives the account `name` to this person, as [`Place::Linkable`] or [`Book::predecessor`] said.
    pub async fn import_to(
        &self,
        name: &str,
        request: &Request,
        relink: bool,
        act: Act,
    ) -> Result<Acted, LedgerError> {
        let (request, row) = (request.clone(), act.clone());
        let (key, privacy) = (self.tenant.key.clone(), self.ledger.privacy);
        let change = move |tx: &Connection, tenant, account: &Account| {
            if !relink && account.subject.is_some() {
                return Ok(Change::Refused(HostCode::UsernameTaken));
            }
            let Applicant { issuer, subject, .. } = &request.applicant;
            let subject = subject.as_deref().unwrap_or_default();
            match link(tx, tenant, account, issuer, subject)? {
                Change::Made(before) => {
                    let detail = Some(before.unwrap_or_else(|| "linked".to_owned()));
                    Act { detail, ..row }.record_import(tx, tenant, &key, privacy, &request)?;
                    Ok(Change::Recorded)
                }
                other => Ok(other),
            }
        };
        self.act(name, act, change).await
    }
}

fn place(
    c: &Connection,
    tenant: TenantId,
    issuer_unset: bool,
    applicant: &Applicant,
    name: &Name,
    relink: bool,
) -> Result<Place, LedgerError> {
    let refused = |code: HostCode| Ok(Place::Refused(Refusal::host(code)));
    let named = match rows::by_name(c, tenant, name.as_str())? {
        Some(account) if is_theirs(&account, applicant) => {
            return match account.state {
                AccountState::Active => Ok(Place::Theirs(Box::new(account))),
                AccountState::Closed | AccountState::Erased => refused(HostCode::AccountClosed),
            };
        }
        named => named,
    };
    let issuer = &applicant.issuer;
    let Some(subject) = &applicant.subject else {
        return match named {
            _ if has_account(c, tenant, applicant)? => refused(HostCode::IdentityTaken),
            Some(_) => refused(HostCode::UsernameTaken),
            None => Ok(Place::Free),
        };
    };
    // The account that this subject would be linked to is theirs too.
    let unlinked = rows::by_username(c, tenant, applicant, "AND subject IS NULL")?.pop();
    let unlinked = unlinked.filter(|account| named.as_ref().is_none_or(|n| n.id != account.id));
    if unlinked.is_some() || rows::by_subject(c, tenant, issuer, subject)?.is_some() {
        return refused(HostCode::IdentityTaken);
    }
    // Kept under no issuer, they have an account all the same.
    if issuer_unset && !issuer.is_empty() && rows::by_subject(c, tenant, "", subject)?.is_some() {
        return Ok(Place::Refused(taken("issuer_unset")));
    }
    let Some(account) = named else { return Ok(Place::Free) };
    let is_own = account.subject.is_none()
        && account.issuer == *issuer
        && account.username == applicant.username;
    match account.state {
        AccountState::Closed if relink || is_own => refused(HostCode::AccountClosed),
        AccountState::Active if relink || (is_own && is_same_email(&account, applicant)) => {
            Ok(Place::Linkable(Box::new(account)))
        }
        AccountState::Active if is_own => Ok(Place::Refused(taken("link_refused"))),
        AccountState::Active | AccountState::Closed | AccountState::Erased => {
            refused(HostCode::UsernameTaken)
        }
    }
}

fn predecessor(
    c: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
) -> Result<Option<Account>, LedgerError> {
    let Some(subject) = &applicant.subject else { return Ok(None) };
    if rows::by_subject(c, tenant, &applicant.issuer, subject)?.is_some() {
        return Ok(None);
    }
    let mut found = rows::by_username(c, tenant, applicant, "")?;
    let only = if found.len() == 1 { found.pop() } else { None };
    Ok(only.filter(|account| account.state == AccountState::Active))
}

fn open(
    tx: &Connection,
    tenant: TenantId,
    applicant: &Applicant,
    name: &Name,
    claim: Claim,
    revision: u64,
) -> Result<Result<New, Refusal>, LedgerError> {
    if has_account(tx, tenant, applicant)? {
        return Ok(Err(Refusal::host(HostCode::IdentityTaken)));
    }
    let allowance = &UNDECIDED;
    let draft = Draft { applicant, name, claim, allowance, revision, decided_by: 0 };
    insert(tx, tenant, &draft)
}
