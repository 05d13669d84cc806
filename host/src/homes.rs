//! The folders of accounts: one component below one opened directory, durable before anybody is told, never through a link.
//! Refuses to adopt what holds something, to delete what is not empty, and to know who a folder belongs to. A file system that
//! hangs is waited for by its own two threads and by nobody else.

mod file_system;
mod listing;
mod measure;
mod room;
mod root;
mod survey;

pub use listing::Listing;
pub use measure::Stored;
pub use room::Room;
pub use root::{Root, Style, make_durably};
pub use survey::{Kind, Standing, View};

use crate::domain::{HostCode, Name, TenantId};
use file_system::{FileSystem, FileSystems, WITHIN};
use root::{Raised, Take};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tracing::info;

/// Every tenant's home root.
#[derive(Debug, Default)]
pub struct Homes {
    places: RwLock<HashMap<TenantId, Arc<Place>>>,
    file_systems: FileSystems,
}

/// Where a tenant's homes are.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    style: Style,
    /// Names of some accounts.
    witnesses: Vec<String>,
    /// None until the directory could be opened.
    opened: Mutex<Option<Opened>>,
    opening: Arc<Semaphore>,
}

#[derive(Clone, Debug)]
struct Opened {
    root: Arc<Root>,
    file_system: Arc<FileSystem>,
}

/// What stands where a home would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// Nothing.
    Free,
    /// An empty folder spelt exactly so: it is adopted.
    Empty,
    /// A folder that holds something, a file, or a link.
    Occupied,
}

/// A home that is durably there. Not yet anybody's: the account that names it is committed after it.
#[derive(Debug)]
#[must_use]
pub struct Home {
    root: Arc<Root>,
    name: String,
    raised: Raised,
}

/// Why there is no home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Something that is not an empty folder stands there.
    #[error("something is already at {}", .0.display())]
    Occupied(PathBuf),
    /// The tenant has no home root, or the server is stopping.
    #[error("no home root is open for this tenant")]
    NoRoot,
    /// More of this tenant's work is waiting than its file system's queue holds.
    #[error("the queue of the file system is full")]
    Busy,
    /// The file system did not answer in time.
    #[error("the file system does not answer")]
    Late,
    /// The file system refused.
    #[error("{}", .path.display())]
    Storage {
        /// What was touched.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl HomeError {
    /// What a caller is told.
    pub fn code(&self) -> HostCode {
        match self {
            Self::Busy => HostCode::Busy,
            Self::Occupied(_) => HostCode::HomeExists,
            Self::NoRoot | Self::Late | Self::Storage { .. } => HostCode::StorageUnavailable,
        }
    }

    /// The same fact, for the next of those whom it befell together.
    fn again(&self) -> Self {
        match self {
            Self::Occupied(path) => Self::Occupied(path.clone()),
            Self::NoRoot => Self::NoRoot,
            Self::Busy => Self::Busy,
            Self::Late => Self::Late,
            Self::Storage { path, source } => {
                let again = source.raw_os_error().map(io::Error::from_raw_os_error);
                storage(path, again.unwrap_or_else(|| source.kind().into()))
            }
        }
    }
}

/// Runs what may hang in the kernel on a thread of its own, and waits for it no longer than `within`: a pool that others use too
/// would be full of such threads one day.
pub async fn apart<T: Send + 'static>(
    within: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HomeError> {
    let (answer, answered) = oneshot::channel();
    let spawned = std::thread::Builder::new()
        .name("home-root".to_owned())
        .spawn(move || drop(answer.send(work())));
    spawned.map_err(|source| storage(Path::new("a thread"), source))?;
    match tokio::time::timeout(within, answered).await {
        Ok(done) => done.map_err(|_| HomeError::NoRoot),
        Err(_) => Err(HomeError::Late),
    }
}

impl Homes {
    /// From here on the homes of `tenant` are below `root`.
    pub fn settle(&self, tenant: TenantId, root: Root) -> Result<(), HomeError> {
        let place = Place::new(root.path().to_owned(), root.style());
        self.fill(&place, root)?;
        self.put(tenant, place);
        Ok(())
    }

    /// From here on the homes of `tenant` are below `path`, which is opened when it is first needed, and tried again until it
    /// can be. It is never made: where homes have been and nothing is now, a disk is missing; and so it is where none of
    /// `witnesses`, names of some accounts, has its folder.
    pub fn expect(&self, tenant: TenantId, path: PathBuf, style: Style, witnesses: Vec<String>) {
        self.put(tenant, Place { witnesses, ..Place::new(path, style) });
    }

    /// Opens the home root of `tenant` if it is not open yet.
    pub async fn reach(&self, tenant: TenantId) -> Result<(), HomeError> {
        self.open(tenant).await.map(drop)
    }

