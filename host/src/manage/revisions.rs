//! Revisions of a tenant's rules: made of what was sent, read back, activated, rolled back, on a server that runs.
//! Refuses to let a revision decide that was not made, tried and loaded before, and to move the pointer in memory past the one on
//! the disk.

use crate::domain::{HostCode, Page};
use crate::kill_point;
use crate::ledger::{
    LedgerError, Moved, NewRevision, OnProbation, RevisionEntry, SettingsDocument, Tenant, Unmoved,
};
use crate::manage::{ManageError, Operations};
use crate::meters::{METERS, TenantLabel};
use crate::probation::{Fallen, LASTS};
use crate::sandbox::{Kept, Revision, digest_of};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{error, info};

/// What a revision is to be made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The component.
    pub policy: Source,
    /// The settings; none for `{}`.
    pub settings: Option<SettingsDocument>,
}

/// Where a component comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Sent along, under this name.
    Sent(String, Vec<u8>),
    /// `builtin:NAME`.
    BuiltIn(String),
    /// The one that is active.
    Active,
}

/// A revision that is there now.
#[derive(Clone, Debug)]
pub struct MadeRevision {
    /// Its number.
    pub number: u64,
    /// `sha256:…` of its component.
    pub digest: String,
    /// Whether it was not there before.
    pub is_new: bool,
    /// What the policy wanted to say to its settings.
    pub notes: Vec<String>,
}

/// How often, and how far apart, it is tried to roll back what fails people.
const FALL_TRIES: u32 = 600;
const FALL_PAUSE: Duration = Duration::from_secs(1);

/// Settings where there are none.
const NO_SETTINGS: &str = "{}";

impl Operations {
    /// Makes a revision, which decides nothing yet; the same parts again are the revision that they are.
    pub async fn make_revision(
        &self,
        tenant: &Tenant,
        parts: Parts,
        note: String,
        request_id: &str,
    ) -> Result<MadeRevision, ManageError> {
        let book = self.ledger.of(tenant);
        let (policy, component) = match parts.policy {
            Source::Sent(name, component) => (name, component),
            Source::BuiltIn(name) => {
                let component = (self.built_in)(&name).ok_or_else(|| {
                    ManageError::Field("policy", format!("{name} is not built in"))
                })?;
                (name, component.to_vec())
            }
            Source::Active => {
                let active = self.catalog.active(tenant.id()).ok_or(ManageError::Missing)?;
                let Revision { policy, component_digest, .. } = active.revision.clone();
                (policy.to_string(), self.ledger.component(&component_digest).await?)
            }
        };
        let document =
            parts.settings.unwrap_or(SettingsDocument { json: NO_SETTINGS.to_owned(), sent: None });
        let (digest, settings_digest) =
            (digest_of(&component), digest_of(document.json.as_bytes()));
        if let Some(number) = book.revision_of(&digest, &settings_digest).await? {
            return Ok(MadeRevision { number, digest, is_new: false, notes: Vec::new() });
        }
        // Also when another tenant has the same: how long it takes must not tell.
        let notes = self.workshop.make(component.clone(), document.json.clone()).await?.notes;
        kill_point::reach("revision_made");
        let new = NewRevision {
            policy,
            digest: digest.clone(),
            component,
            settings: document.json,
            settings_digest,
            settings_sent: document.sent,
            note,
        };
        let added = book.add_revision(new, request_id).await?;
        let (number, is_new) = added.ok_or(ManageError::Refused(HostCode::TooManyRevisions))?;
        kill_point::reach("revision_added");
        info!(tenant = %tenant.name(), revision = number, digest, "revision made");
        Ok(MadeRevision { number, digest, is_new, notes })
    }

