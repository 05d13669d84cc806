//! `enlist key create --local`: the way back in for whoever has the machine and no key.

use super::id_of;
use crate::app::{App, GUIDE, enlist};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The verb, on this data folder.
fn local(data: &Path) -> Command {
    let mut command = enlist();
    command.args(["key", "create", "--local", "--data-dir"]).arg(data);
    command
}

/// How it ended, what it printed, and what it said beside it.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn made(app: &App, command: &mut Command) -> String {
    let (code, out, error) = run(command);
    assert_eq!(code, Some(0), "{error}");
    let key = out.trim().to_owned();
    app.keep_secret(&key);
    assert!(!error.contains(&key), "{error}");
    key
}

#[tokio::test]
async fn the_last_operator_key_may_go_and_another_is_made_on_the_machine() {
    let mut app = App::start();
    let path = format!("/v1/operator-keys/{}", id_of(&app.operator_key));
    app.manage("DELETE", &path, Value::Null).await;
    assert_eq!(app.ask("GET", "/v1/tenants", &app.operator_key, Value::Null).await.status, 401);
    // While the server runs: it reads keys as they are now.
    let running = made(&app, local(&app.data()).arg("--operator"));
    assert_eq!(app.ask("GET", "/v1/tenants", &running, Value::Null).await.status, 200);
    app.kill();
    let stopped =
        made(&app, local(&app.data()).args(["--operator", "--note", "lost", "--expires", "1h"]));
    app.restart();
    let listed = app.ask("GET", "/v1/operator-keys", &stopped, Value::Null).await.json();
    let listed = listed["items"].as_array().expect("items").clone();
    assert_eq!(listed.len(), 3);
    assert_eq!((&listed[2]["id"], &listed[2]["note"]), (&json!(id_of(&stopped)), &json!("lost")));
    assert!(listed[2]["created_by"].is_null() && listed[2]["expires_at"].is_string());
    assert_eq!(
        app.rows("SELECT revoked_by FROM keys WHERE revoked_at IS NOT NULL"),
        [[id_of(&app.operator_key)]]
    );
    let copies = fs::read_dir(app.data()).expect("the data folder").count();
    assert!(copies <= 7, "nothing is left beside the database");
}

#[tokio::test]
async fn a_tenants_key_is_made_on_the_machine_too_and_the_record_says_so() {
    let app = App::start();
    let key = made(&app, local(&app.data()).args(["-t", "default", "--scope", "provision"]));
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 200);
    let answer = app.ask("GET", "/v1/tenants/default", &key, Value::Null).await;
    assert_eq!(answer.code(), "scope_missing");
    let detail = format!("{} with provision", id_of(&key));
    assert_eq!(
        app.rows("SELECT occasion, key, detail FROM decisions WHERE occasion = 'key_create'"),
        [["key_create", "local", &detail]]
    );
}

/// What was made, without what differs from key to key.
fn shape(app: &App, (code, out, error): &(Option<i32>, String, String)) -> Value {
    assert_eq!(*code, Some(0), "{error}");
    let mut made: Value = serde_json::from_str(out).expect("JSON");
    let key = made["key"].as_str().expect("a key");
    app.keep_secret(key);
    assert_eq!(made["id"], id_of(key));
    for own in ["id", "key", "created_at", "created_by", "expires_at"] {
        assert!(made.get(own).is_some(), "{own}: {made}");
        made[own] = Value::Null;
    }
    made
}

