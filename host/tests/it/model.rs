//! Anything at all, one thing after another: people through every door, acts by hand, rules that change, kills. After each step the whole
//! database, the whole tree of homes and the answer are those of a model that was written from docs/api.md and docs/names.md.
//! `ENLIST_SEQUENCES` says how many are drawn, `ENLIST_SEED` from what.

mod doors;
mod look;
mod rules;
mod run;
mod steps;
mod world;

use crate::app::App;
use crate::crash::variable;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use run::Run;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use steps::{Step, sequence};

/// Sequences in a run of all tests.
const SEQUENCES: u64 = 4;

/// For how long a sequence that fails is tried again with less in it.
const SHRINKING: Duration = Duration::from_secs(60);

/// On a machine with other work to do no policy runs out of time, and nobody out of their share.
const SETTINGS: [(&str, &str); 2] =
    [("ENLIST_LIMITS__DECISION_TIME", "10s"), ("ENLIST_LIMITS__CPU_SHARE", "1")];

async fn run_through(app: &mut App, issuer: Option<&str>, steps: &[Step]) {
    let mut run = Run::begin(app, issuer).await;
    for step in steps {
        run.take(app, step).await;
        run.look(app);
    }
    run.look_at_record(app);
    run.look_at_list(app).await;
}

#[test]
fn whatever_happens_the_server_and_a_simple_model_agree() {
    let cases = variable("ENLIST_SEQUENCES").unwrap_or(SEQUENCES);
    let seed = variable("ENLIST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}: ENLIST_SEED={seed} draws the same again");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: cases.try_into().expect("a number of sequences"),
        failure_persistence: None,
        max_shrink_iters: u32::MAX,
        max_shrink_time: SHRINKING.as_millis() as u32,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A server for all of them: a sequence has a tenant of its own.
    let app = RefCell::new(App::start_with(&SETTINGS));
    let taken = Cell::new(0);
    let ran = runner.run(&sequence(20..60), |(issuer, steps)| {
        taken.set(taken.get() + steps.len());
        runtime.block_on(run_through(&mut app.borrow_mut(), issuer, &steps));
        Ok(())
    });
    if let Err(wrong) = ran {
        panic!("seed {seed}: {wrong}");
    }
    println!("{cases} sequences, {} steps", taken.get());
}
