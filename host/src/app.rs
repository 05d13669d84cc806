//! Joins the rooms into a running server: data folder, ledger, sandbox, homes, doors. The only composition.
//! Refuses to do the rooms' work: each line hands one room to the next.

mod ankisyncd;
mod archive;
mod data_dir;
mod first_start;
mod listening;
mod local;
mod policy_file;
mod recovery;
mod tenants;
mod tls;

pub use local::{backup, doctor, restore};
pub(crate) use policy_file::read_policy;
pub(crate) use recovery::{LocalKey, RecoveryError, create_key};

use crate::config::{Config, Loaded, PagemapScan};
use crate::downstream::{AuthDbs, Courier};
use crate::homes::{HomeError, Homes, Root, Style, apart};
use crate::http::{Manners, Rooms};
use crate::ledger::{Ledger, LedgerError, Privacy};
use crate::manage::{Ground, Operations, Places, Stock, resolved, usable};
use crate::probation::Probations;
use crate::provision::Provisioner;
use crate::sandbox::{
    Allotment, Cache, Catalog, Engine, EngineError, Limits, MakeError, Workshop, make,
    swap_is_impossible,
};
use crate::upkeep::{UpkeepError, forget_what_is_old};
use ankisyncd::Beside;
use archive::Kept;
use data_dir::DataDir;
use first_start::{Announcement, Plan};
use listening::{Tls, listen, run};
use policy_file::{DEFAULT_POLICY, read_revision};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tenants::Opening;
use tokio::task::JoinHandle;
use tracing::{info, warn};

/// How a start was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// `--print-first-keys`.
    pub print_first_keys: bool,
    /// Whether somebody reads standard output on a terminal.
    pub terminal: bool,
}

