//! The doors and the verbs: made, shown, changed, tried, removed; secrets shown once and written down nowhere else.

use super::receiver::{Receiver, Reply};
use super::{PATIENCE, act, all_is_told, becomes, hook, look, open, path, start};
use crate::app::{App, enlist};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

#[tokio::test]
async fn a_webhook_is_made_with_a_secret_that_is_shown_once_and_changed_without() {
    let app = start();
    let (first, second) = (Receiver::willing(), Receiver::willing());
    for (method, rest) in [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/secrets")] {
        let none = app.ask(method, &path("default", rest), &app.operator_key, Value::Null).await;
        assert_eq!((none.status, none.code().as_str()), (404, "not_found"), "{method} {rest}");
    }
    let url = format!("{}?token=t0psecret", first.url);
    let put = json!({"url": url});
    let made = app.ask("PUT", &path("default", ""), &app.operator_key, put).await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")), "{made:?}");
    let made = made.json();
    let secret = made["secret"].as_str().expect("a secret");
    app.keep_secret(secret);
    assert_eq!(BASE64_STANDARD.decode(&secret[6..]).expect("base64").len(), 32);
    let shown = look(&app, "default").await;
    let expected = json!({"url": url, "state": "active", "created_at": made["created_at"], "gone_since": null, "secrets": made["secrets"],
        "waiting": 0, "oldest_at": null, "trouble": null, "given_up": 0});
    assert_eq!(shown, expected);
    assert_eq!(shown["secrets"][0].as_object().map(|entry| entry.len()), Some(2), "{shown}");
    let put = json!({"url": second.url});
    let changed = app.ask("PUT", &path("default", ""), &app.operator_key, put).await;
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert_eq!((&changed["secrets"], &changed["secret"]), (&made["secrets"], &Value::Null));
    open(&app, "default", "anna").await;
    assert_eq!(second.wait_for(1).await[0].signed_with(secret), 1, "the secret stays");
    assert!(first.got().is_empty());
    all_is_told(&app, "default").await;
    let acts = app
        .rows("SELECT occasion, detail FROM decisions WHERE occasion LIKE 'webhook%' ORDER BY id");
    let origin = |receiver: &Receiver| receiver.url.replace("/hook", "");
    assert_eq!(acts, [["webhook_set", &origin(&first)], ["webhook_set", &origin(&second)]]);
    assert!(!app.log().contains("t0psecret"), "a URL may carry a secret: {}", app.log());
}

