//! The document and the server: each knows what the other does. That an answer is as described is checked of every answer of every
//! test (app/document.rs); here every operation is made to answer everything that is described.

use crate::app::document::operations;
use crate::app::{App, GUIDE};
use enlist_artifacts::honest::CANDIDATES;
use enlist_artifacts::hostile::WAITS_TO_TRAP;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Everything that is described, and is reached elsewhere or by nobody.
const NOT_HERE: [(u16, &str); 4] = [
    (408, "a body that does not arrive takes ten seconds: provision_user.rs"),
    (500, "a defect of ours: problem.rs"),
    (
        503,
        "a disk that fails, a server that is full: disk.rs, homes.rs; a policy that fails is here",
    ),
    (304, "by its tag, below"),
];

fn parts(operation: &str) -> (&str, &str) {
    operation.split_once(' ').expect("a method and a path")
}

/// Every operation of the document with these names in its path.
fn asked(name: &str) -> Vec<(String, String)> {
    let fill = |path: &str| {
        let part =
            |part: &str| if part.starts_with('{') { name.to_owned() } else { part.to_owned() };
        path.split('/').map(part).collect::<Vec<_>>().join("/")
    };
    let operations = operations().into_keys();
    operations
        .map(|operation| {
            let (method, path) = parts(&operation);
            (method.to_owned(), fill(path))
        })
        .collect()
}

/// Who has no right, who may not, what is not there, what cannot be read.
async fn refusals(app: &App, may: &str) {
    let cannot = app.key_of("default", json!({"scopes": ["metrics"]})).await;
    let provisions = app.key_of("default", json!({"scopes": ["provision"]})).await;
    for (method, path) in asked("default") {
        app.ask(&method, &path, "enl_tk_00000000_wrong", Value::Null).await;
        app.ask(&method, &path, &cannot, Value::Null).await;
        let key = if path == "/metrics" { &provisions } else { may };
        app.ask(&method, &format!("{path}?limit=0"), key, json!([])).await;
        app.ask(&method, &format!("{path}?limit=0"), &app.operator_key, json!([])).await;
    }
    // Only whoever may have it read: others are answered before it has arrived.
    for (operation, _) in operations().into_iter().filter(|(_, all)| all.contains(&413)) {
        let (method, path) = parts(&operation);
        let house = matches!(path, "/v1/tenants" | "/v1/operator-keys");
        let key = if house { &app.operator_key } else { may };
        let path = path.replace("{tenant}", "default");
        // Settings and many people may be longer than what is said of one.
        let length = match path.rsplit('/').next() {
            Some("revisions") => 9 << 20,
            Some("imports") => 2 << 20,
            _ => 70_000,
        };
        let answer = app.ask(method, &path, key, json!({"username": "x".repeat(length)})).await;
        assert_eq!(answer.status, 413, "{operation}");
    }
    for (method, path) in asked("nobody") {
        app.ask(&method, &path, &app.operator_key, json!({"subject": "s"})).await;
        app.ask(&method, &path, may, json!({"subject": "s"})).await;
        app.ask(if method == "GET" { "PUT" } else { "TRACE" }, &path, may, Value::Null).await;
    }
}

fn person(name: &str) -> Value {
    json!({"username": name, "user_attributes": {"sub": format!("sub-{name}"), "max_accounts": 99}})
}

