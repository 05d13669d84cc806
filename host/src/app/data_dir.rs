//! The data folder and the database, held by one server at a time; a home root holds itself.
//! Refuses a second one: two would hand out one name twice.

use crate::app::AppError;
use crate::homes::make_durably;
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folder and database are ours while this lives; the system gives them back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DataDir {
    _folder: File,
    _database: File,
}

impl DataDir {
    /// Makes the folder if it is not there, and takes both locks. The database may be elsewhere, where somebody with another
    /// data folder could reach for it.
    pub(super) fn hold(folder: &Path, database: &Path) -> Result<Self, AppError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| AppError::DataDir { path, source }
        };
        make_durably(folder).map_err(fail(folder))?;
        let beside = database.parent().unwrap_or(folder);
        make_durably(beside).map_err(fail(beside))?;
        let mut database = database.as_os_str().to_owned();
        database.push(".lock");
        Ok(Self { _folder: lock(folder.join(".lock"))?, _database: lock(PathBuf::from(database))? })
    }
}

/// Whose a file or folder is that is there and not ours. Whoever changes something beside the server must be who runs it: what
/// they leave there it could not use.
pub(super) fn another_owner(path: &Path) -> Option<u32> {
    let owner = std::fs::metadata(path).ok()?.uid();
    (owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

fn lock(path: PathBuf) -> Result<File, AppError> {
    let opened = File::options().create(true).write(true).truncate(false).open(&path);
    let file = match opened {
        Ok(file) => file,
        Err(source) => return Err(AppError::DataDir { path, source }),
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(AppError::DataDirInUse(path)),
        Err(TryLockError::Error(source)) => Err(AppError::DataDir { path, source }),
    }
}
