//! The spine: somebody is recognised, or the tenant's policy decides, a name is held, a home is made, an account is opened.
//! Refuses to know what stands at either end: no HTTP, no SQL, no wasmtime.

use crate::domain::{
    Account, Applicant, Decision, Grant, HostCode, Name, Pick, Refusal, Request, TenantId, Unusable,
};
use crate::homes::{Home, HomeError, Homes, Site};
use crate::ledger::{
    Asked, Book, Entry, Ledger, LedgerError, Opened, Recognition, Reservation, Said, Tenant,
};
use crate::sandbox::{Active, Catalog, DecideError};
use std::path::PathBuf;
use std::sync::Arc;
use tracing::{error, warn};

/// Opens accounts: the rooms it leads through.
#[derive(Clone)]
pub struct Provisioner {
    ledger: Ledger,
    catalog: Arc<Catalog>,
    homes: Arc<Homes>,
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

/// An account and where its home is.
#[derive(Debug)]
pub struct Held {
    /// The account.
    pub account: Account,
    /// Its home, absolute.
    pub home: PathBuf,
}

/// What would come of a request; nothing did.
#[derive(Debug)]
pub enum Rehearsal {
    /// This name and allowance, by this revision.
    Grant(String, crate::domain::Allowance, u64),
    /// No, by this revision.
    Refuse(Refusal, u64),
}

/// Why there is no answer. Nobody was provisioned; the operator's log says more.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The policy failed, with its code.
    #[error("the policy failed")]
    Policy(HostCode),
    /// The tenant has no policy loaded.
    #[error("no policy is loaded for this tenant")]
    NoPolicy,
    /// The ledger could not.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The file system could not.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// How far a name is held while a policy is asked.
#[derive(Clone, Copy)]
enum Hold {
    /// Until the account is opened.
    Fast,
    /// Not at all: a rehearsal reserves nothing.
    Loose,
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
    pub fn new(ledger: Ledger, catalog: Arc<Catalog>, homes: Arc<Homes>) -> Self {
        Self { ledger, catalog, homes }
    }

    /// Gives the person an account, or says who they are, or why not. Run it to its end: a caller that goes away does not
    /// undo it, so spawn it.
    pub async fn provision(&self, tenant: &Tenant, ask: Ask) -> Result<Outcome, ProvisionError> {
        let book = self.ledger.of(tenant);
        let applicant = ask.request.applicant.clone();
        let turn = book.turn(&applicant).await;
        let (considered, asked) = self.consider(&book, tenant, ask, Hold::Fast).await?;
        match considered {
            Considered::Known(account) => {
                drop(turn);
                note(&book, asked, Said::known(&account.name, None)).await;
                Ok(Outcome::Known(self.held(tenant, account)?))
            }
            Considered::Linkable(account) => self.link(&book, tenant, account, asked).await,
            Considered::Refused(refusal, said) => {
                drop(turn);
                note(&book, asked, said).await;
                Ok(Outcome::Refused(refusal))
            }
            Considered::Granted(grant, said) => {
                self.open(&book, tenant, &applicant, grant, Entry { asked, said }).await
            }
        }
    }

    /// Says what `provision` would answer, and does none of it; the record gets a row marked `dry_run`.
    pub async fn rehearse(&self, tenant: &Tenant, ask: Ask) -> Result<Rehearsal, ProvisionError> {
        let book = self.ledger.of(tenant);
        let (considered, asked) = self.consider(&book, tenant, ask, Hold::Loose).await?;
        let revision = asked.revision;
        let (rehearsal, said) = match considered {
            Considered::Known(account) | Considered::Linkable(account) => {
                let said = Said::known(&account.name, None);
                (Rehearsal::Grant(account.name, account.allowance, account.revision), said)
            }
            Considered::Refused(refusal, said) => (Rehearsal::Refuse(refusal, revision), said),
            Considered::Granted(grant, said) => {
                let email = asked.request.applicant.email.as_ref().map(|email| email.assurance());
                match grant.allowance.over_quota(asked.usage.unwrap_or_default(), email) {
                    Some(code) => {
                        let refusal = Refusal::host(code);
                        let said = said.overruled(&refusal);
                        (Rehearsal::Refuse(refusal, revision), said)
                    }
                    None => {
                        (Rehearsal::Grant(grant.name.to_string(), grant.allowance, revision), said)
                    }
                }
            }
        };
        note(&book, asked, said).await;
        Ok(rehearsal)
    }

