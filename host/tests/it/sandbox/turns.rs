//! Decisions beside each other: who waits for a turn, who yields to whom, and that an abandoned decision gives its place back.

use super::{decide, engine, first_usable, fuel_decides, granted_name, load, request};
use enlist::domain::{Pick, Usage};
use enlist::sandbox::{Limits, Policy};
use enlist_artifacts::{LOCALPART, hostile};
use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Polls by hand until it is ready or has had many chances; a decision that only waits for a tick needs few.
fn poll_often<F: Future>(mut future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Poll::Ready(output);
        }
    }
    Poll::Pending
}

async fn never(_: Vec<String>) -> Result<Pick<u32>, Infallible> {
    pending().await
}

/// Whether a decision gets through beside another one that holds its instance and waits.
fn gets_through_beside_another(decisions_at_once: usize) -> bool {
    let policy = load(&engine(&Limits { decisions_at_once, ..fuel_decides() }), LOCALPART);
    let asked = request(&[]);
    let mut holding = pin!(policy.decide(&asked, Usage::default(), never));
    assert!(poll_often(holding.as_mut()).is_pending());
    poll_often(pin!(decide(&policy, &asked))).is_ready()
}

#[test]
fn a_decision_waits_while_all_turns_are_taken() {
    assert!(!gets_through_beside_another(1));
    assert!(gets_through_beside_another(2));
}

#[tokio::test]
async fn an_abandoned_decision_gives_its_turn_back() {
    let engine = engine(&Limits { decisions_at_once: 1, ..fuel_decides() });
    let policy = load(&engine, LOCALPART);
    for _ in 0..3 {
        let asked = request(&[]);
        let mut holding = Box::pin(policy.decide(&asked, Usage::default(), never));
        assert!(poll_often(holding.as_mut()).is_pending());
        drop(holding);
        assert_eq!(granted_name(decide(&policy, &asked).await), "testuser");
    }
}

fn spin(policy: Policy) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let spun = decide(&policy, &request(&[])).await;
        assert!(spun.is_err());
    })
}

/// On one worker, two decisions that would spin for ten seconds: were they not to yield at every tick, the third task would
/// find them ended.
#[tokio::test(flavor = "current_thread")]
async fn two_spinning_decisions_let_others_proceed() {
    let decision_time = Duration::from_secs(10);
    let limits = Limits { decision_fuel: u64::MAX, decision_time, ..fuel_decides() };
    let policy = load(&engine(&Limits { decisions_at_once: 3, ..limits }), hostile::SPIN_ADMIT);
    let spins = [spin(policy.clone()), spin(policy)];
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    let honest = load(&super::engine(&fuel_decides()), LOCALPART);
    let meanwhile = tokio::spawn(async move { granted_name(decide(&honest, &request(&[])).await) });
    assert_eq!(meanwhile.await.expect("a decision"), "testuser");
    for spin in spins {
        assert!(!spin.is_finished());
        spin.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_all_decided_by_instances_of_their_own() {
    let policy =
        load(&engine(&Limits { decisions_at_once: 3, ..fuel_decides() }), hostile::REMEMBERS);
    let ask = |policy: Policy| async move {
        granted_name(policy.decide(&request(&[]), Usage::default(), first_usable).await)
    };
    let all: Vec<_> = (0..50).map(|_| tokio::spawn(ask(policy.clone()))).collect();
    for one in all {
        assert_eq!(one.await.expect("a decision"), "first");
    }
}
