//! Keys: made, shown once, for one tenant or all, for some doors, for a time; revoked, replaced, recovered.

mod local;

use crate::app::{App, GUIDE};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(super) fn id_of(key: &str) -> &str {
    key.split('_').nth(2).expect("an id")
}

async fn list(app: &App, path: &str) -> Vec<Value> {
    let list = app.manage("GET", path, Value::Null).await;
    assert_eq!(list["next"], Value::Null);
    list["items"].as_array().expect("items").clone()
}

async fn opens(app: &App, key: &str) -> u16 {
    app.post("/provision-user", key, GUIDE).await.status
}

#[tokio::test]
async fn a_key_is_shown_once_and_only_its_hash_is_kept() {
    let app = App::start();
    let body = json!({"scopes": ["read", "provision", "read"], "note": "the trigger", "expires_in": 86_400});
    let answer = app.ask("POST", "/v1/tenants/default/keys", &app.operator_key, body).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")));
    let made = answer.json();
    let key = made["key"].as_str().expect("a key");
    app.keep_secret(key);
    assert!(key.starts_with("enl_tk_") && key.len() == 65, "{key}");
    assert_eq!((&made["id"], &made["state"]), (&json!(id_of(key)), &json!("valid")));
    assert_eq!(
        (&made["scopes"], &made["note"]),
        (&json!(["provision", "read"]), &json!("the trigger"))
    );
    assert_eq!(made["created_by"], id_of(&app.operator_key));
    assert!(made["expires_at"].is_string() && made["last_used_at"].is_null());

    let listed = list(&app, "/v1/tenants/default/keys").await;
    let mut shown = made.clone();
    shown.as_object_mut().expect("an object").remove("key");
    assert_eq!(listed[1], shown, "the oldest first, and never the key");
    assert_eq!(
        (&listed[0]["scopes"], &listed[0]["created_by"]),
        (&json!(["provision", "policy", "read"]), &Value::Null)
    );
    assert_eq!(list(&app, "/v1/operator-keys").await[0]["scopes"], Value::Null);
    let hash = app.database().query_row(
        "SELECT length(hash) FROM keys WHERE id = ?1",
        [id_of(key)],
        |row| row.get::<_, i64>(0),
    );
    assert_eq!(hash.expect("a row"), 32);
    for way in ["X-API-Key", "Authorization"] {
        let value = if way == "X-API-Key" { key.to_owned() } else { format!("Bearer {key}") };
        let request =
            app.client().get(format!("{}/v1/tenants/default", app.url)).header(way, value);
        assert_eq!(app.send(request).await.status, 200, "{way}");
    }
}

#[tokio::test]
async fn a_key_that_says_nothing_may_what_the_first_one_may() {
    let app = App::start();
    let made = app.manage("POST", "/v1/tenants/default/keys", json!({})).await;
    app.keep_secret(made["key"].as_str().expect("a key"));
    assert_eq!(made["scopes"], json!(["provision", "policy", "read"]));
    assert_eq!((&made["expires_at"], &made["note"]), (&Value::Null, &json!("")));
    let made = app.manage("POST", "/v1/operator-keys", json!({"note": "on call"})).await;
    let key = made["key"].as_str().expect("a key");
    app.keep_secret(key);
    assert!(key.starts_with("enl_op_"), "{key}");
    assert_eq!(app.ask("GET", "/v1/tenants", key, Value::Null).await.status, 200);
    let answer = app.post("/provision-user", key, GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "key_invalid"), "a tenant's door");
}

