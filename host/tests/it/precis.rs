//! The policy `builtin:precis` in the sandbox and through the doors, and that what it shares with the host is the same there.

use crate::app::{App, enlist};
use enlist::domain::{FoldKey, Name, Unusable};
use enlist_artifacts::PRECIS;
use enlist_names::fold_key;
use enlist_policy::{Policy, Request, configured};
use enlist_precis::Precis;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

fn body(email: &str) -> String {
    let attributes = json!({"sub": email, "email": email, "email_verified": true});
    json!({"username": "somebody", "user_attributes": attributes}).to_string()
}

#[tokio::test]
async fn names_in_any_script_are_granted_by_the_component() {
    let app = App::with_policy(PRECIS, &[]);
    for (email, name) in [
        ("Σίσυφος@example.com", "σίσυφος"),
        ("ＡＢ@example.com", "ab"),
        ("日本語@example.com", "日本語"),
        ("елена@example.com", "елена"),
        ("\u{1100}\u{1161}@example.com", "가"),
        ("مُحَمَّد@example.com", "مُحَمَّد"),
        ("fußball@example.com", "fußball"),
    ] {
        assert_eq!(app.enlist(&body(email)).await, name);
    }
    let same_key = app.provision(&body("fussball@example.com")).await;
    assert_eq!((same_key.status, same_key.code().as_str()), (409, "username_taken"));
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 7);
}

#[tokio::test]
async fn what_could_be_misread_is_refused_by_the_component_and_leaves_nothing() {
    let app = App::with_policy(PRECIS, &[]);
    for (email, code) in [
        ("．．／etc@example.com", "charset"),
        ("\u{212a}evin@example.com", "precis_disallowed"),
        ("ﬀ@example.com", "precis_disallowed"),
        ("p\u{430}ypal@example.com", "mixed_script"),
        ("Ꭰ@example.com", "confusable_restricted"),
        ("a·a@example.com", "precis_context"),
        ("אa@example.com", "precis_bidi"),
        ("\u{915}\u{951}\u{94d}\u{200d}@example.com", "precis_unstable"),
        ("..@example.com", "ambiguous_email"),
        ("Admin@example.com", "reserved"),
    ] {
        let answer = app.provision(&body(email)).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, code), "{email}");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    assert!(app.folders().is_empty());
}

#[tokio::test]
async fn the_longest_question_is_answered_within_the_budget() {
    let app = App::with_policy(PRECIS, &[]);
    let longest = "\u{1100}\u{1161}\u{11a8}".repeat(64);
    assert_eq!(app.enlist(&json!({"username": longest}).to_string()).await, "각".repeat(64));
    for text in ["\u{30fb}".repeat(341), "(".repeat(60_000), "\u{ff21}".repeat(15_000)] {
        let answer = app.provision(&json!({"username": text}).to_string()).await;
        assert_eq!(answer.status, 403, "{}", answer.code());
    }
}

#[test]
fn it_runs_by_its_name_with_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, "reserved = [\"boss\"]\nreserved_builtin = false\n").expect("a file");
    let run = |username: &str| {
        let mut command = enlist();
        command.args(["policy", "run", "builtin:precis", "--settings"]).arg(&settings);
        command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let mut stdin = child.stdin.take().expect("a pipe");
        write!(stdin, "{}", json!({"username": username})).expect("the applicant");
        drop(stdin);
        let output = child.wait_with_output().expect("an end");
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    assert_eq!(run("BOSS")["code"], "reserved");
    assert_eq!(run("Admin")["username"], "admin");
}

#[test]
fn what_it_grants_the_host_takes_devices_apart() {
    let policy: Precis = configured("{}").expect("no settings are settings");
    let mut granted = 0;
    for c in char::MIN..=char::MAX {
        for text in [format!("{c}"), format!("a{c}"), format!("{c}b"), format!("א{c}")] {
            let Ok(names) = policy.derive(&Request::by_hand(&text)) else { continue };
            let [name] = &names[..] else { panic!("{names:?}") };
            granted += 1;
            assert!(Name::try_from(name.clone()).is_ok(), "{text:?} is named {name:?}");
        }
    }
    assert!(granted > 90_000, "{granted} names");
    let names = policy.derive(&Request::by_hand("con")).expect("a name");
    assert_eq!(Name::try_from(names[0].clone()), Err(Unusable::Reserved));
}

#[test]
fn the_key_that_policies_compare_by_is_the_hosts() {
    for c in char::MIN..=char::MAX {
        let text = format!("a{c}");
        assert_eq!(FoldKey::of(&text).as_str(), fold_key(&text), "{c:?}");
    }
}
