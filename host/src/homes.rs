//! The folders of accounts: one component below one opened directory, durable before anybody is told, never through a link.
//! Refuses to adopt what holds something, to delete what is not empty, and to know who a folder belongs to.

mod survey;

pub use survey::{Kind, Standing, View};

use crate::domain::{Name, TenantId};
use crate::kill_point;
use rustix::fs::{AtFlags, FileType, FlockOperation, Gid, Mode, OFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Every tenant's home root.
#[derive(Debug, Default)]
pub struct Homes {
    roots: RwLock<HashMap<TenantId, Arc<Root>>>,
}

/// A home root: one directory, open and locked against any other server.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    path: PathBuf,
    style: Style,
}

/// How a home is made.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Permission bits, for example `0o750`, whatever the umask.
    pub mode: u32,
    /// The group that owns it; none leaves the one the system gives.
    pub group: Option<u32>,
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
    made: bool,
}

/// Why there is no home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Something that is not an empty folder stands there.
    #[error("something is already at {}", .0.display())]
    Occupied(PathBuf),
    /// The tenant has no home root.
    #[error("no home root is open for this tenant")]
    NoRoot,
    /// The file system refused.
    #[error("{}", .path.display())]
    Storage {
        /// What was touched.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Homes {
    /// From here on the homes of `tenant` are below `root`.
    pub fn settle(&self, tenant: TenantId, root: Root) {
        let mut roots = self.roots.write().unwrap_or_else(PoisonError::into_inner);
        roots.insert(tenant, Arc::new(root));
    }

    /// Where the home of `name` is or would be.
    pub fn path(&self, tenant: TenantId, name: &str) -> Result<PathBuf, HomeError> {
        Ok(self.root(tenant)?.path.join(name))
    }

    /// What stands where the home of `name` would be.
    pub async fn site(&self, tenant: TenantId, name: &Name) -> Result<Site, HomeError> {
        let root = self.root(tenant)?;
        let name = name.as_str().to_owned();
        off_the_worker(move || root.site(&name)).await
    }

    /// Makes the home of `name`, or adopts an empty folder that is already there; durable when this returns.
    pub async fn build(&self, tenant: TenantId, name: &Name) -> Result<Home, HomeError> {
        let root = self.root(tenant)?;
        let name = name.as_str().to_owned();
        off_the_worker(move || Root::build(root, name)).await
    }

    /// Takes back a home whose account was not opened: removed if this made it and it is still empty.
    pub async fn discard(&self, home: Home) -> Result<(), HomeError> {
        off_the_worker(move || home.discard()).await
    }

    /// Whether a home could be made now, for every root: writable, and room left.
    pub async fn ready(&self) -> Result<(), HomeError> {
        let roots: Vec<_> = {
            let roots = self.roots.read().unwrap_or_else(PoisonError::into_inner);
            roots.values().cloned().collect()
        };
        off_the_worker(move || roots.iter().try_for_each(|root| root.ready())).await
    }

    fn root(&self, tenant: TenantId) -> Result<Arc<Root>, HomeError> {
        let roots = self.roots.read().unwrap_or_else(PoisonError::into_inner);
        roots.get(&tenant).cloned().ok_or(HomeError::NoRoot)
    }
}

/// File systems block; a worker must not.
async fn off_the_worker<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HomeError> + Send + 'static,
) -> Result<T, HomeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(lost) => Err(storage(Path::new(""), io::Error::other(lost))),
    }
}

fn storage(path: &Path, source: impl Into<io::Error>) -> HomeError {
    HomeError::Storage { path: path.to_owned(), source: source.into() }
}

/// Makes a folder and whatever is missing above it, each entry on the disk when this returns. A relative path starts at the
/// working directory.
pub fn make_durably(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => return Ok(()),
    };
    let sync = || std::fs::File::open(parent)?.sync_all();
    if path.is_dir() {
        // Whoever made it may have died before this. A parent that we may not read was not made by us.
        return match sync() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    make_durably(parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync(),
    }
}

fn open(path: &Path, style: Style) -> io::Result<Root> {
    make_durably(path)?;
    let path = path.canonicalize()?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(&path, flags, Mode::empty())?;
    // Two servers would each take the other's new folder for an empty one to adopt.
    rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
        match errno {
            Errno::WOULDBLOCK => {
                io::Error::new(io::ErrorKind::ResourceBusy, "in use by another Enlist")
            }
            other => other.into(),
        }
    })?;
    Ok(Root { directory, path, style })
}