#[tokio::test]
async fn what_cannot_be_meant_makes_no_key() {
    let app = App::start();
    let (long, control) = ("x".repeat(201), "a\nb");
    for (path, body, pointer) in [
        ("tenants/default/keys", json!({"scopes": ["write"]}), "/scopes"),
        ("tenants/default/keys", json!({"scopes": []}), "/scopes"),
        ("tenants/default/keys", json!({"scopes": "read"}), "/scopes"),
        ("tenants/default/keys", json!({"scopes": ["read", 1]}), "/scopes/1"),
        ("tenants/default/keys", json!({"a/b~c": 1}), "/a~1b~0c"),
        ("tenants/default/keys", json!({"scope": ["read"]}), "/scope"),
        ("tenants/default/keys", json!({"expires_in": 0}), "/expires_in"),
        ("tenants/default/keys", json!({"expires_in": "90d"}), "/expires_in"),
        ("tenants/default/keys", json!({"expires_in": 1e12}), "/expires_in"),
        ("tenants/default/keys", json!({"expires_in": 10_000_000_000_u64}), "/expires_in"),
        ("tenants/default/keys", json!({"note": long}), "/note"),
        ("tenants/default/keys", json!({"note": control}), "/note"),
        ("operator-keys", json!({"scopes": ["read"]}), "/scopes"),
        ("operator-keys", json!({"scopes": ["metrics", "read"]}), "/scopes"),
        ("operator-keys", json!({"scopes": []}), "/scopes"),
        ("operator-keys", json!({"expires_in": -1}), "/expires_in"),
    ] {
        let answer = app.ask("POST", &format!("/v1/{path}"), &app.operator_key, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "field_invalid"),
            "{path} {body}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{path} {body}");
    }
    assert_eq!(app.count("SELECT count(*) FROM keys"), 2);
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 0);
}

#[tokio::test]
async fn a_tenants_key_gives_no_more_than_it_has() {
    let app = App::start();
    let path = "/v1/tenants/default/keys";
    let manager = app.key_of("default", json!({"scopes": ["manage", "read"]})).await;
    let count = "SELECT count(*) FROM keys";
    let before = (app.count(count), app.count("SELECT count(*) FROM decisions"));
    for body in
        [json!({"scopes": ["provision"]}), json!({"scopes": ["read", "metrics"]}), json!({})]
    {
        let answer = app.ask("POST", path, &manager, body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"), "{body}");
    }
    let answer = app.ask("POST", "/v1/operator-keys", &manager, json!({})).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "scope_missing"),
        "never an operator's"
    );
    assert_eq!((app.count(count), app.count("SELECT count(*) FROM decisions")), before);
    let made = app.ask("POST", path, &manager, json!({"scopes": ["read"]})).await.json();
    app.keep_secret(made["key"].as_str().expect("a key"));
    assert_eq!((&made["scopes"], &made["created_by"]), (&json!(["read"]), &json!(id_of(&manager))));
    let theirs = id_of(made["key"].as_str().expect("a key"));
    let answer = app.ask("DELETE", &format!("{path}/{theirs}"), &manager, Value::Null).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn an_expired_key_is_one_that_never_was() {
    let mut app = App::start();
    let key = app.key_of("default", json!({"expires_in": 2})).await;
    let operators = app.manage("POST", "/v1/operator-keys", json!({"expires_in": 2})).await;
    let operators = operators["key"].as_str().expect("a key").to_owned();
    app.keep_secret(&operators);
    assert_eq!(opens(&app, &key).await, 200);
    assert_eq!(app.ask("GET", "/v1/tenants", &operators, Value::Null).await.status, 200);
    let began = Instant::now();
    while opens(&app, &key).await == 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "it should have expired");
    }
    while app.ask("GET", "/v1/tenants", &operators, Value::Null).await.status == 200 {}
    for _ in 0..2 {
        let never = app.post("/provision-user", "never-a-key-of-anybodys-here", GUIDE).await;
        let expired = app.post("/provision-user", &key, GUIDE).await;
        assert_eq!((expired.status, expired.code().as_str()), (401, "key_invalid"));
        assert_eq!(expired.json()["error"], never.json()["error"]);
        assert_eq!(
            app.ask("GET", "/v1/tenants", &operators, Value::Null).await.code(),
            "key_invalid"
        );
        assert_eq!(list(&app, "/v1/tenants/default/keys").await[1]["state"], "expired");
        app.restart();
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_from_that_moment_and_stays_listed() {
    let mut app = App::start();
    app.manage("POST", "/v1/tenants", json!({"name": "acme"})).await;
    let (key, other) =
        (app.key_of("default", json!({})).await, app.key_of("acme", json!({})).await);
    let path = |tenant: &str, id: &str| format!("/v1/tenants/{tenant}/keys/{id}");
    assert_eq!(opens(&app, &key).await, 200);
    for id in ["00000000", "x", id_of(&other), id_of(&app.operator_key)] {
        let answer = app.ask("DELETE", &path("default", id), &app.operator_key, Value::Null).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{id}");
    }
    assert_eq!(app.count("SELECT count(*) FROM keys WHERE revoked_at IS NOT NULL"), 0);
    app.manage("DELETE", &path("default", id_of(&key)), Value::Null).await;
    for _ in 0..2 {
        assert_eq!(opens(&app, &key).await, 401);
        assert_eq!(opens(&app, &app.tenant_key).await, 200);
        let listed = list(&app, "/v1/tenants/default/keys").await;
        assert_eq!(listed[1]["state"], "revoked");
        assert!(listed[1]["revoked_at"].is_string());
        let path = path("default", id_of(&key));
        let again = app.ask("DELETE", &path, &app.operator_key, Value::Null).await;
        assert_eq!(again.status, 404, "once");
        app.restart();
    }
    let acts = app.rows("SELECT occasion, key, detail FROM decisions WHERE occasion LIKE 'key_%' AND tenant = 1 ORDER BY id");
    let operator = id_of(&app.operator_key);
    assert_eq!(
        acts,
        [
            ["key_create", operator, &format!("{} with provision,policy,read", id_of(&key))],
            ["key_revoke", operator, id_of(&key)]
        ]
    );
}

#[tokio::test]
async fn a_key_is_replaced_without_a_moment_in_which_none_opens() {
    let app = App::start();
    let old = app.key_of("default", json!({"note": "old"})).await;
    let new = app.key_of("default", json!({"note": "new"})).await;
    assert_eq!((opens(&app, &old).await, opens(&app, &new).await), (200, 200), "both for a while");
    let asking = async {
        for _ in 0..50 {
            assert_eq!(opens(&app, &new).await, 200);
        }
    };
    let path = format!("/v1/tenants/default/keys/{}", id_of(&old));
    tokio::join!(asking, app.manage("DELETE", &path, Value::Null));
    assert_eq!((opens(&app, &old).await, opens(&app, &new).await), (401, 200));
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1);
}

