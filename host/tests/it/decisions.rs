//! `POST …/decisions`: what would come of a request, and that nothing does.

mod at_a_shell;
mod stages;

use crate::app::{App, GUIDE};
use serde_json::json;

#[tokio::test]
async fn a_dry_run_answers_and_leaves_nothing_but_its_row() {
    let app = App::start();
    let answer = app.decide(GUIDE).await;
    assert_eq!(answer.status, 200);
    let allowance = json!({"max_accounts": null, "max_accounts_in_domain": null, "storage_bytes": null, "storage_files": null, "labels": {}});
    let grant =
        json!({"decision": "grant", "username": "testuser", "allowance": allowance, "revision": 1});
    assert_eq!(answer.json(), grant);
    assert!(app.folders().is_empty());
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    let row = app.last_decision();
    assert_eq!((row["outcome"].as_str(), row["dry_run"].as_str()), ("granted", "1"));
    assert_eq!((row["occasion"].as_str(), row["source"].as_str()), ("opening", "api"));

    let refused = app.decide(r#"{"username":"a b"}"#).await;
    assert_eq!((refused.status, refused.json()["decision"].as_str()), (200, Some("refuse")));
    assert_eq!(
        (refused.code().as_str(), refused.json()["revision"].as_u64()),
        ("charset", Some(1))
    );
    assert!(refused.json()["message"].is_string());
}

#[tokio::test]
async fn the_hosts_own_refusals_are_answered_as_at_the_opening() {
    let app = App::start();
    app.enlist(GUIDE).await;
    std::fs::create_dir_all(app.homes().join("full/inside")).expect("a folder");
    for (username, code) in [
        ("testuser@other.example", "username_taken"),
        ("con", "name_unusable"),
        ("full", "home_exists"),
    ] {
        let body = format!(r#"{{"username":"{username}"}}"#);
        let (dry, real) = (app.decide(&body).await, app.provision(&body).await);
        assert_eq!((dry.status, dry.code().as_str()), (200, code));
        assert_eq!(real.code(), code);
        assert_eq!(dry.json()["message"], real.json()["error"]);
    }
}

#[tokio::test]
async fn somebody_who_is_known_gets_their_frozen_name_at_an_opening_and_is_nobody_at_a_sign_up() {
    let app = App::start();
    app.enlist(GUIDE).await;
    let moved = r#"{"username":"moved@example.com","cognito_user_id":"test-user-id"}"#;
    let known = app.decide(moved).await;
    assert_eq!(known.json()["username"], "testuser");
    assert_eq!(app.last_decision()["outcome"], "known");
    let signing_up =
        r#"{"username":"moved@example.com","cognito_user_id":"test-user-id","occasion":"sign_up"}"#;
    assert_eq!(app.decide(signing_up).await.json()["username"], "moved");
    assert_eq!(app.last_decision()["occasion"], "sign_up");
    let request = app.rows("SELECT request FROM decisions ORDER BY id DESC LIMIT 1");
    assert!(request[0][0].contains(r#""subject":null"#), "any subject is dropped: {request:?}");
    assert_eq!(
        app.decide(&GUIDE.replace("cognito_user_id", "x").replace('}', "")).await.status,
        400
    );
}

#[tokio::test]
async fn an_email_at_sign_up_is_pending_unless_it_is_said_to_be_verified() {
    let app = App::start();
    for (verified, expected) in [
        ("", "pending"),
        (r#","email_verified":"false""#, "pending"),
        (r#","email_verified":true"#, "verified"),
    ] {
        let body = format!(
            r#"{{"username":"u","user_attributes":{{"email":"a@example.com"{verified}}},"occasion":"sign_up"}}"#
        );
        assert_eq!(app.decide(&body).await.status, 200);
        let request = &app.rows("SELECT request FROM decisions ORDER BY id DESC LIMIT 1")[0][0];
        assert!(request.contains(&format!(r#""assurance":"{expected}""#)), "{request}");
    }
}

#[tokio::test]
async fn a_dry_run_links_nobody() {
    let app = App::start();
    app.enlist(r#"{"username":"testuser@example.com","email":"testuser@example.com"}"#).await;
    assert_eq!(app.decide(GUIDE).await.json()["username"], "testuser");
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE subject IS NULL"), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_a_problem_with_a_pointer() {
    let app = App::start();
    let answer = app.decide(r#"{"username":"a","occasion":"later"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let json = answer.json();
    assert_eq!(
        json["errors"],
        json!([{"pointer": "/occasion", "detail": "Wrong value for occasion"}])
    );
    assert_eq!(json["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(app.decide("").await.code(), "body_required");
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 0);
}

#[tokio::test]
async fn a_tenant_that_is_not_the_keys_looks_like_one_that_is_not_there() {
    let app = App::start();
    let other = "INSERT INTO tenants (name, active_revision, created_at) VALUES ('other', 1, 0)";
    app.database().execute(other, []).expect("another tenant");
    let ask = |tenant: &str, key: &str| {
        let (path, key) = (format!("/v1/tenants/{tenant}/decisions"), key.to_owned());
        let app = &app;
        async move { app.post(&path, &key, GUIDE).await }
    };
    assert_eq!(ask("default", &app.tenant_key).await.status, 200);
    assert_eq!(ask("default", &app.operator_key).await.status, 200);
    let (foreign, missing) =
        (ask("other", &app.tenant_key).await, ask("nobody", &app.tenant_key).await);
    assert_eq!((foreign.status, foreign.code()), (404, missing.code()));
    assert_eq!(foreign.json()["title"], missing.json()["title"]);
    assert_eq!(ask("nobody", &app.operator_key).await.status, 404);
    assert_eq!(app.post("/v1/tenants/%ff/decisions", "", GUIDE).await.code(), "key_required");
    assert_eq!(
        ask("%ff", &app.tenant_key).await.code(),
        "not_found",
        "what is no text is no tenant"
    );
    assert_eq!(app.post("/v1/decisions", &app.operator_key, GUIDE).await.code(), "tenant_required");
    assert_eq!(app.post("/v1/decisions", "", GUIDE).await.code(), "key_required");
    assert_eq!(app.post("/v1/decisions", "nonsense", GUIDE).await.status, 401);
}

#[tokio::test]
async fn other_methods_and_paths_are_problems_too() {
    let app = App::start();
    let answer = app.ask("PUT", "/v1/decisions", "", json!(null)).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, POST")));
    let answer = app.get("/v1/nothing").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

#[tokio::test]
async fn the_log_has_the_form_and_the_level_that_are_set() {
    let app = App::start_with(&[("ENLIST_LOG__FORMAT", "json"), ("ENLIST_LOG__LEVEL", "info")]);
    app.decide(GUIDE).await;
    let log = app.log();
    assert!(log.contains("answered"), "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert_eq!(line["level"], "INFO");
    }
    let app = App::start_with(&[("ENLIST_LOG__LEVEL", "error")]);
    app.decide(GUIDE).await;
    assert_eq!(app.log(), "");
}
