//! The policies that are mapped: one for all tenants that have the same, the least recently used let go when there are too many.
//! Refuses to take away what decides: a policy is unmapped when its last decision has ended.

use crate::sandbox::cache::Key;
use crate::sandbox::fault::quote;
use crate::sandbox::load::digest_of;
use crate::sandbox::{Engine, MakeError, Policy, Workshop};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;
use tracing::{error, warn};

/// Why a policy cannot be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotReady {
    /// It cannot be made any more, as whoever tried has judged: the tenant needs another one.
    #[error("the policy cannot be made: {0}")]
    Failed(String),
    /// It could not be made or mapped now.
    #[error("the policy is not ready: {0}")]
    Later(String),
}

/// How long a policy that could not be had is not tried again; and one whose parts were judged, for even a judge may have been ill.
const PATIENCE: Duration = Duration::from_secs(2);
const JUDGEMENT: Duration = Duration::from_secs(60);

impl NotReady {
    fn holds_for(&self) -> Duration {
        match self {
            Self::Failed(_) => JUDGEMENT,
            Self::Later(_) => PATIENCE,
        }
    }
}

/// A file is read, checked and mapped on the spot up to this size, which takes less than handing it to another thread and waiting.
const AT_ONCE_BYTES: u64 = 1 << 20;

/// Why a policy could not be had, and when that was.
type Failed = Option<(Instant, NotReady)>;

/// Where a policy stands, mapped or not.
pub(super) struct Place {
    key: Key,
    policy: Mutex<Option<Policy>>,
    /// When it was last asked for, by the shelf's count.
    used: AtomicU64,
    /// Held by whoever maps or makes it.
    fetching: Arc<tokio::sync::Mutex<Failed>>,
}

/// Every policy that somebody has, and those that are mapped.
pub(super) struct Shelf {
    engine: Engine,
    workshop: Arc<Workshop>,
    most: usize,
    clock: AtomicU64,
    places: Mutex<HashMap<Key, Weak<Place>>>,
    mapped: Mutex<Vec<Weak<Place>>>,
}

impl Place {
    /// Of the component and of the settings.
    pub(super) fn digests(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.key.component_digest), Arc::clone(&self.key.settings_digest))
    }

    fn policy(&self) -> Option<Policy> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, policy: Option<Policy>) -> Option<Policy> {
        std::mem::replace(&mut *self.policy.lock().unwrap_or_else(PoisonError::into_inner), policy)
    }
}

impl Shelf {
    pub(super) fn new(engine: Engine, workshop: Arc<Workshop>, most: usize) -> Self {
        Self {
            engine,
            workshop,
            most: most.max(1),
            clock: AtomicU64::new(0),
            places: Mutex::default(),
            mapped: Mutex::default(),
        }
    }

    /// The place of this policy, the same for everybody who has it.
    pub(super) fn place(&self, component_digest: &str, settings_digest: &str) -> Arc<Place> {
        let key = self.workshop.key(component_digest, settings_digest);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(&key).and_then(Weak::upgrade) {
            return place;
        }
        // Those that nobody has any more make room before the map grows: hardly ever, and never one more walk for each.
        if places.len() == places.capacity() {
            places.retain(|_, place| place.strong_count() > 0);
        }
        let place = Arc::new(Place {
            key: key.clone(),
            policy: Mutex::default(),
            used: AtomicU64::new(0),
            fetching: Arc::default(),
        });
        places.insert(key, Arc::downgrade(&place));
        place
    }

    pub(super) fn loaded(&self) -> usize {
        let mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        mapped.iter().filter_map(Weak::upgrade).filter(|place| place.policy().is_some()).count()
    }