/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Nobody said where the data is, and nobody could see where it went.
    #[error(
        "no data folder yet and no terminal: say where the data shall be, with data_dir, ENLIST_DATA_DIR or --data-dir"
    )]
    NoDataDir,
    /// A file that the settings name is of no use.
    #[error("{key}: {what}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What is wrong with what it names.
        what: String,
    },
    /// Another server holds the data folder or the database.
    #[error("another Enlist is running here: it holds {}", .0.display())]
    DataDirInUse(PathBuf),
    /// The data folder cannot be made or written.
    #[error("{}", .path.display())]
    DataDir {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The data folder is another user's.
    #[error("{} belongs to user {owner} of this system: run this as that user, as whom the server runs", .path.display())]
    NotTheOwner {
        /// Which folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// What had to be said on standard output could not be.
    #[error("standard output cannot be written, and the keys are shown nowhere else")]
    Unheard(#[source] std::io::Error),
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error("the database")]
    Ledger(#[from] LedgerError),
    /// The sandbox.
    #[error("the sandbox")]
    Engine(#[from] EngineError),
    /// The first policy could not be made.
    #[error("the policy cannot be made")]
    Make(#[from] MakeError),
    /// The home root.
    #[error("the home root")]
    Home(#[from] HomeError),
    /// What works on the data folder without a server.
    #[error(transparent)]
    Upkeep(#[from] UpkeepError),
    /// The doors.
    #[error("serving")]
    Serve(#[source] std::io::Error),
}

/// Where copies of the database go, in the data folder.
const BACKUPS: &str = "backups";

/// Where compiled policies are kept, in the data folder.
const CACHE: &str = "cache";

/// How long a disk may take to say what the auth.db of tenant `default` is.
const AUTH_DB_WITHIN: Duration = Duration::from_secs(2);

/// This very program, also when its file was replaced or removed since.
const OURSELVES: &str = "/proc/self/exe";

/// Starts the server and runs it until SIGTERM or SIGINT; accepted requests are answered.
pub async fn serve(loaded: Loaded, manner: Manner) -> Result<(), AppError> {
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    let config = &loaded.config;
    // Asked before anything is made: a unit started in the wrong folder must not make a second, empty installation.
    if !config.database_path().exists() && !loaded.data_dir_is_said && !manner.terminal {
        return Err(AppError::NoDataDir);
    }
    let beside = Beside::read(&loaded)?;
    check_ground(config)?;
    let _data_dir = DataDir::hold(&config.data_dir, config.database_path())?;
    // Before the keys: a first start that cannot listen, or make a home, has not happened.
    let listener = listen(config.listen)?;
    let address = listener
        .local_addr()
        .map_err(|source| AppError::Listen { address: config.listen, source })?;
    let metrics = config.metrics.listen.map(listen).transpose()?;
    let tls = config.tls().map(Tls::read).transpose()?;
    let (ledger, operations, rooms, surveying) = open(config, beside, address, manner).await?;
    let metrics_address = metrics.as_ref().and_then(|metrics| metrics.local_addr().ok());
    info!(listen = %address, tls = tls.is_some(), metrics = ?metrics_address, data_dir = %config.data_dir.display(), home_root = %config.home_root.display(),
        database = %config.database_path().display(), config = ?loaded.file, "serving");
    allow_many_connections();
    let forgetting =
        config.record.keep.0.map(|keep| tokio::spawn(forget_what_is_old(ledger, keep)));
    let deciding = tokio::spawn(operations.clone().decide_allowances());
    let telling = tokio::spawn(operations.clone().deliver_webhooks());
    let delivering = tokio::spawn(operations.deliver_to_ankisyncds());
    let served = run(listener, tls, metrics, rooms).await;
    for beside in forgetting.into_iter().chain([deciding, delivering, telling, surveying]) {
        // It holds the ledger, which is closed in order when its last holder is gone.
        beside.abort();
        let _ = beside.await;
    }
    served
}

/// Reads what a start would read, and makes nothing. What it has to say of an ini is the answer, each line behind a `#`.
pub async fn check(loaded: &Loaded) -> Result<String, AppError> {
    let config = &loaded.config;
    let beside = Beside::read(loaded)?;
    check_ground(config)?;
    config.tls().map(Tls::read).transpose()?;
    check_auth_db(ground(config).auth_db).await?;
    let engine = Engine::new(&limits(config))?;
    if !config.database_path().exists() {
        let manner = Manner { print_first_keys: false, terminal: false };
        let plan = Plan::read(config, config.listen, manner)?;
        let (component, settings) = plan.parts();
        make(&engine, component, settings).map_err(|error| plan.unmade(error))?;
    }
    let Some(beside) = beside else { return Ok(String::new()) };
    let plan = beside.plan(!config.database_path().exists(), &config.url(config.listen)).await?;
    Ok(ankisyncd::text(&plan, "# "))
}

/// Homes must not hold what is the server's own. Nothing is made before that is known: the home root may be another program's.
fn check_ground(config: &Config) -> Result<(), AppError> {
    let ground = ground(config);
    if let Ok(found) = resolved(&ground.home_root)
        && let Ok(Some(what)) = ground.ours_below(&found)
    {
        let what = format!("{} would hold {what}", ground.home_root.display());
        return Err(AppError::Setting { key: "home_root", what });
    }
    Ok(())
}

/// One that is locked at the moment may be well, and a disk that hangs is waited for by what is delivered there.
async fn check_auth_db(path: Option<PathBuf>) -> Result<(), AppError> {
    let Some(path) = path else { return Ok(()) };
    match apart(AUTH_DB_WITHIN, move || usable(&path)).await {
        Ok(Err(error)) if !error.passes() => {
            Err(AppError::Setting { key: "ankisyncd.auth_db", what: error.line() })
        }
        _ => Ok(()),
    }
}

/// As many as the system lets us have: the default of 1024 descriptors is used up by a thousand idle clients.
fn allow_many_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "the limit of open files stays as it is");
    }
}

/// How many policies are mapped at once. Each holds a descriptor, and half of those are for connections.
fn loaded_revisions(config: &Config) -> usize {
    use rustix::process::{Resource, getrlimit};
    let wanted = usize::try_from(config.limits.loaded_revisions).unwrap_or(usize::MAX);
    let half = getrlimit(Resource::Nofile).maximum.map(|most| most / 2);
    match half.and_then(|half| usize::try_from(half).ok()) {
        Some(half) if half < wanted => {
            warn!(
                wanted,
                held = half,
                "limits.loaded_revisions is more than half of the open files that the system allows"
            );
            half
        }
        _ => wanted,
    }
}

/// The rooms behind the doors; says on the way what a start has to say.
async fn open(
    config: &Config,
    beside: Option<Beside<'_>>,
    address: SocketAddr,
    manner: Manner,
) -> Result<(Ledger, Operations, Rooms, JoinHandle<()>), AppError> {
    let engine = Engine::new(&limits(config))?;
    let ground = ground(config);
    check_auth_db(ground.auth_db.clone()).await?;
    let privacy = if config.record.mask { Privacy::Masked } else { Privacy::Shown };
    let backups = config.data_dir.join(BACKUPS);
    let ledger = Ledger::open(config.database_path(), &backups, privacy)?
        .with_default_auth_db(ground.auth_db.is_some());
    let workshop = workshop(config, &engine, &ledger)?;
    let mut first = None;
    let is_first = ledger.is_empty().await?;
    if let Some(beside) = &beside {
        beside.tell(is_first, &config.url(address), manner).await?;
    }
    let ini = beside.as_ref().map(Beside::file);
    if is_first {
        first = Some(Root::make(&ground.home_root, ground.style)?);
        let plan = Plan::read(config, address, manner)?.beside(ini);
        let (component, settings) = plan.parts();
        let made = workshop.make(component.to_vec(), settings.to_owned()).await;
        made.map_err(|error| plan.unmade(error))?;
        plan.carry_out(&ledger).await?;
    } else {
        Announcement::again(config, address, manner, ini).make().map_err(AppError::Unheard)?;
    }
    if let Some(beside) = &beside {
        beside.take_over(&ledger).await?;
    }
    let catalog = Catalog::new(&engine, Arc::clone(&workshop), loaded_revisions(config));
    let (catalog, homes) = (Arc::new(catalog), Arc::new(Homes::default()));
    let auth_dbs = Arc::new(AuthDbs::default());
    let opening = Opening {
        ledger: &ledger,
        catalog: &catalog,
        homes: &homes,
        auth_dbs: &auth_dbs,
        ground: &ground,
    };
    opening.all(first).await?;
    let manners = Manners {
        body_limit_bytes: usize::try_from(config.limits.body_size.0).unwrap_or(usize::MAX),
        component_limit_bytes: usize::try_from(config.limits.component_size.0)
            .unwrap_or(usize::MAX),
        user_directory: config.compat.user_directory,
        trusted_proxies: config.trusted_proxies.0.clone(),
        requests_per_second: config.limits.requests_per_second.0,
        metrics_apart: config.metrics.listen.is_some(),
    };
    let first = read_revision(DEFAULT_POLICY, config.limits.component_size.0);
    let first = first.map_err(|what| AppError::Setting { key: "limits.component_size", what })?;
    let (probations, falls) = Probations::new(config.probation.rate.0);
    let operations = Operations::new(
        ledger.clone(),
        Arc::clone(&catalog),
        Places { homes: Arc::clone(&homes), auth_dbs: Arc::clone(&auth_dbs), ground },
        Stock { workshop, first, built_in: policy_file::built_in },
        Arc::clone(&probations),
        &engine,
    )
    .with_courier(Courier::new(&config.webhooks.allow.0));
    operations.resume_probations().await?;
    ledger.rest();
    tokio::spawn(operations.clone().heed(falls));
    let provisioner =
        Provisioner::new(ledger.clone(), catalog, Arc::clone(&homes), probations, auth_dbs);
    let surveying = tokio::spawn(provisioner.survey());
    let rooms = Rooms::new(ledger.clone(), provisioner, operations.clone(), homes, manners);
    Ok((ledger, operations, rooms, surveying))
}

fn workshop(config: &Config, engine: &Engine, ledger: &Ledger) -> Result<Arc<Workshop>, AppError> {
    let path = config.data_dir.join(CACHE);
    let cache = Cache::open(&path).and_then(|cache| {
        cache.sweep(engine)?;
        Ok(Arc::new(cache))
    });
    let cache = cache.map_err(|source| AppError::DataDir { path, source })?;
    let archive = Arc::new(Kept(ledger.clone()));
    let allotment = Allotment::of(engine.limits());
    Ok(Arc::new(Workshop::new(OURSELVES.into(), allotment, engine, cache, archive)))
}

fn ground(config: &Config) -> Ground {
    let database_dir = config.database_path().parent().unwrap_or(&config.data_dir);
    let auth_db = &config.ankisyncd.auth_db;
    Ground {
        data_dir: config.data_dir.clone(),
        database_dir: database_dir.to_owned(),
        home_root: config.home_root.clone(),
        style: Style { mode: config.homes.mode.0, group: config.homes_group() },
        auth_db: (!auth_db.as_os_str().is_empty()).then(|| auth_db.clone()),
    }
}

/// The sandbox's part of the settings.
pub(crate) fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        decision_fuel: limits.decision_fuel,
        decision_time: limits.decision_time.duration(),
        decisions_at_once: usize::try_from(limits.decisions_at_once).unwrap_or(usize::MAX),
        cpu_share: limits.cpu_share.0,
        memory_bytes: limits.memory.0,
        settings_memory_bytes: limits.settings_memory.0,
        answer_bytes: limits.answer.0,
        component_bytes: limits.component_size.0,
        pagemap_scan: match config.sandbox.pagemap_scan {
            PagemapScan::Off => false,
            PagemapScan::Auto => swap_is_impossible(),
        },
    }
}
