//! The spine: somebody is recognised, or the tenant's policy decides, a name is held, a home is made, an account is opened.
//! Refuses to know what stands at either end: no HTTP, no SQL, no wasmtime.

mod by_hand;
mod import;
mod overrun;
mod pick;
mod rehearse;
mod say;
mod strays;
mod trial;

pub use by_hand::ByHand;
pub use import::{Import, Imported};
pub use rehearse::{Answer, Rehearsal};
pub use strays::Unsurveyed;

use crate::domain::{
    Account, Candidate, Decision, Failure, Grant, Held, HostCode, Occasion, Page, Refusal, Request,
    Reserved, Verdict,
};
use crate::downstream::{AuthDbError, AuthDbs};
use crate::homes::{Home, HomeError, Homes};
use crate::ledger::{
    Asked, Book, Entry, Ledger, LedgerError, Opened, Recognition, Reservation, Said, Tenant,
};
use crate::meters::{METERS, Stage as Step, TenantLabel};
use crate::probation::Probations;
use crate::sandbox::{Active, Catalog, DecideError, Kept, NotNow, NotReady};
use overrun::{held_back, overran, tell};
use pick::{Hold, heard};
use say::{asked, count, failed, note};
use std::sync::Arc;
use std::time::Instant;
use strays::Strays;
use tracing::warn;

/// Opens accounts: the rooms it leads through.
#[derive(Clone)]
pub struct Provisioner {
    ledger: Ledger,
    catalog: Arc<Catalog>,
    homes: Arc<Homes>,
    probations: Arc<Probations<Kept>>,
    auth_dbs: Arc<AuthDbs>,
    strays: Arc<Strays>,
}

/// One request: the question and what it is called in answers and logs.
#[derive(Clone, Debug)]
pub struct Ask {
    /// `X-Request-Id`.
    pub request_id: String,
    /// The question.
    pub request: Request,
}

/// What came of a request to open an account.
#[derive(Debug)]
pub enum Outcome {
    /// The account is there now.
    Opened(Held),
    /// It was there already.
    Known(Held),
    /// No.
    Refused(Refusal),
}

