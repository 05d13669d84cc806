//! Which policy decides for which tenant.
//! Refuses to load or judge anything: what is activated has been loaded before, so there is never a moment without the old one.

use crate::domain::TenantId;
use crate::sandbox::{MakeError, Policy};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Semaphore, SemaphorePermit};

/// What the record says of the policy that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The tenant's own count, from 1.
    pub number: u64,
    /// `builtin:localpart`, a file's name: where the component came from.
    pub policy: String,
    /// `sha256:…` of the component.
    pub component_digest: String,
    /// `sha256:…` of the settings.
    pub settings_digest: String,
}

/// A revision with the policy that it names.
pub struct Active {
    /// Which one.
    pub revision: Revision,
    /// To be asked; none when it could not be loaded, so that everybody who has to be asked about is turned away.
    pub policy: Option<Policy>,
    /// A quarter of what is decided at once: a decision that waits for a name or a disk keeps its place, and those of one tenant
    /// must not be all there are.
    turns: Semaphore,
}

impl Active {
    /// Waits until fewer than this tenant's share of decisions are on their way.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }
}

/// The active revision of every tenant that has one.
#[derive(Default)]
pub struct Catalog(RwLock<HashMap<TenantId, Arc<Active>>>);

impl Catalog {
    /// From now on `policy` decides for `tenant`, or nobody does. Decisions that run are ended by the policy that began them.
    pub fn activate(&self, tenant: TenantId, revision: Revision, policy: Option<Policy>) {
        let at_once = policy.as_ref().map_or(1, Policy::decisions_at_once);
        let turns = Semaphore::new((at_once / 4).max(1));
        let active = Arc::new(Active { revision, policy, turns });
        // Nothing panics while it holds the lock, and a map of pointers cannot be left half-way.
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, active);
    }

    /// Stub.
    pub async fn load(&self, _revision: &Revision) -> Result<Policy, MakeError> {
        Err(MakeError::Busy)
    }

    /// The tenant is gone.
    pub fn forget(&self, tenant: TenantId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }

    /// A policy of this component and these settings that decides for somebody already: tenants share what is the same.
    pub fn loaded(&self, component_digest: &str, settings_digest: &str) -> Option<Policy> {
        let active = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let same = |policy: &&Policy| {
            policy.component_digest() == component_digest
                && policy.settings_digest() == settings_digest
        };
        active.values().filter_map(|active| active.policy.as_ref()).find(same).cloned()
    }

    /// What decides for `tenant` now.
    pub fn active(&self, tenant: TenantId) -> Option<Arc<Active>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned()
    }
}