    /// Recognises the applicant or asks the policy; a policy that fails is recorded here.
    async fn consider(
        &self,
        book: &Book,
        tenant: &Tenant,
        ask: Ask,
        hold: Hold,
    ) -> Result<(Considered, Asked), ProvisionError> {
        let active = self.catalog.active(tenant.id()).ok_or(ProvisionError::NoPolicy)?;
        let mut asked = asked(ask, &active, matches!(hold, Hold::Loose));
        if let Some(recognised) = recognise(book, tenant, &asked).await? {
            return Ok((recognised, asked));
        }
        let usage = book.usage(&asked.request.applicant).await?;
        asked.usage = Some(usage);
        let pick = |names| self.pick(book, tenant.id(), names, hold);
        match active.policy.decide(&asked.request, usage, pick).await {
            Ok(verdict) => Ok((considered(verdict), asked)),
            Err(DecideError::Pick(error)) => Err(error),
            Err(DecideError::Failed(failure)) => {
                error!(request_id = asked.request_id, tenant = %tenant.name(), revision = asked.revision, %failure, "policy failed");
                let code = failure.fault.code();
                note(book, asked, Said::failed(&failure)).await;
                Err(ProvisionError::Policy(code))
            }
        }
    }

    /// The first candidate that the host's rules allow and nobody holds.
    async fn pick(
        &self,
        book: &Book,
        tenant: TenantId,
        names: Vec<String>,
        hold: Hold,
    ) -> Result<Pick<Option<Reservation>>, ProvisionError> {
        let (mut held, mut blocked, mut unusable) = (false, false, Vec::new());
        for (place, text) in names.into_iter().enumerate() {
            let name = match Name::try_from(text.clone()) {
                Ok(name) => name,
                Err(why) => {
                    unusable.push((text, why));
                    continue;
                }
            };
            let reservation = match hold {
                Hold::Fast => book.reserve(&name).await?.map(Some),
                Hold::Loose => (!book.is_held(&name).await?).then_some(None),
            };
            let Some(reservation) = reservation else {
                held = true;
                continue;
            };
            if self.homes.site(tenant, &name).await? == Site::Occupied {
                blocked = true;
                continue;
            }
            return Ok(Pick::Chosen { name, place, reservation });
        }
        Ok(Pick::Nothing(nothing_left(held, blocked, &unusable)))
    }

    async fn link(
        &self,
        book: &Book,
        tenant: &Tenant,
        account: Account,
        asked: Asked,
    ) -> Result<Outcome, ProvisionError> {
        let subject = asked.request.applicant.subject.clone().unwrap_or_default();
        let said = Said::known(&account.name, Some("linked".to_owned()));
        if !book.link(&account, &subject, Entry { asked, said }).await? {
            // Only a door that does not wait its turn could have been quicker: ask again, and be known.
            return Err(LedgerError::Busy.into());
        }
        Ok(Outcome::Known(self.held(tenant, account)?))
    }

