//! A tenant's part of the processors: how many of its decisions are on their way, on how many workers they run at once, how much
//! time they take together, that a long one never keeps the last worker from everybody else, and how much they may tell.
//! Refuses to end a decision: budgets do. It only makes one wait, and says no to who would wait too long before it begins.

use crate::sandbox::Engine;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How long a decision waits to begin: its caller wants an answer, and waits for a disk besides.
pub(super) const BEGINS_WITHIN: Duration = Duration::from_secs(2);

/// Seconds of processor time that may be used up at once after a pause.
const BURST_SECONDS: f64 = 0.1;

/// Bytes of notes that are kept in a second, and at once after a pause: what is beyond it only keeps others from the disk.
const NOTES_BYTES: f64 = (1 << 20) as f64;

/// What stands where notes were.
const LEFT_OUT: &str = "(notes left out: the tenant's policy tells more than 1 MiB a second)";

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
    /// Who looks up whom a request is about.
    looking: Semaphore,
    allowance: Mutex<Allowance>,
    notes: Mutex<Allowance>,
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
            looking: Semaphore::new(engine.spare_workers()),
            allowance: Allowance::new(limits.cpu_share * processors, BURST_SECONDS),
            notes: Allowance::new(NOTES_BYTES, NOTES_BYTES),
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

    /// Waits until the tenant's requests are being looked into on fewer workers than they may. For work that does not wait.
    pub async fn look(&self) -> Option<SemaphorePermit<'_>> {
        self.looking.acquire().await.ok()
    }

    /// What is kept of a decision's notes.
    pub fn keep(&self, notes: Vec<String>) -> Vec<String> {
        let bytes: usize = notes.iter().map(String::len).sum();
        if bytes == 0 {
            return notes;
        }
        let (mut left, now) = (lock(&self.notes), Instant::now());
        if !left.owed(now).is_zero() {
            return vec![LEFT_OUT.to_owned()];
        }
        left.use_up(bytes as f64, now);
        notes
    }

    /// Whether notes are [`Share::keep`]'s own word for those that it left out.
    pub fn left_out(notes: &[String]) -> bool {
        matches!(notes, [only] if only == LEFT_OUT)
    }

    /// Waits until what was used beyond the allowance has been earned.
    async fn recover(&self) {
        loop {
            let owed = lock(&self.allowance).owed(Instant::now());
            if owed.is_zero() {
                return;
            }
            tokio::time::sleep(owed).await;
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is earned as time goes by, and used.
#[derive(Debug)]
struct Allowance {
    /// So much in a second.
    rate: f64,
    /// What is saved at most.
    burst: f64,
    /// Below zero it is owed.
    left: f64,
    at: Instant,
}

impl Allowance {
    fn new(rate: f64, burst: f64) -> Mutex<Self> {
        Mutex::new(Self { rate, burst, left: burst, at: Instant::now() })
    }

    fn use_up(&mut self, much: f64, now: Instant) {
        self.earn(now);
        self.left -= much;
    }

    /// How long it takes until nothing is owed.
    fn owed(&mut self, now: Instant) -> Duration {
        self.earn(now);
        Duration::try_from_secs_f64(-self.left / self.rate).unwrap_or_default()
    }

    fn earn(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        (self.left, self.at) = ((self.left + earned).min(self.burst), now);
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
        *lock(&self.held) = Held::default();
    }

    /// The clock found the decision running, for the first time or `again`. A long one goes on when it is its tenant's turn, and
    /// then its own among those of all tenants, for one tick.
    pub(super) fn tick(self: &Arc<Self>, tick: Duration, again: bool) -> Option<Turn> {
        lock(&self.share.allowance).use_up(tick.as_secs_f64(), Instant::now());
        if !again {
            return None;
        }
        lock(&self.held).long_of_all = None;
        let pace = Arc::clone(self);
        Some(Box::pin(async move {
            let is_long = lock(&pace.held).long.is_some();
            if !is_long {
                let long = Arc::clone(&pace.share.long).acquire_owned().await.ok();
                lock(&pace.held).long = long;
            }
            pace.share.recover().await;
            let one_of_all = Arc::clone(&pace.share.long_of_all).acquire_owned().await.ok();
            lock(&pace.held).long_of_all = one_of_all;
            pass_on().await;
        }))
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
    use super::{Allowance, PoisonError};
    use std::time::Duration;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn allowance(rate: f64) -> Allowance {
        Allowance::new(rate, 0.5).into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn what_is_used_beyond_the_allowance_is_earned_at_its_rate() {
        let mut allowance = allowance(0.5);
        let start = allowance.at;
        allowance.use_up(0.5, start);
        assert_eq!(allowance.owed(start), Duration::ZERO, "what was saved is free");
        allowance.use_up(0.25, start);
        assert_eq!(allowance.owed(start), 500 * MILLISECOND);
        assert_eq!(allowance.owed(start + 250 * MILLISECOND), 250 * MILLISECOND);
        assert_eq!(allowance.owed(start + 500 * MILLISECOND), Duration::ZERO);
    }

    #[test]
    fn a_pause_saves_no_more_than_a_burst() {
        let mut allowance = allowance(2.0);
        let later = allowance.at + 3_600_000 * MILLISECOND;
        assert_eq!(allowance.owed(later), Duration::ZERO);
        allowance.use_up(1.0, later);
        assert_eq!(allowance.owed(later), 250 * MILLISECOND);
    }
}