    /// At most `limit` revisions older than `before`, the newest first.
    pub async fn revisions(
        &self,
        tenant: &Tenant,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<RevisionEntry, u64>, ManageError> {
        Ok(self.ledger.of(tenant).revisions(before, limit).await?)
    }

    /// One revision.
    pub async fn revision(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<RevisionEntry, ManageError> {
        self.ledger.of(tenant).revision(number).await?.ok_or(ManageError::Missing)
    }

    /// A revision's settings.
    pub async fn settings_of(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<SettingsDocument, ManageError> {
        self.ledger.of(tenant).settings_of(number).await?.ok_or(ManageError::Missing)
    }

    /// A revision's component.
    pub async fn component_of(&self, tenant: &Tenant, number: u64) -> Result<Vec<u8>, ManageError> {
        self.ledger.of(tenant).component_of(number).await?.ok_or(ManageError::Missing)
    }

    /// From now on revision `number` decides; with `if_active` only when that one does now. Requests that are being decided end
    /// under the revision that they began with.
    pub async fn activate(
        &self,
        tenant: &Tenant,
        number: u64,
        if_active: Option<u64>,
        request_id: &str,
    ) -> Result<Moved, ManageError> {
        // Kept until it decides: what was loaded is not let go in between.
        let (revision, _kept) = self.ready(tenant, number).await?;
        let _pointer = self.pointer.lock().await;
        let moved = self.ledger.of(tenant).activate(number, if_active, request_id).await?;
        let before = self.catalog.active(tenant.id()).map(|active| active.revision.clone());
        let moved = self.point(tenant, revision, moved)?;
        if let Some(before) = before.filter(|before| before.number != moved.revision) {
            let before = self.catalog.hold(&before);
            self.probations.begin(tenant.id(), moved.revision, before, LASTS);
        }
        Ok(moved)
    }

    /// Goes back to the revision that was active before the present one, or to the latest time that `to` was.
    pub async fn roll_back(
        &self,
        tenant: &Tenant,
        to: Option<u64>,
        request_id: &str,
    ) -> Result<Moved, ManageError> {
        let book = self.ledger.of(tenant);
        loop {
            let number = book.behind(to).await?.map_err(ManageError::Unmoved)?;
            // Before the pointer is held: it may have to be made again, and others' pointers must not wait for that.
            let (revision, _kept) = self.ready(tenant, number).await?;
            let _pointer = self.pointer.lock().await;
            if book.behind(to).await? != Ok(number) {
                continue;
            }
            let moved = book.roll_back(to, request_id).await?;
            self.probations.end(tenant.id());
            return self.point(tenant, revision, moved);
        }
    }

    /// The revision, loaded: what cannot be loaded now must not displace what decides.
    pub(super) async fn ready(
        &self,
        tenant: &Tenant,
        number: u64,
    ) -> Result<(Revision, Kept), ManageError> {
        let revision = noun(self.revision(tenant, number).await?);
        let held = self.catalog.hold(&revision);
        held.policy().await?;
        Ok((revision, held))
    }

    /// Moves the pointer in memory after the one on the disk; `self.pointer` is held, so that the last of both is the same.
    fn point(
        &self,
        tenant: &Tenant,
        revision: Revision,
        moved: Result<Moved, Unmoved>,
    ) -> Result<Moved, ManageError> {
        let moved = moved.map_err(ManageError::Unmoved)?;
        kill_point::reach("activated");
        if moved.revision != moved.previous {
            info!(tenant = %tenant.name(), revision = moved.revision, previous = moved.previous, "policy active");
            self.catalog.activate(tenant.id(), revision);
            self.rules_changed.notify_one();
        }
        Ok(moved)
    }

    /// Rolls back the revisions that do not stand their trial, one after the other, as long as somebody may tell of one.
    pub async fn heed(self, mut falls: UnboundedReceiver<Fallen>) {
        while let Some(fallen) = falls.recv().await {
            tokio::spawn(self.clone().let_fall(fallen));
        }
    }

    /// A ledger that has no time now has some later.
    async fn let_fall(self, fallen: Fallen) {
        let Fallen { tenant, revision } = fallen;
        for _ in 0..FALL_TRIES {
            let Err(error) = self.fall_back(fallen).await else { return };
            error!(
                tenant = tenant.0,
                revision,
                ?error,
                "a revision fails people and stays for now"
            );
            tokio::time::sleep(FALL_PAUSE).await;
        }
    }

    async fn fall_back(&self, Fallen { tenant, revision }: Fallen) -> Result<(), ManageError> {
        let _pointer = self.pointer.lock().await;
        let Some(fell) = self.ledger.fall_back(tenant, revision).await? else { return Ok(()) };
        self.probations.end(tenant);
        let (name, now) = (fell.tenant, fell.revision.number);
        error!(tenant = %name, revision, now, "a revision failed people whom the one before it does not: rolled back");
        METERS.fallbacks.get_or_create(&TenantLabel::of(name.as_str())).inc();
        self.catalog.activate(tenant, noun(fell.revision));
        self.rules_changed.notify_one();
        Ok(())
    }

    /// Goes on with the probations that a stop cut short.
    pub async fn resume_probations(&self) -> Result<(), LedgerError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = i64::try_from(now.saturating_sub(LASTS).as_millis()).unwrap_or_default();
        for OnProbation { tenant, revision, before, since_ms } in
            self.ledger.on_probation(since).await?
        {
            let began = Duration::from_millis(since_ms.unsigned_abs());
            let left = LASTS.saturating_sub(now.saturating_sub(began));
            self.probations.begin(tenant, revision, self.catalog.hold(&noun(before)), left);
        }
        Ok(())
    }
}

/// A revision as the sandbox knows it.
fn noun(entry: RevisionEntry) -> Revision {
    Revision {
        number: entry.number,
        policy: entry.policy.into(),
        component_digest: entry.digest.into(),
        settings_digest: entry.settings_digest.into(),
    }
}

/// What the caller is told of a pointer that stays where it is.
pub(super) fn code(unmoved: Unmoved) -> HostCode {
    match unmoved {
        Unmoved::Missing => HostCode::NotFound,
        Unmoved::Changed(_) => HostCode::RevisionChanged,
        Unmoved::NothingBefore => HostCode::NothingToRollBack,
    }
}