    /// From a granted name to an account: the home first, durable, then the one transaction that decides.
    async fn open(
        &self,
        book: &Book,
        tenant: &Tenant,
        applicant: &Applicant,
        grant: Grant<Option<Reservation>>,
        entry: Entry,
    ) -> Result<Outcome, ProvisionError> {
        let home = match self.homes.build(tenant.id(), &grant.name).await {
            Ok(home) => home,
            Err(HomeError::Occupied(path)) => {
                let detail = Some(path.display().to_string());
                let refusal = Refusal::Host { code: HostCode::HomeExists, detail };
                let said = entry.said.overruled(&refusal);
                note(book, entry.asked, said).await;
                return Ok(Outcome::Refused(refusal));
            }
            Err(error) => {
                let said = Said::failed_host(HostCode::StorageUnavailable, format!("{error:?}"));
                note(book, entry.asked, said).await;
                return Err(error.into());
            }
        };
        match book.open(applicant, &grant.name, &grant.allowance, entry).await {
            Ok(Opened::Account(account)) => {
                Ok(Outcome::Opened(Held { account, home: home.path() }))
            }
            Ok(Opened::Refused(refusal)) => {
                self.discard(home).await;
                Ok(Outcome::Refused(refusal))
            }
            // Nothing was tried. After any other error it is not known whether the commit is on the disk, and an account
            // without its folder is worse than an empty folder, which the next attempt adopts.
            Err(LedgerError::Busy) => {
                self.discard(home).await;
                Err(LedgerError::Busy.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn discard(&self, home: Home) {
        if let Err(error) = self.homes.discard(home).await {
            warn!(?error, "an empty folder is left; the next attempt adopts it");
        }
    }

    fn held(&self, tenant: &Tenant, account: Account) -> Result<Held, ProvisionError> {
        let home = self.homes.path(tenant.id(), &account.name)?;
        Ok(Held { account, home })
    }
}

async fn recognise(
    book: &Book,
    tenant: &Tenant,
    asked: &Asked,
) -> Result<Option<Considered>, ProvisionError> {
    if asked.request.occasion == crate::domain::Occasion::SignUp {
        return Ok(None);
    }
    Ok(match book.recognise(&asked.request.applicant).await? {
        Recognition::Stranger => None,
        Recognition::Known(account) => Some(Considered::Known(account)),
        Recognition::Linkable(account) => Some(Considered::Linkable(account)),
        Recognition::Refused(refusal) => {
            if refusal.detail() == Some(crate::ledger::ISSUER_UNSET) {
                warn!(request_id = asked.request_id, tenant = %tenant.name(), issuer = asked.request.applicant.issuer,
                    "the request names an issuer and the tenant has none: enlist tenant set --issuer");
            }
            let said = Said::refused(&refusal, Vec::new(), None);
            Some(Considered::Refused(refusal, said))
        }
    })
}

fn asked(ask: Ask, active: &Active, dry_run: bool) -> Asked {
    Asked {
        request_id: ask.request_id,
        request: ask.request,
        dry_run,
        revision: active.revision.number,
        digest: active.revision.component_digest.clone(),
        settings_digest: active.revision.settings_digest.clone(),
        usage: None,
    }
}

fn considered(verdict: crate::domain::Verdict<Option<Reservation>>) -> Considered {
    match verdict.decision {
        Decision::Grant(grant) => {
            let said = Said::granted(&grant.name, grant.place, verdict.notes, verdict.fuel);
            Considered::Granted(grant, said)
        }
        Decision::Refuse(refusal) => {
            let said = Said::refused(&refusal, verdict.notes, Some(verdict.fuel));
            Considered::Refused(refusal, said)
        }
    }
}

/// Held by somebody beats a folder in the way, which beats a name that nobody could have.
fn nothing_left(held: bool, blocked: bool, unusable: &[(String, Unusable)]) -> Refusal {
    let code = match (held, blocked) {
        (true, _) => HostCode::UsernameTaken,
        (false, true) => HostCode::HomeExists,
        (false, false) => HostCode::NameUnusable,
    };
    let why: Vec<_> = unusable.iter().map(|(text, why)| format!("{text:?}: {why}")).collect();
    let detail = (!why.is_empty()).then(|| why.join("; "));
    Refusal::Host { code, detail }
}

/// A row that cannot be written does not undo an answer that changed nothing; the log has it.
async fn note(book: &Book, asked: Asked, said: Said) {
    let request_id = asked.request_id.clone();
    if let Err(error) = book.record(Entry { asked, said }).await {
        error!(request_id, ?error, "a decision is missing from the record");
    }
}
