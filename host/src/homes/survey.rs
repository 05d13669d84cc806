//! A look at a home root beside the server that holds it, and what may be mended there when nobody does.
//! Refuses to follow a link, to delete, and to make a home root: one that is missing may only not be mounted.

use crate::homes::root::{Take, is_empty};
use crate::homes::{HomeError, Root, storage};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A home root, open to be looked at. It may be in use.
#[derive(Debug)]
pub struct View {
    directory: OwnedFd,
    path: PathBuf,
}

/// What stands at one place of a home root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// The group that owns it.
    pub group: u32,
}

/// What something in a home root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A link, wherever it leads.
    Link,
    /// A file, or anything else.
    File,
}

impl View {
    /// Opens a home root without taking it.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || {
            let path = path.canonicalize()?;
            let directory = rustix::fs::open(&path, flags, Mode::empty())?;
            Ok(Self { directory, path })
        };
        open().map_err(|source: std::io::Error| storage(path, source))
    }

    /// Where it is, links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of everything in it.
    pub fn names(&self) -> Result<Vec<OsString>, HomeError> {
        let list = || {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.directory)? {
                let name = entry?.file_name().to_bytes().to_vec();
                if name != b"." && name != b".." {
                    names.push(OsString::from_vec(name));
                }
            }
            names.sort();
            Ok(names)
        };
        list().map_err(|errno: Errno| storage(&self.path, errno))
    }

    /// What stands at `name`; none when nothing does.
    pub fn standing(&self, name: impl AsRef<Path>) -> Result<Option<Standing>, HomeError> {
        let name = name.as_ref();
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(standing(&found))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(storage(&self.path.join(name), errno)),
        }
    }

    /// Whether the folder `name` holds nothing. One that we may not read holds something.
    pub fn is_empty(&self, name: impl AsRef<Path>) -> Result<bool, HomeError> {
        let name = name.as_ref();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.directory, name, flags, Mode::empty()) {
            Ok(folder) => is_empty(&folder).map_err(|errno| storage(&self.path.join(name), errno)),
            Err(Errno::ACCESS | Errno::PERM) => Ok(false),
            Err(errno) => Err(storage(&self.path.join(name), errno)),
        }
    }
}

fn standing(found: &Stat) -> Standing {
    let kind = match FileType::from_raw_mode(found.st_mode) {
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::File,
    };
    Standing { kind, mode: Mode::from_raw_mode(found.st_mode).bits(), group: found.st_gid }
}

impl Root {
    /// Makes the home of an account whose home is gone: empty, as configured, durable when this returns.
    pub fn make_again(&self, name: &str) -> Result<(), HomeError> {
        let _made = self.raise(name, Take::Empty)?;
        self.sync()
    }

    /// Gives a home the mode and the group that are configured.
    pub fn dress(&self, name: &str) -> Result<(), HomeError> {
        self.put_in_style(name).map_err(|errno| storage(&self.path().join(name), errno))
    }
}
