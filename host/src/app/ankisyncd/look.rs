//! What there is beside an ankisyncd before a start takes anything over: folders, rows, and what the ledger says of key and issuer.
//! Refuses to make anything, a home root or a database included.

use crate::app::AppError;
use crate::app::data_dir::another_owner;
use crate::config::Config;
use crate::domain::{FoldKey, TenantName};
use crate::downstream::AuthDb;
use crate::homes::{HomeError, Kind, View};
use crate::ledger::{Inherited, LedgerError, LedgerFile, Legacy, Site};
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

/// What was found.
pub(super) struct There {
    /// What becomes of key and issuer; none when the database is an older Enlist's.
    pub(super) inherited: Option<Inherited>,
    /// The home root that the tenant has by its own row, whatever the settings say.
    pub(super) own_home: Option<PathBuf>,
    /// The same of the `auth.db`.
    pub(super) own_auth_db: Option<PathBuf>,
    /// Who owns the home root, if it is not us.
    pub(super) owner: Option<u32>,
    /// Things in the home root that have no account and are no empty folders; none when it is not there yet; an error says why not.
    pub(super) folders: Result<Option<usize>, String>,
    /// Rows that have no account; none when there is no file to look for, or none yet.
    pub(super) rows: Result<Option<usize>, String>,
    /// Whether there is a file of rows at all.
    pub(super) has_rows_file: bool,
}

impl There {
    /// Looks at everything, beside a server that may be running.
    pub(super) fn look(config: &Config, legacy: &Legacy, first: bool) -> Result<Self, AppError> {
        let (inherited, site, held) = match first {
            true => (Some(Inherited::at_first(legacy)), None, HashSet::new()),
            false => known(config, legacy)?,
        };
        let (own_home, own_auth_db) = site.map_or((None, None), |site| (site.home, site.auth_db));
        let root = own_home.as_ref().unwrap_or(&config.home_root).clone();
        let file = own_auth_db.as_ref().unwrap_or(&config.ankisyncd.auth_db).clone();
        let is_said = !file.as_os_str().is_empty();
        let rows = if is_said { rows(&file, &held) } else { Ok(None) };
        Ok(Self {
            inherited,
            owner: another_owner(&root),
            folders: folders(&root, &held),
            rows,
            has_rows_file: is_said && file.exists(),
            own_home,
            own_auth_db,
        })
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

fn folders(root: &std::path::Path, held: &HashSet<String>) -> Result<Option<usize>, String> {
    let view = match View::open(root) {
        Ok(view) => view,
        Err(HomeError::Storage { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(why(&error)),
    };
    let mut count = 0;
    for name in view.names().map_err(|error| why(&error))? {
        let Some(text) = name.to_str().filter(|text| !held.contains(*text)) else { continue };
        if FoldKey::of(text).as_str() == "lost+found" {
            continue;
        }
        let standing = view.standing(&name).map_err(|error| why(&error))?;
        let is_folder = standing.is_some_and(|standing| standing.kind == Kind::Folder);
        let keeps = !is_folder || !view.is_empty(&name).map_err(|error| why(&error))?;
        count += usize::from(keeps);
    }
    Ok(Some(count))
}

fn rows(file: &std::path::Path, held: &HashSet<String>) -> Result<Option<usize>, String> {
    let names = AuthDb::new(file.to_owned()).names().map_err(|error| why(&error))?;
    Ok(Some(names.iter().filter(|name| !held.contains(*name)).count()))
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
