//! A home root: one directory, open and locked; everything happens below it, one component deep, never through a link.
//! Refuses to adopt what holds something, and to delete what is not empty.

use crate::homes::{HomeError, Room, Site, storage};
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A home root: one directory, open and locked against any other server.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    path: PathBuf,
    style: Style,
    device: u64,
}

/// How a home is made.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Permission bits, for example `0o750`, whatever the umask.
    pub mode: u32,
    /// The group that owns it; none leaves the one the system gives.
    pub group: Option<u32>,
}

/// Which folder that is there already becomes a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// An empty one, and it gets mode and group.
    Empty,
    /// Any, and nothing of it is touched.
    AsItIs,
}

/// A home that stands there, not yet durable: its root has to be synced.
#[derive(Debug)]
#[must_use]
pub(super) struct Raised {
    pub(super) made: bool,
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
    let device = rustix::fs::fstat(&directory)?.st_dev;
    Ok(Root { directory, path, style, device })
}

impl Root {
    /// Opens a home root that is there. The path itself may lead through links: it is the operator's. From here on everything
    /// happens below the opened directory.
    pub fn open(path: &Path, style: Style) -> Result<Self, HomeError> {
        open(path, style).map_err(|source| storage(path, source))
    }

    /// The same, and makes it (durably, with what is missing above it) if it is not there.
    pub fn make(path: &Path, style: Style) -> Result<Self, HomeError> {
        make_durably(path).map_err(|source| storage(path, source))?;
        Self::open(path, style)
    }

    /// Where it is, every link resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How its homes are made.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// The file system it is on: homes on one wait for one disk.
    pub(super) fn device(&self) -> u64 {
        self.device
    }

    pub(super) fn site(&self, name: &str) -> Result<Site, HomeError> {
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

    pub(super) fn has_folder(&self, name: &str) -> Result<bool, HomeError> {
        self.is_folder(name).map_err(|errno| storage(&self.path.join(name), errno))
    }

    /// Makes the folder of `name`, or adopts one; mode and group as configured. On the disk only after [`Root::sync`].
    pub(super) fn raise(&self, name: &str, take: Take) -> Result<Raised, HomeError> {
        let fail = |errno: Errno| storage(&self.path.join(name), errno);
        if take == Take::AsItIs && self.is_folder(name).map_err(fail)? {
            return Ok(Raised { made: false });
        }
        let made = match rustix::fs::mkdirat(&self.directory, name, Mode::from(self.style.mode)) {
            Ok(()) => true,
            Err(Errno::EXIST) if self.site(name)? == Site::Empty => false,
            Err(Errno::EXIST) => return Err(HomeError::Occupied(self.path.join(name))),
            Err(errno) => return Err(fail(errno)),
        };
        let raised = Raised { made };
        match self.put_in_style(name) {
            Ok(()) => Ok(raised),
            Err(errno) => {
                // Best effort: what was refused to us may be refused again, and an empty folder is adopted next time.
                let _ = self.raze(name, &raised);
                Err(fail(errno))
            }
        }
    }

    /// Makes every entry durable, also that of a folder which was adopted: the attempt that made it may have died before this.
    pub(super) fn sync(&self) -> Result<(), HomeError> {
        rustix::fs::fsync(&self.directory).map_err(|errno| storage(&self.path, errno))
    }

    /// Removes a folder that was made for nothing, if it is still empty.
    pub(super) fn raze(&self, name: &str, raised: &Raised) -> Result<(), HomeError> {
        if !raised.made {
            return Ok(());
        }
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::REMOVEDIR) {
            // Somebody put something in: theirs now, and kept.
            Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
            Err(errno) => Err(storage(&self.path.join(name), errno)),
        }
    }

    /// Mode and group as configured, for a folder that is there.
    pub(super) fn put_in_style(&self, name: &str) -> Result<(), Errno> {
        let wanted = Mode::from(self.style.mode);
        let as_wanted = |mode, group| {
            let group = self.style.group.is_none_or(|wanted| wanted == group);
            group && Mode::from_raw_mode(mode) == wanted
        };
        let now = rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(now.st_mode) == FileType::Directory
            && as_wanted(now.st_mode, now.st_gid)
        {
            return Ok(());
        }
        let folder = self.enter(name)?;
        if let Some(group) = self.style.group {
            rustix::fs::fchown(&folder, None, Some(Gid::from_raw(group)))?;
        }
        rustix::fs::fchmod(&folder, wanted)?;
        rustix::fs::fsync(&folder)
    }

    /// A folder itself, not a link to one.
    fn is_folder(&self, name: &str) -> Result<bool, Errno> {
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(FileType::from_raw_mode(found.st_mode) == FileType::Directory),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// What stands here, to be read from the beginning.
    pub(super) fn entries(&self) -> Result<Dir, HomeError> {
        Dir::read_from(&self.directory).map_err(|errno| storage(&self.path, errno))
    }

    /// When something was last put in here, or taken away.
    pub(super) fn changed_at(&self) -> Result<SystemTime, HomeError> {
        let found =
            rustix::fs::fstat(&self.directory).map_err(|errno| storage(&self.path, errno))?;
        let seconds = Duration::from_secs(u64::try_from(found.st_mtime).unwrap_or_default());
        let rest = Duration::from_nanos(found.st_mtime_nsec);
        Ok(SystemTime::UNIX_EPOCH + seconds + rest)
    }

    pub(super) fn enter(&self, name: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, Mode::empty())
    }

    /// The room on its file system for somebody who is not root.
    pub(super) fn room(&self) -> Result<Room, HomeError> {
        let found = rustix::fs::fstatvfs(&self.directory).map_err(|e| storage(&self.path, e))?;
        Ok(Room {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    /// Whether one of these accounts at least has its folder here; an error when none has: then this is not the directory that
    /// homes were made in, but the empty one that another disk is mounted on.
    pub(super) fn bears_out(&self, names: &[String]) -> Result<(), HomeError> {
        let found = |name: &String| {
            rustix::fs::statat(&self.directory, name.as_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
        };
        if names.is_empty() || names.iter().any(found) {
            return Ok(());
        }
        let why = "none of its accounts' folders is here: is the disk mounted?";
        Err(storage(&self.path, io::Error::new(io::ErrorKind::NotFound, why)))
    }

    /// Whether a home could be made now: writable, and room left.
    pub(super) fn ready(&self) -> Result<(), HomeError> {
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

/// Whether two roots are one directory: what is done to one of them is done.
pub(super) fn is_same(one: &Arc<Root>, other: &Arc<Root>) -> bool {
    Arc::ptr_eq(one, other)
}

/// A folder of another user's is not ours to give away; root may.
fn is_ours(folder: &OwnedFd) -> Result<bool, Errno> {
    let us = rustix::process::geteuid();
    Ok(us.is_root() || rustix::fs::fstat(folder)?.st_uid == us.as_raw())
}

pub(super) fn is_empty(folder: &OwnedFd) -> Result<bool, Errno> {
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
