//! `backfill`: everybody in the pool, and what is said of them.

use crate::enlist::Enlist;
use crate::http::{Answer, Listener};
use crate::moto::{Moto, moto};
use crate::tool::{Ran, command};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs it against a server with a tenant's key.
pub(crate) fn backfill(aws: &str, server: &str, key: &str, pool: &str, more: &[&str]) -> Ran {
    let arguments = [
        &["backfill", "--user-pool-id", pool, "--server", server, "--rate", "5000/s", "-o", "json"],
        more,
    ]
    .concat();
    command(aws, &arguments).env("ENLIST_KEY", key).output().expect("the command").into()
}

/// So many people in a pool of their own. Gives the pool and their `sub`s.
pub(crate) fn people(moto: &Moto, count: usize) -> (String, BTreeSet<String>) {
    let pool = moto.pool(&json!({}));
    let subs = (0..count).map(|n| moto.person(&pool, &format!("person{n}@example.com"))).collect();
    (pool, subs)
}

fn subs(enlist: &Enlist) -> BTreeSet<String> {
    enlist.accounts().into_keys().collect()
}

#[test]
fn a_thousand_people_all_have_an_account_then() {
    let Some(moto) = moto("a_thousand_people_all_have_an_account_then") else { return };
    let enlist = Enlist::start();
    let (pool, expected) = people(&moto, 1000);
    let proxy = Listener::before(&moto.url, |_| None, |_, _| {});
    let report = backfill(&proxy.url, &enlist.url, &enlist.tenant_key, &pool, &[]).ended(0).json();
    assert_eq!(
        (&report["listed"], &report["opened"], &report["complete"]),
        (&json!(1000), &json!(1000), &json!(true))
    );
    assert_eq!(proxy.asked_for("ListUsers"), 17, "pages of 60");
    assert_eq!(subs(&enlist), expected);
    let again = backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &[]).ended(0).json();
    assert_eq!((&again["opened"], &again["known"]), (&json!(0), &json!(1000)));
}

#[test]
fn they_are_sent_as_the_trigger_would_have() {
    let Some(moto) = moto("they_are_sent_as_the_trigger_would_have") else { return };
    let enlist = Enlist::start();
    let (pool, expected) = people(&moto, 1);
    let proxy = Listener::before(&enlist.url, |_| None, |_, _| {});
    backfill(&moto.url, &proxy.url, &enlist.tenant_key, &pool, &[]).ended(0);
    let body = proxy.seen()[0].json();
    let sub = expected.first().expect("somebody");
    assert_eq!(
        (&body["issuer"], &body["source"], &body["cognito_user_id"], &body["email"]),
        (
            &json!(format!("https://cognito-idp.eu-west-1.amazonaws.com/{pool}")),
            &json!("backfill"),
            &json!(sub),
            &json!("person0@example.com")
        )
    );
    assert_eq!(
        body["user_attributes"],
        json!({"sub": sub, "email": "person0@example.com", "email_verified": "true", "cognito:user_status": "FORCE_CHANGE_PASSWORD"})
    );
}

#[test]
fn an_empty_page_is_not_the_end() {
    let Some(moto) = moto("an_empty_page_is_not_the_end") else { return };
    let enlist = Enlist::start();
    let (pool, expected) = people(&moto, 70);
    // Cognito answers so while it filters. The place is one that moto does not know, so it is turned back into the beginning.
    let proxy = Listener::before(
        &moto.url,
        |request| {
            let mut body = request.json();
            if request.action() != Some("ListUsers") {
                return None;
            }
            match body["PaginationToken"].as_str() {
                None => {
                    return Some(Answer::new(
                        200,
                        &json!({"Users": [], "PaginationToken": "after-nobody"}),
                    ));
                }
                Some("after-nobody") => _ = body.as_object_mut()?.shift_remove("PaginationToken"),
                Some(_) => return None,
            }
            request.body = body.to_string().into_bytes();
            None
        },
        |_, _| {},
    );
    let report = backfill(&proxy.url, &enlist.url, &enlist.tenant_key, &pool, &[]).ended(0).json();
    assert_eq!((&report["listed"], proxy.asked_for("ListUsers")), (&json!(70), 3));
    assert_eq!(subs(&enlist), expected);
}

