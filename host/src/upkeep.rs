//! What must work when the server does not: a copy of the database, a copy put back, and a look at the whole that finds what does
//! not belong together. On the data folder of this machine; who calls holds it where something is changed.
//! Refuses to delete what holds something, and to guess who a folder belongs to.

mod doctor;
mod restore;
mod retention;

pub use doctor::{Finding, Grade, Report, Treatment, doctor};
pub use restore::{NewerFolder, Restored, SoundCopy, restore};
pub use retention::forget_what_is_old;

use crate::homes::HomeError;
pub use crate::ledger::Content;
use crate::ledger::{LedgerError, LedgerFile, Site};
use crate::manage::Ground;
use std::io;
use std::path::{Path, PathBuf};

/// Where everything of an installation is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where the data and the homes are.
    pub ground: Ground,
    /// The database's file.
    pub database: PathBuf,
    /// Where copies of the database go by themselves.
    pub backups: PathBuf,
    /// Where a first start without a terminal left its keys.
    pub keys_file: PathBuf,
}

/// Why upkeep could not do its work. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// Nobody has started here.
    #[error("there is no database at {}", .0.display())]
    NoDatabase(PathBuf),
    /// A database cannot be used.
    #[error("{}", .path.display())]
    Ledger {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: LedgerError,
    },
    /// A copy that is not sound is not put anywhere.
    #[error("{} is damaged: {first}", .path.display())]
    Damaged {
        /// The copy.
        path: PathBuf,
        /// The first thing that SQLite found.
        first: String,
    },
    /// None of a tenant's folders is where it should be: a restore could not know which names are newer than the copy.
    #[error(
        "none of the folders of tenant {tenant} is in {}: copy them back first, or mount their disk (--yes restores all the same)", .root.display()
    )]
    NoFolders {
        /// Whose.
        tenant: String,
        /// Where they should be.
        root: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the WAL has cannot be moved into the database, and the exchange would take the WAL away.
    #[error("somebody still reads {} as it was: end that first", .0.display())]
    StillRead(PathBuf),
    /// A home root cannot be looked at or mended.
    #[error("a home root")]
    Home(#[from] HomeError),
}

impl Place {
    /// The home root of a tenant.
    fn root_of(&self, site: &Site) -> PathBuf {
        self.ground.root_of(&site.name, site.home.as_deref())
    }

    /// The database's file with this at the end of its name.
    fn beside_database(&self, suffix: &str) -> PathBuf {
        let mut name = self.database.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    /// Nobody has started here if there is no database.
    pub fn check_database(&self) -> Result<(), UpkeepError> {
        match self.database.exists() {
            true => Ok(()),
            false => Err(UpkeepError::NoDatabase(self.database.clone())),
        }
    }

    fn look(&self) -> Result<LedgerFile, UpkeepError> {
        self.check_database()?;
        LedgerFile::look(&self.database).map_err(at(&self.database))
    }
}

/// Copies the database to a new file, as it is at one moment, beside a server that may be running.
pub fn backup(place: &Place, to: &Path) -> Result<Content, UpkeepError> {
    place.look()?.copy_to(to).map_err(at(&place.database))
}

fn at(path: &Path) -> impl FnOnce(LedgerError) -> UpkeepError {
    let path = path.to_owned();
    move |error| match error {
        LedgerError::File(path, source) => UpkeepError::File { path: path.into(), source },
        source => UpkeepError::Ledger { path, source },
    }
}

fn file_at(path: &Path) -> impl FnOnce(io::Error) -> UpkeepError {
    let path = path.to_owned();
    move |source| UpkeepError::File { path, source }
}
