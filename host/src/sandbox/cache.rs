//! Files of compiled code, which outlive the process: whoever has a policy's code need not make it again.
//! Refuses to hand out a file that is not byte for byte what was put there: it says so, and that file is gone.

use crate::sandbox::Engine;
use crate::sandbox::load::digest_of;
use rustix::fs::StatVfsMountFlags;
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What code was made of and for. Cheap to clone: there is one for each tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// `sha256:…` of the component.
    pub component_digest: Arc<str>,
    /// `sha256:…` of the settings.
    pub settings_digest: Arc<str>,
    /// What it was compiled for.
    pub engine: Arc<str>,
}

impl Key {
    fn file_name(&self) -> String {
        let parts = format!("{} {}", self.component_digest, self.settings_digest);
        let digest = digest_of(parts.as_bytes());
        format!("{}-{}", self.engine, digest.trim_start_matches("sha256:"))
    }
}

/// A file that was just seen to hold what it shall.
pub(super) struct Checked(File);

impl Checked {
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

/// A folder of code, `cache` in the data folder.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    /// Held by whoever gives a file its name, or takes it away.
    naming: Mutex<()>,
}

impl Cache {
    /// Opens the folder, and makes it where it is missing. Nobody else may look into it, or leave something there;
    /// and machine code can be mapped from it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        if rustix::fs::statvfs(folder)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            let why = "its file system is mounted noexec, and compiled policies are run from it: remount it with exec, or mount one there that has it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(Self { folder: folder.to_owned(), naming: Mutex::default() })
    }

    /// Removes what was compiled for other engines, and what a crash left half-written. What is no file
    /// (a disk's own `lost+found`) is not ours.
    pub fn sweep(&self, engine: &Engine) -> io::Result<()> {
        let engine = engine.key();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            let ours = entry.file_name().to_str().is_some_and(|name| {
                name.strip_prefix(engine).is_some_and(|rest| rest.starts_with('-'))
                    && !name.ends_with(HALF)
            });
            if !ours {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Puts code there, durably and all at once; its digest.
    pub(super) fn put(&self, key: &Key, code: &[u8]) -> io::Result<String> {
        let path = self.folder.join(key.file_name());
        let turn = PUT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{}-{turn}{HALF}", key.file_name(), process::id());
        let half = self.folder.join(name);
        let written = write(&half, code).and_then(|()| {
            let _naming = self.naming();
            fs::rename(&half, &path)
        });
        if written.is_err() {
            // It may not even have been begun; what stays is swept at the next start.
            let _ = fs::remove_file(&half);
        }
        written?;
        File::open(&self.folder)?.sync_all()?;
        Ok(digest_of(code))
    }

    fn naming(&self) -> MutexGuard<'_, ()> {
        self.naming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of this key, if its content has this digest. One that has not is removed.
    pub(super) fn get(&self, key: &Key, digest: &str) -> io::Result<Checked> {
        let path = self.folder.join(key.file_name());
        let mut file = File::options().read(true).custom_flags(NOFOLLOW).open(&path)?;
        let mut code = Vec::new();
        file.read_to_end(&mut code)?;
        if digest_of(&code) == digest {
            return Ok(Checked(file));
        }
        let _naming = self.naming();
        // Another may have been put in its place meanwhile.
        let same = |found: Metadata, read: Metadata| {
            (found.dev(), found.ino()) == (read.dev(), read.ino())
        };
        if same(fs::symlink_metadata(&path)?, file.metadata()?) {
            let _ = fs::remove_file(&path);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is not what was put there"))
    }

    /// How large the file is, if it is there: what looking at it costs.
    pub(super) fn size(&self, key: &Key) -> Option<u64> {
        fs::symlink_metadata(self.folder.join(key.file_name())).ok().map(|found| found.len())
    }
}

fn write(half: &Path, code: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(half)?;
    file.write_all(code)?;
    file.sync_all()
}

/// How a file's name ends while it is being written.
const HALF: &str = ".half";

/// How many files were begun: no two have the same name while they are written.
static PUT: AtomicU64 = AtomicU64::new(0);

/// A link in the place of a file is not ours.
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
