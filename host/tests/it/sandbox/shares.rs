//! Decisions of several tenants beside each other: who runs, who waits for whom, and who does not. Polled by hand: what waits is
//! woken by nobody but whom it waits for.

use super::{engine, first_usable, fuel_decides, granted_name, load, request};
use enlist::sandbox::{Engine, Limits, Policy, Share, workers};
use enlist_artifacts::{LOCALPART, hostile};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Whether it was woken since it was last polled.
#[derive(Default)]
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A decision that never ends of itself, as far as it got.
struct Spin {
    future: Pin<Box<dyn Future<Output = ()>>>,
    alarm: Arc<Alarm>,
}

impl Spin {
    fn new(policy: &Policy, share: &Arc<Share>) -> Self {
        let (policy, share) = (policy.clone(), Arc::clone(share));
        let future = Box::pin(async move {
            let asked = request(&[]);
            let spun = policy.decide_within(&share, &asked, Default::default(), first_usable).await;
            panic!("it ended: {spun:?}");
        });
        Self { future, alarm: Arc::default() }
    }

    /// To its next tick, or to what it waits for: whether it would go on at once.
    fn goes_on(&mut self) -> bool {
        self.alarm.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.alarm));
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        self.is_woken()
    }

    fn is_woken(&self) -> bool {
        self.alarm.0.load(Ordering::SeqCst)
    }

    /// Polls it until it waits for somebody; false when it never does.
    fn comes_to_wait(&mut self) -> bool {
        (0..10).any(|_| !self.goes_on())
    }
}

/// Nothing ends a decision, and nobody runs out of time.
fn endless() -> Limits {
    let decision_time = Duration::from_secs(3600);
    Limits { decision_fuel: u64::MAX, decision_time, decisions_at_once: 64, ..fuel_decides() }
}

fn spare_workers() -> usize {
    workers(std::thread::available_parallelism().map_or(1, usize::from)) - 1
}

/// With so much of an allowance that no test uses it up.
fn shares(engine: &Engine, count: usize) -> Vec<Arc<Share>> {
    (0..count).map(|_| Share::new(engine)).collect()
}

#[tokio::test]
async fn of_one_tenant_one_long_decision_goes_on_and_the_next_when_it_is_gone() {
    let engine = engine(&Limits { cpu_share: 1.0, ..endless() });
    let (policy, share) = (load(&engine, hostile::SPIN_ADMIT), Share::new(&engine));
    let mut first = Spin::new(&policy, &share);
    assert!(!first.comes_to_wait(), "nobody is in its way");
    let mut second = Spin::new(&policy, &share);
    assert!(second.comes_to_wait());
    assert!(first.goes_on() && !second.is_woken(), "however long");
    drop(first);
    assert!(second.is_woken() && !second.comes_to_wait());
}

#[tokio::test]
async fn long_decisions_of_all_tenants_leave_a_worker_free_and_take_turns() {
    let engine = engine(&Limits { cpu_share: 1.0, ..endless() });
    let policy = load(&engine, hostile::SPIN_ADMIT);
    let shares = shares(&engine, spare_workers() + 1);
    let mut spins: Vec<_> = shares.iter().map(|share| Spin::new(&policy, share)).collect();
    let mut late = spins.pop().expect("one too many");
    for spin in &mut spins {
        assert!(!spin.comes_to_wait());
    }
    assert!(late.comes_to_wait(), "one worker is nobody's for long");
    assert!(!spins[0].goes_on(), "it has had its tick, and somebody waits");
    assert!(late.is_woken() && late.goes_on());
}

#[tokio::test]
async fn a_short_decision_of_another_tenant_waits_for_no_long_one() {
    let engine = engine(&Limits { cpu_share: 1.0, ..endless() });
    let policy = load(&engine, hostile::SPIN_ADMIT);
    let mut spins: Vec<_> = (0..2 * spare_workers() + 2)
        .map(|number| (number, Share::new(&engine)))
        .map(|(_, share)| Spin::new(&policy, &share))
        .collect();
    for spin in &mut spins {
        spin.comes_to_wait();
    }
    let (honest, asked) = (load(&engine, LOCALPART), request(&[]));
    let share = Share::new(&engine);
    let mut decision =
        Box::pin(honest.decide_within(&share, &asked, Default::default(), first_usable));
    let mut context = Context::from_waker(Waker::noop());
    let ready = (0..10).find_map(|_| match decision.as_mut().poll(&mut context) {
        Poll::Ready(decided) => Some(decided),
        Poll::Pending => None,
    });
    assert_eq!(granted_name(ready.expect("a decision that waits for nobody")), "testuser");
}

#[tokio::test]
async fn a_tenant_without_allowance_waits_for_it_and_no_other_does() {
    // What is saved for a burst, and then next to nothing.
    let engine = engine(&Limits { cpu_share: 1e-9, ..endless() });
    let policy = load(&engine, hostile::SPIN_ADMIT);
    let mut poor = Spin::new(&policy, &Share::new(&engine));
    while poor.goes_on() {}
    let mut other = Spin::new(&policy, &Share::new(&engine));
    assert!(!other.comes_to_wait(), "who waits for time keeps nobody");
}

#[test]
fn notes_beyond_what_the_disk_is_to_take_are_left_out_and_that_is_said() {
    let engine = engine(&endless());
    let (shouting, quiet) = (Share::new(&engine), Share::new(&engine));
    let flood = vec!["x".repeat(64 << 20)];
    assert_eq!(shouting.keep(flood.clone()), flood, "what was saved up is not counted in bytes");
    let kept = shouting.keep(vec!["one".to_owned(), "two".to_owned()]);
    assert!(kept.len() == 1 && kept[0].contains("notes left out"), "{kept:?}");
    assert!(shouting.keep(Vec::new()).is_empty(), "of nothing nothing is left out");
    assert_eq!(quiet.keep(vec!["one".to_owned()]), ["one"]);
}
