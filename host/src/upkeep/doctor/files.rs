//! The files around the database: who may read them, and what a stop or a crash left lying about.
//! Refuses to read what is in them.

use crate::upkeep::doctor::{Cure, Report};
use crate::upkeep::{Place, UpkeepError, file_at};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Part of the database in its WAL although no server runs: only known to somebody who holds the data folder.
pub(super) fn look_at_wal(place: &Place, report: &mut Report) {
    let wal = place.beside_database("-wal");
    let bytes = fs::metadata(&wal).map_or(0, |found| found.len());
    if bytes > 0 {
        let found = format!("{bytes} bytes of the database are in {}", wal.display());
        let advice = "nothing: the next start reads them there. A copy of the database's file alone would lack them";
        report.note("wal", found, advice).cured_by(Cure::MoveWal);
    }
}

pub(super) fn look(place: &Place, report: &mut Report) -> Result<(), UpkeepError> {
    let backups = list(&place.backups)?;
    let beside = ["", "-wal", "-shm"].map(|suffix| place.beside_database(suffix));
    let private = beside.iter().chain([&place.keys_file]).chain(&backups);
    for path in private {
        open_to_others(path, report)?;
    }
    if place.keys_file.exists() {
        let found = format!("the first keys are still in {}", place.keys_file.display());
        report.note("first_keys", found, "take them out and delete the file");
    }
    let restoring = place.beside_database(".restoring");
    let folder = place.database.parent().unwrap_or(&place.ground.data_dir);
    let left = list(folder)?.into_iter().chain(backups);
    for path in left.filter(|path| *path == restoring || is_part(path)) {
        let found = format!("{} is half of a copy that was never finished", path.display());
        report.note("half_copy", found, "delete it, unless a backup is running now");
    }
    Ok(())
}

fn open_to_others(path: &Path, report: &mut Report) -> Result<(), UpkeepError> {
    let mode = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => found.permissions().mode() & 0o777,
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file_at(path)(error)),
    };
    if mode & 0o077 != 0 {
        let found = format!("others may read or write {}: its mode is {mode:04o}", path.display());
        report
            .fault("open_to_others", found, "enlist doctor --fix makes it 0600")
            .cured_by(Cure::MakePrivate(path.to_owned()));
    }
    Ok(())
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

/// The files of a folder, sorted; none when it is not there.
fn list(folder: &Path) -> Result<Vec<PathBuf>, UpkeepError> {
    let read = || {
        let entries = fs::read_dir(folder)?;
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()
    };
    match read() {
        Ok(mut paths) => {
            paths.sort();
            Ok(paths)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(file_at(folder)(error)),
    }
}
