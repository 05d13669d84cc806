//! Names that are there without an account: in a tenant's home root, or in the `auth.db` of its ankisyncd. What a tenant has of them is
//! found out once, when it is first asked for, and again now and then; requests that come meanwhile wait for one and the same look.
//! Refuses to say that a name is free while it does not know: then nobody is provisioned.

mod first_page;
mod rows;
mod survey;

use crate::domain::{HostCode, Name, Page, Reserved, TenantId};
use crate::downstream::{AuthDb, AuthDbError, AuthDbs};
use crate::homes::{HomeError, Homes, Site};
use crate::ledger::{Ledger, LedgerError};
use rows::Rows;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use survey::{Ground, Stray, Survey};
use tokio::sync::watch;
use tracing::{info, warn};

/// How long a request waits for a survey: the provider waits five seconds for the whole answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long nothing is looked at again at least, and this many times as long as the survey took.
const REST: Duration = Duration::from_secs(30);
const REST_FACTOR: u32 = 50;

/// How long a survey holds of which nothing shows that it does not: what is put into a folder changes neither root nor file.
const HOLDS: Duration = Duration::from_secs(600);

/// Why nobody knows which names are there.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unsurveyed {
    /// The home root cannot be read.
    #[error("the home root cannot be looked through")]
    Homes(#[source] Arc<HomeError>),
    /// The file cannot be read, or was there once and is gone.
    #[error("the auth.db cannot be read")]
    AuthDb(#[source] Arc<AuthDbError>),
    /// Whose the names are is not known.
    #[error("the ledger failed")]
    Ledger(#[source] Arc<LedgerError>),
    /// It takes longer than anybody waits; it goes on.
    #[error("the names that are there are still being looked through")]
    Late,
    /// A defect of ours.
    #[error("the look was lost")]
    Lost,
}

impl Unsurveyed {
    /// What the caller is told.
    pub fn code(&self) -> HostCode {
        match self {
            Self::Homes(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::AuthDb(_) => HostCode::StorageUnavailable,
            Self::Late => HostCode::Busy,
            Self::Lost => HostCode::InternalError,
        }
    }
}

/// What every tenant has of them.
#[derive(Debug)]
pub(super) struct Strays {
    ledger: Ledger,
    homes: Arc<Homes>,
    auth_dbs: Arc<AuthDbs>,
    known: Mutex<HashMap<TenantId, Arc<Known>>>,
}

/// What is known of one tenant.
#[derive(Debug, Default)]
struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    survey: Option<Arc<Survey>>,
    /// The look that is being taken, if one is.
    look: Option<Look>,
    /// When it was last found out whether the survey still holds.
    checked: Option<Instant>,
    /// When somebody asked for a first page who was told to come again: a look that was begun since is theirs.
    owed: Option<Instant>,
    /// Who looks into the file.
    rows: Option<Arc<Rows>>,
}

/// A look that is being taken.
#[derive(Clone, Debug)]
struct Look {
    begun: Instant,
    told: watch::Receiver<Option<Result<Arc<Survey>, Unsurveyed>>>,
}

impl Strays {
    pub(super) fn new(ledger: Ledger, homes: Arc<Homes>, auth_dbs: Arc<AuthDbs>) -> Self {
        Self { ledger, homes, auth_dbs, known: Mutex::default() }
    }

    /// Whether something that is no account's keeps others from this name: a spelling of it as a folder that holds something, as a
    /// file or as a row. An exact name is also looked for now, the folder only if `folder`: else it shows when it is made.
    pub(super) async fn keep(
        self: &Arc<Self>,
        tenant: TenantId,
        name: &Name,
        folder: bool,
    ) -> Result<bool, Unsurveyed> {
        let survey = self.of(tenant).await?;
        for stray in survey.spellings(&name.fold()) {
            if self.still_stands(tenant, stray).await? {
                return Ok(true);
            }
        }
        if folder && self.site(tenant, name).await? == Site::Occupied {
            return Ok(true);
        }
        Ok(self.has_row(tenant, name.as_str()).await?.unwrap_or(false))
    }

    /// Whether exactly this name is there, as a folder or a row, to be taken over.
    pub(super) async fn has(
        self: &Arc<Self>,
        tenant: TenantId,
        name: &Name,
    ) -> Result<bool, Unsurveyed> {
        let there = self.site(tenant, name).await? != Site::Free;
        Ok(there || self.has_row(tenant, name.as_str()).await?.unwrap_or(false))
    }

    /// At most `limit` names behind `after` that are kept from everybody, in the order of their keys; with `empty` also those of empty
    /// folders. The first page is of a look that was begun for it, or for somebody who was told to come again.
    pub(super) async fn page(
        self: &Arc<Self>,
        tenant: TenantId,
        after: Option<String>,
        limit: usize,
        empty: bool,
    ) -> Result<Page<Reserved, String>, Unsurveyed> {
        let survey = match &after {
            None => self.anew(tenant).await?,
            Some(_) => self.of(tenant).await?,
        };
        let restored = self.ledger.restored(tenant).await.map_err(ledger)?;
        survey.page(&self.ledger, tenant, restored, after, limit, empty).await
    }

    /// Looks at every tenant once, one after the other, so that hardly a request has to wait for it.
    pub(super) async fn all(self: Arc<Self>) {
        let sites = match self.ledger.sites().await {
            Ok(sites) => sites,
            Err(error) => {
                return warn!(?error, "which names are there is found out when somebody asks");
            }
        };
        for site in sites.into_iter().filter(|site| !site.removed) {
            let Ok(survey) = Self::done(self.look(site.id)).await else { continue };
            let (folders, rows) = survey.counts();
            if folders + rows > 0 {
                info!(tenant = %site.name, folders, rows,
                    "names without an account, which nobody gets: enlist account list --reserved");
            }
        }
    }

    async fn of(self: &Arc<Self>, tenant: TenantId) -> Result<Arc<Survey>, Unsurveyed> {
        let ground = self.ground(tenant)?;
        let known = self.known(tenant);
        let survey = known.lock().survey.clone();
        match survey.filter(|survey| survey.ground == ground) {
            Some(survey) => {
                self.check(&known, tenant, &survey);
                Ok(survey)
            }
            None => Self::within(Self::done(self.look(tenant))).await,
        }
    }

    async fn within(
        look: impl Future<Output = Result<Arc<Survey>, Unsurveyed>>,
    ) -> Result<Arc<Survey>, Unsurveyed> {
        tokio::time::timeout(PATIENCE, look).await.map_err(|_| Unsurveyed::Late)?
    }

    async fn done(mut look: Look) -> Result<Arc<Survey>, Unsurveyed> {
        let found = look.told.wait_for(Option::is_some).await.map_err(|_| Unsurveyed::Lost)?;
        found.clone().unwrap_or(Err(Unsurveyed::Lost))
    }

    /// Joins the look that is being taken, or begins one. It goes on when nobody waits for it any more.
    fn look(self: &Arc<Self>, tenant: TenantId) -> Look {
        let known = self.known(tenant);
        let mut state = known.lock();
        if let Some(look) = &state.look {
            return look.clone();
        }
        let (tell, told) = watch::channel(None);
        let look = Look { begun: Instant::now(), told };
        state.look = Some(look.clone());
        drop(state);
        let strays = Arc::clone(self);
        tokio::spawn(async move {
            // Told whatever comes of it: a look that is never done would be joined for ever.
            let made = tokio::spawn({
                let strays = Arc::clone(&strays);
                async move { Survey::make(&strays, tenant).await }
            });
            let made = made.await.unwrap_or(Err(Unsurveyed::Lost)).map(Arc::new);
            if let Err(error) = &made {
                warn!(tenant = tenant.0, ?error, "which names are there cannot be found out");
            }
            let known = strays.known(tenant);
            let mut state = known.lock();
            state.look = None;
            state.checked = Some(Instant::now());
            if let Ok(survey) = &made {
                state.survey = Some(Arc::clone(survey));
            }
            drop(state);
            let _ = tell.send(Some(made));
        });
        look
    }

    /// Finds out beside the request, now and then, whether the survey still holds, and makes another if not.
    fn check(self: &Arc<Self>, known: &Known, tenant: TenantId, survey: &Arc<Survey>) {
        let rest = REST.max(survey.took * REST_FACTOR);
        let mut state = known.lock();
        if state.checked.is_some_and(|at| at.elapsed() < rest) {
            return;
        }
        state.checked = Some(Instant::now());
        drop(state);
        let (strays, survey) = (Arc::clone(self), Arc::clone(survey));
        tokio::spawn(async move {
            let holds = survey.made.elapsed() < HOLDS && survey.still_holds(&strays, tenant).await;
            if !holds {
                // What comes of it is logged there; until then the one before holds.
                let _ = Self::done(strays.look(tenant)).await;
            }
        });
    }

    fn known(&self, tenant: TenantId) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&tenant) {
            return Arc::clone(found);
        }
        // Removed tenants go when another one comes.
        known.retain(|tenant, _| self.homes.knows(*tenant));
        Arc::clone(known.entry(tenant).or_default())
    }

    fn ground(&self, tenant: TenantId) -> Result<Ground, Unsurveyed> {
        let root = self.homes.path(tenant, "").map_err(homes)?;
        let auth_db = self.auth_db(tenant)?.map(|file| file.path().to_owned());
        Ok(Ground { root, auth_db })
    }

    fn auth_db(&self, tenant: TenantId) -> Result<Option<AuthDb>, Unsurveyed> {
        self.auth_dbs.of(tenant).map_err(auth_db)
    }

    /// Who looks into the tenant's file, if it has one.
    fn rows(&self, tenant: TenantId) -> Result<Option<Arc<Rows>>, Unsurveyed> {
        let Some(file) = self.auth_db(tenant)? else { return Ok(None) };
        let known = self.known(tenant);
        let mut state = known.lock();
        if let Some(rows) = state.rows.as_ref().filter(|rows| rows.path() == file.path()) {
            return Ok(Some(Arc::clone(rows)));
        }
        Ok(Some(Arc::clone(state.rows.insert(Arc::new(Rows::new(file))))))
    }

    /// Whether what was found is there now. Where that cannot be said, it is.
    async fn still_stands(&self, tenant: TenantId, stray: &Stray) -> Result<bool, Unsurveyed> {
        if stray.row && self.has_row(tenant, &stray.name).await?.unwrap_or(true) {
            return Ok(true);
        }
        Ok(match Name::existing(stray.name.to_string()) {
            Ok(name) => stray.folder && self.site(tenant, &name).await? == Site::Occupied,
            Err(_) => stray.folder,
        })
    }

    async fn site(&self, tenant: TenantId, name: &Name) -> Result<Site, Unsurveyed> {
        self.homes.site(tenant, name).await.map_err(homes)
    }

    /// Whether exactly this name has a row; none when somebody keeps the file locked: openings do not wait for whoever does, as the
    /// row of the new account does not.
    async fn has_row(&self, tenant: TenantId, name: &str) -> Result<Option<bool>, Unsurveyed> {
        match self.rows(tenant)? {
            None => Ok(Some(false)),
            Some(rows) => rows.has(name.to_owned()).await,
        }
    }
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn homes(error: HomeError) -> Unsurveyed {
    Unsurveyed::Homes(Arc::new(error))
}

fn auth_db(error: AuthDbError) -> Unsurveyed {
    Unsurveyed::AuthDb(Arc::new(error))
}

fn ledger(error: LedgerError) -> Unsurveyed {
    Unsurveyed::Ledger(Arc::new(error))
}
