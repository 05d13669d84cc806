//! Tenants' ankisyncds: which file a tenant may name, and the passwords that people have there.
//! Refuses one file to two tenants, a file that is something else, and an empty password.

use crate::domain::{AccountState, HostCode, Refusal, TenantName};
use crate::downstream::{AuthDb, AuthDbError, hash_of};
use crate::homes::apart;
use crate::kill_point;
use crate::ledger::{Acted, Site, Tenant};
use crate::manage::accounts::act;
use crate::manage::deliveries::{Trouble, WAITED_FOR};
use crate::manage::tenants::check_path;
use crate::manage::{ManageError, Operations, SameFile};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::info;

/// The field that names the file.
const FIELD: &str = "ankisyncd_auth_db";

/// How long a disk may take to say what stands in a file.
const LOOKED_WITHIN: Duration = Duration::from_secs(3);

impl Operations {
    /// Gives an open account's person this password at the tenant's ankisyncd, at once.
    pub async fn set_password(
        &self,
        tenant: &Tenant,
        name: &str,
        password: &str,
        request_id: String,
    ) -> Result<(), ManageError> {
        if password.is_empty() {
            return Err(ManageError::Field("password", "it is empty".to_owned()));
        }
        let (id, book) = (tenant.id(), self.ledger.of(tenant));
        match book.account(name).await?.ok_or(ManageError::Missing)?.state {
            AccountState::Active => {}
            AccountState::Closed => return Err(ManageError::Refused(HostCode::AccountClosed)),
            AccountState::Erased => return Err(ManageError::Refused(HostCode::AccountErased)),
        }
        if self.auth_dbs.of(id).map_err(Trouble::from)?.is_none() {
            return Err(ManageError::Refused(HostCode::NoAnkisyncd));
        }
        let hash = hash_of(name, password).map_err(Trouble::from)?;
        let (file, turn) = self.enter(id, WAITED_FOR).await?;
        // What waits about the account comes first: a row that is still to be made would be left alone then.
        self.drain_within(&file, &turn, id, name).await?;
        let row = name.to_owned();
        let written = apart(WAITED_FOR, move || {
            // Whoever reads would keep it from the commit, which comes when it is recorded.
            let draft = file.begin_alone(&turn)?;
            draft.set(&row, &hash)?;
            Ok::<_, AuthDbError>(draft)
        });
        let draft = written.await.map_err(Trouble::from)?.map_err(Trouble::from)?;
        // In the record before it is so: a password that nobody gave is worse than a row too many.
        let act = act("account_passwd", name, request_id);
        let done = book.new_password(name, act.clone()).await?;
        match done {
            Acted::Account(_) => {}
            Acted::Missing => return Err(ManageError::Missing),
            Acted::Refused(code) => return Err(ManageError::Refused(code)),
        }
        kill_point::reach("password_recorded");
        let committed = apart(WAITED_FOR, move || draft.commit()).await.map_err(Trouble::from);
        if let Err(trouble) = committed.and_then(|done| done.map_err(Trouble::from)) {
            // Where the disk did not answer nobody knows which of both holds.
            book.refuse(act, Refusal::host(HostCode::DownstreamBusy)).await?;
            return Err(trouble.into());
        }
        info!(tenant = %tenant.name(), "an account has another password");
        Ok(())
    }