    /// The policy of this place. Of many who want one that is not there, one fetches it: out of the cache, or where it is not there,
    /// not whole or not to be mapped, out of the workshop.
    pub(super) async fn policy(self: &Arc<Self>, place: &Arc<Place>) -> Result<Policy, NotReady> {
        place.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if let Some(policy) = place.policy() {
            return Ok(policy);
        }
        let failed = Arc::clone(&place.fetching).lock_owned().await;
        if let Some(policy) = place.policy() {
            return Ok(policy);
        }
        if let Some((when, why)) = &*failed
            && when.elapsed() < why.holds_for()
        {
            return Err(why.clone());
        }
        if let Some(policy) = self.fetch(&place.key).await? {
            self.keep(place, policy.clone());
            return Ok(policy);
        }
        // It goes on when nobody waits for it any more: the next who asks finds it made.
        let (shelf, place) = (Arc::clone(self), Arc::clone(place));
        let making = tokio::spawn(async move { shelf.make(&place, failed).await });
        making.await.unwrap_or_else(|_| Err(NotReady::Later("the work was lost".to_owned())))
    }

    async fn make(
        &self,
        place: &Arc<Place>,
        mut failed: OwnedMutexGuard<Failed>,
    ) -> Result<Policy, NotReady> {
        match self.made(&place.key).await {
            Ok(policy) => {
                *failed = None;
                self.keep(place, policy.clone());
                Ok(policy)
            }
            Err(why) => {
                error!(digest = %place.key.component_digest, %why, "nobody new is provisioned by this policy");
                *failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    fn keep(&self, place: &Arc<Place>, policy: Policy) {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        mapped.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&Arc::downgrade(place)));
        place.put(Some(policy));
        mapped.push(Arc::downgrade(place));
        while mapped.len() > self.most {
            let used = |place: &Weak<Place>| {
                place.upgrade().map_or(0, |place| place.used.load(Ordering::Relaxed))
            };
            let Some(oldest) = (0..mapped.len()).min_by_key(|at| used(&mapped[*at])) else {
                return;
            };
            if let Some(place) = mapped.swap_remove(oldest).upgrade() {
                place.put(None);
            }
        }
    }

    /// Out of the cache; none where it has to be made.
    async fn fetch(&self, key: &Key) -> Result<Option<Policy>, NotReady> {
        let Some(digest) = self.workshop.archive().code(key).map_err(later)? else {
            return Ok(None);
        };
        match self.map(key, digest).await {
            Ok(policy) => Ok(Some(policy)),
            Err(why) => {
                warn!(digest = %key.component_digest, %why, "compiled code is of no use: it is made again");
                Ok(None)
            }
        }
    }

    /// Out of the workshop.
    async fn made(&self, key: &Key) -> Result<Policy, NotReady> {
        let Key { component_digest, settings_digest, .. } = key;
        let parts = self.workshop.archive().parts(component_digest, settings_digest).await;
        let parts = parts.map_err(later)?;
        if *digest_of(&parts.component) != **component_digest
            || *digest_of(parts.settings_json.as_bytes()) != **settings_digest
        {
            let what = "what is stored is not what its digest says";
            return Err(NotReady::Failed(what.to_owned()));
        }
        let made = match self.workshop.make(parts.component, parts.settings_json).await {
            Ok(made) => made,
            Err(error @ MakeError::TurnedAway { judged: true, .. }) => {
                return Err(NotReady::Failed(quote(error)));
            }
            Err(error) => return Err(later(error)),
        };
        self.map(key, made.code_digest).await.map_err(later)
    }

    async fn map(&self, key: &Key, digest: String) -> io::Result<Policy> {
        let (cache, engine, own) =
            (Arc::clone(self.workshop.cache()), self.engine.clone(), key.clone());
        let map = move || {
            let file = cache.get(&own, &digest)?;
            Policy::of_file(&engine, &file, &own).map_err(io::Error::other)
        };
        if self.workshop.cache().size(key).is_none_or(|bytes| bytes <= AT_ONCE_BYTES) {
            return map();
        }
        let mapped = tokio::task::spawn_blocking(map).await;
        mapped.unwrap_or_else(|_| Err(io::Error::other("the work was lost")))
    }
}

fn later(error: impl std::fmt::Display) -> NotReady {
    NotReady::Later(quote(error))
}