impl Root {
    /// Opens a home root, making it (durably) if it is not there. The path itself may lead through links: it is the operator's.
    /// From here on everything happens below the opened directory.
    pub fn open(path: &Path, style: Style) -> Result<Self, HomeError> {
        open(path, style).map_err(|source| storage(path, source))
    }

    fn site(&self, name: &str) -> Result<Site, HomeError> {
        let fail = |errno: Errno| storage(&self.path.join(name), errno);
        match self.enter(name) {
            Ok(folder) if is_ours(&folder).map_err(fail)? && is_empty(&folder).map_err(fail)? => {
                Ok(Site::Empty)
            }
            Ok(_) | Err(Errno::NOTDIR | Errno::LOOP) => Ok(Site::Occupied),
            Err(Errno::NOENT) => Ok(Site::Free),
            // A folder that we may not read is somebody's.
            Err(Errno::ACCESS | Errno::PERM) => Ok(Site::Occupied),
            Err(errno) => Err(fail(errno)),
        }
    }

    fn build(self: Arc<Self>, name: String) -> Result<Home, HomeError> {
        let fail = |errno: Errno| storage(&self.path.join(&name), errno);
        kill_point::reach("before_mkdir");
        let made = match rustix::fs::mkdirat(&self.directory, &name, Mode::from(self.style.mode)) {
            Ok(()) => true,
            Err(Errno::EXIST) if self.site(&name)? == Site::Empty => false,
            Err(Errno::EXIST) => return Err(HomeError::Occupied(self.path.join(&name))),
            Err(errno) => return Err(fail(errno)),
        };
        kill_point::reach("after_mkdir");
        let home = Home { root: Arc::clone(&self), name: name.clone(), made };
        match self.finish(&name) {
            Ok(()) => {
                kill_point::reach("after_fsync");
                Ok(home)
            }
            Err(errno) => {
                // Best effort: what was refused to us may be refused again, and an empty folder is adopted next time.
                let _ = home.discard();
                Err(fail(errno))
            }
        }
    }

    /// Mode and group as configured, then the entry on the disk. Also for a folder that is adopted: the attempt that made it
    /// may have died before this.
    fn finish(&self, name: &str) -> Result<(), Errno> {
        let folder = self.enter(name)?;
        let now = rustix::fs::fstat(&folder)?;
        let wanted = Mode::from(self.style.mode);
        let mut changed = false;
        if let Some(group) = self.style.group.filter(|group| *group != now.st_gid) {
            rustix::fs::fchown(&folder, None, Some(Gid::from_raw(group)))?;
            changed = true;
        }
        if changed || Mode::from_raw_mode(now.st_mode) != wanted {
            rustix::fs::fchmod(&folder, wanted)?;
            changed = true;
        }
        if changed {
            rustix::fs::fsync(&folder)?;
        }
        rustix::fs::fsync(&self.directory)
    }

    fn enter(&self, name: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, Mode::empty())
    }

    fn ready(&self) -> Result<(), HomeError> {
        let fail = |errno: Errno| storage(&self.path, errno);
        // Through the descriptor, as homes are made: the path may lead elsewhere by now.
        rustix::fs::accessat(&self.directory, ".", rustix::fs::Access::WRITE_OK, AtFlags::empty())
            .map_err(fail)?;
        if rustix::fs::fstat(&self.directory).map_err(fail)?.st_nlink == 0 {
            return Err(fail(Errno::NOENT));
        }
        let room = rustix::fs::fstatvfs(&self.directory).map_err(fail)?;
        // Some file systems count no inodes at all and say 0 of 0.
        if room.f_bavail == 0 || (room.f_files > 0 && room.f_favail == 0) {
            return Err(fail(Errno::NOSPC));
        }
        Ok(())
    }
}

impl Home {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.root.path.join(&self.name)
    }

    fn discard(self) -> Result<(), HomeError> {
        if !self.made {
            return Ok(());
        }
        match rustix::fs::unlinkat(&self.root.directory, &self.name, AtFlags::REMOVEDIR) {
            // Somebody put something in: theirs now, and kept.
            Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
            Err(errno) => Err(storage(&self.path(), errno)),
        }
    }
}

/// A folder of another user's is not ours to give away; root may.
fn is_ours(folder: &OwnedFd) -> Result<bool, Errno> {
    let us = rustix::process::geteuid();
    Ok(us.is_root() || rustix::fs::fstat(folder)?.st_uid == us.as_raw())
}

fn is_empty(folder: &OwnedFd) -> Result<bool, Errno> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let itself = matches!(name, b"." | b"..") && entry.file_type() != FileType::RegularFile;
        if !itself {
            return Ok(false);
        }
    }
    Ok(true)
}
