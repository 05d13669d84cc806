//! `backfill`, somewhere in the middle: who stops it and who does not, how fast it asks, and what is said then.

use crate::backfill::{backfill, people};
use crate::enlist::Enlist;
use crate::http::{Answer, Listener, Message};
use crate::moto::moto;
use crate::tool::{Ran, command};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn email(request: &Message) -> String {
    request.json()["email"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn somebody_whom_a_firewall_turns_away_stops_nobody_and_is_named() {
    let Some(moto) = moto("somebody_whom_a_firewall_turns_away_stops_nobody_and_is_named") else {
        return;
    };
    let enlist = Enlist::start();
    // They come first, and last as well.
    let pool = moto.pool(&json!({}));
    for name in ["first", "a", "b", "c", "last"] {
        moto.person(&pool, &format!("{name}@example.com"));
    }
    let firewall = Listener::before(
        &enlist.url,
        |request| match email(request).as_str() {
            "first@example.com" => Some(Answer::new(403, &json!("<html>"))),
            "last@example.com" => Some(Answer::new(413, &Value::Null)),
            _ => None,
        },
        |_, _| {},
    );
    let report = backfill(&moto.url, &firewall.url, &enlist.tenant_key, &pool, &[]).ended(3).json();
    assert_eq!(
        (&report["complete"], &report["opened"], &report["failed"]),
        (&json!(true), &json!(3), &json!({"http_403": 1, "http_413": 1}))
    );
    let named = report["not_provisioned"].as_array().expect("a list").iter();
    let named: BTreeSet<_> = named.filter_map(|one| one["username"].as_str()).collect();
    assert_eq!(named, BTreeSet::from(["first@example.com", "last@example.com"]));
    assert_eq!(enlist.accounts().len(), 3);
}

#[test]
fn a_stranger_in_the_servers_place_stops_it() {
    let Some(moto) = moto("a_stranger_in_the_servers_place_stops_it") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 70);
    let stranger = Listener::start(|_| Answer::new(403, &json!("<html>")));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.json");
    let state = ["--state", &file.display().to_string()];
    let ran = backfill(&moto.url, &stranger.url, &enlist.tenant_key, &pool, &state).ended(3);
    assert!(ran.err.contains("8 people in a row were not answered by an Enlist"), "{ran}");
    // Those who were being asked about meanwhile, and no more.
    assert!(stranger.seen().len() < 20, "{}", stranger.seen().len());
    assert_eq!(
        (&ran.json()["complete"], &ran.json()["failed"]),
        (&json!(false), &json!({"http_403": 8}))
    );
    assert!(file.exists());
    let report = backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &[]).ended(0).json();
    assert_eq!(report["opened"], 70);
}

#[test]
fn a_server_that_fails_for_everybody_stops_it() {
    let Some(moto) = moto("a_server_that_fails_for_everybody_stops_it") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 130);
    let fails =
        json!({"success": false, "error": "No", "code": "policy_failed", "request_id": "r"});
    let failing = Listener::before(&enlist.url, move |_| Some(Answer::new(503, &fails)), |_, _| {});
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.json");
    let state = ["--state", &file.display().to_string()];
    let ran = backfill(&moto.url, &failing.url, &enlist.tenant_key, &pool, &state).ended(3);
    assert!(
        ran.err.contains("the server failed for 50 people in a row")
            && ran.err.contains("policy_failed"),
        "{ran}"
    );
    assert_eq!(ran.json()["failed"], json!({"policy_failed": 50}));
    assert!(failing.seen().len() < 60 && file.exists(), "{}", failing.seen().len());
}

#[test]
fn a_busy_server_is_not_asked_faster() {
    let Some(moto) = moto("a_busy_server_is_not_asked_faster") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 16);
    let asked = AtomicUsize::new(0);
    let busy = Listener::before(
        &enlist.url,
        move |_| {
            let mut answer = Answer::new(
                503,
                &json!({"success": false, "error": "Try again later", "code": "busy", "request_id": "r"}),
            );
            answer.headers.push(("retry-after".to_owned(), "0".to_owned()));
            (asked.fetch_add(1, Ordering::SeqCst) < 16).then_some(answer)
        },
        |_, _| {},
    );
    let began = Instant::now();
    let arguments = ["backfill", "--user-pool-id", &pool, "--server", &busy.url, "--rate", "10/s"];
    let mut command = command(&moto.url, &[&arguments[..], &["-o", "json"]].concat());
    let ran: Ran =
        command.env("ENLIST_KEY", &enlist.tenant_key).output().expect("the command").into();
    let took = began.elapsed();
    assert_eq!(ran.ended(0).json()["opened"], 16);
    // 32 requests, a tenth of a second apart.
    assert_eq!(busy.seen().len(), 32);
    assert!(took >= Duration::from_millis(3100), "{took:?}");
}

#[test]
fn who_was_not_provisioned_is_known_after_an_interruption() {
    let Some(moto) = moto("who_was_not_provisioned_is_known_after_an_interruption") else { return };
    let enlist = Enlist::start();
    let pool = moto.pool(&json!({}));
    moto.person(&pool, "con@example.com");
    for n in 0..130 {
        moto.person(&pool, &format!("person{n}@example.com"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (file, left) = (folder.path().join("state.json"), folder.path().join("state.json.left"));
    // A link where a file of ours is made leads nowhere.
    let theirs = folder.path().join("theirs");
    std::fs::write(&theirs, "theirs").expect("a file");
    for made in [folder.path().join("state.json.new"), left.clone()] {
        std::os::unix::fs::symlink(&theirs, made).expect("a link");
    }
    let listed = AtomicUsize::new(0);
    let breaking = Listener::before(
        &moto.url,
        move |request| {
            let late =
                request.action() == Some("ListUsers") && listed.fetch_add(1, Ordering::SeqCst) >= 2;
            let no = json!({"__type": "NotAuthorizedException", "message": "no more"});
            late.then(|| Answer::new(400, &no))
        },
        |_, _| {},
    );
    let state = ["--state", &file.display().to_string()];
    backfill(&breaking.url, &enlist.url, &enlist.tenant_key, &pool, &state).ended(4);
    assert_eq!(std::fs::read_to_string(&theirs).expect("a file"), "theirs");
    for ours in [&file, &left] {
        let found = std::fs::symlink_metadata(ours).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions());
        assert!(found.is_file() && mode & 0o777 == 0o600, "{ours:?} {mode:o}");
    }
    assert_eq!(std::fs::read_to_string(&left).expect("people").lines().count(), 1);
    // Half a line of a page that was interrupted.
    let mut more = std::fs::OpenOptions::new().append(true).open(&left).expect("people");
    std::io::Write::write_all(&mut more, b"{\"username\":").expect("a write");
    let report =
        backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &state).ended(1).json();
    assert_eq!((&report["listed"], &report["opened"]), (&json!(131), &json!(130)));
    assert_eq!(report["not_provisioned"].as_array().map(Vec::len), Some(1));
    assert!(!file.exists() && !left.exists());
}
