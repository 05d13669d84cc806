//! Policies from outside, through the doors: what they answer, what the host makes of it, and what becomes of those that fail.

use crate::app::{App, GUIDE};
use enlist_artifacts::{honest::CANDIDATES, hostile};
use serde_json::{Value, json};
use std::sync::Arc;

/// Somebody with attributes for the policy that does what they say.
fn body(username: &str, mut attributes: Value) -> String {
    attributes["sub"] = json!(username);
    json!({"username": username, "user_attributes": attributes}).to_string()
}

#[tokio::test]
async fn the_first_candidate_that_is_usable_and_free_is_taken_and_its_place_recorded() {
    let app = App::with_policy(CANDIDATES, &[]);
    assert_eq!(app.enlist(&body("a", json!({"names": "bob"}))).await, "bob");
    std::fs::create_dir_all(app.homes().join("full/inside")).expect("a folder");
    assert_eq!(app.enlist(&body("b", json!({"names": "../x,Bob,con,full,carl"}))).await, "carl");
    assert_eq!(app.last_decision()["place"], "4");
}

#[tokio::test]
async fn when_no_candidate_is_left_held_beats_a_folder_beats_unusable() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(&body("a", json!({"names": "bob"}))).await;
    std::fs::create_dir_all(app.homes().join("full/inside")).expect("a folder");
    for (names, status, code) in [
        ("../x,full,BOB", 409, "username_taken"),
        ("../x,full", 409, "home_exists"),
        ("../x,con,.hidden", 403, "name_unusable"),
    ] {
        let answer = app.provision(&body("b", json!({"names": names}))).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{names}");
    }
    let detail = app.last_decision()["detail"].clone();
    assert!(
        detail.contains("../x") && detail.contains("reserved"),
        "why, for the operator: {detail}"
    );
    assert_eq!(app.folders(), ["bob", "full"]);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1);
}

#[tokio::test]
async fn a_refusal_of_each_hook_is_answered_in_the_policys_words_and_recorded_with_its_stage() {
    let app = App::with_policy(CANDIDATES, &[]);
    for (attribute, stage) in
        [("refuse", "admit"), ("refuse_derive", "derive"), ("refuse_allow", "allow")]
    {
        let answer = app.provision(&body("a", json!({attribute: "not_today"}))).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "not_today"));
        let row = app.last_decision();
        assert_eq!((row["outcome"].as_str(), row["stage"].as_str()), ("refused", stage));
        assert!(row["notes"].contains(stage), "notes are kept, and in order: {}", row["notes"]);
    }
    assert!(app.folders().is_empty());
    assert_eq!(app.enlist(&body("a", json!({}))).await, "a", "a later refusal lets the name go");
}

#[tokio::test]
async fn a_stranger_who_is_not_admitted_does_not_learn_which_names_are_taken() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(&body("a", json!({"names": "bob"}))).await;
    let taken = app.provision(&body("b", json!({"names": "bob", "refuse": "stranger"}))).await;
    let free = app.provision(&body("b", json!({"names": "free", "refuse": "stranger"}))).await;
    assert_eq!((taken.status, taken.code()), (free.status, free.code()));
}

#[tokio::test]
async fn an_allowance_is_kept_with_the_account_and_shown_again() {
    let app = App::with_policy(CANDIDATES, &[]);
    let asked = body("a", json!({"max_accounts": 7, "storage_bytes": 0, "plan": "pro"}));
    app.enlist(&asked).await;
    let known = app.decide(&body("a", json!({"plan": "other"}))).await;
    let allowance = json!({"max_accounts": 7, "max_accounts_in_domain": null, "storage_bytes": 0, "storage_files": null, "labels": {"plan": "pro"}});
    assert_eq!(known.json()["allowance"], allowance);
}

