//! Policies as a server makes them: once, in a child, and after a restart not again.

use crate::app::{App, GUIDE, enlist};
use crate::sandbox::children::{children, costly, lives};
use enlist_artifacts::{honest::CANDIDATES, hostile};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many policies were made, by the server's log.
fn made(app: &App) -> usize {
    app.log().matches("policy made").count()
}

fn cached(app: &App) -> PathBuf {
    let files = fs::read_dir(app.data().join("cache")).expect("the cache");
    let files: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    let [file] = &files[..] else { panic!("one file: {files:?}") };
    file.clone()
}

#[tokio::test]
async fn after_a_restart_nothing_is_made_again_unless_its_code_was_lost_or_changed() {
    let mut app = App::start();
    app.enlist(GUIDE).await;
    let file = cached(&app);
    let mode = |path: &PathBuf| fs::metadata(path).expect("it").permissions().mode() & 0o7777;
    assert_eq!((mode(&file), mode(&app.data().join("cache"))), (0o600, 0o700));
    app.restart();
    app.enlist(r#"{"username":"ann"}"#).await;
    assert_eq!(made(&app), 1);
    let right = fs::read(&file).expect("code");
    for (name, wrong) in [("bob", Some(&right[..right.len() - 1])), ("carl", None)] {
        app.kill();
        match wrong {
            Some(wrong) => fs::write(&file, wrong).expect("harm"),
            None => fs::remove_file(&file).expect("harm"),
        }
        app.restart();
        assert!(!file.exists() || wrong.is_some(), "a start makes nothing");
        assert_eq!(app.enlist(&json!({ "username": name }).to_string()).await, name);
        assert_eq!(fs::read(&file).expect("code"), right);
    }
    assert_eq!(made(&app), 3);
    assert_eq!(app.log().matches("it is made again").count(), 2, "{}", app.log());
}

#[tokio::test]
async fn code_of_an_engine_with_other_limits_is_swept_and_made_for_this_one() {
    let mut app = App::start();
    let before = cached(&app);
    app.kill();
    app.run_with(&[("ENLIST_LIMITS__MEMORY", "3MiB")]);
    app.enlist(GUIDE).await;
    assert!(!before.exists() && cached(&app).exists());
    assert_eq!((made(&app), app.count("SELECT count(*) FROM compiled")), (2, 2));
}

#[tokio::test]
async fn what_a_child_may_have_grows_with_what_a_policy_may_have() {
    let mut app = App::start();
    app.kill();
    app.run_with(&[
        ("ENLIST_LIMITS__SETTINGS_MEMORY", "1GiB"),
        ("ENLIST_LIMITS__MEMORY", "256MiB"),
    ]);
    app.enlist(GUIDE).await;
    assert_eq!(made(&app), 2);
}

#[tokio::test]
async fn a_new_tenants_policy_is_made_before_it_is_asked_and_once_for_all() {
    let app = App::with_policy(CANDIDATES, &[]);
    assert_eq!(made(&app), 1);
    for (tenant, so_far) in [("one", 2), ("two", 2)] {
        app.manage("POST", "/v1/tenants", json!({ "name": tenant })).await;
        assert_eq!(made(&app), so_far);
        let key = app.key_of(tenant, json!({})).await;
        assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 200);
    }
    assert_eq!(made(&app), 2);
}

#[tokio::test]
async fn what_a_policy_says_of_its_settings_cannot_forge_a_line_of_the_log() {
    let app = App::start();
    let key = "a\n2026-01-01T00:00:00Z ERROR forged\u{1b}[31m";
    let body = json!({"settings": { key: 1 }});
    let refused = app.ask("POST", "/v1/tenants/default/revisions", &app.operator_key, body).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "settings_refused"));
    let pointer = &refused.json()["errors"][0]["pointer"];
    assert_eq!(*pointer, json!(format!("/{key}")), "who sent it sees what was sent");
    let log = app.log();
    assert!(!log.contains('\u{1b}'), "{log}");
    let said: Vec<_> = log.lines().filter(|line| line.contains("forged")).collect();
    assert!(matches!(said[..], [line] if line.contains("no policy made")), "{said:?}");
}

fn server(folder: &tempfile::TempDir, component: &[u8]) -> Command {
    let policy = folder.path().join("policy.wasm");
    fs::write(&policy, component).expect("a component");
    let mut command = enlist();
    command.args(["serve", "--print-first-keys", "--data-dir"]).arg(folder.path().join("data"));
    command.env("ENLIST_LISTEN", "127.0.0.1:0").env("ENLIST_BOOTSTRAP__POLICY", policy);
    command
}

#[test]
fn a_first_policy_that_cannot_be_made_stops_the_start_with_the_reason_and_nothing_is_kept() {
    for (component, why) in [
        (hostile::REFUSES_SETTINGS, "/a~1b/0: not even this one"),
        (hostile::TRAP, "Trapped in admit"),
        (hostile::KEEPS_A_TABLE, "cannot be frozen"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let ended = server(&folder, component).output().expect("an end");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.contains("bootstrap.policy") && said.contains(why), "{said}");
        let cache = fs::read_dir(folder.path().join("data/cache")).expect("the cache");
        assert_eq!(cache.count(), 0);
        let database = folder.path().join("data/enlist.db");
        let database = rusqlite::Connection::open(database).expect("the database");
        for table in ["tenants", "keys", "components", "compiled"] {
            let count = format!("SELECT count(*) FROM {table}");
            let rows: i64 = database.query_row(&count, [], |row| row.get(0)).expect("a count");
            assert_eq!(rows, 0, "{table}");
        }
    }
}

#[test]
fn a_server_that_is_killed_leaves_no_child_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = server(&folder, &costly()).stdout(Stdio::null()).spawn().expect("a server");
    let child = loop {
        assert!(server.try_wait().expect("its status").is_none(), "it makes its first policy");
        // Limited, it has told the kernel whose it is; that is the first thing it does.
        if let Some(child) = children(server.id(), "").pop()
            && fs::read_to_string(child.join("limits")).is_ok_and(|limits| limits.contains(" 65 "))
        {
            break child;
        }
        std::thread::yield_now();
    };
    // One that stands still does not end by itself, and no closed pipe wakes it.
    let name = child.file_name().and_then(|name| name.to_str()?.parse().ok());
    let id = Pid::from_raw(name.expect("a number")).expect("a process");
    kill_process(id, Signal::STOP).expect("a signal");
    server.kill().expect("a signal");
    server.wait().expect("its end");
    let patience = Instant::now() + Duration::from_secs(20);
    while lives(&child) {
        if Instant::now() > patience {
            let _ = kill_process(id, Signal::KILL);
            panic!("the child outlives the server");
        }
        std::thread::yield_now();
    }
}
