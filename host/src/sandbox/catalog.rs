//! Which policy decides for which tenant.
//! Refuses to judge anything, and to hold up a swap: activating moves a pointer, and what decides is mapped when it is first asked.

use crate::domain::TenantId;
use crate::sandbox::breaker::{Breaker, Pass};
use crate::sandbox::shelf::{Place, Shelf};
use crate::sandbox::{Engine, NotReady, Policy, Share, Turned, Workshop};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;
use tokio::sync::SemaphorePermit;

/// What the record says of the policy that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The tenant's own count, from 1.
    pub number: u64,
    /// `builtin:localpart`, a file's name: where the component came from.
    pub policy: Arc<str>,
    /// `sha256:…` of the component.
    pub component_digest: Arc<str>,
    /// `sha256:…` of the settings.
    pub settings_digest: Arc<str>,
}

/// A revision, and the way to the policy that it names.
pub struct Active {
    /// Which one.
    pub revision: Revision,
    /// Where the policy stands; other tenants' too, if it is the same.
    place: Arc<Place>,
    shelf: Arc<Shelf>,
    /// The tenant's, whichever revision is active, once it was asked for: of a thousand tenants most are not.
    share: Arc<OnceLock<Arc<Share>>>,
    engine: Engine,
    breaker: Breaker,
}

/// A policy is not asked about somebody who may be asked about later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// It spent its whole budget too often in a row.
    #[error(
        "the revision overran its budget too often in a row, and is asked once a second until it answers"
    )]
    Rests,
    /// The tenant's decisions use more of the processors than their share.
    #[error(
        "too many of the tenant's decisions are before this one, or limits.cpu_share is used up"
    )]
    Waited,
}

/// The right to ask about one applicant.
#[derive(Debug)]
pub struct Turn<'a> {
    pass: Pass<'a>,
    _place: SemaphorePermit<'a>,
}

impl Turn<'_> {
    /// The decision ended; whether it `overran` its fuel or its time.
    pub fn ended(self, overran: bool) -> Option<Turned> {
        self.pass.ended(overran, Instant::now())
    }
}

impl Active {
    /// Waits until the tenant's share of the processors has room for a decision more.
    pub async fn turn(&self) -> Result<Turn<'_>, NotNow> {
        self.breaker.look(Instant::now()).map_err(|_| NotNow::Rests)?;
        let place = self.share().turn().await.ok_or(NotNow::Waited)?;
        // Those before it may have failed meanwhile.
        let pass = self.breaker.pass(Instant::now()).map_err(|_| NotNow::Rests)?;
        Ok(Turn { pass, _place: place })
    }

    /// The tenant's part of the processors.
    pub fn share(&self) -> &Arc<Share> {
        self.share.get_or_init(|| Share::new(&self.engine))
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
    engine: Engine,
    active: RwLock<HashMap<TenantId, Arc<Active>>>,
}

impl Catalog {
    /// A catalog whose policies run in `engine`, at most `loaded` of them mapped, and come out of `workshop`.
    pub fn new(engine: &Engine, workshop: Arc<Workshop>, loaded: usize) -> Self {
        Self {
            shelf: Arc::new(Shelf::new(engine.clone(), workshop, loaded)),
            engine: engine.clone(),
            active: RwLock::default(),
        }
    }

    /// From now on `revision` decides for `tenant`. Decisions that run are ended by the policy that began them.
    pub fn activate(&self, tenant: TenantId, mut revision: Revision) {
        let place = self.shelf.place(&revision.component_digest, &revision.settings_digest);
        (revision.component_digest, revision.settings_digest) = place.digests();
        let (shelf, breaker) = (Arc::clone(&self.shelf), Breaker::default());
        // Nothing panics while it holds the lock, and a map of pointers cannot be left half-way.
        let mut all = self.active.write().unwrap_or_else(PoisonError::into_inner);
        // What is used up stays so: a new revision is no new share.
        let share = all.get(&tenant).map(|active| Arc::clone(&active.share)).unwrap_or_default();
        let engine = self.engine.clone();
        all.insert(tenant, Arc::new(Active { revision, place, shelf, share, engine, breaker }));
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
