//! Files of compiled code, which outlive the process: whoever has a policy's code need not make it again.
//! Refuses to hand out a file that is not byte for byte what was put there: it says so, and the file is gone.

use crate::sandbox::Engine;
use crate::sandbox::load::digest_of;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What code was made of and for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// `sha256:…` of the component.
    pub component_digest: String,
    /// `sha256:…` of the settings.
    pub settings_digest: String,
    /// What it was compiled for.
    pub engine: String,
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
}

impl Cache {
    /// Opens the folder, and makes it where it is missing. Nobody else may look into it, or leave something there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Removes what was compiled for other engines, and what a crash left half-written.
    pub fn sweep(&self, engine: &Engine) -> io::Result<()> {
        let engine = engine.key();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
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
        let half = self.folder.join(key.file_name() + HALF);
        let _ = fs::remove_file(&half);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&half)?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(&half, &path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(digest_of(code))
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
        let _ = fs::remove_file(&path);
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is not what was put there"))
    }

    /// How large the file is, if it is there: what looking at it costs.
    pub(super) fn size(&self, key: &Key) -> Option<u64> {
        fs::symlink_metadata(self.folder.join(key.file_name())).ok().map(|found| found.len())
    }
}

/// How a file's name ends while it is being written.
const HALF: &str = ".half";

/// A link in the place of a file is not ours.
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
