//! What there is beside an ankisyncd before a start takes anything over: folders, rows, and what the ledger says of key and issuer.
//! Refuses to make anything, a home root or a database included, and to wait for a disk that does not answer.

use crate::app::AppError;
use crate::app::data_dir::another_owner;
use crate::config::Config;
use crate::domain::{FoldKey, TenantName};
use crate::downstream::{AuthDb, Row, opens};
use crate::homes::{HomeError, Kind, View, apart};
use crate::ledger::{Inherited, LedgerError, LedgerFile, Legacy, Site};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a disk may take to say what is there: nobody who starts a server waits for a number.
const WITHIN: Duration = Duration::from_secs(2);

/// What the old endpoint set for everybody.
const OLD_PASSWORD: &str = "cognito_user";

/// What was found.
pub(super) struct There {
    /// What becomes of key and issuer; none when the database is an older Enlist's.
    pub(super) inherited: Option<Inherited>,
    /// The home root that the tenant has by its own row, whatever the settings say.
    pub(super) own_home: Option<PathBuf>,
    /// The same of the `auth.db`.
    pub(super) own_auth_db: Option<PathBuf>,
    /// What the home root has; nothing when it is not there yet.
    pub(super) folders: Seen<Folders>,
    /// What the `auth.db` has; nothing when there is no file to look for, or none yet.
    pub(super) rows: Seen<Rows>,
}

/// What can be said of a place.
pub(super) enum Seen<T> {
    /// This is there.
    There(T),
    /// Nothing.
    Nothing,
    /// It takes longer than a start waits.
    Late,
    /// It cannot be read, and why.
    Unread(String),
}

/// What a home root has.
pub(super) struct Folders {
    /// Things that have no account and are no empty folders.
    pub(super) reserved: usize,
    /// Who owns it, if it is not us.
    pub(super) owner: Option<u32>,
}

/// What an `auth.db` has.
pub(super) struct Rows {
    /// Rows that have no account.
    pub(super) reserved: usize,
    /// The names, with an account or without, that the password opens which the old endpoint set for everybody.
    pub(super) known_password: Vec<String>,
}

impl There {
    /// Looks at everything, beside a server that may be running.
    pub(super) async fn look(
        config: &Config,
        legacy: &Legacy,
        first: bool,
    ) -> Result<Self, AppError> {
        let (inherited, site, held) = match first {
            true => (Some(Inherited::at_first(legacy)), None, HashSet::new()),
            false => known(config, legacy)?,
        };
        let (own_home, own_auth_db) = site.map_or((None, None), |site| (site.home, site.auth_db));
        let root = own_home.as_ref().unwrap_or(&config.home_root).clone();
        let file = own_auth_db.as_ref().unwrap_or(&config.ankisyncd.auth_db).clone();
        let held = Arc::new(held);
        let of_rows = Arc::clone(&held);
        let folders = seen(move || folders(&root, &held));
        let rows = seen(move || rows(file, &of_rows));
        let (folders, rows) = tokio::join!(folders, rows);
        Ok(Self { inherited, own_home, own_auth_db, folders, rows })
    }
}

/// What the look says, if it says so in time.
async fn seen<T: Send + 'static>(
    look: impl FnOnce() -> Result<Option<T>, String> + Send + 'static,
) -> Seen<T> {
    match apart(WITHIN, look).await {
        Ok(Ok(Some(found))) => Seen::There(found),
        Ok(Ok(None)) => Seen::Nothing,
        Ok(Err(why)) => Seen::Unread(why),
        Err(HomeError::Late) => Seen::Late,
        Err(error) => Seen::Unread(why(&error)),
    }
}

type Known = (Option<Inherited>, Option<Site>, HashSet<String>);

fn known(config: &Config, legacy: &Legacy) -> Result<Known, LedgerError> {
    let ledger = LedgerFile::look(config.database_path())?;
    if ledger.schema()? < LedgerFile::SCHEMA {
        return Ok((None, None, HashSet::new()));
    }
    let default = TenantName::default_tenant();
    let mut tenants = ledger.tenants()?.into_iter().map(|tenant| tenant.site);
    let site = tenants.find(|site| site.name == default && !site.removed);
    let held = site.as_ref().map_or(Ok(Vec::new()), |site| ledger.held(site.id))?;
    let held = held.into_iter().map(|held| held.name).collect();
    Ok((Some(ledger.foresee(legacy)?), site, held))
}

fn folders(root: &Path, held: &HashSet<String>) -> Result<Option<Folders>, String> {
    let view = match View::open(root) {
        Ok(view) => view,
        Err(HomeError::Storage { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(why(&error)),
    };
    let mut reserved = 0;
    for name in view.names().map_err(|error| why(&error))? {
        let Some(text) = name.to_str().filter(|text| !held.contains(*text)) else { continue };
        if FoldKey::of(text).as_str() == "lost+found" {
            continue;
        }
        let standing = view.standing(&name).map_err(|error| why(&error))?;
        let is_folder = standing.is_some_and(|standing| standing.kind == Kind::Folder);
        let keeps = !is_folder || !view.is_empty(&name).map_err(|error| why(&error))?;
        reserved += usize::from(keeps);
    }
    Ok(Some(Folders { reserved, owner: another_owner(root) }))
}

fn rows(file: PathBuf, held: &HashSet<String>) -> Result<Option<Rows>, String> {
    // No path at all is nowhere.
    if !file.exists() {
        return Ok(None);
    }
    let rows = AuthDb::new(file).rows().map_err(|error| why(&error))?;
    let reserved = rows.keys().filter(|name| !held.contains(*name)).count();
    let is_known =
        |name: &str, row: &Row| matches!(row, Row::Hash(hash) if opens(name, OLD_PASSWORD, hash));
    let known = rows.iter().filter(|(name, row)| is_known(name, row)).map(|(name, _)| name.clone());
    let mut known_password: Vec<_> = known.collect();
    known_password.sort();
    Ok(Some(Rows { reserved, known_password }))
}

fn why(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