/// What goes well in one tenant, and what is in the way there.
async fn in_a_tenant(app: &App, base: &str, key: &str) {
    let ask = async |method: &str, path: &str, body: Value, status: u16| {
        let answer = app.ask(method, &format!("{base}/{path}"), key, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer
    };
    let name = if base == "/v1" { "anna" } else { "berta" };
    let native = |subject: &str| json!({"username": name, "subject": subject});
    ask("POST", "decisions", person(name), 200).await;
    ask("POST", "accounts", native("s"), 201).await;
    ask("POST", "accounts", native("s"), 200).await;
    ask("POST", "accounts", native("other"), 409).await;
    let refused = json!({"username": "c", "attributes": {"refuse": "not_here"}});
    ask("POST", "accounts", refused, 403).await;
    let by_hand = json!({"username": "h", "subject": format!("{name}-hand")});
    ask("PUT", &format!("accounts/{name}-hand"), by_hand.clone(), 201).await;
    ask("PUT", &format!("accounts/{name}-hand"), by_hand, 200).await;
    ask("PUT", &format!("accounts/{name}"), json!({"username": "nobody"}), 409).await;
    ask("PUT", "accounts/a%20b", json!({"username": "nobody"}), 403).await;
    let many =
        json!({"items": [{"username": "m", "name": format!("{name}-many")}, {"username": 1}]});
    ask("POST", "imports", many, 200).await;
    for read in [
        "accounts",
        "accounts?usage=true",
        "reserved?empty=true",
        "decisions",
        &format!("accounts/{name}"),
    ] {
        ask("GET", read, Value::Null, 200).await;
    }
    let row = ask("GET", "decisions?limit=1", Value::Null, 200).await.json();
    let id = row["items"][0]["request_id"].as_str().expect("an id").to_owned();
    ask("GET", &format!("decisions/{id}"), Value::Null, 200).await;
    let act = |verb: &str| format!("accounts/{name}/{verb}");
    ask("POST", &act("link"), json!({"subject": format!("{name}-hand")}), 409).await;
    ask("POST", &act("link"), json!({"subject": "new"}), 200).await;
    ask("POST", &act("erase"), Value::Null, 409).await;
    ask("POST", &act("allowance"), Value::Null, 200).await;
    let password = json!({"password": "wonderland"});
    ask("PUT", &act("password"), password.clone(), 204).await;
    ask("POST", &act("close"), Value::Null, 200).await;
    ask("POST", &act("reopen"), Value::Null, 200).await;
    ask("POST", &act("close"), Value::Null, 200).await;
    ask("POST", &act("erase"), Value::Null, 200).await;
    ask("PUT", &act("password"), password, 409).await;
    ask("POST", &act("reopen"), Value::Null, 409).await;
    ask("POST", &act("allowance"), Value::Null, 409).await;
}

/// What becomes of a tenant's rules.
async fn of_the_rules(app: &App, base: &str, key: &str) {
    let ask = async |method: &str, path: &str, body: Value, status: u16| {
        let answer = app.ask(method, &format!("{base}/{path}"), key, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer
    };
    ask("POST", "rollback", Value::Null, 409).await;
    if base == "/v1" {
        for base in ["/v1", "/v1/tenants/default"] {
            let none = app.ask("GET", &format!("{base}/replay"), key, Value::Null).await;
            assert_eq!(none.status, 404, "{none:?}");
        }
    }
    let settings = json!({"settings": {"prefix": if base == "/v1" { "a" } else { "b" }}});
    let made = ask("POST", "revisions", settings.clone(), 201).await.json();
    ask("POST", "revisions", settings, 200).await;
    ask("POST", "revisions", json!({"settings": {"unknown": 1}}), 422).await;
    let own = format!("revisions/{}", made["revision"]);
    for read in ["revisions", &own, &format!("{own}/settings"), &format!("{own}/component")] {
        ask("GET", read, Value::Null, 200).await;
    }
    ask("POST", &format!("{own}/activate"), Value::Null, 200).await;
    for (tag, status) in [("\"1\"", 412), ("yesterday", 400)] {
        let late = app.client().post(format!("{}{base}/{own}/activate", app.url));
        let late = app.send(late.header("X-API-Key", key).header("If-Match", tag)).await;
        assert_eq!(late.status, status);
    }
    for path in [&format!("{own}/preview"), "replay"] {
        // One at a time: the one before may not have ended.
        while app.ask("POST", &format!("{base}/{path}"), key, Value::Null).await.status != 202 {}
        ask("GET", path, Value::Null, 200).await;
    }
    ask("POST", "replay?since=x", Value::Null, 400).await;
    ask("GET", "cases", Value::Null, 200).await;
    ask("GET", "cases?revision=x", Value::Null, 400).await;
    ask("POST", "rollback?to=x", Value::Null, 400).await;
    ask("POST", "rollback", Value::Null, 200).await;
}

/// What becomes of a tenant's webhook.
async fn of_the_webhook(app: &App, base: &str, key: &str) {
    let ask = async |method: &str, path: &str, body: Value, status: u16| {
        let answer = app.ask(method, &format!("{base}/webhook{path}"), key, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer
    };
    let url = json!({"url": "http://127.0.0.1:9/"});
    let made = ask("PUT", "", url.clone(), 201).await.json();
    ask("PUT", "", url, 200).await;
    ask("GET", "", Value::Null, 200).await;
    ask("POST", "/test", Value::Null, 200).await;
    let id = made["secrets"][0]["id"].as_str().expect("an id");
    ask("DELETE", &format!("/secrets/{id}"), Value::Null, 409).await;
    for _ in 0..4 {
        ask("POST", "/secrets", Value::Null, 201).await;
    }
    ask("POST", "/secrets", Value::Null, 409).await;
    ask("DELETE", &format!("/secrets/{id}"), Value::Null, 204).await;
    ask("DELETE", "", Value::Null, 204).await;
}

/// What operators do.
async fn of_the_house(app: &App) {
    let ask = async |method: &str, path: &str, body: Value, status: u16| {
        let answer = app.ask(method, path, &app.operator_key, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer
    };
    for path in [
        "/v1/tenants",
        "/v1/tenants/default",
        "/v1/tenants/default/keys",
        "/v1/operator-keys",
        "/v1/status",
        "/metrics",
    ] {
        ask("GET", path, Value::Null, 200).await;
    }
    ask("POST", "/v1/tenants", json!({"name": "acme"}), 201).await;
    ask("POST", "/v1/tenants", json!({"name": "acme"}), 409).await;
    ask("PATCH", "/v1/tenants/acme", json!({"issuer": "https://pool"}), 200).await;
    ask("PATCH", "/v1/tenants/default", json!({"home": "/nowhere"}), 409).await;
    ask("DELETE", "/v1/tenants/default", Value::Null, 409).await;
    ask("DELETE", "/v1/tenants/acme", Value::Null, 204).await;
    for keys in ["/v1/tenants/default/keys", "/v1/operator-keys"] {
        let made = ask("POST", keys, json!({"note": "short"}), 201).await.json();
        app.keep_secret(made["key"].as_str().expect("a key"));
        let id = made["id"].as_str().expect("an id");
        ask("DELETE", &format!("{keys}/{id}"), Value::Null, 204).await;
    }
}

#[tokio::test]
async fn every_operation_answers_everything_that_is_described_and_nothing_else() {
    let mut seen = BTreeSet::new();
    let mut keep = |app: &App| seen.extend(app.seen.lock().expect("a lock").iter().cloned());

    let beside = tempfile::tempdir().expect("a folder");
    let auth_db = beside.path().join("auth.db").display().to_string();
    let app = App::with_policy(
        CANDIDATES,
        &[("ENLIST_ANKISYNCD__AUTH_DB", &auth_db), ("ENLIST_WEBHOOKS__ALLOW", "127.0.0.1")],
    );
    let all = json!({"scopes": ["provision", "policy", "read", "manage", "metrics"]});
    let may = app.key_of("default", all.clone()).await;
    for path in ["/healthz", "/readyz", "/openapi.json", "/v1/schemas/rules.json"] {
        app.get(path).await;
    }
    assert_eq!(app.post("/provision-user", &may, &person("dora").to_string()).await.status, 200);
    let taken = json!({"username": "dora", "user_attributes": {"sub": "another"}}).to_string();
    assert_eq!(app.provision(&taken).await.status, 409);
    in_a_tenant(&app, "/v1", &may).await;
    in_a_tenant(&app, "/v1/tenants/default", &may).await;
    of_the_rules(&app, "/v1", &may).await;
    of_the_rules(&app, "/v1/tenants/default", &may).await;
    crate::revisions::fill(&app);
    for base in ["/v1", "/v1/tenants/default"] {
        let more = json!({"settings": {"prefix": "more"}});
        let full = app.ask("POST", &format!("{base}/revisions"), &may, more).await;
        assert_eq!((full.status, full.code().as_str()), (409, "too_many_revisions"));
    }
    of_the_webhook(&app, "/v1", &may).await;
    of_the_webhook(&app, "/v1/tenants/default", &may).await;
    of_the_house(&app).await;
    refusals(&app, &may).await;
    let full = json!({"username": "eva", "user_attributes": {"max_accounts": 0}}).to_string();
    assert_eq!(app.provision(&full).await.status, 403);
    keep(&app);

    let fails = App::with_policy(WAITS_TO_TRAP, &[("ENLIST_METRICS__LISTEN", "127.0.0.1:0")]);
    let may = fails.key_of("default", all).await;
    for path in [
        "/provision-user",
        "/v1/decisions",
        "/v1/tenants/default/decisions",
        "/v1/accounts",
        "/v1/tenants/default/accounts",
    ] {
        assert_eq!(fails.post(path, &may, GUIDE).await.code(), "policy_failed", "{path}");
    }
    assert_eq!(fails.ask("GET", "/metrics", &fails.operator_key, Value::Null).await.status, 404);
    keep(&fails);

    let hurried = App::start_with(&[("ENLIST_LIMITS__REQUESTS_PER_SECOND", "1")]);
    for (operation, statuses) in operations() {
        let (method, path) = parts(&operation);
        while statuses.contains(&429)
            && hurried.ask(method, path, "wrong", Value::Null).await.status != 429
        {}
    }
    keep(&hurried);

    let described = operations().into_iter().flat_map(|(operation, statuses)| {
        statuses.into_iter().map(move |status| (operation.clone(), status))
    });
    let never: Vec<_> = described
        .filter(|one| !seen.contains(one) && !NOT_HERE.iter().any(|(status, _)| *status == one.1))
        .collect();
    assert!(never.is_empty(), "described, and never answered: {never:#?}");
}

#[tokio::test]
async fn the_document_is_served_to_everybody_and_kept_by_its_tag() {
    let app = App::start();
    let answer = app.get("/openapi.json").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, enlist::http::document()));
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let tag = answer.header("etag").expect("a tag");
    let again = app.client().get(format!("{}/openapi.json", app.url)).header("If-None-Match", tag);
    let again = app.send(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}