#[tokio::test]
async fn secrets_are_at_most_five_and_at_least_one() {
    let app = start();
    let receiver = Receiver::willing();
    hook(&app, "default", &receiver).await;
    let secrets = path("default", "/secrets");
    for _ in 0..4 {
        let made = app.manage("POST", &secrets, Value::Null).await;
        app.keep_secret(made["secret"].as_str().expect("a secret"));
    }
    let sixth = app.ask("POST", &secrets, &app.operator_key, Value::Null).await;
    assert_eq!((sixth.status, sixth.code().as_str()), (409, "too_many_secrets"));
    let ids = look(&app, "default").await["secrets"].clone();
    let ids: Vec<_> = ids
        .as_array()
        .expect("secrets")
        .iter()
        .map(|one| one["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.len(), 5);
    let revoke = async |id: &str| {
        app.ask("DELETE", &format!("{secrets}/{id}"), &app.operator_key, Value::Null).await
    };
    for id in &ids[..4] {
        assert_eq!(revoke(id).await.status, 204);
        assert_eq!(revoke(id).await.status, 404, "once");
    }
    let last = revoke(ids[4]).await;
    assert_eq!((last.status, last.code().as_str()), (409, "last_secret"));
    assert_eq!(app.count("SELECT count(*) FROM webhook_secrets"), 1);
    let acts = "SELECT count(*) FROM decisions WHERE occasion = 'webhook_secret_";
    assert_eq!(app.count(&format!("{acts}create'")), 4);
    assert_eq!(app.count(&format!("{acts}revoke'")), 4);
}

#[tokio::test]
async fn a_tenants_key_manages_its_own_webhook_and_no_others() {
    let app = start();
    app.manage("POST", "/v1/tenants", json!({"name": "acme"})).await;
    let (ours, theirs) = (Receiver::willing(), Receiver::willing());
    hook(&app, "default", &ours).await;
    let manager = app.key_of("acme", json!({"scopes": ["manage"]})).await;
    let reader = app.key_of("acme", json!({"scopes": ["read", "provision", "policy"]})).await;
    let put = json!({"url": theirs.url});
    let made = app.ask("PUT", "/v1/webhook", &manager, put.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    app.keep_secret(made.json()["secret"].as_str().expect("a secret"));
    let id = look(&app, "default").await["secrets"][0]["id"].as_str().expect("an id").to_owned();
    for (method, rest) in [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/secrets"),
        ("DELETE", &*format!("/secrets/{id}")),
    ] {
        let body = if method == "PUT" { put.clone() } else { Value::Null };
        let others = app.ask(method, &path("default", rest), &manager, body.clone()).await;
        assert_eq!((others.status, others.code().as_str()), (404, "not_found"), "{method} {rest}");
        let may_not = app.ask(method, &path("acme", rest), &reader, body).await;
        assert_eq!(
            (may_not.status, may_not.code().as_str()),
            (403, "scope_missing"),
            "{method} {rest}"
        );
    }
    // Another tenant's secret is none of this one's.
    let others =
        app.ask("DELETE", &format!("/v1/webhook/secrets/{id}"), &manager, Value::Null).await;
    assert_eq!(others.status, 404);
    assert_eq!(app.count("SELECT count(*) FROM webhook_secrets"), 2);
}

#[tokio::test]
async fn what_waits_goes_with_the_webhook_and_nothing_is_kept_after_it() {
    let app = start();
    let receiver = Receiver::start(|_, _| Reply::Status(500, ""));
    hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    becomes(&app, "default", |webhook| webhook["trouble"] == "status").await;
    app.manage("DELETE", &path("default", ""), Value::Null).await;
    open(&app, "default", "berta").await;
    for table in ["outbox", "webhooks", "webhook_secrets"] {
        assert_eq!(app.count(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    let act = app.rows("SELECT detail FROM decisions WHERE occasion = 'webhook_remove'");
    assert_eq!(act, [["1 messages were waiting"]]);
}

#[tokio::test]
async fn a_removed_tenants_webhook_is_forgotten_when_nothing_waits_for_it_any_more() {
    let mut app = start();
    let willing = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&willing);
    let receiver = Receiver::start(move |_, _| {
        Reply::Status(if seen.load(Ordering::SeqCst) { 200 } else { 500 }, "")
    });
    let told = Receiver::willing();
    for (tenant, receiver) in [("acme", &receiver), ("globex", &told), ("initech", &told)] {
        app.manage("POST", "/v1/tenants", json!({"name": tenant})).await;
        hook(&app, tenant, receiver).await;
        open(&app, tenant, "anna").await;
        act(&app, tenant, "anna", "close").await;
    }
    told.wait_for(4).await;
    for tenant in ["globex", "initech"] {
        all_is_told(&app, tenant).await;
    }
    for tenant in ["acme", "globex"] {
        app.manage("DELETE", &format!("/v1/tenants/{tenant}"), Value::Null).await;
    }
    let becomes = |app: &App, left: &[&str]| {
        let sql = "SELECT t.name FROM tenants t JOIN webhooks w ON w.tenant = t.id
            WHERE EXISTS (SELECT 1 FROM webhook_secrets s WHERE s.tenant = t.id) ORDER BY t.name";
        let began = Instant::now();
        while app.rows(sql).concat() != left {
            assert!(began.elapsed() < PATIENCE, "{:?}; the log:\n{}", app.rows(sql), app.log());
            std::thread::yield_now();
        }
    };
    app.restart();
    becomes(&app, &["acme", "initech"]);
    app.kill();
    willing.store(true, Ordering::SeqCst);
    app.database().execute("UPDATE outbox SET next_at = 0", []).expect("due");
    app.restart();
    while app.count("SELECT count(*) FROM outbox") > 0 {
        tokio::task::yield_now().await;
    }
    let last = receiver.got().pop().expect("a message");
    assert_eq!(last.about(), ("account.closed".to_owned(), "anna".to_owned()));
    app.restart();
    becomes(&app, &["initech"]);
    for table in ["webhooks", "webhook_secrets"] {
        assert_eq!(app.count(&format!("SELECT count(*) FROM {table}")), 1, "{table}");
    }
}

#[tokio::test]
async fn a_test_is_sent_once_and_says_what_came_of_it() {
    let app = start();
    let receiver = Receiver::start(|_, before| Reply::Status([200, 404, 410][before], ""));
    let secret = hook(&app, "default", &receiver).await;
    let mut ids = Vec::new();
    for (place, (status, failure)) in
        [(200, Value::Null), (404, json!("status")), (410, json!("gone"))].into_iter().enumerate()
    {
        let tried = app.manage("POST", &path("default", "/test"), Value::Null).await;
        let found = (&tried["delivered"], &tried["status"], &tried["failure"]);
        assert_eq!(found, (&json!(status == 200), &json!(status), &failure), "{tried}");
        assert!(tried["took_ms"].is_u64(), "{tried}");
        let sent = receiver.got().remove(place);
        assert_eq!(
            (sent.json()["type"].as_str(), sent.signed_with(&secret)),
            (Some("webhook.test"), 1)
        );
        assert_eq!(sent.json()["data"], json!({"tenant": "default"}));
        ids.push(sent.id().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), receiver.got().len()), (3, 3));
    let shown = look(&app, "default").await;
    assert_eq!(
        (&shown["state"], &shown["waiting"]),
        (&json!("active"), &json!(0)),
        "a test changes nothing"
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
    let url = format!("http://{}/", closed.expect("an address"));
    app.manage("PUT", &path("default", ""), json!({"url": url})).await;
    let tried = app.manage("POST", &path("default", "/test"), Value::Null).await;
    assert_eq!((&tried["status"], &tried["failure"]), (&Value::Null, &json!("unreachable")));
}

fn verb(app: &App, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = enlist();
    command.args(["-t", "default", "webhook"]).args(arguments).env("ENLIST_SERVER", &app.url);
    let output = command.env("ENLIST_KEY", &app.operator_key).output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let Output { status, stdout, stderr } = output;
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn a_webhooks_life_can_be_led_at_a_shell() {
    let app = start();
    let receiver =
        Receiver::start(|_, before| Reply::Status(if before == 1 { 500 } else { 200 }, ""));
    let (code, out, error) = verb(&app, &["set", "https://localhost:1/"]);
    assert_eq!(code, Some(0), "allowed here: {error}");
    let first = out.trim();
    app.keep_secret(first);
    assert!(first.starts_with("whsec_") && out.lines().count() == 1, "alone: {out}");
    assert!(error.contains("not shown again"), "{error}");
    let (code, out, error) = verb(&app, &["set", &receiver.url]);
    assert_eq!((code, out.as_str()), (Some(0), ""), "nothing where a secret is awaited");
    assert!(error.contains(&receiver.url) && error.contains("no secret was made"), "{error}");
    assert!(!error.contains("whsec_"), "{error}");
    let (code, out, _) = verb(&app, &["set", &receiver.url, "-o", "json"]);
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, &answer["url"], &answer["secret"]),
        (Some(0), &json!(receiver.url), &Value::Null)
    );
    let (code, out, _) = verb(&app, &["test"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("it arrived: 200"), "{out}");
    let (code, out, _) = verb(&app, &["test"]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with("it did not arrive: status 500"), "{out}");
    let (code, out, error) = verb(&app, &["secret", "new"]);
    assert_eq!(code, Some(0), "{error}");
    app.keep_secret(out.trim());
    assert!(out.starts_with("whsec_") && out.lines().count() == 1, "{out}");
    let (_, shown, _) = verb(&app, &["show"]);
    assert!(shown.contains("state      active\n") && !shown.contains("whsec_"), "{shown}");
    let ids = look(&app, "default").await["secrets"].clone();
    let id = |place: usize| ids[place]["id"].as_str().expect("an id");
    assert!(shown.contains(id(0)) && shown.contains(id(1)), "{shown}");
    assert_eq!(verb(&app, &["secret", "revoke", id(0)]).0, Some(2), "it asks first");
    assert_eq!(verb(&app, &["secret", "revoke", id(0), "--yes"]).0, Some(0));
    let (code, _, error) = verb(&app, &["secret", "revoke", id(1), "--yes"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("last_secret"), "{error}");
    assert_eq!(verb(&app, &["remove"]).0, Some(2), "it asks first");
    assert_eq!(verb(&app, &["remove", "--yes"]).0, Some(0));
    assert_eq!(verb(&app, &["show"]).0, Some(1));
    let (code, out, _) = verb(&app, &["--help"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("Examples:"), "{out}");
}
