//! Killed half way, the server or the verb: the same again ends as if nothing had been.

use super::{DOOR, end, report, verb};
use crate::app::App;
use serde_json::json;
use std::os::unix::process::ExitStatusExt;

/// More than two batches.
const PEOPLE: usize = 1_200;

/// Every other one comes with a name.
fn people() -> String {
    let person = |number: usize| match number % 2 {
        0 => json!({"username": format!("u{number}@example.com"), "subject": format!("s{number}")}),
        _ => {
            json!({"username": format!("u{number}"), "subject": format!("s{number}"), "name": format!("n{number}")})
        }
    };
    (0..PEOPLE).map(|number| format!("{}\n", person(number))).collect()
}

fn all_are_there_once(app: &App) {
    let distinct = "SELECT count(*) FROM (SELECT DISTINCT issuer, subject FROM accounts)";
    assert_eq!(app.count("SELECT count(*) FROM accounts"), PEOPLE as i64);
    assert_eq!(app.count(distinct), PEOPLE as i64);
    assert_eq!(app.folders().len(), PEOPLE);
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_is_waited_for() {
    for point in ["after_mkdir:300", "before_commit:300", "after_commit:5"] {
        let mut app = App::start();
        let listen = app.line["listen"].as_str().expect("an address").to_owned();
        app.kill();
        app.run_with(&[("ENLIST_KILL_AT", point), ("ENLIST_LISTEN", &listen)]);
        let child = verb(&app, &people(), &["-o", "json"]).spawn().expect("a verb");
        assert_eq!(app.wait().signal(), Some(9), "{point} was never reached");
        assert!(app.count("SELECT count(*) FROM accounts") < PEOPLE as i64, "{point}");
        app.run_with(&[("ENLIST_LISTEN", &listen)]);
        let output = child.wait_with_output().expect("an end");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{point}: {error}");
        all_are_there_once(&app);
        assert_eq!(report(&app, &people(), &[], 0)["outcomes"], json!({"known": PEOPLE}));
    }
}

#[tokio::test]
async fn a_verb_that_is_killed_is_begun_again() {
    let app = App::start();
    let mut child = verb(&app, &people(), &[]).spawn().expect("a verb");
    while app.count("SELECT count(*) FROM accounts") < 100 {
        tokio::task::yield_now().await;
    }
    child.kill().expect("a signal");
    child.wait().expect("the end");
    let again = report(&app, &people(), &[], 0);
    let count = |outcome: &str| again["outcomes"][outcome].as_u64().unwrap_or_default();
    assert_eq!(count("opened") + count("known"), PEOPLE as u64, "{again}");
    assert!(count("known") >= 100, "{again}");
    all_are_there_once(&app);
}

#[tokio::test]
async fn a_verb_that_is_interrupted_says_how_far_it_came() {
    let app = App::start();
    let child = verb(&app, &people(), &[]).spawn().expect("a verb");
    let pid = rustix::process::Pid::from_child(&child);
    while app.count("SELECT count(*) FROM accounts") < 10 {
        tokio::task::yield_now().await;
    }
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    let output = child.wait_with_output().expect("an end");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(1) {
        assert!(error.contains("the same again goes on"), "{error}");
    } else {
        assert_eq!(output.status.code(), Some(0), "it was quicker: {error}");
    }
    let (code, _, error) = end(verb(&app, &people(), &[]));
    assert_eq!(code, Some(0), "{error}");
    all_are_there_once(&app);
}

#[tokio::test]
async fn known_people_cost_no_write_each() {
    let app = App::start();
    let items: Vec<_> = (0..200)
        .map(|number| json!({"username": format!("u{number}"), "subject": format!("s{number}"), "name": format!("n{number}")}))
        .collect();
    for _ in 0..2 {
        let answer = app.ask("POST", DOOR, &app.operator_key, json!({"items": items})).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(app.count("SELECT count(*) FROM decisions WHERE occasion = 'account_import'"), 200);
}
