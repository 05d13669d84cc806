//! Tenants: made with the default policy and a home root of their own; shown; changed; removed while nobody has an account.
//! Refuses to make a row without a folder to put homes in, and to let a tenant's own key say where on the machine that is.

use crate::domain::{Page, TenantName};
use crate::homes::{Root, apart};
use crate::kill_point;
use crate::ledger::{
    NewTenant, Operator, StoredRevision, Tenant, TenantChange, TenantEntry, Unchanged,
};
use crate::manage::deliveries::WAITED_FOR;
use crate::manage::{ManageError, Operations};
use crate::sandbox::Revision;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use tracing::{info, warn};

/// A tenant that somebody wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What people will know it as.
    pub name: TenantName,
    /// Who vouches when a request names nobody; empty when nobody does.
    pub issuer: String,
    /// Its own home root, absolute; none for the place that follows from the name.
    pub home: Option<String>,
    /// Its ankisyncd database, absolute; none for none, or for what the settings say.
    pub auth_db: Option<String>,
}

/// What shall be different; none leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The issuer; empty for none.
    pub issuer: Option<String>,
    /// Its own home root, absolute; inside, none for the place that follows from the name.
    pub home: Option<Option<String>>,
    /// Its ankisyncd database, absolute; inside, none for none, or for what the settings say.
    pub auth_db: Option<Option<String>>,
}

/// A tenant, and where its homes are.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What is stored.
    pub entry: TenantEntry,
    /// The home root that holds, absolute.
    pub home: PathBuf,
    /// The ankisyncd database that holds, absolute.
    pub auth_db: Option<PathBuf>,
}

/// The longest issuer, in bytes.
const ISSUER_LIMIT: usize = 1024;

/// The longest path that Linux takes, in bytes.
const PATH_LIMIT: usize = 4095;

/// How long a disk may take to say where a home root would be, and to make it.
const ROOT_WITHIN: Duration = Duration::from_secs(3);

