//! A copy of the database put back: checked first, brought to this program's schema, and exchanged in one step for what is there,
//! which is kept. Folders that it does not know keep their names.
//! Refuses a copy that is damaged, foreign or of a newer Enlist; whatever stops it leaves the old database or the new one.

use crate::domain::{Name, Unusable};
use crate::homes::{HomeError, View};
use crate::kill_point;
use crate::ledger::{
    Content, LedgerFile, copy_name, make_private_folder, move_wal, sync_folder_of,
};
use crate::upkeep::{Place, UpkeepError, at, file_at};
use serde::Serialize;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// What the copy held, and its schema before it was brought to ours.
    pub content: Content,
    /// Where the database is that was here before.
    pub kept: Option<PathBuf>,
    /// Folders that the copy does not know.
    pub newer: Vec<NewerFolder>,
    /// Folders of tenants that the copy does not know.
    pub unknown_tenants: Vec<PathBuf>,
}

/// A folder, or something else in a home root, without an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewerFolder {
    /// The tenant in whose home root it is.
    pub tenant: String,
    /// Its name, which nobody gets.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A copy that was looked at and is sound.
#[derive(Debug)]
pub struct SoundCopy {
    path: PathBuf,
    ledger: LedgerFile,
}

impl SoundCopy {
    /// Opens and checks a copy; nothing is changed.
    pub fn open(path: &Path) -> Result<Self, UpkeepError> {
        let ledger = LedgerFile::look(path).map_err(at(path))?;
        match ledger.damage().map_err(at(path))?.into_iter().next() {
            Some(first) => Err(UpkeepError::Damaged { path: path.to_owned(), first }),
            None => Ok(Self { path: path.to_owned(), ledger }),
        }
    }
}

/// Puts the copy in the place of the database. The caller holds the data folder.
///
/// A copy with accounts beside a home root without any of their folders is refused unless `bare` says that this is meant: the names
/// of people who are newer than the copy are known by their folders alone.
pub fn restore(place: &Place, copy: &SoundCopy, bare: bool) -> Result<Restored, UpkeepError> {
    let next = place.beside_database(".restoring");
    for left in [next.clone(), place.beside_database(".restoring-journal")] {
        remove(&left)?;
    }
    let content = copy.ledger.copy_to(&next).map_err(at(&copy.path))?;
    let restored = put_back(place, &next, content, bare);
    if restored.is_err() {
        let _ = remove(&next);
    }
    restored
}

fn put_back(
    place: &Place,
    next: &Path,
    content: Content,
    bare: bool,
) -> Result<Restored, UpkeepError> {
    let (newer, unknown_tenants) = complete(place, next, bare)?;
    let kept = keep(place)?;
    kill_point::reach("restore_before_exchange");
    exchange(place, next)?;
    kill_point::reach("restore_after_exchange");
    Ok(Restored { content, kept, newer, unknown_tenants })
}

/// Our schema, and the names that nobody must get: in the new database before it is the database.
fn complete(
    place: &Place,
    next: &Path,
    bare: bool,
) -> Result<(Vec<NewerFolder>, Vec<PathBuf>), UpkeepError> {
    let mut ledger = LedgerFile::take(next).map_err(at(next))?;
    ledger.migrate().map_err(at(next))?;
    let mut newer = Vec::new();
    let mut names = Vec::new();
    let tenants = ledger.tenants().map_err(at(next))?;
    for site in tenants.iter().map(|tenant| &tenant.site).filter(|site| !site.removed) {
        let held = ledger.held(site.id).map_err(at(next))?;
        let held: HashSet<_> = held.into_iter().map(|held| held.name).collect();
        let root = place.root_of(site);
        if !bare && !held.is_empty() && !held.iter().any(|name| root.join(name).is_dir()) {
            return Err(UpkeepError::NoFolders { tenant: site.name.to_string(), root });
        }
        for (name, path) in without_account(&root, &held)? {
            names.push((site.id, name.clone()));
            newer.push(NewerFolder { tenant: site.name.to_string(), name, path });
        }
    }
    ledger.reserve(&names).map_err(at(next))?;
    let known = tenants.iter().map(|tenant| tenant.site.name.as_str()).collect();
    drop(ledger);
    File::open(next).and_then(|file| file.sync_all()).map_err(file_at(next))?;
    Ok((newer, unknown_tenants(place, &known)?))
}

/// What stands in a home root under a name that no account holds. A name that is no text can be asked for by nobody.
fn without_account(
    root: &Path,
    held: &HashSet<String>,
) -> Result<Vec<(String, PathBuf)>, UpkeepError> {
    let view = match View::open(root) {
        Ok(view) => view,
        Err(HomeError::Storage { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.into()),
    };
    let texts = view.names()?.into_iter().filter_map(|name| name.into_string().ok());
    let nobodys = texts.filter(|name| !held.contains(name) && !is_the_systems(name));
    Ok(nobodys.map(|name| (name.clone(), view.path().join(name))).collect())
}

/// Such as `lost+found`: no name that anybody could have.
pub(super) fn is_the_systems(name: &str) -> bool {
    Name::try_from(name.to_owned()) == Err(Unusable::Reserved)
}

fn unknown_tenants(place: &Place, known: &HashSet<&str>) -> Result<Vec<PathBuf>, UpkeepError> {
    let folder = place.ground.tenants();
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(file_at(&folder))?,
    };
    let mut unknown = Vec::new();
    for entry in entries {
        let entry = entry.map_err(file_at(&folder))?;
        if !entry.file_name().to_str().is_some_and(|name| known.contains(name)) {
            unknown.push(entry.path());
        }
    }
    unknown.sort();
    Ok(unknown)
}

/// Copies the present database, however broken it is, to where copies are kept.
fn keep(place: &Place) -> Result<Option<PathBuf>, UpkeepError> {
    let present = &place.database;
    if !present.exists() {
        return Ok(None);
    }
    // Then the one file is everything, also when the exchange stops half way. Only what is no database any more is not asked for
    // that: its WAL is kept beside the copy.
    match move_wal(present) {
        Ok(true) => {}
        Ok(false) => return Err(UpkeepError::StillRead(present.clone())),
        Err(error) if error.is_damage() => {}
        Err(error) => return Err(at(present)(error)),
    }
    make_private_folder(&place.backups).map_err(file_at(&place.backups))?;
    let to = place.backups.join(copy_name("before-restore"));
    let wal = place.beside_database("-wal");
    if fs::metadata(&wal).is_ok_and(|found| found.len() > 0) {
        copy_durably(&wal, &to.with_extension("db-wal"))?;
    }
    copy_durably(present, &to)?;
    Ok(Some(to))
}

fn copy_durably(from: &Path, to: &Path) -> Result<(), UpkeepError> {
    let part = to.with_extension("part");
    let copy = || {
        fs::copy(from, &part)?;
        File::open(&part)?.sync_all()?;
        fs::rename(&part, to)?;
        sync_folder_of(to)
    };
    copy().map_err(file_at(to))
}

/// One rename. What belongs to the old file must be gone before: SQLite would put the old one's WAL or journal into the new.
fn exchange(place: &Place, next: &Path) -> Result<(), UpkeepError> {
    for suffix in ["-shm", "-journal", "-wal"] {
        remove(&place.beside_database(suffix))?;
    }
    let exchange = || {
        sync_folder_of(next)?;
        fs::rename(next, &place.database)?;
        sync_folder_of(next)
    };
    exchange().map_err(file_at(&place.database))
}

fn remove(path: &Path) -> Result<(), UpkeepError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_at(path)(error)),
        _ => Ok(()),
    }
}