#[tokio::test]
async fn when_a_key_was_last_used_is_kept_to_the_minute() {
    let app = App::start();
    let key = app.key_of("default", json!({})).await;
    let used = format!("SELECT coalesce(last_used_at, 0) FROM keys WHERE id = '{}'", id_of(&key));
    assert_eq!(app.count(&used), 0);
    let now = || {
        i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis())
            .expect("a time")
    };
    let began = now();
    assert_eq!(opens(&app, &key).await, 200);
    while app.count(&used) == 0 {
        assert!(now() - began < 20_000, "it should be known by now");
        tokio::task::yield_now().await;
    }
    let at = app.count(&used);
    assert_eq!(at % 60_000, 0);
    assert!((began - 60_000..=now()).contains(&at), "{at}");
    let shown = list(&app, "/v1/tenants/default/keys").await[1]["last_used_at"].clone();
    assert!(shown.as_str().is_some_and(|text| text.ends_with(":00Z")), "{shown}");
}

#[tokio::test]
async fn a_key_ends_no_later_than_the_one_that_makes_it() {
    let app = App::start();
    let path = "/v1/tenants/default/keys";
    let body = json!({"scopes": ["manage", "read"], "expires_in": 3600});
    let manager = app.key_of("default", body).await;
    let ends = |key: &Value| key["expires_at"].as_str().map(str::to_owned);
    let listed = app.manage("GET", path, Value::Null).await;
    let of_manager = listed["items"].as_array().expect("keys").iter().find_map(ends);
    let of_manager = of_manager.expect("an end");
    for wanted in [json!({"scopes": ["read"]}), json!({"scopes": ["read"], "expires_in": 86_400})] {
        let made = app.ask("POST", path, &manager, wanted.clone()).await.json();
        app.keep_secret(made["key"].as_str().expect("a key"));
        let end = ends(&made).unwrap_or_else(|| panic!("no end for {wanted}"));
        assert!(end[..19] <= of_manager[..19], "{end} is later than {of_manager}");
    }
}

#[tokio::test]
async fn the_id_of_a_supplied_key_says_nothing_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "a key that anybody might guess".replace(' ', "-")).expect("a key");
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let app = App::start_with(&[(
                "ENLIST_BOOTSTRAP__TENANT_KEY_FILE",
                &file.display().to_string(),
            )]);
            app.rows("SELECT id FROM keys WHERE foreign_form = 1").remove(0).remove(0)
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
}
