//! How often: `limits.requests_per_second`, for each key that opens something and for each address that has none.
//! Refuses to let one count for the other: who guesses keys does not use up those of the people beside them.

use crate::domain::HostCode;
use crate::http::Rooms;
use crate::http::client::Client;
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::MonotonicClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

/// What was used up lately; nothing without a limit.
#[derive(Debug, Default)]
pub(super) struct Rates(Option<Counted>);

#[derive(Debug)]
struct Counted {
    /// By a hash that nobody outside can foresee: a key is not kept here.
    keys: Counter<u64>,
    addresses: Counter<IpNet>,
    hash: RandomState,
}

#[derive(Debug)]
struct Counter<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, HashMapStateStore<K>, MonotonicClock>,
    asked: AtomicU32,
}

/// How many questions there are between two times that the idle are forgotten.
const TIDY_EVERY: u32 = 1024;

/// How much of an address tells one client from another: with IPv6 everybody has a network of that to themselves.
const IPV4_CLIENT_BITS: u8 = 32;
const IPV6_CLIENT_BITS: u8 = 64;

impl Rates {
    pub(super) fn new(requests_per_second: Option<NonZeroU32>) -> Self {
        Self(requests_per_second.map(|rate| Counted {
            keys: Counter::new(rate),
            addresses: Counter::new(rate),
            hash: RandomState::new(),
        }))
    }

    /// One more request with this key, which is known to be somebody's.
    pub(super) fn count_key(&self, key: &str) -> Result<(), HostCode> {
        self.0.as_ref().map_or(Ok(()), |counted| {
            let key = counted.hash.hash_one(key);
            counted.keys.count(&key)
        })
    }

    /// One more request without a key of anybody's from this address.
    fn count_address(&self, address: IpAddr) -> Result<(), HostCode> {
        self.0.as_ref().map_or(Ok(()), |counted| counted.addresses.count(&network(address)))
    }
}

impl<K: Hash + Eq + Clone> Counter<K> {
    fn new(rate: NonZeroU32) -> Self {
        let limiter = RateLimiter::hashmap_with_clock(Quota::per_second(rate), MonotonicClock);
        Self { limiter, asked: AtomicU32::new(0) }
    }

    fn count(&self, key: &K) -> Result<(), HostCode> {
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(TIDY_EVERY) {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|_| HostCode::RateLimited)
    }
}

/// What one client can have to itself.
fn network(address: IpAddr) -> IpNet {
    let bits = if address.is_ipv6() { IPV6_CLIENT_BITS } else { IPV4_CLIENT_BITS };
    IpNet::new(address, bits).map_or_else(|_| address.into(), |network| network.trunc())
}

/// Counts who was told that their key opens nothing; past the limit they are told to wait instead.
pub(super) async fn count(
    State(rooms): State<Rooms>,
    Extension(Client(address)): Extension<Client>,
    Extension(id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if response.status() != StatusCode::UNAUTHORIZED {
        return response;
    }
    match rooms.rates.count_address(address) {
        Ok(()) => response,
        Err(code) => Problem::from(code).respond_at(&path, &id),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rates, TIDY_EVERY};
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroU32;

    #[test]
    fn a_key_an_address_and_their_neighbours_count_apart() {
        let rates = Rates::new(NonZeroU32::new(1));
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(rates.count_key("a").is_ok() && rates.count_key("a").is_err());
        assert!(rates.count_key("b").is_ok());
        for (one, same, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ] {
            assert!(rates.count_address(ip(one)).is_ok());
            assert!(rates.count_address(ip(same)).is_err());
            assert!(rates.count_address(ip(other)).is_ok());
        }
        let unlimited = Rates::new(None);
        assert!((0..9).all(|_| unlimited.count_key("a").is_ok()));
    }

    #[test]
    fn whoever_stays_away_is_forgotten() {
        // At this rate everybody is idle again within nanoseconds.
        let rates = Rates::new(NonZeroU32::new(u32::MAX));
        for number in 0..8 * TIDY_EVERY {
            assert!(rates.count_address(Ipv4Addr::from(number).into()).is_ok());
        }
        let kept = rates.0.as_ref().map(|counted| counted.addresses.limiter.len());
        assert!(kept.is_some_and(|kept| kept <= TIDY_EVERY as usize), "{kept:?}");
    }
}
