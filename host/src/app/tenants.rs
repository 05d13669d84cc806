//! Every tenant opened at the start: its home root and its active revision.
//! Refuses to let one tenant's trouble stop the others: it is logged, and that tenant's requests are answered 503.

use crate::downstream::{AuthDb, AuthDbs};
use crate::homes::{Homes, Root, apart, make_durably};
use crate::ledger::{ActiveRevision, Ledger, LedgerError, Site};
use crate::manage::{Ground, SameFile, resolved, usable};
use crate::sandbox::{Catalog, Revision};
use futures_util::stream::{self, StreamExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::{error, info, warn};

/// How long a file system may take to say where a home root is, and to make it.
const MADE_WITHIN: Duration = Duration::from_secs(2);

/// Tenants opened at once: each has a thread meanwhile, and those of a file system that hangs are waited for together.
const AT_ONCE: usize = 64;

/// The rooms in which tenants are opened.
pub(super) struct Opening<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) catalog: &'a Catalog,
    pub(super) homes: &'a Homes,
    pub(super) auth_dbs: &'a AuthDbs,
    pub(super) ground: &'a Ground,
}

/// A tenant, the file that it names, and which that is, if it can be said.
type Named<'a> = (&'a Site, PathBuf, Option<SameFile>);

/// The older tenant whose home root shares folders with `own`.
fn taken<'a>(
    own: &Path,
    mut older: impl Iterator<Item = (&'a Site, &'a Option<PathBuf>)>,
) -> Option<&'a Site> {
    let shares = |other: &Path| own.starts_with(other) || other.starts_with(own);
    older.find(|(_, found)| found.as_deref().is_some_and(shares)).map(|(site, _)| site)
}

impl Opening<'_> {
    /// Opens all tenants. `first` is the home root of a first start, open since before there was a tenant.
    pub(super) async fn all(&self, mut first: Option<Root>) -> Result<(), LedgerError> {
        let sites = self.ledger.sites().await?;
        let found = sites.iter().map(|site| self.found(site));
        let found: Vec<_> = stream::iter(found).buffered(AT_ONCE).collect().await;
        let here = sites.iter().enumerate().filter(|(_, site)| !site.removed);
        // Of two that overlap, because the settings were changed, the older one stays.
        let settled = here.map(|(place, site)| {
            let older = sites[..place].iter().zip(&found);
            self.settle(
                site,
                found[place].as_deref().and_then(|own| taken(own, older)),
                first.take(),
            )
        });
        stream::iter(settled).buffer_unordered(AT_ONCE).collect::<()>().await;
        self.ledger.follow_setting(self.ground.auth_db.as_deref()).await?;
        self.find_auth_dbs(&sites).await?;
        for active in self.ledger.active_revisions().await? {
            self.activate(active);
        }
        Ok(())
    }

    /// The tenant's home root without links; none when it cannot be followed now, which is found out when it is opened.
    async fn found(&self, site: &Site) -> Option<PathBuf> {
        let path = self.ground.root_of(&site.name, site.home.as_deref());
        apart(MADE_WITHIN, move || resolved(&path).ok()).await.ok().flatten()
    }

    async fn settle(&self, site: &Site, overlaps: Option<&Site>, first: Option<Root>) {
        let path = self.ground.root_of(&site.name, site.home.as_deref());
        let settled = match overlaps {
            Some(other) => Err(format!("it overlaps with the home root of tenant {}", other.name)),
            None => self.find(site, &path, first).await,
        };
        if let Err(why) = settled {
            error!(tenant = %site.name, home_root = %path.display(), why, "no home root: this tenant waits for it");
        }
    }

    async fn find(&self, site: &Site, path: &Path, first: Option<Root>) -> Result<(), String> {
        if let Some(root) = first {
            return self.homes.settle(site.id, root).map_err(|error| format!("{error:?}"));
        }
        let witnesses =
            self.ledger.some_names(site.id).await.map_err(|error| format!("{error:?}"))?;
        self.homes.expect(site.id, path.to_owned(), self.ground.style, witnesses);
        // Where homes have been and nothing is now, a disk is missing: nothing is made in its place.
        if !site.has_accounts {
            let path = path.to_owned();
            match apart(MADE_WITHIN, move || make_durably(&path)).await {
                Ok(Ok(())) => {}
                other => return Err(format!("{other:?}")),
            }
        }
        self.homes.reach(site.id).await.map_err(|error| format!("{error:?}"))
    }

    /// Which tenant has an ankisyncd; also those of removed tenants, for which something may wait: until it is told, the file is no other's.
    /// Of two that name one file, because settings or links were changed, the older one has it.
    async fn find_auth_dbs(&self, sites: &[Site]) -> Result<(), LedgerError> {
        let waiting = self.ledger.waiting_for_ankisyncd().await?;
        let waits = |site: &Site| waiting.iter().any(|(tenant, _)| *tenant == site.id);
        let is_told = |site: &Site, path: &Path| site.auth_db_there.as_deref() == Some(path);
        let named = sites.iter().filter_map(|site| {
            let path = self.ground.auth_db_of(&site.name, site.auth_db.as_deref())?;
            Some(async move {
                let at = path.clone();
                let look = move || (SameFile::at(&at).ok(), usable(&at).map_err(|e| e.line()));
                let looked = apart(MADE_WITHIN, look).await;
                let (file, usable) = looked.unwrap_or((None, Err("no answer".to_owned())));
                if let Err(why) = usable.as_ref().map_err(|why| why.as_str()) {
                    warn!(tenant = %site.name, why, "what this ankisyncd is to be told waits");
                }
                (site, path, file)
            })
        });
        let named: Vec<_> = stream::iter(named).buffered(AT_ONCE).collect().await;
        for (place, (site, path, file)) in named.iter().enumerate() {
            let is_theirs = |(number, (owner, at, other)): &(usize, &Named<'_>)| {
                let has = match (owner.removed, site.removed) {
                    (false, false) => *number < place,
                    // Who was told there already has people of their own there.
                    (true, false) => waits(owner) && !is_told(site, path),
                    (false, true) => waits(site) && is_told(owner, at),
                    (true, true) => false,
                };
                let is_one = || file.as_ref().zip(other.as_ref()).is_some_and(|(a, b)| a.is(b));
                has && (at == path || is_one())
            };
            match named.iter().enumerate().find(is_theirs) {
                None => {
                    let file = AuthDb::new(path.clone());
                    if is_told(site, path) {
                        file.was_there();
                    }
                    self.auth_dbs.put(site.id, Some(file));
                }
                Some((_, (owner, ..))) => {
                    error!(tenant = %site.name, auth_db = %path.display(), owner = %owner.name,
                        "this ankisyncd is another tenant's: nobody new gets an account here");
                    self.auth_dbs.refuse(site.id, path.clone(), owner.name.clone());
                }
            }
        }
        Ok(())
    }

    /// Nothing is read, mapped or made here: a policy of which nothing can be made is its tenant's trouble when it is first asked.
    fn activate(&self, active: ActiveRevision) {
        let ActiveRevision { tenant, number, policy, digest, settings_digest } = active;
        info!(tenant = tenant.0, revision = number, policy, digest, "policy active");
        let revision = Revision {
            number,
            policy: policy.into(),
            component_digest: digest.into(),
            settings_digest: settings_digest.into(),
        };
        self.catalog.activate(tenant, revision);
    }
}
