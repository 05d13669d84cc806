//! Which policy decides for which tenant.
//! Refuses to judge anything, and to hold up a swap: activating moves a pointer, and what decides is mapped when it is first asked.

use crate::domain::TenantId;
use crate::sandbox::shelf::{Place, Shelf};
use crate::sandbox::{Engine, NotReady, Policy, Workshop};
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

/// A revision, and the way to the policy that it names.
pub struct Active {
    /// Which one.
    pub revision: Revision,
    /// Where the policy stands; other tenants' too, if it is the same.
    place: Arc<Place>,
    shelf: Arc<Shelf>,
    /// A quarter of what is decided at once: a decision that waits for a name or a disk keeps its place, and those of one tenant
    /// must not be all there are.
    turns: Semaphore,
}

impl Active {
    /// Waits until fewer than this tenant's share of decisions are on their way.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// The policy: mapped already, or now, or made again where its code was lost.
    pub async fn policy(&self) -> Result<Policy, NotReady> {
        self.shelf.policy(&self.place).await
    }
}

/// A policy that stays mapped, if there is room, while somebody has this.
pub struct Kept {
    place: Arc<Place>,
    shelf: Arc<Shelf>,
}

impl Kept {
    /// The policy: mapped already, or now, or made again where its code was lost.
    pub async fn policy(&self) -> Result<Policy, NotReady> {
        self.shelf.policy(&self.place).await
    }
}

/// The active revision of every tenant that has one.
pub struct Catalog {
    shelf: Arc<Shelf>,
    /// What a tenant may have on its way at once.
    share: usize,
    active: RwLock<HashMap<TenantId, Arc<Active>>>,
}

impl Catalog {
    /// A catalog whose policies run in `engine`, at most `loaded` of them mapped, and come out of `workshop`.
    pub fn new(engine: &Engine, workshop: Arc<Workshop>, loaded: usize) -> Self {
        Self {
            shelf: Arc::new(Shelf::new(engine.clone(), workshop, loaded)),
            share: (engine.limits().decisions_at_once / 4).max(1),
            active: RwLock::default(),
        }
    }

    /// From now on `revision` decides for `tenant`. Decisions that run are ended by the policy that began them.
    pub fn activate(&self, tenant: TenantId, revision: Revision) {
        let place = self.shelf.place(&revision.component_digest, &revision.settings_digest);
        let (shelf, turns) = (Arc::clone(&self.shelf), Semaphore::new(self.share));
        let active = Arc::new(Active { revision, place, shelf, turns });
        // Nothing panics while it holds the lock, and a map of pointers cannot be left half-way.
        self.active.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, active);
    }

    /// The policy of this revision, whether it decides for anybody or not, from now on until this is dropped.
    pub fn hold(&self, revision: &Revision) -> Kept {
        let place = self.shelf.place(&revision.component_digest, &revision.settings_digest);
        Kept { place, shelf: Arc::clone(&self.shelf) }
    }

    /// The tenant is gone.
    pub fn forget(&self, tenant: TenantId) {
        self.active.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }

    /// What decides for `tenant` now.
    pub fn active(&self, tenant: TenantId) -> Option<Arc<Active>> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned()
    }

    /// How many policies are mapped for the next decision.
    pub fn loaded(&self) -> usize {
        self.shelf.loaded()
    }
}
