//! An account that somebody opens by hand: the policy is not asked whether, nor for a name, only how much; all else is as in the spine.
//! Refuses to bend a rule: names, homes and identities are the host's here too; a folder that holds something is adopted only when
//! that was said.

use crate::domain::{Applicant, Attribute, HostCode, Name, Occasion, Refusal, Request, Unusable};
use crate::homes::{Home, HomeError};
use crate::ledger::{Act, Allotted, Book, Claim, Standing, Tenant};
use crate::provision::overrun::{held_back, tell};
use crate::provision::{Outcome, ProvisionError, Provisioner};
use crate::sandbox::ReviewError;
use tracing::error;

/// What was said by hand.
#[derive(Clone, Debug)]
pub struct ByHand {
    /// `X-Request-Id`.
    pub request_id: String,
    /// What the account shall be called.
    pub name: String,
    /// Whose it shall be.
    pub applicant: Applicant,
    /// Whether a folder that is there becomes the home as it is, whatever it holds.
    pub adopt: bool,
    /// Unix seconds.
    pub now: u64,
}

/// The source of what is said by hand.
const SOURCE: &str = "manual";

impl Provisioner {
    /// Opens the account that was said, or says that it is there, or why not. Run it to its end, as `provision`.
    pub async fn open_by_hand(
        &self,
        tenant: &Tenant,
        by_hand: ByHand,
    ) -> Result<Outcome, ProvisionError> {
        let request_id = by_hand.request_id.clone();
        let opened = self.by_hand(tenant, by_hand).await;
        if let Err(error) = &opened {
            error!(request_id, tenant = %tenant.name(), ?error, "{error}");
        }
        opened
    }

    async fn by_hand(&self, tenant: &Tenant, by_hand: ByHand) -> Result<Outcome, ProvisionError> {
        let ByHand { request_id, name, applicant, adopt, now } = by_hand;
        let book = self.ledger.of(tenant);
        let act =
            Act { request_id, what: "account_create", name: Some(name.clone()), detail: None };
        // What is there was named by others: it is taken over as it is spelt, or not at all.
        let name = if adopt { Name::existing(name) } else { Name::try_from(name) };
        let name = match name {
            Ok(name) => name,
            Err(why) => return refuse(&book, act, unusable(why)).await,
        };
        let _turn = book.turn(&applicant).await?;
        match book.standing(&applicant, &name).await? {
            Standing::Theirs(account) => return self.known(tenant, *account),
            Standing::Refused(code) => return refuse(&book, act, Refusal::host(code)).await,
            Standing::Free => {}
        }
        self.auth_dbs.of(tenant.id())?;
        let claim = if adopt { Claim::Adopting } else { Claim::Asking };
        let Some(_reservation) = book.reserve(&name, claim).await? else {
            return refuse(&book, act, Refusal::host(HostCode::UsernameTaken)).await;
        };
        if book.looks_alike(&name)? {
            return refuse(&book, act, unusable(Unusable::LooksAlike)).await;
        }
        // Whoever adopts says whose it is: another spelling of what is there may then be somebody else's.
        let is_theirs = adopt && self.strays.has(tenant.id(), &name).await?;
        if !is_theirs && self.strays.keep(tenant.id(), &name, false).await? {
            return refuse(&book, act, Refusal::host(HostCode::HomeExists)).await;
        }
        let allotted = match self.allotted(tenant, &applicant, &name, now).await? {
            Ok(allotted) => allotted,
            Err(refusal) => return refuse(&book, act, refusal).await,
        };
        let home = match self.home_by_hand(tenant, &name, adopt).await {
            Err(HomeError::Occupied(_)) => {
                return refuse(&book, act, Refusal::host(HostCode::HomeExists)).await;
            }
            home => home?,
        };
        let open = book.open_by_hand(&applicant, &name, claim, allotted, act);
        self.commit(tenant, home, open).await
    }

    /// How much they may have, by the policy that decides now: quotas hold at every door.
    async fn allotted(
        &self,
        tenant: &Tenant,
        applicant: &Applicant,
        name: &Name,
        now: u64,
    ) -> Result<Result<Allotted, Refusal>, ProvisionError> {
        let active = self.catalog.active(tenant.id()).ok_or(ProvisionError::NoPolicy)?;
        let mut applicant = applicant.clone();
        applicant.attributes.push(Attribute::of_tenant(tenant.name()));
        let usage = self.ledger.of(tenant).usage(&applicant)?;
        let request =
            Request { applicant, occasion: Occasion::Review, source: SOURCE.to_owned(), now };
        let (answer, turned) = active.review(&request, name.as_str(), usage).await;
        tell(tenant, &active, turned);
        let answer = answer.map_err(|error| match error {
            ReviewError::Policy(failure) => ProvisionError::Policy(failure),
            ReviewError::NotReady(error) => error.into(),
            ReviewError::NotNow(not_now) => held_back(tenant, not_now),
        })?;
        let revision = active.revision.number;
        Ok(answer.map(|allowance| Allotted { allowance, revision }))
    }

    pub(super) async fn home_by_hand(
        &self,
        tenant: &Tenant,
        name: &Name,
        adopt: bool,
    ) -> Result<Home, HomeError> {
        match adopt {
            true => self.homes.adopt(tenant.id(), name).await,
            false => self.homes.build(tenant.id(), name).await,
        }
    }
}

/// Whoever opens an account by hand is told why a name is none.
pub(super) fn unusable(why: Unusable) -> Refusal {
    Refusal::Host { code: HostCode::NameUnusable, detail: Some(why.to_string()) }
}

pub(super) async fn refuse(
    book: &Book,
    act: Act,
    refusal: Refusal,
) -> Result<Outcome, ProvisionError> {
    book.refuse(act, refusal.clone()).await?;
    Ok(Outcome::Refused(refusal))
}
