//! `/metrics`: what happened can be read there, by those who may, and nobody's name is in it.

use crate::app::{Answer, App, GUIDE};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};

async fn metrics(app: &App, key: &str) -> Answer {
    app.ask("GET", "/metrics", key, Value::Null).await
}

/// The value of the series that begins so.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(series));
    let line = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect(line)
}

#[tokio::test]
async fn what_was_answered_is_counted_and_every_stage_and_disk_is_timed() {
    let app = App::start();
    app.enlist(GUIDE).await;
    app.enlist(GUIDE).await;
    assert_eq!(
        app.provision(r#"{"username":"testuser@x.example"}"#).await.code(),
        "username_taken"
    );
    app.decide(r#"{"username":"somebody@x.example"}"#).await;
    // Nobody who is told no waits for the row.
    app.await_record();
    let answer = metrics(&app, &app.operator_key).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").is_some_and(|t| t.contains("openmetrics-text")));
    let text = &answer.text;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let series = |outcome: &str, code: &str, dry_run: bool| {
        format!(
            "enlist_requests_total{{tenant=\"default\",outcome=\"{outcome}\",code=\"{code}\",dry_run=\"{dry_run}\"}} "
        )
    };
    assert_eq!(value(text, &series("granted", "", false)), 1.0);
    assert_eq!(value(text, &series("known", "", false)), 1.0);
    assert_eq!(value(text, &series("refused", "username_taken", false)), 1.0);
    assert_eq!(value(text, &series("granted", "", true)), 1.0);
    for (stage, times) in
        [("key", 5), ("turn", 3), ("recognise", 4), ("decide", 3), ("home", 1), ("commit", 1)]
    {
        let counted = value(text, &format!("enlist_stage_seconds_count{{stage=\"{stage}\"}}"));
        assert_eq!(counted, f64::from(times), "{stage}");
    }
    for queue in ["ledger", "homes"] {
        for meter in ["enlist_batch_size_count", "enlist_sync_seconds_count"] {
            assert!(value(text, &format!("{meter}{{queue=\"{queue}\"}}")) >= 1.0);
        }
        assert_eq!(value(text, &format!("enlist_queue_waiting{{queue=\"{queue}\"}}")), 0.0);
    }
    let fuel = value(text, "enlist_decision_fuel_ratios_sum{tenant=\"default\"}");
    assert!(fuel > 0.0 && fuel < 1.0, "{fuel}");
    assert_eq!(value(text, "enlist_answers_total{route=\"/provision-user\",status=\"200\"}"), 2.0);
}

#[tokio::test]
async fn nobodys_name_and_no_policys_own_code_is_in_a_label() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(r#"{"username":"unmistakable"}"#).await;
    app.provision(r#"{"username":"else","user_attributes":{"refuse":"own_code"}}"#).await;
    app.get("/unmistakable-path").await;
    let text = metrics(&app, &app.operator_key).await.text;
    assert!(!text.contains("unmistakable") && !text.contains("own_code"), "{text}");
    assert_eq!(value(&text, "enlist_answers_total{route=\"\",status=\"404\"}"), 1.0);
}

#[tokio::test]
async fn a_tenants_key_sees_its_own_tenant_and_a_key_without_the_scope_nothing() {
    let app = App::start();
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    let own = app.key_of("other", json!({"scopes": ["metrics", "provision"]})).await;
    app.enlist(GUIDE).await;
    app.post("/provision-user", &own, r#"{"username":"anna"}"#).await;
    let text = metrics(&app, &own).await.text;
    assert!(text.contains("tenant=\"other\"") && !text.contains("default"), "{text}");
    assert!(!text.contains("enlist_stage_seconds_count{"), "the house's own are an operator's");
    let refused = metrics(&app, &app.tenant_key).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "scope_missing"));
    assert_eq!(metrics(&app, "").await.code(), "key_required");
    assert_eq!(metrics(&app, "enl_op_wrong").await.code(), "key_invalid");
}

#[tokio::test]
async fn an_operators_key_for_the_numbers_opens_them_and_nothing_else() {
    let app = App::start();
    let made = app.manage("POST", "/v1/operator-keys", json!({"scopes": ["metrics"]})).await;
    let key = made["key"].as_str().expect("a key").to_owned();
    app.keep_secret(&key);
    assert_eq!((&made["scopes"], key.starts_with("enl_op_")), (&json!(["metrics"]), true));
    let text = metrics(&app, &key).await.text;
    assert!(value(&text, "enlist_stage_seconds_count{stage=\"key\"}") >= 1.0, "the house's own");
    let before = app.count("SELECT count(*) FROM keys");
    let keys = "/v1/operator-keys";
    let none = Value::Null;
    for (method, path, body, status, code) in [
        ("GET", "/v1/tenants", none.clone(), 403, "scope_missing"),
        ("POST", "/v1/tenants", json!({"name": "acme"}), 403, "scope_missing"),
        ("GET", keys, none.clone(), 403, "scope_missing"),
        ("POST", keys, json!({"scopes": ["metrics"]}), 403, "scope_missing"),
        ("GET", "/v1/status", none.clone(), 403, "scope_missing"),
        ("GET", "/v1/decisions", none.clone(), 403, "scope_missing"),
        ("GET", "/v1/accounts", none.clone(), 403, "scope_missing"),
        ("GET", "/v1/tenants/default", none.clone(), 404, "not_found"),
        ("GET", "/v1/tenants/default/keys", none.clone(), 404, "not_found"),
        ("POST", "/v1/tenants/default/keys", json!({}), 404, "not_found"),
        ("GET", "/v1/tenants/default/accounts", none.clone(), 404, "not_found"),
        ("GET", "/v1/tenants/default/decisions", none.clone(), 404, "not_found"),
        ("DELETE", "/v1/tenants/default", none.clone(), 404, "not_found"),
    ] {
        let answer = app.ask(method, path, &key, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
    }
    let answer = app.post("/provision-user", &key, GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "key_invalid"));
    assert_eq!(app.count("SELECT count(*) FROM keys"), before);
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 0);
    assert!(app.folders().is_empty());
}

#[tokio::test]
async fn one_request_is_followed_through_the_rooms_by_its_id() {
    let app = App::start_with(&[("ENLIST_LOG__LEVEL", "debug"), ("ENLIST_LOG__FORMAT", "json")]);
    let answer = app.provision(GUIDE).await;
    let id = answer.header("x-request-id").expect("an id");
    let lines = app.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = lines.filter(|line| line["span"]["request_id"] == id);
    let stages: Vec<_> =
        own.filter_map(|line| line["fields"]["stage"].as_str().map(str::to_owned)).collect();
    assert_eq!(stages, ["key", "turn", "recognise", "decide", "home", "commit"]);
}
