//! `backfill --state`: killed in the middle, it goes on where it was.

use crate::backfill::{backfill, people};
use crate::enlist::Enlist;
use crate::http::{Answer, Listener};
use crate::moto::moto;
use crate::tool::command;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

fn kept(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).expect("a state")).expect("JSON, whole")
}

#[test]
fn killed_in_the_middle_it_goes_on_where_it_was() {
    let Some(moto) = moto("killed_in_the_middle_it_goes_on_where_it_was") else { return };
    let enlist = Enlist::start();
    let (pool, expected) = people(&moto, 200);
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state.json");
    let state_text = state.display().to_string();

    // The 130th, on the third page, waits for an answer that never comes.
    let (asked, (held, is_held)) = (AtomicUsize::new(0), channel());
    let (never, wait): (_, Receiver<()>) = channel();
    let (held, wait) = (Mutex::new(held), Arc::new(Mutex::new(wait)));
    let holding = Listener::before(
        &enlist.url,
        move |_| {
            if asked.fetch_add(1, Ordering::SeqCst) == 129 {
                let _ = held.lock().expect("no panic").send(());
                let _ = wait.lock().expect("no panic").recv();
                return Some(Answer::new(503, &Value::Null));
            }
            None
        },
        |_, _| {},
    );
    let arguments = [
        "backfill",
        "--user-pool-id",
        &pool,
        "--server",
        &holding.url,
        "--rate",
        "5000/s",
        "--state",
        &state_text,
    ];
    let mut child = command(&moto.url, &arguments)
        .env("ENLIST_KEY", &enlist.tenant_key)
        .spawn()
        .expect("the command");
    is_held.recv().expect("it comes so far");
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
    drop(never);
    let found = kept(&state);
    assert_eq!(
        (&found["report"]["listed"], &found["report"]["opened"]),
        (&json!(120), &json!(120)),
        "two pages are done"
    );

    let mode = std::fs::metadata(&state).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it names people");

    // Another server is another run.
    let other =
        backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &["--state", &state_text])
            .ended(2);
    assert!(other.err.contains("it belongs to"), "{other}");

    let mut kept_run = found;
    kept_run["run"]["server"] = format!("{}/", enlist.url).into();
    std::fs::write(&state, kept_run.to_string()).expect("a state");
    let proxy = Listener::before(&moto.url, |_| None, |_, _| {});
    let report =
        backfill(&proxy.url, &enlist.url, &enlist.tenant_key, &pool, &["--state", &state_text])
            .ended(0)
            .json();
    assert_eq!(proxy.asked_for("ListUsers"), 2, "the first two pages are not listed again");
    assert_eq!(report["listed"], 200);
    let of = |what: &str| report[what].as_u64().expect("a number");
    assert_eq!(of("opened") + of("known"), 200);
    assert_eq!(enlist.accounts().into_keys().collect::<std::collections::BTreeSet<_>>(), expected);
    assert!(!state.exists(), "the next run begins anew");
}

#[test]
fn a_place_that_cognito_has_forgotten_is_the_beginning() {
    let Some(moto) = moto("a_place_that_cognito_has_forgotten_is_the_beginning") else { return };
    let enlist = Enlist::start();
    let (pool, expected) = people(&moto, 70);
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state.json");
    let state_text = state.display().to_string();
    let run = json!({"user_pool": pool, "server": format!("{}/", enlist.url), "tenant": null, "key": enlist.tenant_key[7..15], "dry_run": false, "include_disabled": false});
    let report = json!({"listed": 60, "opened": 60, "known": 0, "granted": 0, "refused": {}, "failed": {}, "left_out": {}});
    std::fs::write(
        &state,
        json!({"run": run, "token": "of-last-week", "report": report, "written": {"people": 0, "bytes": 0}}).to_string(),
    )
    .expect("a state");
    let ran =
        backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &["--state", &state_text])
            .ended(0);
    assert!(ran.err.contains("beginning again"), "{ran}");
    assert_eq!((&ran.json()["listed"], &ran.json()["opened"]), (&json!(70), &json!(70)));
    assert_eq!(enlist.accounts().into_keys().collect::<std::collections::BTreeSet<_>>(), expected);
}

#[test]
fn a_file_that_is_no_state_is_left_alone() {
    let Some(moto) = moto("a_file_that_is_no_state_is_left_alone") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("letter.txt");
    std::fs::write(&file, "Dear all").expect("a file");
    let ran = backfill(
        &moto.url,
        &enlist.url,
        &enlist.tenant_key,
        &pool,
        &["--state", &file.display().to_string()],
    )
    .ended(2);
    assert!(ran.err.contains("not a state of a backfill"), "{ran}");
    assert_eq!(
        (std::fs::read_to_string(&file).expect("a file"), enlist.accounts().len()),
        ("Dear all".to_owned(), 0)
    );
}
