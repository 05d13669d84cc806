//! `backfill`, before the first person: whose people they become, what it needs, and how it ends when it does not begin.

use crate::backfill::{backfill, people};
use crate::enlist::Enlist;
use crate::http::{Answer, Listener};
use crate::moto::moto;
use serde_json::json;

#[test]
fn another_tenants_key_opens_nobody() {
    let Some(moto) = moto("another_tenants_key_opens_nobody") else { return };
    let enlist = Enlist::start();
    let other = enlist.tenant("other");
    let (pool, expected) = people(&moto, 3);
    for more in [&["-t", "default"][..], &["-t", "default", "--dry-run"], &["-t", "nowhere"]] {
        let ran = backfill(&moto.url, &enlist.url, &other, &pool, more).ended(4);
        assert!(ran.err.contains("the key is not one of tenant"), "{ran}");
        assert!(enlist.accounts().is_empty() && enlist.accounts_of("other").is_empty(), "{ran}");
    }
    // A key that may provision alone is enough to prove it.
    let key = enlist.key("other", &["provision"]);
    backfill(&moto.url, &enlist.url, &key, &pool, &["-t", "other"]).ended(0);
    assert_eq!(
        enlist.accounts_of("other").into_keys().collect::<Vec<_>>(),
        Vec::from_iter(expected)
    );
    assert!(enlist.accounts().is_empty());
}

#[test]
fn a_place_is_a_place_of_one_tenants_people() {
    let Some(moto) = moto("a_place_is_a_place_of_one_tenants_people") else { return };
    let enlist = Enlist::start();
    let other = enlist.tenant("other");
    let (pool, _) = people(&moto, 70);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.json").display().to_string();
    // The second page is refused to it.
    let breaking = Listener::before(
        &moto.url,
        |request| {
            let second = !request.json()["PaginationToken"].is_null();
            let no = json!({"__type": "NotAuthorizedException", "message": "no more"});
            second.then(|| Answer::new(400, &no))
        },
        |_, _| {},
    );
    let stop = |more: &[&str]| {
        let more = [&["--state", &file], more].concat();
        backfill(&breaking.url, &enlist.url, &enlist.tenant_key, &pool, &more).ended(4)
    };
    let go_on = |key: &str, more: &[&str]| {
        backfill(&moto.url, &enlist.url, key, &pool, &[&["--state", &file], more].concat())
    };
    stop(&[]);
    let kept = std::fs::read_to_string(&file).expect("a state");
    assert!(
        kept.contains(&enlist.tenant_key[7..15]) && !kept.contains(&enlist.tenant_key),
        "{kept}"
    );
    let ran = go_on(&other, &[]).ended(2);
    assert!(ran.err.contains("it belongs to") && enlist.accounts_of("other").is_empty(), "{ran}");
    assert_eq!(go_on(&enlist.tenant_key, &[]).ended(0).json()["opened"], 70);

    // Where the tenant is named, any key of it goes on.
    stop(&["-t", "default"]);
    go_on(&other, &["-t", "other"]).ended(2);
    let renewed = enlist.key("default", &["provision"]);
    let report = go_on(&renewed, &["-t", "default"]).ended(0).json();
    assert_eq!((&report["listed"], &report["known"]), (&json!(70), &json!(70)));
    assert!(enlist.accounts_of("other").is_empty());
}

#[test]
fn a_place_of_a_key_that_names_nobody_needs_the_tenant() {
    let Some(moto) = moto("a_place_of_a_key_that_names_nobody_needs_the_tenant") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.json");
    let state = ["--state", &file.display().to_string()];
    let key = "supplied-from-outside";
    let ran = backfill(&moto.url, &enlist.url, key, &pool, &state).ended(2);
    assert!(ran.err.contains("say -t TENANT") && !ran.err.contains(key), "{ran}");
    assert!(!file.exists() && enlist.accounts().is_empty());
}

#[test]
fn what_does_not_begin_is_not_somebody_who_was_refused() {
    let Some(moto) = moto("what_does_not_begin_is_not_somebody_who_was_refused") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 1);
    let ran =
        backfill(&moto.url, &enlist.url, &enlist.tenant_key, "eu-west-1_nowhere", &[]).ended(3);
    assert!(ran.err.contains("ResourceNotFoundException"), "{ran}");
    let unlisted = Listener::before(
        &moto.url,
        |request| {
            let no = json!({"__type": "InvalidParameterException", "message": "no such thing"});
            (request.action() == Some("ListUsers")).then(|| Answer::new(400, &no))
        },
        |_, _| {},
    );
    let ran = backfill(&unlisted.url, &enlist.url, &enlist.tenant_key, &pool, &[]).ended(3);
    assert!(ran.err.contains("ListUsers: InvalidParameterException"), "{ran}");
    let elsewhere = Listener::start(|_| Answer::new(404, &json!({"code": "not_found"})));
    let ran = backfill(&moto.url, &elsewhere.url, &enlist.tenant_key, &pool, &[]).ended(3);
    assert!(ran.err.contains("404") && enlist.accounts().is_empty(), "{ran}");
}

#[test]
fn a_comparison_that_may_not_be_is_said_before_anybody_is_sent() {
    let Some(moto) = moto("a_comparison_that_may_not_be_is_said_before_anybody_is_sent") else {
        return;
    };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 1);
    let key = enlist.key("default", &["provision"]);
    let ran = backfill(&moto.url, &enlist.url, &key, &pool, &["--reconcile"]).ended(4);
    assert!(ran.err.contains("the key needs the scope read"), "{ran}");
    assert!(enlist.accounts().is_empty());
}
