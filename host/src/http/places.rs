//! Places for requests that are worked on: so many in all, so many a tenant, and `busy` past either.
//! Refuses to let what waits for a disk that hangs grow for ever, and one tenant take every place.

use crate::domain::{HostCode, TenantId};
use crate::http::ANSWER_WITHIN;
use crate::http::problem::Problem;
use axum::body::{Body, Bytes};
use futures_util::stream;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests that are worked on at once, those included whose caller has been told `busy` already.
const PLACES: usize = 1024;

/// Those of one tenant.
const PLACES_OF_A_TENANT: usize = 256;

/// The same for those who only read: they must not keep anybody from being provisioned.
const READING: usize = 64;
const READING_OF_A_TENANT: usize = 16;

/// The same for those who fetch components, which are held whole in memory.
const FETCHING: usize = 8;
const FETCHING_OF_A_TENANT: usize = 2;

/// The same for those who send them: of the children that make policies one tenant must not have all.
const MAKING: usize = 8;
const MAKING_OF_A_TENANT: usize = 1;

/// The same for those who activate or roll back: what is activated may have to be made first.
const MOVING: usize = 16;
const MOVING_OF_A_TENANT: usize = 2;

/// The same for those who import: each works on many people at once, and one tenant's all together must leave its queue at the disk some
/// room for those who sign up.
const IMPORTING: usize = 16;
const IMPORTING_OF_A_TENANT: usize = 3;

/// The same for those who have a name looked up, or a message sent and wait for what is answered.
const CALLING: usize = 32;
const CALLING_OF_A_TENANT: usize = 2;

/// What a connection is given of a body at once.
const PART_BYTES: usize = 64 << 10;

/// Who is in.
#[derive(Clone, Debug)]
pub(super) struct Places {
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
    all: usize,
    of_a_tenant: usize,
}

/// A place, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    tenant: TenantId,
    places: Places,
}

impl Default for Places {
    fn default() -> Self {
        Self { taken: Arc::default(), all: PLACES, of_a_tenant: PLACES_OF_A_TENANT }
    }
}

impl Places {
    /// Places for those who only read.
    pub(super) fn reading() -> Self {
        Self { taken: Arc::default(), all: READING, of_a_tenant: READING_OF_A_TENANT }
    }

    /// Places for those who fetch components.
    pub(super) fn fetching() -> Self {
        Self { taken: Arc::default(), all: FETCHING, of_a_tenant: FETCHING_OF_A_TENANT }
    }

    /// Places for those who activate or roll back.
    pub(super) fn moving() -> Self {
        Self { taken: Arc::default(), all: MOVING, of_a_tenant: MOVING_OF_A_TENANT }
    }

    /// Places for those who import.
    pub(super) fn importing() -> Self {
        Self { taken: Arc::default(), all: IMPORTING, of_a_tenant: IMPORTING_OF_A_TENANT }
    }

    /// Places for those who have something looked up or sent elsewhere.
    pub(super) fn calling() -> Self {
        Self { taken: Arc::default(), all: CALLING, of_a_tenant: CALLING_OF_A_TENANT }
    }

    /// Places for those who send components.
    pub(super) fn making() -> Self {
        Self { taken: Arc::default(), all: MAKING, of_a_tenant: MAKING_OF_A_TENANT }
    }

    /// A place for a request of `tenant`, or `busy`.
    pub(super) fn enter(&self, tenant: TenantId) -> Result<Place, HostCode> {
        let mut taken = self.lock();
        let all: usize = taken.values().sum();
        let own = taken.entry(tenant).or_default();
        if all >= self.all || *own >= self.of_a_tenant {
            return Err(HostCode::Busy);
        }
        *own += 1;
        Ok(Place { tenant, places: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(own) = taken.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

/// A body that keeps its place until the last of it is on its way: who does not read holds a place, not the server's memory.
pub(super) fn body(place: Place, whole: Bytes) -> Body {
    let parts = stream::unfold((place, whole), |(place, mut rest)| async move {
        let part = rest.split_to(rest.len().min(PART_BYTES));
        (!part.is_empty()).then_some((Ok::<_, Infallible>(part), (place, rest)))
    });
    Body::from_stream(parts)
}

/// Waits for what changes nothing no longer than for an answer; `busy` past it.
pub(super) async fn in_time<T, E: Into<Problem>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem> {
    let done = tokio::time::timeout(ANSWER_WITHIN, work).await;
    done.map_err(|_| Problem::from(HostCode::Busy))?.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::{PLACES, PLACES_OF_A_TENANT, Places};
    use crate::domain::{HostCode, TenantId};

    #[test]
    fn one_tenant_does_not_take_every_place_and_all_together_no_more_than_there_are() {
        let places = Places::default();
        let mut inside = Vec::new();
        for tenant in 0..(PLACES / PLACES_OF_A_TENANT) as i64 {
            for _ in 0..PLACES_OF_A_TENANT {
                inside.push(places.enter(TenantId(tenant)).expect("a place"));
            }
            assert_eq!(places.enter(TenantId(tenant)).err(), Some(HostCode::Busy));
        }
        assert_eq!(places.enter(TenantId(99)).err(), Some(HostCode::Busy), "all are taken");
        inside.pop();
        inside.push(places.enter(TenantId(99)).expect("the one that was given back"));
        drop(inside);
        assert!(places.lock().is_empty());
    }
}
