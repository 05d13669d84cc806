//! The data folder, held by one server at a time.
//! Refuses a second one: two would hand out one name twice.

use crate::app::AppError;
use crate::homes::make_durably;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

const LOCK: &str = ".lock";

/// The folder is ours while this lives; the system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the folder if it is not there, and takes its lock.
    pub(super) fn hold(folder: &Path) -> Result<Self, AppError> {
        let fail = |path: PathBuf| move |source| AppError::DataDir { path, source };
        make_durably(folder).map_err(fail(folder.to_owned()))?;
        let path = folder.join(LOCK);
        let lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(fail(path.clone()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(AppError::DataDirInUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(AppError::DataDir { path, source }),
        }
    }
}