/// Why there is no answer. Nobody was provisioned; the operator's log says more.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The policy failed.
    #[error("policy failed: {0}")]
    Policy(Failure),
    /// The tenant has no policy.
    #[error("this tenant has no policy")]
    NoPolicy,
    /// The tenant's policy cannot be asked.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// The tenant's policy is not asked at the moment.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The ledger could not.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    /// The file system could not.
    #[error("a home root failed")]
    Home(#[from] HomeError),
    /// The tenant's ankisyncd could not say which names it has.
    #[error("the auth.db failed")]
    AuthDb(#[from] AuthDbError),
    /// Nobody knows which names are there.
    #[error("which names are there is not known")]
    Unsurveyed(#[from] Unsurveyed),
}

impl ProvisionError {
    /// What the caller and the record are told.
    pub fn code(&self) -> HostCode {
        match self {
            Self::Policy(failure) => failure.fault.code(),
            Self::NoPolicy | Self::NotReady(NotReady::Failed(_)) => HostCode::PolicyFailed,
            Self::NotReady(NotReady::Later(_)) | Self::NotNow(_) => HostCode::Busy,
            Self::Ledger(error) => error.code(),
            Self::Home(error) => error.code(),
            Self::Unsurveyed(error) => error.code(),
            Self::AuthDb(_) => HostCode::StorageUnavailable,
        }
    }
}

/// How an attempt to provision somebody ended.
enum Attempt {
    Outcome(Outcome),
    /// The name was granted and free, and something stands where its home would be.
    InTheWay(Refusal, Said),
}

/// What is known before anything is done.
enum Considered {
    Known(Account),
    Linkable(Account),
    Refused(Refusal, Said),
    Granted(Grant<Option<Reservation>>, Said),
}

impl Provisioner {
    /// The spine over these rooms.
    pub fn new(
        ledger: Ledger,
        catalog: Arc<Catalog>,
        homes: Arc<Homes>,
        probations: Arc<Probations<Kept>>,
        auth_dbs: Arc<AuthDbs>,
    ) -> Self {
        let strays = Strays::new(ledger.clone(), Arc::clone(&homes), Arc::clone(&auth_dbs));
        Self { ledger, catalog, homes, probations, auth_dbs, strays: Arc::new(strays) }
    }

    /// Finds out beside the requests which names every tenant has without an account.
    pub fn survey(&self) -> impl Future<Output = ()> + Send + 'static {
        Arc::clone(&self.strays).all()
    }

    /// At most `limit` names behind `after` that nobody gets although no account has them; with `empty` also those of empty folders.
    pub async fn reserved(
        &self,
        tenant: &Tenant,
        after: Option<String>,
        limit: usize,
        empty: bool,
    ) -> Result<Page<Reserved, String>, ProvisionError> {
        Ok(self.strays.page(tenant.id(), after, limit, empty).await?)
    }

    /// Gives the person an account, or says who they are, or why not. Run it to its end: a caller that goes away does not
    /// undo it, so spawn it.
    pub async fn provision(&self, tenant: &Tenant, ask: Ask) -> Result<Outcome, ProvisionError> {
        let book = self.ledger.of(tenant);
        let active = self.catalog.active(tenant.id()).ok_or(ProvisionError::NoPolicy)?;
        let mut asked = asked(ask, &active, false);
        let began = Instant::now();
        let turn = book.turn(&asked.request.applicant).await;
        METERS.stage(Step::Turn, began);
        let turn = match turn {
            Ok(turn) => turn,
            Err(error) => return failed(&book, tenant, &asked, Err(error.into())).await,
        };
        // A new person's folder is hardly ever there: whether it is shows when it is made. Only then is looked before deciding.
        let outcome = match self.attempt(&book, tenant, &active, &mut asked, Hold::Fast).await {
            Ok(Attempt::InTheWay(..)) => {
                self.attempt(&book, tenant, &active, &mut asked, Hold::Looking).await
            }
            attempted => attempted,
        };
        let outcome = match outcome {
            Ok(Attempt::Outcome(outcome)) => Ok(outcome),
            Ok(Attempt::InTheWay(refusal, said)) => {
                let noted = note(&book, &asked, said.overruled(&refusal)).await;
                noted.map(|()| Outcome::Refused(refusal)).map_err(ProvisionError::from)
            }
            Err(error) => Err(error),
        };
        drop(turn);
        failed(&book, tenant, &asked, outcome).await
    }

    async fn attempt(
        &self,
        book: &Book,
        tenant: &Tenant,
        active: &Active,
        asked: &mut Asked,
        hold: Hold,
    ) -> Result<Attempt, ProvisionError> {
        match self.consider(book, tenant, active, asked, hold, &mut Vec::new()).await? {
            Considered::Known(account) => {
                note(book, asked, Said::known(&account.name, None)).await?;
                Ok(Attempt::Outcome(self.known(tenant, account)?))
            }
            Considered::Linkable(account) => {
                Ok(Attempt::Outcome(self.link(book, tenant, account, asked).await?))
            }
            Considered::Refused(refusal, said) => {
                note(book, asked, said).await?;
                Ok(Attempt::Outcome(Outcome::Refused(refusal)))
            }
            Considered::Granted(grant, said) => self.open(book, tenant, grant, asked, said).await,
        }
    }

    /// Recognises the applicant, or asks the policy, whose candidates are `seen` then.
    async fn consider(
        &self,
        book: &Book,
        tenant: &Tenant,
        active: &Active,
        asked: &mut Asked,
        hold: Hold,
        seen: &mut Vec<Candidate>,
    ) -> Result<Considered, ProvisionError> {
        let began = Instant::now();
        let look = active.share().look().await;
        if let Some(recognised) = recognise(book, tenant, asked)? {
            METERS.stage(Step::Recognise, began);
            return Ok(recognised);
        }
        self.auth_dbs.of(tenant.id())?;
        let usage = book.usage(&asked.request.applicant)?;
        drop(look);
        METERS.stage(Step::Recognise, began);
        asked.usage = Some(usage);
        let began = Instant::now();
        let turn = active.turn().await.map_err(|not_now| held_back(tenant, not_now))?;
        let policy = active.policy().await?;
        let decided = policy
            .decide_within(active.share(), &asked.request, usage, |names| {
                self.pick(book, tenant.id(), names, hold, seen)
            })
            .await;
        METERS.stage(Step::Decide, began);
        asked.heard = heard(seen);
        let decided = match decided {
            Ok(verdict) => Ok(verdict),
            Err(DecideError::Pick(error)) => return Err(error),
            Err(DecideError::Failed(failure)) => Err(failure),
        };
        tell(tenant, active, turn.ended(overran(&decided)));
        self.watch(book, asked, usage, &decided);
        let fuel = decided.as_ref().map_or_else(|failure| failure.fuel, |verdict| verdict.fuel);
        let used = fuel as f64 / policy.fuel_limit() as f64;
        METERS.fuel.get_or_create(&TenantLabel::of(tenant.name().as_str())).observe(used);
        let kept = |verdict: Verdict<_>| {
            let notes = active.share().keep(verdict.notes);
            considered(Verdict { notes, ..verdict })
        };
        decided.map(kept).map_err(ProvisionError::Policy)
    }

    async fn link(
        &self,
        book: &Book,
        tenant: &Tenant,
        account: Account,
        asked: &Asked,
    ) -> Result<Outcome, ProvisionError> {
        let subject = asked.request.applicant.subject.clone().unwrap_or_default();
        let said = Said::known(&account.name, Some("linked".to_owned()));
        let entry = Entry { asked: asked.clone(), said: said.clone() };
        if !book.link(&account, &subject, entry).await? {
            // Only a door that does not wait its turn could have been quicker: ask again, and be known.
            return Err(LedgerError::Busy.into());
        }
        count(book, asked, &said);
        self.known(tenant, Account { subject: Some(subject), ..account })
    }

    /// From a granted name to an account: the home first, durable, then the one transaction that decides.
    async fn open(
        &self,
        book: &Book,
        tenant: &Tenant,
        grant: Grant<Option<Reservation>>,
        asked: &Asked,
        said: Said,
    ) -> Result<Attempt, ProvisionError> {
        let began = Instant::now();
        let home = self.homes.build(tenant.id(), &grant.name).await;
        METERS.stage(Step::Home, began);
        let home = match home {
            Ok(home) => home,
            Err(HomeError::Occupied(path)) => {
                let detail = Some(path.display().to_string());
                let refusal = Refusal::Host { code: HostCode::HomeExists, detail };
                return Ok(Attempt::InTheWay(refusal, said));
            }
            Err(error) => return Err(error.into()),
        };
        let entry = Entry { asked: asked.clone(), said: said.clone() };
        let open = book.open(&asked.request.applicant, &grant.name, &grant.allowance, entry);
        let outcome = self.commit(tenant, home, open).await?;
        match &outcome {
            Outcome::Refused(refusal) => count(book, asked, &said.overruled(refusal)),
            Outcome::Opened(_) | Outcome::Known(_) => count(book, asked, &said),
        }
        Ok(Attempt::Outcome(outcome))
    }

    /// From a home that is durable to an account: `open` is the one transaction that decides, and is not begun before.
    async fn commit(
        &self,
        tenant: &Tenant,
        home: Home,
        open: impl Future<Output = Result<Opened, LedgerError>>,
    ) -> Result<Outcome, ProvisionError> {
        let began = Instant::now();
        let opened = open.await;
        METERS.stage(Step::Commit, began);
        match opened {
            Ok(Opened::Account(account)) => {
                Ok(Outcome::Opened(Held { account, home: home.path() }))
            }
            Ok(Opened::Refused(refusal)) => {
                self.discard(tenant, home).await;
                Ok(Outcome::Refused(refusal))
            }
            // An account without its folder is worse than an empty folder, which the next attempt adopts.
            Err(error) if error.is_in_doubt() => Err(error.into()),
            Err(error) => {
                self.discard(tenant, home).await;
                Err(error.into())
            }
        }
    }

    async fn discard(&self, tenant: &Tenant, home: Home) {
        if let Err(error) = self.homes.discard(tenant.id(), home).await {
            warn!(?error, "an empty folder is left; the next attempt adopts it");
        }
    }

    fn known(&self, tenant: &Tenant, account: Account) -> Result<Outcome, ProvisionError> {
        let home = self.homes.path(tenant.id(), &account.name)?;
        Ok(Outcome::Known(Held { account, home }))
    }
}

fn recognise(
    book: &Book,
    tenant: &Tenant,
    asked: &Asked,
) -> Result<Option<Considered>, ProvisionError> {
    if asked.request.occasion == Occasion::SignUp {
        return Ok(None);
    }
    Ok(match book.recognise(&asked.request.applicant)? {
        Recognition::Stranger => None,
        Recognition::Known(account) => Some(Considered::Known(account)),
        Recognition::Linkable(account) => Some(Considered::Linkable(account)),
        Recognition::Refused(refusal) => Some(turned_away(refusal)),
        Recognition::IssuerUnset(refusal) => {
            warn!(request_id = asked.request_id, tenant = %tenant.name(), issuer = asked.request.applicant.issuer,
                "the request names an issuer and the tenant has none: enlist tenant set --issuer");
            Some(turned_away(refusal))
        }
    })
}

/// A no without the policy being asked.
fn turned_away(refusal: Refusal) -> Considered {
    let said = Said::refused(&refusal, Vec::new(), None);
    Considered::Refused(refusal, said)
}

fn considered(verdict: Verdict<Option<Reservation>>) -> Considered {
    match verdict.decision {
        Decision::Grant(grant) => {
            let said = Said::granted(&grant, verdict.notes, verdict.fuel);
            Considered::Granted(grant, said)
        }
        Decision::Refuse(refusal) => {
            let said = Said::refused(&refusal, verdict.notes, Some(verdict.fuel));
            Considered::Refused(refusal, said)
        }
    }
}