impl Operations {
    /// At most `limit` tenants behind the name `after`.
    pub async fn tenants(
        &self,
        by: &Operator,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Shown, String>, ManageError> {
        let page = self.ledger.tenants(by, after, limit).await?;
        page.map(|entry| Ok(self.shown(entry)))
    }

    /// One tenant.
    pub async fn tenant(&self, tenant: &Tenant) -> Result<Shown, ManageError> {
        let entry = self.ledger.of(tenant).entry().await?;
        entry.map(|entry| self.shown(entry)).ok_or(ManageError::Missing)
    }

    /// Makes a tenant that takes requests when this returns.
    pub async fn create(
        &self,
        by: &Operator,
        wanted: Wanted,
        request_id: &str,
    ) -> Result<Shown, ManageError> {
        check_issuer(&wanted.issuer)?;
        let Wanted { name, issuer, home, auth_db } = wanted;
        let _turn = self.turn.lock().await;
        let sites = self.ledger.sites().await?;
        if let Some(site) = sites.iter().find(|site| site.name == name) {
            let removed = site.removed;
            return Err(ManageError::Unchanged(Unchanged::Exists { removed }));
        }
        let path = self.place(&name, home.as_deref()).await?;
        let file = self.auth_db_place(&name, auth_db.as_deref()).await?;
        self.make_first().await?;
        let root = self.root(path).await?;
        let revision = StoredRevision::clone(&self.first);
        let new = NewTenant { name, issuer, home, auth_db, revision };
        // Nobody changes its rules before it has any.
        let pointer = self.pointer.lock().await;
        let made = self.ledger.create_tenant(by, new, request_id).await?;
        let entry = made.map_err(ManageError::Unchanged)?;
        kill_point::reach("tenant_made");
        let revision = Revision {
            number: entry.revision,
            policy: self.first.policy.as_str().into(),
            component_digest: self.first.digest.as_str().into(),
            settings_digest: self.first.settings_digest.as_str().into(),
        };
        self.catalog.activate(entry.id, revision);
        drop(pointer);
        self.auth_dbs.put(entry.id, file);
        self.homes.settle(entry.id, root)?;
        let shown = self.shown(entry);
        info!(tenant = %shown.entry.name, home = %shown.home.display(), "tenant created");
        Ok(shown)
    }

    /// Changes a tenant.
    pub async fn change(
        &self,
        tenant: &Tenant,
        change: Change,
        request_id: &str,
    ) -> Result<Shown, ManageError> {
        if let Some(issuer) = &change.issuer {
            check_issuer(issuer)?;
        }
        if change.home.is_some() && !tenant.is_operators() {
            return Err(ManageError::BeyondKey("where homes are is said with an operator key"));
        }
        if change.auth_db.is_some() && !tenant.is_operators() {
            return Err(ManageError::BeyondKey(
                "where an ankisyncd is is said with an operator key",
            ));
        }
        let _turn = self.turn.lock().await;
        let before = self.tenant(tenant).await?;
        let file = match &change.auth_db {
            None => None,
            Some(own) => self.auth_db_place(tenant.name(), own.as_deref()).await?,
        };
        let root = match &change.home {
            None => None,
            Some(home) => {
                let path = self.place(tenant.name(), home.as_deref()).await?;
                // The same place in other words is open already.
                let same = path == before.home;
                // Looked at before a folder is made; the change itself looks again.
                let moves = !same && !self.has_accounts(tenant).await?;
                if moves { Some(self.root(path).await?) } else { None }
            }
        };
        let Change { issuer, home, auth_db } = change;
        if root.is_some() {
            // Nobody gets a home in the old place that is committed after the new one holds.
            self.homes.forget(tenant.id());
        }
        // What is delivered meanwhile goes to the file that holds. One that hangs is not waited for: nothing arrives there.
        let says_file = auth_db.is_some();
        let writing = match self.auth_dbs.of(tenant.id()) {
            Ok(Some(_)) if says_file => self.enter(tenant.id(), WAITED_FOR).await.ok(),
            Ok(None) if says_file => {
                self.auth_dbs.put(tenant.id(), file.clone());
                None
            }
            _ => None,
        };
        let change = TenantChange { issuer, home, auth_db };
        let changed = self.ledger.of(tenant).change(change, request_id).await;
        let kept = matches!(&changed, Ok(Ok(_)));
        match (kept, says_file) {
            (true, true) => self.auth_dbs.put(tenant.id(), file),
            (false, true) if before.auth_db.is_none() => self.auth_dbs.put(tenant.id(), None),
            _ => {}
        }
        drop(writing);
        if kept && says_file {
            self.give_refused_auth_dbs().await;
        }
        match root {
            Some(root) if kept => self.homes.settle(tenant.id(), root)?,
            Some(_) => self.homes.expect(tenant.id(), before.home, self.ground.style, Vec::new()),
            None => {}
        }
        Ok(self.shown(changed?.map_err(ManageError::Unchanged)?))
    }

    /// Removes a tenant that has no open account. Its folders stay.
    pub async fn remove(&self, tenant: &Tenant, request_id: &str) -> Result<(), ManageError> {
        if !tenant.is_operators() {
            return Err(ManageError::BeyondKey("a tenant is removed with an operator key"));
        }
        let _turn = self.turn.lock().await;
        let _pointer = self.pointer.lock().await;
        let removed = self.ledger.of(tenant).remove(request_id).await?;
        removed.map_err(ManageError::Unchanged)?;
        self.probations.end(tenant.id());
        self.catalog.forget(tenant.id());
        self.homes.forget(tenant.id());
        // Its ankisyncd stays known: that somebody's account was closed may still have to be told there. If not, it is free.
        self.give_refused_auth_dbs().await;
        info!(tenant = %tenant.name(), "tenant removed");
        Ok(())
    }

    fn shown(&self, entry: TenantEntry) -> Shown {
        let home = self.ground.root_of(&entry.name, entry.home.as_deref());
        let auth_db = self.ground.auth_db_of(&entry.name, entry.auth_db.as_deref());
        Shown { entry, home, auth_db }
    }

    async fn has_accounts(&self, tenant: &Tenant) -> Result<bool, ManageError> {
        let sites = self.ledger.sites().await?;
        Ok(sites.iter().any(|site| site.id == tenant.id() && site.has_accounts))
    }

    /// Where the homes of `name` are to be, if nothing speaks against it.
    async fn place(&self, name: &TenantName, own: Option<&str>) -> Result<PathBuf, ManageError> {
        if let Some(own) = own {
            check_path("home", own)?;
        }
        let path = self.ground.root_of(name, own.map(Path::new));
        let (ground, sites, name) = (self.ground.clone(), self.ledger.sites().await?, name.clone());
        apart(ROOT_WITHIN, move || match ground.overlap(&name, &path, &sites) {
            Ok(None) => Ok(path),
            Ok(Some(what)) => Err(ManageError::Overlaps(what)),
            Err(error) => Err(ManageError::Field("home", format!("{}: {error}", path.display()))),
        })
        .await?
    }

    /// Makes and opens a home root. What stands in the way is the operator's to clear, so it is said.
    async fn root(&self, path: PathBuf) -> Result<Root, ManageError> {
        let style = self.ground.style;
        apart(ROOT_WITHIN, move || {
            Root::make(&path, style).map_err(|error| {
                warn!(?error, "a home root cannot be opened");
                let why = std::error::Error::source(&error).map(ToString::to_string);
                ManageError::Field(
                    "home",
                    format!("{}: {}", path.display(), why.unwrap_or_default()),
                )
            })
        })
        .await?
    }

    /// The first policy, where no tenant has had it yet.
    async fn make_first(&self) -> Result<(), ManageError> {
        let first = &self.first;
        if !self.workshop.has(&first.digest, &first.settings_digest) {
            self.workshop.make(first.component.clone(), first.settings.clone()).await?;
        }
        Ok(())
    }
}

fn check_issuer(issuer: &str) -> Result<(), ManageError> {
    let wrong = |why: &str| Err(ManageError::Field("issuer", why.to_owned()));
    if issuer.len() > ISSUER_LIMIT {
        return wrong("it has more than 1024 bytes");
    }
    if issuer.trim() != issuer || issuer.chars().any(char::is_control) {
        return wrong("it has control characters, or spaces at an end");
    }
    Ok(())
}

/// Absolute, and nothing in it that leads back up: it is compared with other paths.
pub(super) fn check_path(field: &'static str, path: &str) -> Result<(), ManageError> {
    let wrong = |why: &str| Err(ManageError::Field(field, why.to_owned()));
    if !path.starts_with('/') {
        return wrong("expected an absolute path");
    }
    if path.len() > PATH_LIMIT || path.contains('\0') {
        return wrong("that is no path");
    }
    if Path::new(path).components().any(|part| part == Component::ParentDir) {
        return wrong("expected a path without ..");
    }
    Ok(())
}
