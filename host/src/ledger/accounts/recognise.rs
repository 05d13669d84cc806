//! Who somebody is, by the contract's section of that name.
//! Refuses to change anything: it says who an applicant is taken for, and the spine does what follows.

use crate::domain::{Account, AccountState, Applicant, Email, HostCode, Refusal, TenantId};
use crate::ledger::LedgerError;
use crate::ledger::accounts::Recognition;
use crate::ledger::accounts::rows::{by_subject, by_username};
use rusqlite::Connection;

pub(super) fn recognise(
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

pub(super) fn is_same_email(account: &Account, applicant: &Applicant) -> bool {
    let verified = applicant.email.as_ref().and_then(Email::verified);
    verified.is_some() && verified == account.email.as_deref()
}

fn known(account: Account) -> Recognition {
    match account.state {
        AccountState::Active => Recognition::Known(account),
        AccountState::Closed | AccountState::Erased => {
            Recognition::Refused(Refusal::host(HostCode::AccountClosed))
        }
    }
}

pub(super) fn taken(why: &str) -> Refusal {
    Refusal::Host { code: HostCode::UsernameTaken, detail: Some(why.to_owned()) }
}
