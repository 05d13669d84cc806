//! A tenant's part of the processors: how many of its decisions are on their way, on how many workers they run at once, how much
//! time they take together, and that a long one never keeps the last worker from everybody else.
//! Refuses to end a decision: budgets do. It only makes one wait, and says no to who would wait too long before it begins.

use crate::sandbox::Engine;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How long a decision waits to begin: its caller wants an answer, and waits for a disk besides.
pub(super) const BEGINS_WITHIN: Duration = Duration::from_secs(2);

/// Processor time that may be used up at once after a pause.
const BURST: Duration = Duration::from_millis(100);

/// One tenant's part of the processors, whichever revision uses it.
#[derive(Debug)]
pub struct Share {
    /// A quarter of what is decided at once: a decision that waits for a name or a disk keeps its place, and those of one tenant
    /// must not be all there are.
    turns: Semaphore,
    /// One worker less than there are.
    workers: Arc<Semaphore>,
    /// The one decision of this tenant's that may run for long.
    long: Arc<Semaphore>,
    /// What is left over by everybody's long ones is a worker.
    long_of_all: Arc<Semaphore>,
    allowance: Mutex<Allowance>,
}

impl Share {
    /// Everything free, nothing used.
    pub fn new(engine: &Engine) -> Arc<Self> {
        let limits = engine.limits();
        let processors = engine.processors() as f64;
        Arc::new(Self {
            turns: Semaphore::new((limits.decisions_at_once / 4).max(1)),
            workers: Arc::new(Semaphore::new(engine.spare_workers())),
            long: Arc::new(Semaphore::new(1)),
            long_of_all: Arc::clone(engine.long_decisions()),
            allowance: Mutex::new(Allowance::new(limits.cpu_share * processors, Instant::now())),
        })
    }

    /// Waits until fewer than this tenant's part of decisions are on their way, and there is time left to use; none where that
    /// takes too long.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = async {
            let turn = self.turns.acquire().await.ok();
            self.recover().await;
            turn
        };
        tokio::time::timeout(BEGINS_WITHIN, turn).await.ok().flatten()
    }

    /// Waits until what was used beyond the allowance has been earned.
    async fn recover(&self) {
        loop {
            let owed = self.allowance().owed(Instant::now());
            if owed.is_zero() {
                return;
            }
            tokio::time::sleep(owed).await;
        }
    }

    fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Processor time that is earned as time goes by, and used.
#[derive(Debug)]
struct Allowance {
    /// Seconds of processor time in a second.
    rate: f64,
    /// Seconds; below zero it is owed.
    left: f64,
    at: Instant,
}

impl Allowance {
    fn new(rate: f64, now: Instant) -> Self {
        Self { rate, left: BURST.as_secs_f64(), at: now }
    }

    fn use_up(&mut self, time: Duration, now: Instant) {
        self.earn(now);
        self.left -= time.as_secs_f64();
    }

    /// How long it takes until nothing is owed.
    fn owed(&mut self, now: Instant) -> Duration {
        self.earn(now);
        Duration::try_from_secs_f64(-self.left / self.rate).unwrap_or_default()
    }

    fn earn(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        (self.left, self.at) = ((self.left + earned).min(BURST.as_secs_f64()), now);
    }
}

/// One decision on its way through its tenant's share.
#[derive(Debug)]
pub(super) struct Pace {
    share: Arc<Share>,
    held: Mutex<Held>,
}

/// What a decision has to itself while it runs.
#[derive(Debug, Default)]
struct Held {
    _worker: Option<OwnedSemaphorePermit>,
    long: Option<OwnedSemaphorePermit>,
    long_of_all: Option<OwnedSemaphorePermit>,
}

impl Pace {
    /// Waits until the tenant's policy runs on fewer workers than it may.
    pub(super) async fn begin(share: &Arc<Share>) -> Arc<Self> {
        let worker = Arc::clone(&share.workers).acquire_owned().await.ok();
        let held = Held { _worker: worker, ..Held::default() };
        Arc::new(Self { share: Arc::clone(share), held: Mutex::new(held) })
    }

    /// The decision waits for something else than a worker. What it does after that it does without a worker of its own: another
    /// one that holds the tenant's last may be waiting for what this one keeps.
    pub(super) fn rest(&self) {
        *self.held() = Held::default();
    }

    /// The clock found the decision running, for the first time or `again`. A long one goes on when it is its tenant's turn, and
    /// then its own among those of all tenants, for one tick.
    pub(super) fn tick(self: &Arc<Self>, tick: Duration, again: bool) -> Option<Turn> {
        self.share.allowance().use_up(tick, Instant::now());
        if !again {
            return None;
        }
        self.held().long_of_all = None;
        let pace = Arc::clone(self);
        Some(Box::pin(async move {
            let is_long = pace.held().long.is_some();
            if !is_long {
                let long = Arc::clone(&pace.share.long).acquire_owned().await.ok();
                pace.held().long = long;
            }
            pace.share.recover().await;
            let one_of_all = Arc::clone(&pace.share.long_of_all).acquire_owned().await.ok();
            pace.held().long_of_all = one_of_all;
            pass_on().await;
        }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a decision waits for between two ticks.
pub(super) type Turn = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Lets the worker look at what else there is, as every tick does.
async fn pass_on() {
    let mut passed = false;
    poll_fn(|context| {
        if std::mem::replace(&mut passed, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::{Allowance, BURST};
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_used_beyond_the_allowance_is_earned_at_its_rate() {
        let start = Instant::now();
        let mut allowance = Allowance::new(0.5, start);
        allowance.use_up(BURST, start);
        assert_eq!(allowance.owed(start), Duration::ZERO, "what was saved is free");
        allowance.use_up(Duration::from_millis(10), start);
        assert_eq!(allowance.owed(start), Duration::from_millis(20));
        assert_eq!(allowance.owed(start + Duration::from_millis(15)), Duration::from_millis(5));
        assert_eq!(allowance.owed(start + Duration::from_millis(20)), Duration::ZERO);
    }

    #[test]
    fn a_pause_saves_no_more_than_a_burst() {
        let start = Instant::now();
        let mut allowance = Allowance::new(2.0, start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(allowance.owed(later), Duration::ZERO);
        allowance.use_up(BURST + Duration::from_millis(2), later);
        assert_eq!(allowance.owed(later), Duration::from_millis(1));
    }
}
