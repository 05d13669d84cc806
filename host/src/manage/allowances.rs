//! Allowances decided again: of one account when somebody asks for it or opens it again, of all of a tenant's, by and by, when another
//! revision decides. What is left to do stands in the accounts' rows, so that a restart goes on with it.
//! Refuses to rename, to close, and to hurry: it works half of the time at most, and within the tenant's own share.

use crate::domain::{
    AccountState, Allowance, Held, HostCode, Occasion, Refusal, Request, TenantName,
};
use crate::ledger::{Acted, Allotted, Book, LedgerError, Reviewed, Settled, Tenant, Waiting};
use crate::manage::accounts::act;
use crate::manage::{ManageError, Operations};
use crate::meters::{METERS, TenantLabel};
use crate::sandbox::{Active, ReviewError, Turned};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::{error, info, warn};

/// The source of a question that nobody sent.
const SOURCE: &str = "manual";

/// Accounts that are asked about before others may write.
const PAGE: usize = 64;

/// Pages before it is another tenant's turn.
const PAGES: usize = 16;

/// How long is waited where a policy cannot be asked now; and until it is looked again whether anybody waits, for an opening that began
/// under the revision before may have ended since.
const AGAIN: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_secs(60);

/// What became of an act in which the policy has its say.
pub type Decided = Result<Result<Held, Refusal>, ManageError>;

/// Where the work for a tenant stands.
enum Round {
    /// Nobody waits any more.
    Done,
    /// The next round may begin.
    More,
    /// Not now.
    Later,
}

impl Operations {
    /// Decides again how much an account may use.
    pub async fn decide_allowance(
        &self,
        tenant: &Tenant,
        name: &str,
        request_id: String,
    ) -> Decided {
        let (book, act) = (self.ledger.of(tenant), act("account_allowance", name, request_id));
        let reviewed = book.reviewed(name).await?.ok_or(ManageError::Missing)?;
        let answer = match reviewed.account.state {
            AccountState::Erased => Err(Refusal::host(HostCode::AccountErased)),
            AccountState::Active | AccountState::Closed => self.allotted(&book, &reviewed).await?,
        };
        match answer {
            Ok(allotted) => self.decided(tenant, book.allot(name, allotted, act).await?),
            Err(refusal) => {
                book.refuse(act, refusal.clone()).await?;
                Ok(Err(refusal))
            }
        }
    }

    /// Opens a closed account again, if what the policy allows it now leaves a seat.
    pub async fn reopen(&self, tenant: &Tenant, name: &str, request_id: String) -> Decided {
        let (book, act) = (self.ledger.of(tenant), act("account_reopen", name, request_id));
        let reviewed = book.reviewed(name).await?.ok_or(ManageError::Missing)?;
        let answer = match reviewed.account.state {
            AccountState::Active => {
                let decided = self.decided(tenant, book.tell_again(name, act).await?);
                self.drain(tenant.id(), name).await?;
                return decided;
            }
            AccountState::Erased => Err(Refusal::host(HostCode::AccountErased)),
            AccountState::Closed => self.allotted(&book, &reviewed).await?,
        };
        match answer {
            Ok(allotted) => {
                let decided = self.decided(tenant, book.reopen(name, allotted, act).await?);
                if let Ok(Ok(_)) = &decided {
                    self.drain(tenant.id(), name).await?;
                }
                decided
            }
            Err(refusal) => {
                book.refuse(act, refusal.clone()).await?;
                Ok(Err(refusal))
            }
        }
    }

    fn decided(&self, tenant: &Tenant, done: Acted) -> Decided {
        match done {
            Acted::Account(account) => self.held(tenant, *account).map(Ok),
            Acted::Missing => Err(ManageError::Missing),
            Acted::Refused(code) => Ok(Err(Refusal::host(code))),
        }
    }

    /// How much the account may use, by the policy that decides now.
    async fn allotted(
        &self,
        book: &Book,
        reviewed: &Reviewed,
    ) -> Result<Result<Allotted, Refusal>, ManageError> {
        let owner = book.owner();
        let active = self.catalog.active(owner.id()).ok_or(ManageError::NoPolicy)?;
        let answer = review(&active, owner.name(), reviewed).await?;
        let revision = active.revision.number;
        Ok(answer.map(|allowance| Allotted { allowance, revision }))
    }

    /// Decides again, for as long as it is polled, the allowances of all whose tenant's rules changed.
    pub async fn decide_allowances(self) {
        loop {
            let mut pause = LOOK;
            let all = self.ledger.waiting().await;
            let all = all.inspect_err(|error| warn!(?error, "nobody knows whose allowances wait"));
            for waiting in all.unwrap_or_default() {
                match self.decide_some(&waiting).await {
                    Ok(Round::Done) => {}
                    Ok(Round::More) => pause = Duration::ZERO,
                    Ok(Round::Later) => pause = pause.min(AGAIN),
                    Err(error) => warn!(tenant = %waiting.name, ?error, "allowances wait"),
                }
            }
            // What is announced while this works is kept until here.
            let _ = tokio::time::timeout(pause, self.rules_changed.notified()).await;
        }
    }

    async fn decide_some(&self, waiting: &Waiting) -> Result<Round, LedgerError> {
        let Waiting { tenant, name } = waiting;
        let (mut done, mut failed) = (0, 0);
        let mut pages = 0..PAGES;
        let round = loop {
            if pages.next().is_none() {
                break Round::More;
            }
            let began = Instant::now();
            let Some(active) = self.catalog.active(*tenant) else { break Round::Done };
            let revision = active.revision.number;
            let page = self.ledger.who_waits(waiting, revision, PAGE).await?;
            if page.is_empty() {
                break Round::Done;
            }
            let mut settled = Vec::with_capacity(page.len());
            for reviewed in page {
                let answer = match review(&active, name, &reviewed).await {
                    Ok(answer) => answer,
                    Err(ReviewError::Policy(failure)) => {
                        if failed == 0 {
                            error!(tenant = %name, revision, %failure, "an allowance stays as it is: the policy failed");
                        }
                        failed += 1;
                        Err(Refusal::host(failure.fault.code()))
                    }
                    Err(ReviewError::NotReady(_) | ReviewError::NotNow(_)) => break,
                };
                let account = reviewed.account;
                settled.push(Settled {
                    id: account.id,
                    name: account.name,
                    before: account.allowance,
                    answer,
                });
            }
            let asked = settled.len();
            // Another revision may decide by now: then it is asked, and what this one said is lost.
            if asked == 0 || !self.ledger.settle(*tenant, revision, settled).await? {
                break Round::Later;
            }
            done += asked;
            tokio::time::sleep(began.elapsed()).await;
        };
        if done > 0 {
            info!(tenant = %name, accounts = done, failed, "allowances decided again");
        }
        Ok(round)
    }
}

/// Asks how much an account may use.
async fn review(
    active: &Active,
    tenant: &TenantName,
    reviewed: &Reviewed,
) -> Result<Result<Allowance, Refusal>, ReviewError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let request = Request {
        applicant: reviewed.applicant.clone(),
        occasion: Occasion::Review,
        source: SOURCE.to_owned(),
        now: now.as_secs(),
    };
    let (answer, turned) = active.review(&request, &reviewed.account.name, reviewed.used).await;
    if turned == Some(Turned::Open) {
        METERS.breakers_opened.get_or_create(&TenantLabel::of(tenant.as_str())).inc();
        warn!(%tenant, revision = active.revision.number, "the policy overran its budget too often in a row: it is asked once a second until it answers");
    }
    answer
}
