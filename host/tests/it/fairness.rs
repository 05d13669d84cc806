//! A tenant whose policy takes more than its share: what it is answered, what is left of that, and that nobody else notices.

use crate::app::{Answer, App};
use enlist_artifacts::honest::STEERED;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Only fuel ends a decision, however busy the machine is.
const FUEL_DECIDES: (&str, &str) = ("ENLIST_LIMITS__DECISION_TIME", "1h");

/// Nothing does.
const FUEL_WITHOUT_END: (&str, &str) = ("ENLIST_LIMITS__DECISION_FUEL", "18446744073709551615");

/// The record's rows of those who were told to come again.
const BUSY: &str = "SELECT count(*) FROM decisions WHERE outcome = 'failed' AND code = 'busy'";

fn person(name: &str) -> String {
    json!({"username": name, "user_attributes": {"sub": name}}).to_string()
}

/// Somebody about whom the policy never stops thinking.
fn endless(number: usize) -> String {
    let name = format!("endless-{number}");
    json!({"username": name, "user_attributes": {"sub": name, "does": "spin"}}).to_string()
}

/// A second tenant with the default policy: its key.
async fn other(app: &App) -> String {
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    app.key_of("other", json!({})).await
}

async fn metric(app: &App, series: &str) -> f64 {
    let text = app.ask("GET", "/metrics", &app.operator_key, Value::Null).await.text;
    let line = text.lines().find(|line| line.starts_with(series));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

fn is_told_to_come_again(answer: &Answer) -> bool {
    let busy = answer.status == 503 && answer.code() == "busy";
    assert!(!busy || answer.header("retry-after") == Some("1"), "{answer:?}");
    busy
}

/// Asks about endless people until the breaker is open: how many were told so, and how many to come again.
async fn overrun(app: &App) -> (i64, i64) {
    let (mut failed, mut busy) = (0, 0);
    while busy == 0 {
        let answer = app.provision(&endless(0)).await;
        match is_told_to_come_again(&answer) {
            true => busy += 1,
            false => {
                assert_eq!((answer.status, answer.code().as_str()), (503, "policy_failed"));
                failed += 1;
            }
        }
        assert!(failed < 100, "no breaker");
    }
    (failed, busy)
}

#[tokio::test]
async fn a_policy_that_overruns_on_everybody_is_rested_and_comes_back_with_its_first_answer() {
    let app = App::with_policy(STEERED, &[FUEL_DECIDES]);
    let others = other(&app).await;
    let (failed, busy) = overrun(&app).await;
    assert!(failed >= 16, "{failed}: a few bad answers in a row are not enough");
    let answer = app.post("/provision-user", &others, &person("anna")).await;
    assert_eq!(answer.status, 200, "nobody else's breaker: {answer:?}");
    let sql = "SELECT count(*) FROM decisions WHERE outcome = 'failed' AND code = 'policy_failed'";
    while app.count(BUSY) < busy {
        tokio::task::yield_now().await;
    }
    assert_eq!((app.count(sql), app.count(BUSY)), (failed, busy), "a row each");
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE tenant = 1"), 0);
    assert!(app.folders().is_empty());
    // One that gets through and is answered is enough for all.
    while app.provision(&person("bob")).await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.provision(&person("carl")).await.status, 200);
    let log = app.log();
    for line in ["the policy overran its budget too often in a row", "the policy answers again"] {
        assert_eq!(log.matches(line).count(), 1, "{line}:\n{log}");
    }
    assert_eq!(metric(&app, "enlist_breaker_opened_total{tenant=\"default\"}").await, 1.0);
    let held_back = "enlist_held_back_total{tenant=\"default\",why=\"breaker\"}";
    assert!(metric(&app, held_back).await >= busy as f64);
}

#[tokio::test]
async fn a_revision_begins_with_a_closed_breaker() {
    let app = App::with_policy(STEERED, &[FUEL_DECIDES]);
    overrun(&app).await;
    let revisions = "/v1/tenants/default/revisions";
    let made = app.manage("POST", revisions, json!({"policy": "builtin:localpart"})).await;
    let revision = made["revision"].as_u64().expect("a number");
    app.manage("POST", &format!("{revisions}/{revision}/activate"), Value::Null).await;
    assert_eq!(app.provision(&endless(0)).await.status, 200, "another policy, which does not spin");
    app.manage("POST", &format!("{revisions}/1/activate"), Value::Null).await;
    assert_eq!(app.provision(&endless(1)).await.code(), "policy_failed", "it is asked");
}

#[tokio::test]
async fn a_tenant_with_all_its_places_taken_by_endless_decisions_keeps_nobody_else_waiting() {
    let app = App::with_policy(STEERED, &[FUEL_DECIDES, FUEL_WITHOUT_END]);
    let others = other(&app).await;
    let mut spinning = JoinSet::new();
    for number in 0..40 {
        let request = app.client().post(format!("{}/v1/decisions", app.url));
        let request = request.header("X-API-Key", &app.tenant_key).body(endless(number));
        spinning.spawn(async move { request.send().await.expect("an answer") });
    }
    for number in 0..20 {
        let name = format!("person-{number}");
        let answer = app.post("/provision-user", &others, &person(&name)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    while let Some(answer) = spinning.join_next().await {
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(answer.json::<Value>().await.expect("JSON")["code"], "busy");
    }
    assert!(app.count(BUSY) > 0, "who waited too long for a place has a row");
    let waited = "enlist_held_back_total{tenant=\"default\",why=\"share\"}";
    assert!(metric(&app, waited).await > 0.0);
}

#[tokio::test]
async fn limits_cpu_share_makes_a_tenant_wait_and_then_come_again() {
    let nothing = ("ENLIST_LIMITS__CPU_SHARE", "0.000000001");
    let app = App::with_policy(STEERED, &[FUEL_DECIDES, FUEL_WITHOUT_END, nothing]);
    let others = other(&app).await;
    assert_eq!(app.provision(&person("anna")).await.status, 200, "something is saved");
    // It uses up what was saved, and waits for more until its caller is told to come again.
    assert!(is_told_to_come_again(&app.decide(&endless(0)).await));
    assert_eq!(app.count(BUSY), 0, "that one had begun, and was given up");
    let answer = app.provision(&person("bob")).await;
    assert!(is_told_to_come_again(&answer), "an honest one waits as well: {answer:?}");
    while app.count(BUSY) < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        app.provision(&person("anna")).await.status,
        200,
        "for known people nobody is asked"
    );
    assert_eq!(app.post("/provision-user", &others, &person("carl")).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE tenant = 1"), 1);
    assert_eq!(app.folders(), ["anna"]);
}
