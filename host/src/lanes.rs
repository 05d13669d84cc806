//! A queue that is fair to tenants: each has a lane of its own with a bound, and the one who works takes from the lanes in turn.
//! Refuses to let one tenant's work wait behind all of another's, in the queue or in a batch, and to grow without an end.

use crate::domain::TenantId;
use crate::meters::{METERS, Queue};
use prometheus_client::metrics::gauge::Gauge;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The part of a batch that is one tenant's at most, where another one came lately: who comes next waits until all of it is done.
const PART: usize = 32;

/// How long a tenant is reckoned with after it came.
const LATELY: Duration = Duration::from_secs(1);

/// How long work that nobody waits for is gathered, so that it does not keep the disk busy for those who wait.
const GATHERED_FOR: Duration = Duration::from_millis(20);

/// Work that waits, a lane a tenant.
pub struct Lanes<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
    lane_limit: usize,
    meter: Gauge,
}

struct Waiting<T> {
    lanes: HashMap<TenantId, VecDeque<Piece<T>>>,
    /// Tenants that have something waiting, the next one first.
    turns: VecDeque<TenantId>,
    length: usize,
    /// How much of it somebody waits for.
    awaited: usize,
    /// When gathering what nobody waits for began.
    gathering: Instant,
    /// Who came last, and when the last one came who was somebody else.
    latest: Option<TenantId>,
    other: Option<Instant>,
    closed: bool,
}

struct Piece<T> {
    work: T,
    is_awaited: bool,
}

/// Why work was not taken in; it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The tenant's lane holds as much as it may.
    Full,
    /// Nobody works any more.
    Closed,
}

impl<T> Lanes<T> {
    /// Lanes that hold at most `lane_limit` each; how much waits is seen as `queue`.
    pub fn new(queue: Queue, lane_limit: usize) -> Self {
        let waiting = Waiting {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            length: 0,
            awaited: 0,
            gathering: Instant::now(),
            latest: None,
            other: None,
            closed: false,
        };
        Self {
            waiting: Mutex::new(waiting),
            changed: Condvar::new(),
            lane_limit,
            meter: METERS.waiting(queue),
        }
    }

    /// Puts work that somebody waits for at the end of a tenant's lane; never waits itself.
    pub fn push(&self, tenant: TenantId, work: T) -> Result<(), NotTaken> {
        self.put(tenant, Piece { work, is_awaited: true }).map(drop)
    }

    /// The same with work that may be gathered for a while, and says how much waits in the lane then.
    pub fn leave(&self, tenant: TenantId, work: T) -> Result<usize, NotTaken> {
        self.put(tenant, Piece { work, is_awaited: false })
    }