    /// The tenant is gone; its folders stay.
    pub fn forget(&self, tenant: TenantId) {
        self.places.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }

    /// Where the home of `name` is or would be.
    pub fn path(&self, tenant: TenantId, name: &str) -> Result<PathBuf, HomeError> {
        let place = self.place(tenant)?;
        let opened = place.opened();
        let root = opened.as_ref().map_or(place.path.as_path(), |opened| opened.root.path());
        Ok(root.join(name))
    }

    /// What stands where the home of `name` would be.
    pub async fn site(&self, tenant: TenantId, name: &Name) -> Result<Site, HomeError> {
        let Opened { root, file_system } = self.open(tenant).await?;
        let name = name.as_str().to_owned();
        file_system.look(tenant, move || root.site(&name)).await
    }

    /// Whether a folder stands where the home of `name` would be: itself, no link to one.
    pub async fn has_folder(&self, tenant: TenantId, name: &Name) -> Result<bool, HomeError> {
        let Opened { root, file_system } = self.open(tenant).await?;
        let name = name.as_str().to_owned();
        file_system.look(tenant, move || root.has_folder(&name)).await
    }

    /// Makes the home of `name`, or adopts an empty folder that is already there; durable when this returns.
    pub async fn build(&self, tenant: TenantId, name: &Name) -> Result<Home, HomeError> {
        let Opened { root, file_system } = self.open(tenant).await?;
        file_system.build(tenant, root, name.as_str().to_owned(), Take::Empty).await
    }

    /// The same, but a folder that is there is taken as it is, whatever it holds: somebody with the right to say so said so.
    pub async fn adopt(&self, tenant: TenantId, name: &Name) -> Result<Home, HomeError> {
        let Opened { root, file_system } = self.open(tenant).await?;
        file_system.build(tenant, root, name.as_str().to_owned(), Take::AsItIs).await
    }

    /// Takes back a home whose account was not opened: removed if this made it and it is still empty.
    pub async fn discard(&self, tenant: TenantId, home: Home) -> Result<(), HomeError> {
        let file_system = self.file_systems.of(&home.root)?;
        file_system.discard(tenant, home).await
    }

    /// Whether a home could be made now, for every root: open, writable, and room left. All are asked at once.
    pub async fn ready(&self) -> Result<(), HomeError> {
        let tenants: Vec<_> = self.read().keys().copied().collect();
        let asked = tenants.into_iter().map(|tenant| async move {
            let Opened { root, file_system } = self.open(tenant).await?;
            file_system.look(tenant, move || root.ready()).await
        });
        futures_util::future::try_join_all(asked).await.map(drop)
    }

    fn place(&self, tenant: TenantId) -> Result<Arc<Place>, HomeError> {
        self.read().get(&tenant).cloned().ok_or(HomeError::NoRoot)
    }

    async fn open(&self, tenant: TenantId) -> Result<Opened, HomeError> {
        let place = self.place(tenant)?;
        if let Some(opened) = place.opened() {
            return Ok(opened);
        }
        let opening = tokio::time::timeout(WITHIN, self.open_now(&place));
        opening.await.map_err(|_| HomeError::Late)?
    }

    /// One at a time for a tenant: it may hang, and holds a thread meanwhile.
    async fn open_now(&self, place: &Place) -> Result<Opened, HomeError> {
        let turn = Arc::clone(&place.opening).acquire_owned().await;
        let turn = turn.map_err(|_| HomeError::NoRoot)?;
        if let Some(opened) = place.opened() {
            return Ok(opened);
        }
        let (path, style, witnesses) = (place.path.clone(), place.style, place.witnesses.clone());
        let opening = apart(WITHIN, move || {
            // Held for as long as it takes, also when nobody waits any more.
            let _turn = turn;
            let root = Root::open(&path, style)?;
            root.bears_out(&witnesses).map(|()| root)
        });
        let root = opening.await??;
        info!(root = %root.path().display(), "a home root is there");
        self.fill(place, root)
    }

    fn fill(&self, place: &Place, root: Root) -> Result<Opened, HomeError> {
        let file_system = self.file_systems.of(&root)?;
        let opened = Opened { root: Arc::new(root), file_system };
        *place.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened.clone());
        Ok(opened)
    }

    fn put(&self, tenant: TenantId, place: Place) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        places.insert(tenant, Arc::new(place));
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<TenantId, Arc<Place>>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn new(path: PathBuf, style: Style) -> Self {
        Self {
            path,
            style,
            witnesses: Vec::new(),
            opened: Mutex::new(None),
            opening: Arc::new(Semaphore::new(1)),
        }
    }

    fn opened(&self) -> Option<Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Home {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.root.path().join(&self.name)
    }
}

fn storage(path: &Path, source: impl Into<io::Error>) -> HomeError {
    HomeError::Storage { path: path.to_owned(), source: source.into() }
}
