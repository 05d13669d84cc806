//! A new revision that fails people whom the one before it would not have: rolled back by itself, and nobody else is.

use crate::app::App;
use crate::revisions::{CANDIDATES, activate, person, prefixed, push};
use enlist_artifacts::honest::STEERED;
use serde_json::{Value, json};

/// Somebody for whom `candidates` has these names; the default policy looks at none of it.
fn named(number: usize, names: &str) -> String {
    let attributes = json!({"sub": format!("sub-{number}"), "names": names});
    json!({"username": format!("p{number}@x.example"), "user_attributes": attributes}).to_string()
}

/// More names than a policy may answer: malformed.
fn too_many() -> String {
    (0..33).map(|number| format!("n{number}")).collect::<Vec<_>>().join(",")
}

fn active(app: &App) -> String {
    app.rows("SELECT active_revision FROM tenants").remove(0).remove(0)
}

async fn candidates(app: &App) {
    assert_eq!(push(app, CANDIDATES, &app.operator_key).await.status, 201);
    activate(app, 2).await;
}

#[tokio::test]
async fn a_revision_that_fails_twenty_people_is_rolled_back_by_itself_and_said_so() {
    let app = App::start();
    candidates(&app).await;
    let mut failed = 0;
    // A failure is compared while the next request may be under way already: some people more than twenty, never fewer.
    while active(&app) == "2" {
        let answer = app.provision(&named(failed, &too_many())).await;
        if answer.status == 503 {
            assert_eq!(answer.code(), "policy_failed");
            failed += 1;
        } else {
            assert_eq!(answer.status, 200, "the one before decides again: {answer:?}");
        }
        assert!(failed < 500, "{}", app.log());
    }
    assert!(failed >= 20, "{failed}");
    let last = app.rows("SELECT occasion, outcome, revision, detail, key FROM decisions WHERE occasion LIKE 'policy%' ORDER BY id DESC LIMIT 1");
    assert_eq!(last, [["policy_fallback", "granted", "1", "2 -> 1", ""]]);
    // In memory the pointer follows in a moment.
    while app.provision(&named(900, &too_many())).await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert!(app.folders().contains(&"p900".to_owned()));
    let status = app.manage("GET", "/v1/status", Value::Null).await;
    let tenant = &status["items"][0];
    assert_eq!((&tenant["revision"], &tenant["fell_back_from"]), (&json!(1), &json!(2)));
    assert_eq!(tenant["active_by"], Value::Null, "no key did it");
    let metrics = app.ask("GET", "/metrics", &app.operator_key, Value::Null).await.text;
    assert!(metrics.contains("enlist_fallbacks_total{tenant=\"default\"} 1"), "{metrics}");
    assert!(app.log().contains("rolled back"), "{}", app.log());
    // It may be wanted all the same.
    activate(&app, 2).await;
    let status = app.manage("GET", "/v1/status", Value::Null).await;
    assert_eq!(status["items"][0]["fell_back_from"], Value::Null);
}

#[tokio::test]
async fn what_the_revision_before_fails_too_and_what_the_host_refuses_rolls_nothing_back() {
    let app = App::start();
    candidates(&app).await;
    for number in 0..30 {
        let answer = app.provision(&named(number, "../x")).await;
        assert_eq!(answer.code(), "name_unusable", "an answer is no failure");
    }
    let prefix = prefixed(&app, "a-").await;
    activate(&app, prefix).await;
    for number in 0..30 {
        assert_eq!(app.provision(&named(number, &too_many())).await.code(), "policy_failed");
    }
    // The comparisons of those thirty are over when one more request was answered by each of the two after them.
    assert_eq!(app.enlist(&person("ann")).await, "a-ann");
    assert_eq!(active(&app), "3");
    assert_eq!(app.count("SELECT count(*) FROM activations WHERE why = 'probation'"), 0);
}

#[tokio::test]
async fn a_revision_that_runs_out_of_fuel_or_of_memory_is_rolled_back_too() {
    // The first would spin until it is rolled back; the breaker lets one of it through a second once it is open.
    for misdeed in ["spin", "hoard"] {
        let app = App::start();
        assert_eq!(push(&app, STEERED, &app.operator_key).await.status, 201);
        activate(&app, 2).await;
        let mut number = 0;
        while active(&app) == "2" {
            let attributes = json!({"sub": format!("sub-{number}"), "does": misdeed});
            let body = json!({"username": format!("p{number}"), "user_attributes": attributes});
            app.provision(&body.to_string()).await;
            number += 1;
            assert!(number < 5000, "{}", app.log());
        }
        assert!(number >= 20, "{misdeed}: {number}");
        let why = app.rows("SELECT why FROM activations ORDER BY id DESC LIMIT 1");
        assert_eq!(why, [["probation"]], "{misdeed}");
    }
}

#[tokio::test]
async fn probation_goes_on_after_a_restart_and_the_rate_bites() {
    let mut app = App::start_with(&[("ENLIST_PROBATION__RATE", "0.9")]);
    candidates(&app).await;
    for number in 0..30 {
        let answer = app.provision(&named(number, &format!("ok{number}"))).await;
        assert_eq!(answer.status, 200);
    }
    for number in 100..160 {
        assert_eq!(app.provision(&named(number, &too_many())).await.status, 503);
    }
    assert_eq!(active(&app), "2", "60 of 90 are not more than nine in ten");
    app.restart();
    let mut number = 1000;
    while active(&app) == "2" {
        app.provision(&named(number, &too_many())).await;
        number += 1;
        assert!(number < 1500, "{}", app.log());
    }
    assert!(number >= 1020, "counted anew: {number}");
}