#[tokio::test]
async fn seats_are_counted_in_the_transaction_that_opens_the_account() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(&body("a", json!({}))).await;
    for (most, status) in [(1, 403), (2, 200), (2, 403)] {
        let name = format!("b{most}{status}");
        let answer = app.provision(&body(&name, json!({"max_accounts": most}))).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 403 {
            assert_eq!(answer.code(), "quota_accounts");
            assert_eq!(
                app.decide(&body(&name, json!({"max_accounts": most}))).await.code(),
                "quota_accounts"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_seat_is_given_once_however_many_want_it_at_once() {
    let app = Arc::new(App::with_policy(CANDIDATES, &[]));
    let asks = (0..24).map(|i| {
        let app = Arc::clone(&app);
        let body = body(&format!("person{i}"), json!({"max_accounts": 5}));
        tokio::spawn(async move { app.provision(&body).await.status })
    });
    let mut granted = 0;
    for ask in asks.collect::<Vec<_>>() {
        granted += usize::from(ask.await.expect("an answer") == 200);
    }
    assert_eq!((granted, app.folders().len()), (5, 5));
}

#[tokio::test]
async fn seats_of_a_domain_count_verified_emails_only() {
    let app = App::with_policy(CANDIDATES, &[]);
    let of = |name: &str, domain: &str, verified: bool| {
        body(
            name,
            json!({"email": format!("{name}@{domain}"), "email_verified": verified, "max_accounts_in_domain": 1}),
        )
    };
    assert_eq!(app.provision(&of("a", "example.com", false)).await.status, 200, "not counted");
    assert_eq!(app.provision(&of("b", "EXAMPLE.com", true)).await.status, 200, "the first");
    assert_eq!(app.provision(&of("c", "example.com", true)).await.code(), "quota_domain");
    assert_eq!(app.provision(&of("d", "example.com", false)).await.status, 200, "not applied");
    assert_eq!(app.provision(&of("e", "example.org", true)).await.status, 200, "another domain");
    app.provision(&of("f", "example.com", true)).await;
    assert_eq!(
        app.rows("SELECT used, used_in_domain FROM decisions ORDER BY id DESC LIMIT 1"),
        [["4", "1"]]
    );
}

/// A policy that fails: 503 with this code, nothing made, the trap in the record and not in the answer.
async fn fails(component: &[u8], code: &str, settings: &[(&str, &str)]) {
    let app = App::with_policy(component, settings);
    for path in ["/provision-user", "/v1/decisions"] {
        let answer = app.post(path, &app.tenant_key, GUIDE).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, code), "{answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), code == "policy_timeout");
        let row = app.last_decision();
        assert_eq!((row["outcome"].as_str(), row["code"].as_str()), ("failed", code));
        assert!(row["detail"].len() > 10, "why, for the operator: {}", row["detail"]);
        assert!(
            !answer.text.contains("wasm") && !answer.text.contains(&row["detail"]),
            "{answer:?}"
        );
        assert!(app.log().contains("policy failed"));
    }
    assert!(app.folders().is_empty());
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    assert_eq!(
        app.get("/readyz").await.status,
        200,
        "one tenant's policy does not make the server unready"
    );
}

#[tokio::test]
async fn a_policy_that_traps_or_answers_nonsense_provisions_nobody() {
    for component in [hostile::WAITS_TO_TRAP, hostile::WAITS_TO_LIE, hostile::WAITS_TO_NAME_NOBODY]
    {
        fails(component, "policy_failed", &[]).await;
    }
}

#[tokio::test]
async fn a_policy_that_spins_is_cut_off_by_fuel_or_by_time() {
    // On a busy machine the time that guards could be up before the fuel that decides.
    let patient = [("ENLIST_LIMITS__DECISION_TIME", "30s")];
    fails(hostile::WAITS_TO_SPIN, "policy_failed", &patient).await;
    fails(
        hostile::WAITS_TO_SPIN,
        "policy_timeout",
        &[("ENLIST_LIMITS__DECISION_FUEL", "1000000000000")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spinning_decisions_do_not_keep_the_server_from_answering() {
    let settings = [
        ("ENLIST_LIMITS__DECISION_FUEL", "1000000000000"),
        ("ENLIST_LIMITS__DECISION_TIME", "300ms"),
        ("ENLIST_LIMITS__DECISIONS_AT_ONCE", "4"),
    ];
    let app = Arc::new(App::with_policy(hostile::WAITS_TO_SPIN, &settings));
    let asks = (0..8).map(|i| {
        let app = Arc::clone(&app);
        tokio::spawn(
            async move { app.provision(&body(&format!("person{i}"), json!({}))).await.code() },
        )
    });
    let asks: Vec<_> = asks.collect();
    let mut answered = 0;
    while !asks.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(app.get("/healthz").await.status, 200);
        answered += 1;
    }
    assert!(answered > 8, "{answered} answers beside eight spinning decisions");
    for ask in asks {
        let code = ask.await.expect("an answer");
        assert!(code == "policy_timeout" || code == "busy", "{code}");
    }
    assert!(app.folders().is_empty());
}

#[tokio::test]
async fn a_name_that_the_host_refuses_is_an_answer_and_no_failure() {
    let app = App::with_policy(hostile::ESCAPE, &[]);
    let answer = app.provision(GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "name_unusable"));
    assert_eq!(app.last_decision()["outcome"], "refused");
    assert!(app.folders().is_empty());
    assert!(!app.data().join("escape").exists() && !app.folder.path().join("escape").exists());
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_in_time_for_the_provider() {
    let settings =
        [("ENLIST_LIMITS__DECISION_FUEL", "1000000000000"), ("ENLIST_LIMITS__DECISION_TIME", "1h")];
    let app = App::with_policy(hostile::WAITS_TO_SPIN, &settings);
    for path in ["/provision-user", "/v1/decisions"] {
        let answer = app.post(path, &app.tenant_key, GUIDE).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "busy"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert!(app.folders().is_empty());
}

#[test]
fn the_number_of_decisions_at_once_is_what_address_space_is_kept_for() {
    let kept = |decisions: &str| {
        let app = App::start_with(&[("ENLIST_LIMITS__DECISIONS_AT_ONCE", decisions)]);
        app.address_space_kib()
    };
    let (few, many) = (kept("1"), kept("257"));
    assert!(many > few + 256 * 16 * 1024, "{few} KiB for one, {many} KiB for 257");
}