#[test]
fn one_person_who_is_refused_stops_nobody_and_is_named() {
    let Some(moto) = moto("one_person_who_is_refused_stops_nobody_and_is_named") else { return };
    let enlist = Enlist::start();
    let (pool, expected) = people(&moto, 65);
    let refused = moto.person(&pool, "con@example.com");
    for (name, action) in
        [("gone@example.com", "AdminDisableUser"), ("kept@example.com", "AdminEnableUser")]
    {
        moto.person(&pool, name);
        moto.cognito(action, &json!({"UserPoolId": pool, "Username": name}));
    }
    let client = moto.cognito("CreateUserPoolClient", &json!({"UserPoolId": pool, "ClientName": "c"}))["UserPoolClient"]["ClientId"].take();
    moto.cognito(
        "SignUp",
        &json!({"ClientId": client, "Username": "never@example.com", "Password": "Passw0rd!x"}),
    );
    let proxy = Listener::before(&enlist.url, |_| None, |_, _| {});
    let report = backfill(&moto.url, &proxy.url, &enlist.tenant_key, &pool, &[]).ended(1).json();
    assert_eq!(report["left_out"], json!({"UNCONFIRMED": 1, "disabled": 1}));
    assert_eq!(
        (&report["listed"], &report["opened"], &report["refused"]),
        (&json!(69), &json!(66), &json!({"name_unusable": 1}))
    );
    let named = report["not_provisioned"].as_array().expect("a list");
    assert_eq!(
        (named.len(), &named[0]["sub"], &named[0]["code"]),
        (1, &json!(refused), &json!("name_unusable"))
    );
    assert!(named[0]["request_id"].is_string());
    assert!(expected.is_subset(&subs(&enlist)) && !subs(&enlist).contains(&refused));
    assert!(proxy.seen().iter().all(|request| request.json()["email"] != "gone@example.com"));
    let also = backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &["--include-disabled"])
        .ended(1)
        .json();
    assert_eq!((&also["opened"], &also["left_out"]), (&json!(1), &json!({"UNCONFIRMED": 1})));
}

#[test]
fn a_dry_run_opens_nothing_and_counts_what_would_be_refused() {
    let Some(moto) = moto("a_dry_run_opens_nothing_and_counts_what_would_be_refused") else {
        return;
    };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 5);
    moto.person(&pool, "con@example.com");
    let proxy = Listener::before(&enlist.url, |_| None, |_, _| {});
    let report =
        backfill(&moto.url, &proxy.url, &enlist.tenant_key, &pool, &["--dry-run"]).ended(1).json();
    assert_eq!((&report["granted"], &report["refused"]), (&json!(5), &json!({"name_unusable": 1})));
    assert!(
        proxy
            .seen()
            .iter()
            .all(|request| request.path == "/v1/decisions"
                && request.json()["occasion"] == "opening")
    );
    assert!(enlist.accounts().is_empty());
}

#[test]
fn busy_is_not_no() {
    let Some(moto) = moto("busy_is_not_no") else { return };
    let enlist = Enlist::start();
    let (pool, expected) = people(&moto, 130);
    let (aws, server) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let throttled = Listener::before(
        &moto.url,
        move |request| {
            let often = request.action() == Some("ListUsers")
                && aws.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
            often.then(|| {
                Answer::new(
                    400,
                    &json!({"__type": "TooManyRequestsException", "message": "Rate exceeded"}),
                )
            })
        },
        |_, _| {},
    );
    // What it says of the same person a moment later counts.
    let busy = Listener::before(
        &enlist.url,
        move |_| {
            let mut answer = Answer::new(
                503,
                &json!({"success": false, "error": "Try again later", "code": "busy", "request_id": "r"}),
            );
            answer.headers.push(("retry-after".to_owned(), "0".to_owned()));
            server.fetch_add(1, Ordering::SeqCst).is_multiple_of(40).then_some(answer)
        },
        |_, _| {},
    );
    let report =
        backfill(&throttled.url, &busy.url, &enlist.tenant_key, &pool, &[]).ended(0).json();
    assert_eq!(report["opened"], 130);
    assert!(throttled.asked_for("ListUsers") >= 6);
    assert_eq!(subs(&enlist), expected);
}

