//! Every limit bites at its own boundary: what passes under one number fails under the next, and nothing else has changed.

use super::{decide, engine, failure, fuel_decides, granted_name, load, request, time_decides};
use enlist::domain::{Fault, Stage};
use enlist::sandbox::{Engine, EngineError, Limits, LoadError, freeze};
use enlist_artifacts::{LOCALPART, honest, hostile};
use std::time::Duration;

/// How a decision about somebody with these attributes ends: a name, or stage and fault.
async fn outcome(
    limits: &Limits,
    component: &[u8],
    attributes: &[(&str, &str)],
) -> Result<String, (Stage, Fault)> {
    let policy = load(&engine(limits), component);
    let decided = decide(&policy, &request(attributes)).await;
    if decided.is_ok() {
        return Ok(granted_name(decided));
    }
    let failure = failure(decided);
    Err((failure.stage, failure.fault))
}

/// wasmtime looks at the fuel where a function or a turn of a loop begins: what remains after the last look is free.
#[tokio::test]
async fn there_is_one_number_of_fuel_below_which_a_decision_fails() {
    let with = |decision_fuel| Limits { decision_fuel, ..fuel_decides() };
    let decided = decide(&load(&engine(&fuel_decides()), honest::EMPTY), &request(&[])).await;
    let spent = decided.expect("a verdict").fuel;
    let (mut fails, mut passes) = (0, spent);
    while passes - fails > 1 {
        let middle = fails.midpoint(passes);
        match outcome(&with(middle), honest::EMPTY, &[]).await {
            Ok(_) => passes = middle,
            Err((_, fault)) => {
                assert_eq!(fault, Fault::OutOfFuel);
                fails = middle;
            }
        }
    }
    assert!(spent - passes < 100, "{spent} spent, {passes} are enough");
}

#[tokio::test]
async fn a_spinning_policy_ends_by_whichever_of_fuel_and_time_is_short() {
    for (limits, fault) in [(fuel_decides(), Fault::OutOfFuel), (time_decides(), Fault::TimedOut)] {
        let policy = load(&engine(&limits), hostile::SPIN_ADMIT);
        let failure = failure(decide(&policy, &request(&[])).await);
        assert_eq!((failure.stage, failure.fault), (Stage::Admit, fault));
        match fault {
            Fault::TimedOut => assert!(failure.worked > limits.decision_time, "{failure:?}"),
            _ => assert_eq!(failure.fuel, limits.decision_fuel),
        }
    }
}

#[tokio::test]
async fn waiting_for_the_host_is_not_the_policys_time() {
    let limits = Limits { decision_time: Duration::ZERO, ..fuel_decides() };
    let policy = load(&engine(&limits), honest::EMPTY);
    // So short that a tick falls into it only once in a while, and so often asked that one decision gets through.
    let wait = async |names| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        super::first_usable(names).await
    };
    for _ in 0..50 {
        let decided = policy.decide(&request(&[]), Default::default(), wait).await;
        if decided.is_ok() {
            return;
        }
        assert_eq!(failure(decided).fault, Fault::TimedOut);
    }
    panic!("twenty ticks of waiting were counted every time");
}

#[tokio::test]
async fn memory_may_grow_by_the_limit_and_not_a_byte_more() {
    const ONE_PAGE: u64 = 64 << 10;
    let with = |memory_bytes| Limits { memory_bytes, ..fuel_decides() };
    let grows = hostile::REMEMBERS_PAGES;
    assert_eq!(outcome(&with(ONE_PAGE), grows, &[]).await, Ok("first".to_owned()));
    let refused = Err((Stage::Derive, Fault::OutOfMemory));
    assert_eq!(outcome(&with(ONE_PAGE - 1), grows, &[]).await, refused);
}

#[tokio::test]
async fn the_default_policy_never_grows_its_memory() {
    let limits = Limits { memory_bytes: 0, ..fuel_decides() };
    assert_eq!(outcome(&limits, LOCALPART, &[]).await, Ok("testuser".to_owned()));
}

#[tokio::test]
async fn an_answer_is_counted_over_the_whole_decision_to_the_byte() {
    let with = |answer_bytes| Limits { answer_bytes, ..fuel_decides() };
    // Two names and a label: 3 + 3 bytes, then 4 + 3.
    let says = [("names", "ann,bob"), ("plan", "pro")];
    assert_eq!(outcome(&with(13), honest::CANDIDATES, &says).await, Ok("ann".to_owned()));
    let late = Err((Stage::Allow, Fault::AnswerTooLarge));
    assert_eq!(outcome(&with(12), honest::CANDIDATES, &says).await, late);
    let early = Err((Stage::Derive, Fault::AnswerTooLarge));
    assert_eq!(outcome(&with(5), honest::CANDIDATES, &says).await, early);
}

#[tokio::test]
async fn a_flood_is_cut_off_before_it_is_copied() {
    let roomy = Limits { memory_bytes: 128 << 20, decision_fuel: u64::MAX, ..fuel_decides() };
    let names = Err((Stage::Derive, Fault::AnswerTooLarge));
    assert_eq!(outcome(&roomy, hostile::SHOUT_NAMES, &[]).await, names);
    let notes = Err((Stage::Notes, Fault::AnswerTooLarge));
    assert_eq!(outcome(&roomy, hostile::SHOUT_NOTES, &[]).await, notes);
    // Even with an answer as long as may be, and ten gigabytes to copy, the refusal is wasmtime's: it says so in these words.
    let policy = load(&engine(&roomy), hostile::TEN_THOUSAND_MEGABYTES);
    let failure = failure(decide(&policy, &request(&[])).await);
    assert!(failure.detail.contains("fuel allocated for hostcalls"), "{failure}");
}

#[test]
fn a_component_of_the_limit_is_loaded_and_one_of_a_byte_more_is_not() {
    let size = LOCALPART.len() as u64;
    let with = |component_bytes| engine(&Limits { component_bytes, ..fuel_decides() });
    assert!(freeze(&with(size), LOCALPART, "{}").is_ok());
    let error = freeze(&with(size - 1), LOCALPART, "{}").err();
    let too_large = LoadError::TooLarge { bytes: size, limit_bytes: size - 1 };
    assert_eq!(error, Some(too_large.into()));
}

#[tokio::test]
async fn scanning_pages_instead_of_copying_them_leaves_nothing_behind_either() {
    let limits = Limits { pagemap_scan: true, decisions_at_once: 1, ..fuel_decides() };
    let policy = load(&engine(&limits), hostile::REMEMBERS_PAGES);
    for _ in 0..3 {
        assert_eq!(granted_name(decide(&policy, &request(&[])).await), "first");
    }
}

#[test]
fn limits_that_allow_nothing_or_everything_are_no_limits() {
    let error = |limits| Engine::new(&limits).err().map(|error| error.to_string());
    let no_turns = Limits { decisions_at_once: 0, ..Limits::default() };
    assert_eq!(error(no_turns), Some(EngineError::NoDecisions.to_string()));
    let endless = Limits { memory_bytes: u64::MAX, ..Limits::default() };
    assert_eq!(error(endless), Some(EngineError::TooLarge.to_string()));
    let crowded = Limits { decisions_at_once: usize::MAX, ..Limits::default() };
    assert_eq!(error(crowded), Some(EngineError::TooLarge.to_string()));
}