    fn put(&self, tenant: TenantId, piece: Piece<T>) -> Result<usize, NotTaken> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotTaken::Closed);
        }
        let lane = waiting.lanes.entry(tenant).or_default();
        if lane.len() >= self.lane_limit {
            return Err(NotTaken::Full);
        }
        let is_awaited = piece.is_awaited;
        lane.push_back(piece);
        let length = lane.len();
        if length == 1 {
            waiting.turns.push_back(tenant);
        }
        if waiting.length == 0 {
            waiting.gathering = Instant::now();
        }
        waiting.length += 1;
        waiting.awaited += usize::from(is_awaited);
        if waiting.latest.replace(tenant).is_some_and(|latest| latest != tenant) {
            waiting.other = Some(Instant::now());
        }
        drop(waiting);
        self.meter.inc();
        self.changed.notify_one();
        Ok(length)
    }

    /// Waits for work and takes at most `most` pieces, one from each lane in turn; of one lane less, where there are others. Empty
    /// when the lanes are closed and drained.
    pub fn take(&self, most: usize) -> Vec<T> {
        let mut waiting = self.lock();
        while waiting.length == 0 && !waiting.closed {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        while waiting.awaited == 0 && waiting.length < most && !waiting.closed {
            let left = GATHERED_FOR.saturating_sub(waiting.gathering.elapsed());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(waiting, left);
            (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let is_shared = waiting.is_shared(Instant::now());
        let of_a_tenant = if is_shared { (most / PART).max(1) } else { most };
        let taken = waiting.take(most, of_a_tenant);
        self.meter.dec_by(i64::try_from(taken.len()).unwrap_or(i64::MAX));
        taken
    }

    /// Takes nothing more in; what waits is still worked on.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.lock().length
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").field("waiting", &self.len()).finish_non_exhaustive()
    }
}

impl<T> Waiting<T> {
    /// Whether more than one tenant came lately.
    fn is_shared(&self, now: Instant) -> bool {
        self.turns.len() > 1
            || self.other.is_some_and(|at| now.saturating_duration_since(at) < LATELY)
    }

    fn take(&mut self, most: usize, of_a_tenant: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(most.min(self.length));
        let (mut rounds, mut left_in_round) = (0, self.turns.len());
        while taken.len() < most
            && rounds < of_a_tenant
            && let Some(work) = self.next()
        {
            taken.push(work);
            left_in_round -= 1;
            if left_in_round == 0 {
                (rounds, left_in_round) = (rounds + 1, self.turns.len());
            }
        }
        taken
    }

    fn next(&mut self) -> Option<T> {
        let tenant = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&tenant)?;
        let Piece { work, is_awaited } = lane.pop_front()?;
        if lane.is_empty() {
            // Kept only while it holds something: tenants come and go.
            self.lanes.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        self.length -= 1;
        self.awaited -= usize::from(is_awaited);
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use super::{LATELY, Lanes, NotTaken, PART};
    use crate::domain::TenantId;
    use crate::meters::Queue;
    use std::time::Instant;

    const A: TenantId = TenantId(1);
    const B: TenantId = TenantId(2);

    #[test]
    fn a_tenant_that_comes_late_does_not_wait_for_all_of_anothers_work() {
        let lanes = Lanes::new(Queue::Ledger, 8);
        for work in ["a1", "a2", "a3"] {
            lanes.push(A, work).expect("room");
        }
        lanes.push(B, "b1").expect("room");
        assert_eq!(lanes.take(2 * PART), ["a1", "b1", "a2"]);
        lanes.push(B, "b2").expect("room");
        assert_eq!(lanes.take(2 * PART), ["a3", "b2"]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn where_another_tenant_came_lately_a_flood_is_taken_little_by_little() {
        let lanes = Lanes::new(Queue::Ledger, 64);
        let flood = || {
            for work in 0..32 {
                lanes.push(A, work).expect("room");
            }
        };
        flood();
        assert_eq!(lanes.take(32).len(), 32, "nobody else is there");
        lanes.push(B, 0).expect("room");
        flood();
        assert_eq!(lanes.take(64).len(), 64 / PART + 1);
        assert_eq!(lanes.take(64).len(), 64 / PART, "B may come again");
        let later = Instant::now() + LATELY;
        assert!(!lanes.lock().is_shared(later), "B has not come for long");
    }

    #[test]
    fn what_nobody_waits_for_is_gathered_until_somebody_waits() {
        let lanes = Lanes::new(Queue::Ledger, 8);
        lanes.leave(A, "left").expect("room");
        lanes.leave(A, "left").expect("room");
        lanes.push(B, "awaited").expect("room");
        assert!(lanes.take(8).contains(&"awaited"), "at once, with all that is there");
        lanes.leave(A, "left").expect("room");
        lanes.close();
        assert_eq!(lanes.take(8), ["left"], "at the end nothing is gathered");
    }

    #[test]
    fn a_full_lane_is_one_tenants_only() {
        let lanes = Lanes::new(Queue::Ledger, 2);
        lanes.push(A, 1).expect("room");
        lanes.push(A, 2).expect("room");
        assert_eq!(lanes.push(A, 3), Err(NotTaken::Full));
        lanes.push(B, 4).expect("room in another lane");
        assert_eq!(lanes.take(1), [1]);
        lanes.push(A, 5).expect("room again");
    }

    #[test]
    fn closed_lanes_are_drained_and_take_nothing_in() {
        let lanes = Lanes::new(Queue::Ledger, 2);
        lanes.push(A, 1).expect("room");
        lanes.close();
        assert_eq!(lanes.push(A, 2), Err(NotTaken::Closed));
        assert_eq!(lanes.take(2), [1]);
        assert!(lanes.take(2).is_empty());
    }

    #[test]
    fn who_waits_is_woken() {
        let lanes = Lanes::new(Queue::Ledger, 2);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| lanes.take(2));
            lanes.push(A, 1).expect("room");
            assert_eq!(taken.join().expect("a thread"), [1]);
        });
    }
}