#[test]
fn a_key_that_the_server_does_not_know_ends_it_at_once() {
    let Some(moto) = moto("a_key_that_the_server_does_not_know_ends_it_at_once") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 70);
    let proxy = Listener::before(&enlist.url, |_| None, |_, _| {});
    let ran = backfill(&moto.url, &proxy.url, "enl_tk_00000000_wrong", &pool, &[]).ended(4);
    assert!(proxy.seen().len() <= 8 && enlist.accounts().is_empty(), "{}", proxy.seen().len());
    assert!(
        ran.err.contains("(key_invalid)")
            && !ran.err.contains("_wrong")
            && !ran.out.contains("_wrong"),
        "{ran}"
    );
    assert_eq!(ran.json()["complete"], false);
}

#[test]
fn an_account_whose_user_is_gone_is_listed_and_left_alone() {
    let Some(moto) = moto("an_account_whose_user_is_gone_is_listed_and_left_alone") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 70);
    let gone = moto.person(&pool, "leaves@example.com");
    let disabled = moto.person(&pool, "rests@example.com");
    backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &[]).ended(0);
    moto.cognito("AdminDeleteUser", &json!({"UserPoolId": pool, "Username": "leaves@example.com"}));
    moto.cognito("AdminDisableUser", &json!({"UserPoolId": pool, "Username": "rests@example.com"}));
    let before = enlist.accounts();
    let report = backfill(&moto.url, &enlist.url, &enlist.tenant_key, &pool, &["--reconcile"])
        .ended(0)
        .json();
    let found = |what: &str| {
        report["reconciled"][what]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["subject"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((found("gone"), found("disabled")), (vec![json!(gone)], vec![json!(disabled)]));
    assert_eq!((&report["reconciled"]["accounts"], enlist.accounts()), (&json!(72), before));

    // A listing that breaks off says nothing about anybody.
    let listed = AtomicUsize::new(0);
    let breaking = Listener::before(
        &moto.url,
        move |request| {
            // The backfill has two pages, and the comparison one.
            let late =
                request.action() == Some("ListUsers") && listed.fetch_add(1, Ordering::SeqCst) >= 3;
            late.then(|| {
                Answer::new(400, &json!({"__type": "NotAuthorizedException", "message": "no more"}))
            })
        },
        |_, _| {},
    );
    let ran =
        backfill(&breaking.url, &enlist.url, &enlist.tenant_key, &pool, &["--reconcile"]).ended(4);
    assert!(ran.err.contains("did not come to its end, so nothing is compared"), "{ran}");
    assert!(!ran.out.contains(&gone), "{ran}");
    // Everybody was sent all the same, and that is said.
    let report = ran.json();
    assert_eq!((&report["complete"], &report["known"]), (&json!(true), &json!(70)));
    assert!(report["reconciled"].is_null(), "{report}");
    let why = report["not_reconciled"].as_str().unwrap_or_default();
    assert!(why.contains("NotAuthorizedException"), "{report}");
}

#[test]
fn for_people_it_is_said_in_lines() {
    let Some(moto) = moto("for_people_it_is_said_in_lines") else { return };
    let enlist = Enlist::start();
    let (pool, _) = people(&moto, 2);
    moto.person(&pool, "con@example.com");
    let arguments = ["backfill", "--user-pool-id", &pool, "--server", &enlist.url];
    let ran: Ran = command(&moto.url, &arguments)
        .env("ENLIST_KEY", &enlist.tenant_key)
        .output()
        .expect("the command")
        .into();
    let ran = ran.ended(1);
    for line in [
        "3 in the pool\n",
        "        2  opened\n",
        "        1  refused: name_unusable\n",
        "without an account:\n",
    ] {
        assert!(ran.out.contains(line), "{line:?}\n{ran}");
    }
    assert!(ran.err.is_empty(), "no bar without a terminal: {ran}");
    assert_eq!(Value::Null, serde_json::from_str::<Value>(&ran.out).unwrap_or_default());
}
