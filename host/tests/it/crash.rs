//! Killed at each point between decision and answer: what is left is nothing, or an empty folder that the next attempt adopts,
//! or the whole account; never half of one. And killed again and again under load, at each point and at any time: what was
//! answered is there, each time.

mod chance;
mod check;
mod crowd;

use crate::app::{App, GUIDE};
use chance::Chance;
use check::check;
use crowd::Crowd;
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Kills the server at `point` while it provisions the guide's person; what stands there then, and the next answer's `created`.
async fn killed_at(point: &str) -> (Vec<String>, i64, bool) {
    let mut app = App::start();
    app.enlist(r#"{"username":"before@example.com"}"#).await;
    app.kill();
    app.run_with(&[("ENLIST_KILL_AT", point)]);
    let request = app.client().post(format!("{}/provision-user", app.url)).body(GUIDE);
    let answer = request.header("X-API-Key", &app.tenant_key).send().await;
    assert!(answer.is_err(), "{point} was never reached: {answer:?}");
    assert_eq!(app.wait().signal(), Some(9));
    let left = (app.folders(), app.count("SELECT count(*) FROM accounts"));
    app.restart();
    assert_eq!(
        app.enlist(r#"{"username":"before@example.com"}"#).await,
        "before",
        "what was answered stays"
    );
    let again = app.provision(GUIDE).await;
    assert_eq!((again.status, &again.json()["username"]), (200, &"testuser".into()));
    assert_eq!(app.folders(), ["before", "testuser"]);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 2);
    (left.0, left.1, again.json()["created"] == true)
}

#[tokio::test]
async fn before_the_folder_there_is_nothing() {
    assert_eq!(killed_at("before_mkdir").await, (vec!["before".to_owned()], 1, true));
}

#[tokio::test]
async fn after_the_folder_and_before_the_commit_there_is_an_empty_folder_that_is_adopted() {
    for point in ["after_mkdir", "after_fsync", "before_commit"] {
        let left = vec!["before".to_owned(), "testuser".to_owned()];
        assert_eq!(killed_at(point).await, (left, 1, true), "{point}");
    }
}

#[tokio::test]
async fn after_the_commit_the_account_is_there_although_nobody_was_told() {
    let left = vec!["before".to_owned(), "testuser".to_owned()];
    assert_eq!(killed_at("after_commit").await, (left, 2, false));
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let mut app = App::start();
    for i in 0..8 {
        let body = format!(r#"{{"username":"person{i}@example.com"}}"#);
        assert_eq!(app.provision(&body).await.json()["created"], true);
        app.restart();
        assert_eq!(app.provision(&body).await.json()["created"], false);
    }
}

/// Before and after each step, but for the last: after an answer the one who got it kills.
const POINTS: [&str; 9] = [
    "before_reserve",
    "after_reserve",
    "before_mkdir",
    "after_mkdir",
    "before_fsync",
    "after_fsync",
    "before_commit",
    "after_commit",
    "before_answer",
];

/// Kills in a run of all tests; `ENLIST_KILLS` says another number.
const KILLS: u64 = 30;

/// How often a point is passed, or how many answers are given, before a kill: at most.
const PASSED: u64 = 60;

/// How long anything may take before it is called a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// When the server is killed.
#[derive(Debug)]
enum How {
    /// As `ENLIST_KILL_AT` says it.
    Point(String),
    /// After so many answers to people who were drawn, and a little while.
    Answer(u64, Duration),
}

/// Every third time at any moment, otherwise at each point in turn.
fn draw(kill: u64, after: u64, owed: u64, chance: &mut Chance) -> How {
    if kill % 3 == 2 {
        return How::Answer(after, Duration::from_micros(chance.below(5000)));
    }
    let point = POINTS[((kill - kill / 3) % POINTS.len() as u64) as usize];
    // Those who are asked for first pass no other point: most of them have an account.
    let after = if point == "before_answer" { owed + after } else { after };
    How::Point(format!("{point}:{after}"))
}

fn at_answer(how: &How, server: Pid) -> Arc<dyn Fn() + Send + Sync> {
    let How::Answer(after, pause) = *how else { return Arc::new(|| {}) };
    let answers = AtomicU64::new(0);
    Arc::new(move || {
        if answers.fetch_add(1, Ordering::Relaxed) + 1 == after {
            // Everybody else's requests go on in the server.
            std::thread::sleep(pause);
            kill_process(server, Signal::KILL).expect("a signal");
        }
    })
}

pub(crate) fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: expected a number")))
}

#[tokio::test]
async fn killed_again_and_again_under_load_it_keeps_every_promise() {
    let kills = variable("ENLIST_KILLS").unwrap_or(KILLS);
    let seed = variable("ENLIST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}: ENLIST_SEED={seed} draws the same again");
    let mut chance = Chance::from(seed);
    let mut app = App::start();
    let crowd = Crowd::of(&app);
    app.kill();
    for kill in 0..kills {
        let after = 1 + chance.below(PASSED);
        let how = draw(kill, after, crowd.owed(), &mut chance);
        let point =
            if let How::Point(point) = &how { Some(("ENLIST_KILL_AT", &**point)) } else { None };
        app.run_with(point.as_slice());
        let asking = crowd.ask_until_it_dies(&app.url, &mut chance, at_answer(&how, app.pid()));
        let dead = tokio::time::timeout(PATIENCE, asking).await;
        assert!(dead.is_ok(), "kill {kill}: {how:?} was never reached");
        let ended = app.wait_at_most(PATIENCE).expect("an end");
        assert_eq!(ended.signal(), Some(9), "kill {kill}: {how:?}: it ended by itself");
        check(&app, &crowd.told());
    }
    app.run_with(&[]);
    crowd.ask_for_the_owed(&app.url).await;
    let told = crowd.told();
    println!(
        "{kills} kills: {} answers, {} accounts promised, {} answers busy",
        told.answers,
        told.promised.len(),
        told.busy
    );
    assert!(told.promised.len() as u64 > kills, "there was a load");
}
