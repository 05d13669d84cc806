//! Accounts after their opening: looked at, linked, closed, erased. Opening is the spine's, also by hand; where a policy has its say
//! again, `allowances` asks it.

use crate::domain::{Account, Held, Page, Usage};
use crate::homes::Stored;
use crate::ledger::{Act, Acted, LedgerError, Tenant};
use crate::manage::{ManageError, Operations};
use std::time::Instant;

/// What is in use.
#[derive(Clone, Copy, Debug)]
pub struct InUse {
    /// Accounts of the tenant and of the account's domain.
    pub counted: Usage,
    /// What stands in the home; none when its file system did not say, or there was no time to count.
    pub stored: Option<Stored>,
}

impl Operations {
    /// At most `limit` accounts behind `after`, in the order of their folded names; with `part`, of those that have it in their
    /// name, username or e-mail.
    pub async fn accounts(
        &self,
        tenant: &Tenant,
        part: Option<&str>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Held, String>, ManageError> {
        let page = self.ledger.of(tenant).accounts(part, after, limit).await?;
        page.map(|account| self.held(tenant, account))
    }

    /// The account of exactly this name.
    pub async fn account(&self, tenant: &Tenant, name: &str) -> Result<Held, ManageError> {
        let account = self.ledger.of(tenant).account(name).await?;
        self.held(tenant, account.ok_or(ManageError::Missing)?)
    }

    /// What is in use of what the account's allowance limits; its home is looked into until then.
    pub async fn in_use(
        &self,
        tenant: &Tenant,
        account: &Account,
        until: Instant,
    ) -> Result<InUse, ManageError> {
        let counted = self.ledger.of(tenant).counted(account)?;
        let stored = if Instant::now() < until {
            self.homes.stored(tenant.id(), &account.name, until).await.ok()
        } else {
            None
        };
        Ok(InUse { counted, stored })
    }

    /// Makes the account the one of this subject, whoever it was of before.
    pub async fn link(
        &self,
        tenant: &Tenant,
        name: &str,
        issuer: Option<String>,
        subject: String,
        request_id: String,
    ) -> Result<Held, ManageError> {
        let act = act("account_link", name, request_id);
        let done = self.ledger.of(tenant).relink(name, issuer, subject, act).await;
        self.acted(tenant, done)
    }

    /// Closes the account: its person is turned away at every door, name and folder stay.
    pub async fn close(
        &self,
        tenant: &Tenant,
        name: &str,
        request_id: String,
    ) -> Result<Held, ManageError> {
        let act = act("account_close", name, request_id);
        let held = self.acted(tenant, self.ledger.of(tenant).close(name, act).await)?;
        // It is closed; who asks is told so when the ankisyncd knows it too, also if it was closed before, and there or here alone.
        self.drain(tenant.id(), name).await?;
        Ok(held)
    }

    /// Forgets the person of a closed account, for good; its name and its folder stay.
    pub async fn erase(
        &self,
        tenant: &Tenant,
        name: &str,
        request_id: String,
    ) -> Result<Held, ManageError> {
        let act = act("account_erase", name, request_id);
        self.acted(tenant, self.ledger.of(tenant).erase(name, act).await)
    }

    fn acted(
        &self,
        tenant: &Tenant,
        done: Result<Acted, LedgerError>,
    ) -> Result<Held, ManageError> {
        match done? {
            Acted::Account(account) => self.held(tenant, *account),
            Acted::Missing => Err(ManageError::Missing),
            Acted::Refused(code) => Err(ManageError::Refused(code)),
        }
    }

    pub(super) fn held(&self, tenant: &Tenant, account: Account) -> Result<Held, ManageError> {
        let home = self.homes.path(tenant.id(), &account.name)?;
        Ok(Held { account, home })
    }
}

pub(super) fn act(what: &'static str, name: &str, request_id: String) -> Act {
    Act { request_id, what, name: Some(name.to_owned()), detail: None }
}
