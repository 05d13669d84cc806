//! What is done to an account that is there: linked, closed, reopened; erased, in a file of its own.
//! Refuses to act without saying so: the change and its row in the record are one transaction, and what is so already is no act.

use crate::domain::{Account, AccountState, Assurance, Event, HostCode, Refusal, TenantId};
use crate::ledger::accounts::allowances::store;
use crate::ledger::accounts::rows::{by_name, by_subject, usage};
use crate::ledger::accounts::{Allotted, PERSON_WAIT};
use crate::ledger::record::now_ms;
use crate::ledger::{Act, Book, LedgerError, Person, ankisyncd, outbox};
use rusqlite::Connection;

/// What came of an act.
#[derive(Debug)]
pub enum Acted {
    /// It is so now, or was before.
    Account(Box<Account>),
    /// No account has exactly this name.
    Missing,
    /// It cannot be.
    Refused(HostCode),
}

/// What an act changed.
pub(in crate::ledger) enum Change {
    /// This, which the record may say beside it.
    Made(Option<String>),
    /// Something that has its row in the record already.
    Recorded,
    /// This, which is followed elsewhere.
    Followed(Event),
    /// Nothing: it is so already, which may not be known where it is followed.
    Repeated,
    /// Nothing: it is so already.
    Nothing,
    /// Nothing: it cannot be.
    Refused(HostCode),
}

impl Book {
    /// Makes the account `name` the one of this subject, whoever it was of before.
    pub async fn relink(
        &self,
        name: &str,
        issuer: Option<String>,
        subject: String,
        act: Act,
    ) -> Result<Acted, LedgerError> {
        let Some(account) = self.account(name).await? else { return Ok(Acted::Missing) };
        let issuer = issuer.unwrap_or(account.issuer);
        // A request of this person that is on its way ends first: it may be about to open an account.
        let person = Person::Subject(issuer.clone(), subject.clone());
        let turn = self.ledger.people.take((self.tenant.id, person));
        let _turn = tokio::time::timeout(PERSON_WAIT, turn).await.map_err(|_| LedgerError::Busy)?;
        self.act(name, act, move |tx, tenant, account| link(tx, tenant, account, &issuer, &subject))
            .await
    }

    /// Closes the account `name`: its person is turned away, its name stays taken, and it is counted no more.
    pub async fn close(&self, name: &str, act: Act) -> Result<Acted, LedgerError> {
        self.act(name, act, |tx, _, account| close(tx, account)).await
    }

    /// Opens the closed account `name` again, if the allowance that was decided for it now has a seat.
    pub async fn reopen(
        &self,
        name: &str,
        allotted: Allotted,
        act: Act,
    ) -> Result<Acted, LedgerError> {
        self.act(name, act, move |tx, tenant, account| reopen(tx, tenant, account, &allotted)).await
    }

    /// Records an act that was refused before anything was tried.
    pub async fn refuse(&self, act: Act, refusal: Refusal) -> Result<(), LedgerError> {
        let (tenant, privacy) = (self.tenant.clone(), self.ledger.privacy);
        let write = move |tx: &Connection| {
            act.record_refused(tx, tenant.id, &tenant.key, privacy, &refusal)
        };
        self.ledger.database.write(self.tenant.id, write).await
    }

    pub(in crate::ledger) async fn act(
        &self,
        name: &str,
        mut act: Act,
        change: impl FnOnce(&Connection, TenantId, &Account) -> Result<Change, LedgerError>
        + Send
        + 'static,
    ) -> Result<Acted, LedgerError> {
        let (tenant, name) = (self.tenant.clone(), name.to_owned());
        let (privacy, default_auth_db) = (self.ledger.privacy, self.ledger.default_auth_db);
        let write = move |tx: &Connection| {
            tenant.still_holds(tx)?;
            let Some(account) = by_name(tx, tenant.id, &name)? else { return Ok(Acted::Missing) };
            match change(tx, tenant.id, &account)? {
                Change::Nothing => return Ok(Acted::Account(Box::new(account))),
                Change::Repeated => {
                    ankisyncd::follow_again(tx, default_auth_db, tenant.id, &account)?;
                    return Ok(Acted::Account(Box::new(account)));
                }
                Change::Refused(code) => {
                    let refusal = Refusal::host(code);
                    act.record_refused(tx, tenant.id, &tenant.key, privacy, &refusal)?;
                    return Ok(Acted::Refused(code));
                }
                Change::Recorded => {
                    let now = by_name(tx, tenant.id, &name)?.map(Box::new);
                    return Ok(now.map_or(Acted::Missing, Acted::Account));
                }
                Change::Made(detail) => act.detail = detail,
                Change::Followed(event) => {
                    outbox::follow_account(tx, default_auth_db, tenant.id, event, &account)?;
                }
            }
            act.record_about(tx, tenant.id, &tenant.key, privacy)?;
            let now = by_name(tx, tenant.id, &name)?.map(Box::new);
            Ok(now.map_or(Acted::Missing, Acted::Account))
        };
        let acted = self.ledger.database.write(self.tenant.id, write).await?;
        self.ledger.announce();
        Ok(acted)
    }
}

pub(super) fn link(
    tx: &Connection,
    tenant: TenantId,
    account: &Account,
    issuer: &str,
    subject: &str,
) -> Result<Change, LedgerError> {
    if account.state == AccountState::Erased {
        return Ok(Change::Refused(HostCode::AccountErased));
    }
    match by_subject(tx, tenant, issuer, subject)? {
        Some(holder) if holder.id == account.id => return Ok(Change::Nothing),
        Some(_) => return Ok(Change::Refused(HostCode::IdentityTaken)),
        None => {}
    }
    let sql = "UPDATE accounts SET issuer = ?1, subject = ?2 WHERE id = ?3";
    tx.execute(sql, (issuer, subject, account.id))?;
    let before = account
        .subject
        .as_ref()
        .map(|before| format!("instead of subject {before:?} of issuer {:?}", account.issuer));
    Ok(Change::Made(before))
}

fn close(tx: &Connection, account: &Account) -> Result<Change, LedgerError> {
    if account.state != AccountState::Active {
        return Ok(Change::Repeated);
    }
    let sql = "UPDATE accounts SET state = 'closed', closed_at = ?1 WHERE id = ?2";
    tx.execute(sql, (now_ms(), account.id))?;
    Ok(Change::Followed(Event::AccountClosed))
}

fn reopen(
    tx: &Connection,
    tenant: TenantId,
    account: &Account,
    allotted: &Allotted,
) -> Result<Change, LedgerError> {
    match account.state {
        AccountState::Active => return Ok(Change::Repeated),
        AccountState::Erased => return Ok(Change::Refused(HostCode::AccountErased)),
        AccountState::Closed => {}
    }
    let used = usage(tx, tenant, account.domain.as_deref())?;
    let verified = account.domain.as_ref().map(|_| Assurance::Verified);
    if let Some(code) = allotted.allowance.over_quota(used, verified) {
        return Ok(Change::Refused(code));
    }
    store(tx, account.id, allotted)?;
    let sql = "UPDATE accounts SET state = 'active', closed_at = NULL WHERE id = ?1";
    tx.execute(sql, [account.id])?;
    Ok(Change::Followed(Event::AccountReopened))
}
