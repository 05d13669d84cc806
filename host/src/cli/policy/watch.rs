//! Waits until somebody saves a file. It looks every now and then: no more is needed for the few files of a policy.
//! Refuses to look at what cargo makes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, thread};

/// How long a change may go unseen.
const GLANCE: Duration = Duration::from_millis(200);

/// Every file by when it was changed, and its size.
#[derive(PartialEq, Eq)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Option<(SystemTime, u64)>>);

impl Snapshot {
    /// What is there now of these files and folders. One that is not there can appear.
    pub(super) fn take(paths: &[PathBuf]) -> Self {
        let mut files = BTreeMap::new();
        paths.iter().for_each(|path| look(path, &mut files));
        Self(files)
    }

    /// Returns when something is different.
    pub(super) fn wait(&self, paths: &[PathBuf]) {
        while *self == Self::take(paths) {
            thread::sleep(GLANCE);
        }
    }
}

fn look(path: &Path, files: &mut BTreeMap<PathBuf, Option<(SystemTime, u64)>>) {
    let Ok(metadata) = fs::metadata(path) else {
        files.insert(path.to_owned(), None);
        return;
    };
    if !metadata.is_dir() {
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        files.insert(path.to_owned(), Some((changed, metadata.len())));
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Cargo writes the first two; editors keep their own files under names that begin with a dot.
        if name != "target" && name != "Cargo.lock" && !name.starts_with('.') {
            look(&entry.path(), files);
        }
    }
}