#[tokio::test]
async fn a_key_made_on_the_machine_is_checked_and_shown_as_one_that_the_server_makes() {
    let app = App::start();
    let asked = |arguments: &[&str]| {
        let mut command = enlist();
        command.args(["key", "create", "--server", &app.url]).args(arguments);
        run(command.env("ENLIST_KEY", &app.operator_key))
    };
    let on_the_machine = |arguments: &[&str]| run(local(&app.data()).args(arguments));
    for yes in [
        &["--operator", "-o", "json"][..],
        &["--operator", "--scope", "metrics", "-o", "json"],
        &["-t", "default", "--note", "ours", "--expires", "1h", "-o", "json"],
        &["-t", "default", "--scope", "read,provision,read", "-o", "json"],
    ] {
        let (theirs, ours) = (asked(yes), on_the_machine(yes));
        assert_eq!(shape(&app, &theirs), shape(&app, &ours), "{yes:?}");
    }
    let keys = app.count("SELECT count(*) FROM keys");
    let long = "x".repeat(201);
    for (no, says) in [
        (&["-t", "default", "--note", &long][..], "expected at most 200 bytes"),
        (&["-t", "default", "--note", "a\nb"], "expected at most 200 bytes"),
        (&["--operator", "--note", &long], "expected at most 200 bytes"),
        (&["-t", "default", "--expires", "1ms"], "expected seconds, from 1"),
        (&["--operator", "--expires", "200years"], "expected seconds, from 1"),
        (&["-t", "default", "--scope", "write"], "expected some of provision"),
        (&["--operator", "--scope", "metrics,read"], "expected metrics alone"),
    ] {
        for (code, out, error) in [asked(no), on_the_machine(no)] {
            assert_eq!((code, out.as_str()), (Some(2), ""), "{no:?}: {error}");
            assert!(error.contains(says), "{no:?}: {error}");
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM keys"), keys);
}

#[tokio::test]
async fn without_a_place_a_tenant_or_a_scope_no_key_is_made() {
    let app = App::start();
    let nowhere = tempfile::tempdir().expect("a folder");
    for (data, arguments, code, says) in [
        (nowhere.path(), &["--operator"][..], 2, "no server has started here"),
        (&nowhere.path().join("x"), &["--operator"], 2, "no server has started here"),
        (&app.data(), &[], 2, "-t TENANT"),
        (&app.data(), &["-t", "nobody"], 1, "no tenant nobody"),
        (&app.data(), &["-t", "default", "--scope", "write"], 2, "expected some of provision"),
        (&app.data(), &["--operator", "--scope", "read"], 2, "expected metrics alone"),
        (&app.data(), &["--operator", "--expires", "soon"], 2, "--expires"),
    ] {
        let (ended, out, error) = run(local(data).args(arguments));
        assert_eq!((ended, out.as_str()), (Some(code), ""), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
    assert_eq!(app.count("SELECT count(*) FROM keys"), 2);
    assert_eq!(fs::read_dir(nowhere.path()).expect("the folder").count(), 0, "nor a folder");
}

#[tokio::test]
async fn a_data_folder_of_another_users_is_left_alone() {
    let mut app = App::start();
    app.kill();
    let (data, database) = (app.data(), app.data().join("enlist.db"));
    let mut command = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&data, Some(12), None).expect("another owner");
        local(&data)
    } else {
        // Only root can give a folder away; the root folder is another user's for everybody else.
        let mut command = local(Path::new("/"));
        command.env("ENLIST_DATABASE", format!("sqlite:{}", database.display()));
        command
    };
    let before = fs::read(&database).expect("the database");
    let (code, out, error) = run(command.arg("--operator"));
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    assert!(error.contains("belongs to user"), "{error}");
    assert!(fs::read(&database).expect("the database") == before, "not a byte");
    assert_eq!(app.count("SELECT count(*) FROM keys"), 2);
}

#[tokio::test]
async fn a_database_of_another_schema_is_not_changed_under_its_server() {
    let mut app = App::start();
    app.kill();
    let version: i64 = app
        .database()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("a version");
    for other in [version - 1, version + 1] {
        app.database().pragma_update(None, "user_version", other).expect("another version");
        let (code, out, error) = run(local(&app.data()).arg("--operator"));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains(&format!("schema {other}")), "{error}");
    }
    assert_eq!(app.count("SELECT count(*) FROM keys"), 2);
}
