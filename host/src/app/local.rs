//! Verbs on the data folder of this machine, without a server: the settings say where everything is, the lock that no server runs
//! where something is changed.
//! Refuses to make a data folder where nobody said that one shall be.

use crate::app::data_dir::{DataDir, another_owner};
use crate::app::first_start::KEYS_FILE;
use crate::app::{AppError, BACKUPS, ground};
use crate::config::{Config, Loaded};
use crate::ledger::Content;
use crate::upkeep::{self, Place, Report, Restored, SoundCopy, Treatment};
use std::path::Path;

/// Copies the database to a new file, beside a server that may be running.
pub fn backup(config: &Config, to: &Path) -> Result<Content, AppError> {
    Ok(upkeep::backup(&place(config), to)?)
}

/// Puts a copy in the database's place. No server may be running.
pub fn restore(
    loaded: &Loaded,
    terminal: bool,
    from: &Path,
    bare: bool,
) -> Result<Restored, AppError> {
    let config = &loaded.config;
    if !config.database_path().exists() && !loaded.data_dir_is_said && !terminal {
        return Err(AppError::NoDataDir);
    }
    let place = place(config);
    check_owner(config)?;
    // Before a folder is made.
    let copy = SoundCopy::open(from)?;
    let _held = DataDir::hold(&config.data_dir, config.database_path())?;
    Ok(upkeep::restore(&place, &copy, bare)?)
}

/// Looks at everything; mends what is safe, when no server is running.
pub fn doctor(config: &Config, treatment: Treatment) -> Result<Report, AppError> {
    let place = place(config);
    place.check_database()?;
    let _held = match treatment {
        Treatment::Look => None,
        Treatment::Mend => {
            check_owner(config)?;
            Some(DataDir::hold(&config.data_dir, config.database_path())?)
        }
    };
    Ok(upkeep::doctor(&place, treatment)?)
}

fn check_owner(config: &Config) -> Result<(), AppError> {
    let path = config.data_dir.clone();
    match another_owner(&path) {
        Some(owner) => Err(AppError::NotTheOwner { path, owner }),
        None => Ok(()),
    }
}

fn place(config: &Config) -> Place {
    Place {
        ground: ground(config),
        database: config.database_path().to_owned(),
        backups: config.data_dir.join(BACKUPS),
        keys_file: config.data_dir.join(KEYS_FILE),
    }
}
