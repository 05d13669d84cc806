//! The record, read: filters, pages, following it, and what a reader without the right to people sees.

use crate::app::{Answer, App, GUIDE};
use enlist_artifacts::hostile::WAITS_TO_TRAP;
use serde_json::{Value, json};

async fn ask(app: &App, query: &str) -> Answer {
    ask_with(app, query, &app.tenant_key).await
}

async fn ask_with(app: &App, query: &str, key: &str) -> Answer {
    app.await_record();
    app.ask("GET", &format!("/v1/decisions{query}"), key, Value::Null).await
}

async fn read(app: &App, query: &str) -> Value {
    let answer = ask(app, query).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json()
}

/// Outcome and name of every row.
fn rows(list: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let items = list["items"].as_array().expect("items").iter();
    items.map(|row| format!("{} {}", text(&row["outcome"]), text(&row["name"]))).collect()
}

async fn some(app: &App) {
    app.enlist(GUIDE).await;
    app.enlist(GUIDE).await;
    app.enlist(
        r#"{"username":"anna@x.example","user_attributes":{"sub":"s1","email":"anna@y.example"}}"#,
    )
    .await;
    assert_eq!(app.provision(r#"{"username":"anna@z.example"}"#).await.code(), "username_taken");
    assert_eq!(app.provision(r#"{"username":"a b"}"#).await.code(), "charset");
    assert_eq!(app.decide(r#"{"username":"dry"}"#).await.status, 200);
}

#[tokio::test]
async fn a_row_has_the_contracts_shape_and_says_who_and_with_which_key() {
    let app = App::start();
    let given = app.client().post(format!("{}/provision-user", app.url)).body(GUIDE);
    app.send(given.header("X-API-Key", &app.tenant_key).header("X-Request-Id", "try-1")).await;
    let row = read(&app, "").await["items"][0].clone();
    let revision = app.rows("SELECT component FROM revisions");
    let key = app.rows("SELECT id FROM keys WHERE tenant IS NOT NULL");
    let expected = json!({
        "request_id": "try-1", "at": row["at"], "occasion": "opening", "source": "cognito", "outcome": "granted",
        "code": null, "stage": null, "name": "testuser", "revision": 1, "digest": revision[0][0], "notes": [], "dry_run": false,
        "key": key[0][0], "detail": null,
        "applicant": {"issuer": null, "subject": "test-user-id", "username": "testuser@example.com", "email": "testuser@example.com"},
    });
    assert_eq!(row, expected);
    let at = row["at"].as_str().expect("a time");
    assert!(at.len() == 24 && at.starts_with("20") && at.ends_with('Z'), "{at}");
}

#[tokio::test]
async fn the_record_is_read_newest_first_and_by_any_filter() {
    let app = App::start();
    some(&app).await;
    let all = [
        "granted dry",
        "refused -",
        "refused -",
        "granted anna",
        "known testuser",
        "granted testuser",
    ];
    assert_eq!(rows(&read(&app, "").await), all);
    for (query, found) in [
        ("?outcome=known", &["known testuser"][..]),
        ("?outcome=refused&code=username_taken", &["refused -"]),
        ("?code=charset", &["refused -"]),
        ("?applicant=anna@x.example", &["granted anna"]),
        ("?applicant=s1", &["granted anna"]),
        ("?applicant=anna@y.example", &["granted anna"]),
        ("?applicant=testuser", &["known testuser", "granted testuser"]),
        ("?applicant=testuser&outcome=granted", &["granted testuser"]),
        ("?applicant=test", &[]),
        ("?since=2000-01-01T00:00:00Z&until=2001-01-01T00:00:00%2B02:00", &[]),
        ("?since=4000000000", &[]),
        ("?until=4000000000&since=946684800", &all),
    ] {
        assert_eq!(rows(&read(&app, query).await), found, "{query}");
    }
    for wrong in
        ["outcome=maybe", "since=2h", "until=yesterday", "limit=501", "after=zz", "follow=1"]
    {
        let answer = ask(&app, &format!("?{wrong}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"), "{wrong}");
    }
    assert_eq!(app.ask("GET", "/v1/decisions", "", Value::Null).await.code(), "key_required");
    let operator =
        app.ask("GET", "/v1/tenants/default/decisions", &app.operator_key, Value::Null).await;
    assert_eq!(rows(&operator.json()), all);
}

#[tokio::test]
async fn since_and_until_part_the_record_at_a_moment() {
    let app = App::start();
    some(&app).await;
    let at = app.rows("SELECT at FROM decisions ORDER BY id");
    let at: Vec<i64> = at.iter().map(|row| row[0].parse().expect("a time")).collect();
    let sql = "UPDATE decisions SET at = at - 7200000 WHERE id <= 3";
    app.database().execute(sql, []).expect("earlier");
    let hour_ago = at[0] / 1000 - 3600;
    assert_eq!(
        read(&app, &format!("?since={hour_ago}")).await["items"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(
        rows(&read(&app, &format!("?until={hour_ago}")).await),
        ["granted anna", "known testuser", "granted testuser"]
    );
    assert_eq!(
        rows(&read(&app, &format!("?since={hour_ago}&until={hour_ago}")).await),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_page_ends_where_the_next_begins() {
    let app = App::start();
    some(&app).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = read(&app, &format!("?limit=2&after={after}")).await;
        seen.extend(rows(&page));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
        app.enlist(GUIDE).await;
    }
    assert_eq!(seen.len(), 6, "what is written meanwhile is in front: {seen:?}");
    assert_eq!(
        read(&app, "?limit=1&outcome=known&code=x").await,
        json!({"items": [], "next": null})
    );
}

#[tokio::test]
async fn rows_of_a_request_are_found_by_its_id_also_when_it_came_again() {
    let app = App::start();
    for _ in 0..2 {
        let request = app.client().post(format!("{}/provision-user", app.url)).body(GUIDE);
        app.send(request.header("X-API-Key", &app.tenant_key).header("X-Request-Id", "try.1"))
            .await;
    }
    app.enlist(r#"{"username":"other"}"#).await;
    assert_eq!(rows(&read(&app, "/try.1").await), ["known testuser", "granted testuser"]);
    assert_eq!(ask(&app, "/nothing").await.status, 404);
    assert_eq!(ask(&app, "/%ff").await.status, 404);
    let post = app.ask("POST", "/v1/decisions/try.1", &app.tenant_key, Value::Null).await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn the_record_is_followed_from_where_it_was() {
    let app = App::start();
    some(&app).await;
    let begin = read(&app, "?follow=true&limit=2").await;
    assert_eq!(rows(&begin), ["refused -", "granted dry"], "the latest, the oldest of them first");
    let next = |list: &Value| list["next"].as_str().expect("always a cursor").to_owned();
    let nothing = read(&app, &format!("?follow=true&after={}", next(&begin))).await;
    assert_eq!((rows(&nothing), next(&nothing)), (Vec::new(), next(&begin)));
    app.enlist(GUIDE).await;
    app.enlist(r#"{"username":"new"}"#).await;
    let more = read(&app, &format!("?follow=true&after={}&limit=1", next(&nothing))).await;
    assert_eq!(rows(&more), ["known testuser"]);
    let more = read(&app, &format!("?follow=true&after={}&outcome=granted", next(&more))).await;
    assert_eq!(rows(&more), ["granted new"]);
    let more = read(&app, &format!("?follow=true&after={}", next(&more))).await;
    assert_eq!(rows(&more), Vec::<String>::new());
}

#[tokio::test]
async fn who_may_read_the_record_for_its_rules_alone_sees_nobody() {
    let app = App::start();
    some(&app).await;
    let key = app.key_of("default", json!({"scopes": ["policy"]})).await;
    let list = ask_with(&app, "", &key).await;
    assert_eq!(list.status, 200);
    for person in ["testuser", "anna", "s1", "y.example", "test-user-id"] {
        assert!(!list.text.contains(person), "{person}: {}", list.text);
    }
    let row = &list.json()["items"][4];
    assert_eq!(
        (&row["outcome"], &row["name"], &row["applicant"]),
        (&json!("granted"), &Value::Null, &Value::Null)
    );
    assert_eq!((&row["revision"], &row["source"]), (&json!(1), &json!("cognito")));
    let oracle = ask_with(&app, "?applicant=anna", &key).await;
    assert_eq!(
        (oracle.status, oracle.code().as_str()),
        (403, "scope_missing"),
        "nor may they look for somebody"
    );
    let id = row["request_id"].as_str().expect("an id");
    assert!(!ask_with(&app, &format!("/{id}"), &key).await.text.contains("anna"));
    let other = app.key_of("default", json!({"scopes": ["provision", "manage"]})).await;
    assert_eq!(ask_with(&app, "", &other).await.code(), "scope_missing");
}

#[tokio::test]
async fn the_record_says_the_hosts_own_words_and_no_trap_and_no_path() {
    let app = App::start();
    app.enlist(r#"{"username":"anna"}"#).await;
    let linking = r#"{"username":"anna","user_attributes":{"sub":"s1"}}"#;
    assert_eq!(app.provision(linking).await.code(), "username_taken");
    assert_eq!(read(&app, "?limit=1").await["items"][0]["detail"], "link_refused");
    std::fs::create_dir_all(app.homes().join("full/inside")).expect("a folder");
    assert_eq!(app.provision(r#"{"username":"full"}"#).await.code(), "home_exists");
    assert_eq!(read(&app, "?limit=1").await["items"][0]["detail"], Value::Null);

    let app = App::with_policy(WAITS_TO_TRAP, &[]);
    assert_eq!(app.provision(GUIDE).await.code(), "policy_failed");
    let row = read(&app, "").await["items"][0].clone();
    assert_eq!(
        (&row["outcome"], &row["code"], &row["detail"]),
        (&json!("failed"), &json!("policy_failed"), &Value::Null)
    );
    assert!(app.log().contains("Trapped"), "the operator's log has it");
}

#[tokio::test]
async fn one_tenants_record_is_nobody_elses() {
    let app = App::start();
    app.enlist(GUIDE).await;
    let other = "INSERT INTO tenants (name, active_revision, created_at) VALUES ('other', 1, 0)";
    app.database().execute(other, []).expect("another tenant");
    let list = |tenant: &'static str| {
        let app = &app;
        async move {
            let path = format!("/v1/tenants/{tenant}/decisions");
            app.ask("GET", &path, &app.operator_key, Value::Null).await.json()
        }
    };
    assert_eq!(rows(&list("other").await), Vec::<String>::new());
    assert_eq!(rows(&list("default").await), ["granted testuser"]);
    let foreign = app.ask("GET", "/v1/tenants/other/decisions", &app.tenant_key, Value::Null).await;
    assert_eq!(foreign.status, 404);
}
