//! `enlist account`, `enlist decisions` and `enlist status`: what they do, what they print, and how they end.

use crate::app::{App, GUIDE, enlist};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

/// A verb with the operator's key, about tenant `default`.
fn verb(app: &App, arguments: &[&str]) -> Command {
    let mut command = enlist();
    command.args(arguments).env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", &app.operator_key);
    command.env("ENLIST_TENANT", "default").current_dir(app.folder.path());
    command
}

fn run(app: &App, arguments: &[&str]) -> (Option<i32>, String, String) {
    app.await_record();
    let Output { status, stdout, stderr } = verb(app, arguments).output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// A verb that ends well: what it printed.
fn say(app: &App, arguments: &[&str]) -> String {
    let (code, out, error) = run(app, arguments);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

fn json_of(app: &App, arguments: &[&str]) -> Value {
    let out = say(app, &[arguments, &["-o", "json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("not JSON: {out}"))
}

#[test]
fn an_account_is_opened_shown_linked_closed_reopened_and_erased_by_command() {
    let app = App::start();
    let create = ["account", "create", "anna", "--username", "anna@x.example", "--subject", "s1"];
    let made = json_of(
        &app,
        &[&create[..], &["--issuer", "https://pool", "--email", "anna@x.example"]].concat(),
    );
    assert_eq!((&made["name"], &made["issuer"]), (&json!("anna"), &json!("https://pool")));
    assert_eq!(app.folders(), ["anna"]);
    let shown = say(&app, &["account", "show", "anna"]);
    assert!(
        shown.contains("username   anna@x.example\n") && shown.contains("state      active\n"),
        "{shown}"
    );
    assert_eq!(json_of(&app, &["account", "link", "anna", "--subject", "s2"])["subject"], "s2");
    assert_eq!(json_of(&app, &["account", "close", "anna"])["state"], "closed");
    assert_eq!(json_of(&app, &["account", "reopen", "anna"])["state"], "active");
    let (code, _, error) = run(&app, &["account", "erase", "anna"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("--yes"), "it asks first: {error}");
    let (code, _, error) = run(&app, &["account", "erase", "anna", "--yes"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("account_open"), "{error}");
    say(&app, &["account", "close", "anna"]);
    assert_eq!(json_of(&app, &["account", "erase", "anna", "--yes"])["state"], "erased");
    assert!(
        say(&app, &["account", "list"])
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("anna  erased  -"))
    );

    let acts = json_of(&app, &["decisions", "list"]);
    let acts: Vec<_> =
        acts["items"].as_array().expect("rows").iter().map(|row| row["occasion"].clone()).collect();
    let expected = [
        "account_erase",
        "account_close",
        "account_erase",
        "account_reopen",
        "account_close",
        "account_link",
        "account_create",
    ];
    assert_eq!(acts, expected);
}

#[test]
fn a_no_of_the_server_is_an_exit_status_and_a_line() {
    let app = App::start();
    fs::create_dir_all(app.homes().join("full/inside")).expect("a folder");
    let (code, out, error) = run(&app, &["account", "create", "full", "--username", "u"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    assert!(error.contains("home_exists"), "{error}");
    say(&app, &["account", "create", "full", "--username", "u", "--adopt"]);
    assert_eq!(run(&app, &["account", "show", "nobody"]).0, Some(1));
    assert_eq!(run(&app, &["account", "create", "a b", "--username", "x"]).0, Some(1));
    assert_eq!(run(&app, &["account", "show", ".."]).0, Some(2), "no name leads to another door");
    assert_eq!(run(&app, &["account", "create", "x"]).0, Some(2));
    assert_eq!(run(&app, &["decisions", "list", "--since", "yesterday"]).0, Some(2));
    let mut without = verb(&app, &["account", "list"]);
    let ended = without.env_remove("ENLIST_TENANT").output().expect("an end");
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("ENLIST_TENANT"), "{ended:?}");
    let mut locked = verb(&app, &["account", "close", "full"]);
    let ended = locked.env("ENLIST_KEY", &app.tenant_key).output().expect("an end");
    assert_eq!(ended.status.code(), Some(4), "{ended:?}");
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE state = 'active'"), 1);
}

#[tokio::test]
async fn accounts_and_rows_are_listed_whole_however_many_pages_that_takes() {
    let app = App::start();
    let rows = (0..620).map(|i| {
        format!("(1, '', 'u{i}', 'n{i:03}', 'n{i:03}', 'active', '{{\"labels\":[]}}', 1, {i})")
    });
    let sql = format!(
        "INSERT INTO accounts (tenant, issuer, username, name, name_key, state, allowance, revision, created_at) VALUES {}",
        rows.collect::<Vec<_>>().join(", ")
    );
    app.database().execute_batch(&sql).expect("accounts");
    for i in 0..620 {
        fs::create_dir(app.homes().join(format!("n{i:03}"))).expect("a home");
    }
    assert_eq!(say(&app, &["account", "list"]).lines().count(), 621);
    assert_eq!(say(&app, &["account", "list", "N61"]).lines().count(), 11);
    app.enlist(r#"{"username":"n"}"#).await;
    let sql = "INSERT INTO decisions (tenant, request_id, at, key, occasion, source, dry_run, outcome, revision, digest,
            settings_digest, request, notes)
        SELECT 1, request_id || a.id, at, key, occasion, source, dry_run, 'failed', d.revision, digest, settings_digest, request, notes
        FROM decisions d, accounts a WHERE a.id <= 600";
    app.await_record();
    app.database().execute_batch(sql).expect("rows");
    assert_eq!(say(&app, &["decisions", "list"]).lines().count(), 51);
    assert_eq!(say(&app, &["decisions", "list", "--limit", "550"]).lines().count(), 551);
    assert_eq!(say(&app, &["decisions", "list", "--limit", "5000"]).lines().count(), 602);
    assert_eq!(say(&app, &["decisions", "list", "--outcome", "granted"]).lines().count(), 2);
}

#[tokio::test]
async fn the_record_is_shown_and_filtered_by_command() {
    let app = App::start();
    app.enlist(GUIDE).await;
    app.enlist(GUIDE).await;
    assert_eq!(app.provision(r#"{"username":"a b"}"#).await.code(), "charset");
    let list = say(&app, &["decisions", "list", "--since", "2h"]);
    assert_eq!(list.lines().count(), 4);
    assert!(list.lines().nth(1).is_some_and(|line| line.contains("refused  charset")), "{list}");
    assert_eq!(say(&app, &["decisions", "list", "--applicant", "test-user-id"]).lines().count(), 3);
    assert_eq!(say(&app, &["decisions", "list", "--code", "charset"]).lines().count(), 2);
    assert_eq!(say(&app, &["decisions", "list", "--since", "4000000000"]).lines().count(), 1);
    let id = app.rows("SELECT request_id FROM decisions WHERE outcome = 'granted'")[0][0].clone();
    let shown = say(&app, &["decisions", "show", &id]);
    assert!(
        shown.contains("subject    test-user-id\n") && shown.contains("name       testuser\n"),
        "{shown}"
    );
    assert_eq!(run(&app, &["decisions", "show", "nothing"]).0, Some(1));
}

#[tokio::test]
async fn a_tail_prints_what_is_there_and_what_comes_and_ends_when_nobody_reads() {
    let app = App::start();
    app.enlist(GUIDE).await;
    let mut tail = verb(&app, &["decisions", "tail", "-o", "json"]);
    let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a tail");
    let mut lines = BufReader::new(tail.stdout.take().expect("its output")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    assert_eq!(next()["outcome"], "granted");
    app.enlist(GUIDE).await;
    assert_eq!(next()["outcome"], "known");
    app.enlist(r#"{"username":"new"}"#).await;
    assert_eq!((&next()["name"], app.folders().len()), (&json!("new"), 2));
    drop(lines);
    app.enlist(r#"{"username":"more"}"#).await;
    assert_eq!(tail.wait().expect("an end").code(), Some(0));
    let mut error = String::new();
    tail.stderr.take().expect("its errors").read_to_string(&mut error).expect("text");
    assert_eq!(error, "");
}

#[tokio::test]
async fn status_says_how_tenants_are_doing() {
    let app = App::start();
    app.manage("POST", "/v1/tenants", json!({"name": "other"})).await;
    app.key_of("other", json!({"expires_in": 86_400, "note": "soon"})).await;
    app.key_of("other", json!({"expires_in": 86_400_000, "note": "late"})).await;
    app.manage("POST", "/v1/operator-keys", json!({"expires_in": 3600})).await;
    app.enlist(GUIDE).await;
    app.enlist(GUIDE).await;
    app.decide(r#"{"username":"dry"}"#).await;
    for _ in 0..2 {
        assert_eq!(app.provision(r#"{"username":"a b"}"#).await.code(), "charset");
    }
    app.await_record();
    let older = "UPDATE decisions SET at = at - 7200000 WHERE id = (SELECT max(id) FROM decisions)";
    app.database().execute(older, []).expect("an older row");

    let status = json_of(&app, &["status"]);
    let tenant = |i: usize| status["items"][i].clone();
    let (default, other) = (tenant(0), tenant(1));
    assert_eq!((&default["tenant"], &default["accounts"]), (&json!("default"), &json!(1)));
    assert_eq!(default["last_hour"], json!({"granted": 1, "refused": 1, "failed": 0}));
    assert_eq!(default["last_day"], json!({"granted": 1, "refused": 2, "failed": 0}));
    assert_eq!(
        (&default["revision"], &default["policy"]),
        (&json!(1), &json!("builtin:localpart"))
    );
    assert_eq!(default["active_by"], Value::Null, "the first start");
    assert_eq!(default["home"], json!(app.homes()));
    assert!(default["free_bytes"].as_u64().is_some_and(|free| free > 0), "{default}");
    let operator = app.rows("SELECT id FROM keys WHERE tenant IS NULL ORDER BY created_at, rowid");
    assert_eq!(other["active_by"], json!(operator[0][0]));
    let soon = other["expiring_keys"].as_array().expect("keys");
    assert_eq!((soon.len(), &soon[0]["note"]), (1, &json!("soon")));
    assert_eq!(status["expiring_operator_keys"][0]["id"], json!(operator[1][0]));
    let text = say(&app, &["status"]);
    assert!(text.contains("1/1/0") && text.contains("(soon) of other ends"), "{text}");

    let own = app.ask("GET", "/v1/status", &app.tenant_key, Value::Null).await.json();
    assert_eq!(own["items"].as_array().map(Vec::len), Some(1), "a tenant's key sees its own");
    assert_eq!(
        (&own["items"][0]["tenant"], own.get("expiring_operator_keys")),
        (&json!("default"), None)
    );
    let key = app.key_of("default", json!({"scopes": ["provision"]})).await;
    assert_eq!(app.ask("GET", "/v1/status", &key, Value::Null).await.code(), "scope_missing");
    assert_eq!(app.ask("GET", "/v1/status", "", Value::Null).await.code(), "key_required");
}
