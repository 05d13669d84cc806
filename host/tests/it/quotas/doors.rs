//! A seat that there is not is not had at any door; no limit is none, and 0 is nobody.

use crate::app::App;
use crate::quotas::{ACCOUNTS, account, act, acts, by_hand, nobody_more, person, rule, with_rules};
use serde_json::{Value, json};

/// Every door, for somebody who would take one seat more.
async fn every_door_says(app: &App, code: &str) {
    let before = (app.rows("SELECT * FROM accounts"), app.folders());
    for answer in [
        app.provision(&person("late", nobody_more())).await,
        app.post("/v1/accounts", &app.tenant_key, r#"{"username":"late","subject":"late"}"#).await,
        by_hand(app, "late").await,
        act(app, "closed", "reopen").await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (403, code), "{answer:?}");
    }
    let dry = app.decide(&person("late", nobody_more())).await.json();
    assert_eq!((&dry["decision"], &dry["code"]), (&json!("refuse"), &json!(code)));
    assert_eq!((app.rows("SELECT * FROM accounts"), app.folders()), before, "nothing came of it");
}

#[tokio::test]
async fn when_the_seats_are_taken_every_door_says_so() {
    let app = with_rules(json!({"max_accounts": 2})).await;
    app.enlist(&person("closed", nobody_more())).await;
    assert_eq!(act(&app, "closed", "close").await.status, 200);
    assert_eq!(by_hand(&app, "first").await.status, 201);
    app.enlist(&person("second", nobody_more())).await;
    every_door_says(&app, "quota_accounts").await;
    assert_eq!(acts(&app, "account_reopen"), ["refused quota_accounts of closed"]);
    assert_eq!(
        acts(&app, "account_create").last().map(String::as_str),
        Some("refused quota_accounts of late")
    );
    assert_eq!(act(&app, "first", "close").await.status, 200);
    assert_eq!(act(&app, "closed", "reopen").await.status, 200);
    assert_eq!(app.count("SELECT active FROM usage WHERE domain = ''"), 2);
}

#[tokio::test]
async fn zero_is_nobody_and_no_limit_is_none() {
    let app = with_rules(json!({})).await;
    for name in ["closed", "other"] {
        app.enlist(&person(name, nobody_more())).await;
        assert_eq!(account(&app, name).await["allowance"]["max_accounts"], Value::Null);
    }
    assert_eq!(act(&app, "closed", "close").await.status, 200);
    rule(&app, json!({"max_accounts": 0})).await;
    every_door_says(&app, "quota_accounts").await;
    assert_eq!(app.provision(&person("other", nobody_more())).await.json()["created"], false);
    rule(&app, json!({})).await;
    assert_eq!(act(&app, "closed", "reopen").await.status, 200);
    assert_eq!(by_hand(&app, "late").await.status, 201);
}

#[tokio::test]
async fn a_domain_counts_verified_addresses_alone_and_a_reopening_by_what_holds_now() {
    let app = with_rules(json!({"max_accounts_in_domain": 1})).await;
    app.enlist(&person("anna", nobody_more())).await;
    let full = app.provision(&person("berta", nobody_more())).await;
    assert_eq!((full.status, full.code().as_str()), (403, "quota_domain"));
    app.enlist(&person("cyd", json!({"email_verified": false}))).await;
    assert_eq!(by_hand(&app, "dora").await.status, 201, "an address by hand is not verified");
    app.enlist(&person("eve", json!({"email": "eve@y.example"}))).await;
    assert_eq!(
        app.rows("SELECT domain, active FROM usage ORDER BY domain"),
        [["", "4"], ["x.example", "1"], ["y.example", "1"]]
    );
    act(&app, "anna", "close").await;
    app.enlist(&person("berta", nobody_more())).await;
    assert_eq!(act(&app, "anna", "reopen").await.code(), "quota_domain");
    rule(&app, json!({"max_accounts_in_domain": 2})).await;
    let reopened = act(&app, "anna", "reopen").await;
    assert_eq!(reopened.status, 200, "{reopened:?}");
    assert_eq!(reopened.json()["allowance"]["max_accounts_in_domain"], 2, "by the rules of now");
}

#[tokio::test]
async fn a_policys_no_to_how_much_is_a_no_and_a_policy_that_fails_opens_nothing() {
    let app = with_rules(json!({})).await;
    app.enlist(&person("closed", nobody_more())).await;
    assert_eq!(act(&app, "closed", "close").await.status, 200);
    rule(&app, json!({"refuse_review": "unpaid"})).await;
    let before = (app.rows("SELECT * FROM accounts"), app.folders());
    for answer in [by_hand(&app, "late").await, act(&app, "closed", "reopen").await] {
        assert_eq!((answer.status, answer.code().as_str()), (403, "unpaid"), "{answer:?}");
        assert_eq!(answer.json()["title"], "Refused as the test wished");
    }
    assert_eq!(acts(&app, "account_reopen"), ["refused unpaid of closed"]);
    assert_eq!(
        app.count("SELECT count(*) FROM decisions WHERE stage = 'allow' AND code = 'unpaid'"),
        2
    );
    rule(&app, json!({"trap_at_review": true})).await;
    for answer in [by_hand(&app, "late").await, act(&app, "closed", "reopen").await] {
        assert_eq!((answer.status, answer.code().as_str()), (503, "policy_failed"), "{answer:?}");
    }
    assert_eq!((app.rows("SELECT * FROM accounts"), app.folders()), before, "nothing came of it");
}

#[tokio::test]
async fn by_hand_and_at_a_reopening_nobody_asks_whether_and_for_no_name() {
    let app = with_rules(json!({"storage_bytes": 7})).await;
    app.enlist(&person("anna", json!({"plan": "pro"}))).await;
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    // From here on she would not be let in, nor get this name.
    rule(&app, json!({"prefix": "x-", "storage_bytes": 8})).await;
    let refused = json!({"refuse": "not_here", "names": "other", "plan": "pro"});
    assert_eq!(app.provision(&person("anna", refused)).await.code(), "account_closed");
    let reopened = act(&app, "anna", "reopen").await.json();
    assert_eq!((&reopened["name"], &reopened["state"]), (&json!("anna"), &json!("active")));
    assert_eq!(reopened["allowance"]["storage_bytes"], 8);
    assert_eq!(reopened["allowance"]["labels"], json!({"plan": "pro"}), "as she came last");
    assert_eq!(by_hand(&app, "hand").await.status, 201);
    let hand = account(&app, "hand").await;
    assert_eq!(hand["allowance"]["storage_bytes"], 8, "{hand}");
    let missing = act(&app, "nobody", "reopen").await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "not_found"));
    let list = app.manage("GET", ACCOUNTS, Value::Null).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
}
