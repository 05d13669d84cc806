//! Accounts after their opening: looked at, linked, closed, reopened, erased. Opening is the spine's, also by hand.

use crate::domain::{Account, Held, Page};
use crate::ledger::{Act, Acted, LedgerError, Tenant};
use crate::manage::{ManageError, Operations};

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
        self.acted(tenant, self.ledger.of(tenant).close(name, act).await)
    }

    /// Opens a closed account again, if its own allowance has a seat for it.
    pub async fn reopen(
        &self,
        tenant: &Tenant,
        name: &str,
        request_id: String,
    ) -> Result<Held, ManageError> {
        let act = act("account_reopen", name, request_id);
        self.acted(tenant, self.ledger.of(tenant).reopen(name, act).await)
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

    fn held(&self, tenant: &Tenant, account: Account) -> Result<Held, ManageError> {
        let home = self.homes.path(tenant.id(), &account.name)?;
        Ok(Held { account, home })
    }
}

fn act(what: &'static str, name: &str, request_id: String) -> Act {
    Act { request_id, what, name: Some(name.to_owned()), detail: None }
}
