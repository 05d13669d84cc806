//! What an account may use, decided again: when somebody asks for it, and by and by when another revision decides; nobody is renamed,
//! and a restart goes on with what is left.

use crate::app::App;
use crate::quotas::{
    account, act, acts, all_decided, by_hand, nobody_more, person, rule, with_rules,
};
use serde_json::{Value, json};

const NAMES: &str = "SELECT id, name, name_key, subject, username, state, revision, created_at FROM accounts ORDER BY id";

#[tokio::test]
async fn another_revision_decides_all_allowances_again_and_renames_nobody() {
    let app = with_rules(json!({"storage_bytes": 5})).await;
    // More than a page.
    for i in 0..70 {
        app.enlist(&person(&format!("p{i}"), json!({"plan": "pro"}))).await;
    }
    assert_eq!(by_hand(&app, "hand").await.status, 201);
    act(&app, "p0", "close").await;
    act(&app, "p1", "close").await;
    act(&app, "p1", "erase").await;
    let names = app.rows(NAMES);
    let revision = rule(&app, json!({"storage_bytes": 9, "prefix": "x-"})).await;
    assert_eq!(app.rows(NAMES), names);
    for name in ["p2", "p69", "hand"] {
        assert_eq!(account(&app, name).await["allowance"]["storage_bytes"], 9, "{name}");
    }
    assert_eq!(account(&app, "p2").await["allowance"]["labels"], json!({"plan": "pro"}));
    for name in ["p0", "p1"] {
        assert_eq!(account(&app, name).await["allowance"]["storage_bytes"], 5, "closed: {name}");
    }
    let told = acts(&app, "account_allowance");
    assert_eq!(told.len(), 69);
    assert_eq!(told[0], "granted: storage_bytes 5 -> 9 of p2");
    let by = app
        .rows("SELECT DISTINCT key, revision FROM decisions WHERE occasion = 'account_allowance'");
    assert_eq!(by, [["", &revision.to_string()]]);
    rule(&app, json!({"storage_bytes": 9, "prefix": "y-"})).await;
    assert_eq!(acts(&app, "account_allowance").len(), 69, "what is the same is no act");
    app.manage("POST", "/v1/tenants/default/rollback?to=2", Value::Null).await;
    all_decided(&app).await;
    assert_eq!(account(&app, "p2").await["allowance"]["storage_bytes"], 5);
}

#[tokio::test]
async fn who_is_refused_or_failed_keeps_what_they_have_and_is_told_once() {
    let app = with_rules(json!({"storage_bytes": 5})).await;
    app.enlist(&person("anna", nobody_more())).await;
    app.enlist(&person("berta", nobody_more())).await;
    rule(&app, json!({"refuse_review": "unpaid"})).await;
    rule(&app, json!({"trap_at_review": true})).await;
    let told = acts(&app, "account_allowance");
    assert_eq!(
        told,
        [
            "refused unpaid of anna",
            "refused unpaid of berta",
            "failed policy_failed of anna",
            "failed policy_failed of berta"
        ]
    );
    for name in ["anna", "berta"] {
        let now = account(&app, name).await;
        assert_eq!(
            (&now["state"], &now["allowance"]["storage_bytes"]),
            (&json!("active"), &json!(5))
        );
    }
    assert!(app.log().contains("an allowance stays as it is: the policy failed"));
    let refused = act(&app, "anna", "allowance").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "policy_failed"));
    assert_eq!(app.provision(&person("anna", nobody_more())).await.json()["created"], false);
}

#[tokio::test]
async fn what_is_left_to_decide_survives_a_restart() {
    let mut app = with_rules(json!({"storage_bytes": 5})).await;
    for i in 0..5 {
        app.enlist(&person(&format!("p{i}"), nobody_more())).await;
    }
    rule(&app, json!({"storage_bytes": 9})).await;
    app.terminate();
    assert!(app.wait().success());
    // As a stop in the middle would have left it.
    let half = "UPDATE accounts SET allowance_revision = 2, allowance = replace(allowance, '9', '5') WHERE name IN ('p1', 'p3')";
    assert_eq!(app.database().execute(half, []).expect("rows"), 2);
    app.restart();
    all_decided(&app).await;
    for name in ["p1", "p2", "p3"] {
        assert_eq!(account(&app, name).await["allowance"]["storage_bytes"], 9, "{name}");
    }
}

#[tokio::test]
async fn one_account_is_decided_again_at_its_door_and_by_its_verb() {
    let app = with_rules(json!({"storage_bytes": 5})).await;
    app.enlist(&person("anna", nobody_more())).await;
    let same = act(&app, "anna", "allowance").await;
    assert_eq!((same.status, &same.json()["allowance"]["storage_bytes"]), (200, &json!(5)));
    assert_eq!(acts(&app, "account_allowance"), [""; 0], "what is the same is no act");
    // Her plan changed at the provider, who told it when she came again.
    assert_eq!(
        app.provision(&person("anna", json!({"storage_bytes": 6}))).await.json()["created"],
        false
    );
    app.await_record();
    assert_eq!(
        account(&app, "anna").await["allowance"]["storage_bytes"],
        5,
        "known, nobody is asked"
    );
    let decided = act(&app, "anna", "allowance").await.json();
    assert_eq!(
        (&decided["allowance"]["storage_bytes"], &decided["name"]),
        (&json!(6), &json!("anna"))
    );
    assert_eq!(acts(&app, "account_allowance"), ["granted: storage_bytes 5 -> 6 of anna"]);
    let keys = app.rows("SELECT key = (SELECT id FROM keys WHERE tenant IS NULL) FROM decisions WHERE occasion = 'account_allowance'");
    assert_eq!(keys, [["1"]]);

    act(&app, "anna", "close").await;
    assert_eq!(act(&app, "anna", "allowance").await.status, 200);
    act(&app, "anna", "erase").await;
    let erased = act(&app, "anna", "allowance").await;
    assert_eq!((erased.status, erased.code().as_str()), (409, "account_erased"));
    assert_eq!(act(&app, "nobody", "allowance").await.status, 404);
    let reads = app.ask("POST", "/v1/accounts/anna/allowance", &app.tenant_key, Value::Null).await;
    assert_eq!((reads.status, reads.code().as_str()), (403, "scope_missing"));
}

#[tokio::test]
async fn an_older_database_decides_nothing_again_by_itself() {
    let mut app = App::start();
    app.enlist(&person("anna", nobody_more())).await;
    app.terminate();
    assert!(app.wait().success());
    crate::upkeep::to_schema_1(&app.data().join("enlist.db"));
    app.restart();
    let waiting = "SELECT count(*) FROM accounts a JOIN tenants t ON t.id = a.tenant WHERE a.allowance_revision <> t.active_revision";
    assert_eq!(app.count(waiting), 0);
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE skeleton = 'anna'"), 1);
}
