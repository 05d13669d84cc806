//! A tenant's issuer: set, changed, and what that makes of the accounts that are there.

use super::{close_all, make, refused};
use crate::app::App;
use serde_json::{Value, json};

const POOL: &str = "https://pool.example";

fn accounts(app: &App) -> Vec<Vec<String>> {
    app.rows("SELECT name, issuer FROM accounts ORDER BY id")
}

async fn set(app: &App, issuer: Value) -> Value {
    app.manage("PATCH", "/v1/tenants/default", json!({"issuer": issuer})).await
}

fn person(username: &str, sub: Option<&str>, issuer: Option<&str>) -> String {
    json!({"username": username, "issuer": issuer, "user_attributes": {"sub": sub}}).to_string()
}

#[tokio::test]
async fn the_first_issuer_becomes_that_of_every_account_without_one() {
    let mut app = App::start();
    app.enlist(&person("ann", Some("s1"), None)).await;
    app.enlist(&person("bob", None, None)).await;
    app.enlist(&person("eve", Some("s2"), Some("https://other.example"))).await;
    let id = "SELECT key FROM decisions WHERE occasion = 'tenant_set'";
    assert_eq!(set(&app, json!(POOL)).await["issuer"], POOL);
    let expected = [["ann", POOL], ["bob", POOL], ["eve", "https://other.example"]];
    assert_eq!(accounts(&app), expected);
    assert_eq!(app.rows(id), [[app.operator_key.split('_').nth(2).expect("an id")]]);
    for _ in 0..2 {
        for body in [
            person("ann", Some("s1"), None),
            person("ann", Some("s1"), Some(POOL)),
            person("bob", None, None),
            person("eve", Some("s2"), Some("https://other.example")),
        ] {
            assert_eq!(app.provision(&body).await.json()["created"], false, "{body}");
        }
        app.restart();
    }
    set(&app, json!(POOL)).await;
    assert_eq!(app.rows(id).len(), 1, "what is so already is no act");

    // From now on somebody who was there keeps who vouched for them.
    set(&app, json!("https://next.example")).await;
    assert_eq!(accounts(&app), expected);
    assert_eq!(app.provision(&person("bob", None, None)).await.code(), "username_taken");
    assert_eq!(app.provision(&person("bob", None, Some(POOL))).await.json()["created"], false);
}

#[tokio::test]
async fn an_issuer_that_would_make_two_accounts_one_persons_changes_nothing() {
    for sub in [Some("s1"), None] {
        let app = App::start();
        app.enlist(&person("ann", sub, None)).await;
        app.enlist(&person("bob", Some("s2"), None)).await;
        app.database()
            .execute(
                "INSERT INTO accounts SELECT 3, tenant, ?1, subject, username, 'eve', 'eve', email, verified_domain, state, allowance,
                 revision, created_at, closed_at, erased_at, 'eve', revision, NULL, adopted FROM accounts WHERE name = 'ann'",
                [POOL],
            )
            .expect("the same person under the issuer");
        std::fs::create_dir(app.homes().join("eve")).expect("a home");
        let before = accounts(&app);
        let answer =
            refused(&app, "PATCH", "/v1/tenants/default", json!({"issuer": POOL, "home": null}))
                .await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "issuer_conflict"), "{sub:?}");
        let detail = answer.json()["detail"].as_str().expect("who").to_owned();
        assert!(detail.contains("ann") && detail.contains("eve"), "{detail}");
        assert_eq!(accounts(&app), before);
        assert_eq!(app.provision(&person("bob", Some("s2"), None)).await.json()["created"], false);
        set(&app, json!("https://third.example")).await;
        assert_eq!(accounts(&app)[1], ["bob", "https://third.example"], "another one is free");
    }
}

#[tokio::test]
async fn an_issuer_is_taken_away_only_while_nobody_has_an_account() {
    let app = App::start();
    set(&app, json!(POOL)).await;
    assert_eq!(set(&app, Value::Null).await["issuer"], Value::Null);
    set(&app, json!(POOL)).await;
    app.enlist(&person("ann", Some("s1"), None)).await;
    for closed in [false, true] {
        if closed {
            close_all(&app);
        }
        for nothing in [json!(null), json!("")] {
            let answer =
                refused(&app, "PATCH", "/v1/tenants/default", json!({"issuer": nothing})).await;
            assert_eq!((answer.status, answer.code().as_str()), (409, "tenant_not_empty"));
        }
    }
}

#[tokio::test]
async fn a_tenant_is_made_with_an_issuer_and_its_own_key_may_change_it() {
    let app = App::start();
    app.manage("POST", "/v1/tenants", json!({"name": "acme", "issuer": POOL})).await;
    make(&app, "other").await;
    let key = app.key_of("acme", json!({"scopes": ["manage", "provision"]})).await;
    assert_eq!(
        app.post("/provision-user", &key, &person("ann", Some("s"), None)).await.status,
        200
    );
    assert_eq!(accounts(&app), [["ann", POOL]]);
    let next = json!({"issuer": "https://next.example"});
    let changed = app.ask("PATCH", "/v1/tenants/acme", &key, next.clone()).await;
    assert_eq!(changed.json()["issuer"], next["issuer"]);
    for tenant in ["other", "default", "nobody"] {
        let answer = app.ask("PATCH", &format!("/v1/tenants/{tenant}"), &key, next.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{tenant}");
    }
    let key = app.key_of("acme", json!({})).await;
    let answer = app.ask("PATCH", "/v1/tenants/acme", &key, next.clone()).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"));
    let set = "SELECT name, issuer FROM tenants ORDER BY id";
    assert_eq!(app.rows(set), [["default", ""], ["acme", "https://next.example"], ["other", ""]]);
    for body in [json!({"issuers": "x"}), json!({"issuer": 1})] {
        let answer = refused(&app, "PATCH", "/v1/tenants/acme", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"));
    }
}