    /// The file that the tenant `name` shall have, if nothing speaks against it.
    pub(super) async fn auth_db_place(
        &self,
        name: &TenantName,
        own: Option<&str>,
    ) -> Result<Option<AuthDb>, ManageError> {
        if let Some(own) = own {
            check_path(FIELD, own)?;
        }
        let Some(path) = self.ground.auth_db_of(name, own.map(Path::new)) else { return Ok(None) };
        let sites = self.ledger.sites().await?;
        let tenant = sites.iter().find(|site| site.name == *name);
        let there = tenant.and_then(|site| site.auth_db_there.clone());
        let waiting: Vec<_> = self.ledger.waiting_for_ankisyncd().await?;
        // That somebody's account was closed may still have to be told for a removed one: to nobody else's person of that name.
        let has = |site: &Site| !site.removed || waiting.iter().any(|(id, _)| *id == site.id);
        let others = sites.into_iter().filter(|site| site.name != *name && has(site));
        let others = others.filter(|site| self.auth_dbs.of(site.id).is_ok());
        let others: Vec<_> = others.filter_map(|site| self.file_of(site)).collect();
        let looked = apart(LOOKED_WITHIN, move || look(path, others));
        let file = AuthDb::new(looked.await??);
        if there.as_deref() == Some(file.path()) {
            file.was_there();
        }
        Ok(Some(file))
    }

    /// Decides again about files that were refused as another tenant's: that one may have let go of one.
    pub(super) async fn decide_refused_auth_dbs(&self) {
        if self.auth_dbs.refused().is_empty() {
            return;
        }
        let _turn = self.turn.lock().await;
        self.give_refused_auth_dbs().await;
    }

    /// The same by somebody whose turn it is.
    pub(super) async fn give_refused_auth_dbs(&self) {
        for tenant in self.auth_dbs.refused() {
            let sites = self.ledger.sites().await.unwrap_or_default();
            let Some(site) = sites.into_iter().find(|site| site.id == tenant && !site.removed)
            else {
                continue;
            };
            let own = site.auth_db.as_ref().map(|own| own.display().to_string());
            // Whatever speaks against it yet, it is refused as before.
            if let Ok(file) = self.auth_db_place(&site.name, own.as_deref()).await {
                info!(tenant = %site.name, "this ankisyncd is no other tenant's any more");
                self.auth_dbs.put(tenant, file);
            }
        }
    }

    fn file_of(&self, site: Site) -> Option<(TenantName, PathBuf)> {
        let path = self.ground.auth_db_of(&site.name, site.auth_db.as_deref())?;
        Some((site.name, path))
    }
}

/// What an operator may know is wrong with a file that a tenant shall have.
pub fn usable(path: &Path) -> Result<(), AuthDbUnusable> {
    let folder = path.parent().is_some_and(Path::is_dir);
    if !folder {
        return Err(AuthDbUnusable::NoFolder(path.to_owned()));
    }
    if path.is_dir() {
        return Err(AuthDbError::Foreign(path.to_owned()).into());
    }
    Ok(AuthDb::new(path.to_owned()).check()?)
}

/// Why a file is of no use to an ankisyncd.
#[derive(Debug, thiserror::Error)]
pub enum AuthDbUnusable {
    /// It could not be made there.
    #[error("{}: its folder is not there", .0.display())]
    NoFolder(PathBuf),
    /// It is there, and something else.
    #[error(transparent)]
    File(#[from] AuthDbError),
}

impl AuthDbUnusable {
    /// In one line, with the cause that SQLite names.
    pub fn line(&self) -> String {
        match self {
            Self::File(error @ AuthDbError::Sqlite { source, .. }) => format!("{error}: {source}"),
            other => other.to_string(),
        }
    }

    /// Whether it may be well in a moment.
    pub fn passes(&self) -> bool {
        matches!(self, Self::File(AuthDbError::Locked(_)))
    }
}

fn look(path: PathBuf, others: Vec<(TenantName, PathBuf)>) -> Result<PathBuf, ManageError> {
    let wrong = |why: String| ManageError::Field(FIELD, why);
    let file = SameFile::at(&path);
    let file = file.map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    for (name, other) in others {
        // A place that cannot be followed now is nowhere that anybody could go.
        if other == path || SameFile::at(&other).is_ok_and(|other| other.is(&file)) {
            return Err(ManageError::AuthDbTaken(name));
        }
    }
    match usable(&path) {
        Err(error) if !error.passes() => Err(wrong(error.line())),
        _ => Ok(path),
    }
}
