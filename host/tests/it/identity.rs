//! Who somebody is: each sentence of the contract's section, as a test.

use crate::app::App;
use serde_json::{Map, Value, json};

/// A body, from what is not `null`.
fn body(username: &str, fields: Value, attributes: Value) -> String {
    let mut body = Map::new();
    body.insert("username".to_owned(), json!(username));
    body.extend(fields.as_object().cloned().unwrap_or_default());
    body.insert("user_attributes".to_owned(), attributes);
    Value::Object(body).to_string()
}

fn with_sub(username: &str, sub: &str) -> String {
    body(username, json!({}), json!({"sub": sub, "email": username, "email_verified": "true"}))
}

async fn created(app: &App, body: &str) -> bool {
    let answer = app.provision(body).await;
    assert_eq!(answer.status, 200, "{body}: {answer:?}");
    answer.json()["created"].as_bool().expect("created")
}

async fn taken(app: &App, body: &str) -> String {
    let before = (app.count("SELECT count(*) FROM accounts"), app.folders());
    let answer = app.provision(body).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "username_taken"),
        "{body}: {answer:?}"
    );
    assert_eq!(
        (app.count("SELECT count(*) FROM accounts"), app.folders()),
        before,
        "nothing came of it"
    );
    app.last_decision()["detail"].clone()
}

fn set_issuer(app: &App, issuer: &str) {
    app.database().execute("UPDATE tenants SET issuer = ?1", [issuer]).expect("an issuer");
}

fn account(app: &App) -> Vec<Vec<String>> {
    app.rows(
        "SELECT issuer, subject, username, name, email, verified_domain FROM accounts ORDER BY id",
    )
}

#[tokio::test]
async fn a_person_is_known_by_their_subject_whatever_else_changes() {
    let app = App::start();
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    assert!(
        !created(
            &app,
            &body("renamed", json!({}), json!({"sub": "s1", "email": "new@other.example"}))
        )
        .await
    );
    assert!(!created(&app, &body("x", json!({"cognito_user_id": "s1"}), json!({}))).await);
    let stored = [["", "s1", "anna@example.com", "anna", "anna@example.com", "example.com"]];
    assert_eq!(account(&app), stored, "and nothing of it was changed");
}

#[tokio::test]
async fn the_sub_wins_over_cognito_user_id_and_one_that_equals_the_username_is_none() {
    let app = App::start();
    let old_trigger = body(
        "uuid-1",
        json!({"cognito_user_id": "uuid-1"}),
        json!({"sub": "s1", "email": "anna@example.com"}),
    );
    assert_eq!(app.enlist(&old_trigger).await, "anna");
    assert!(!created(&app, &body("other", json!({}), json!({"sub": "s1"}))).await);
    let without =
        body("carl@example.com", json!({"cognito_user_id": "carl@example.com"}), json!({}));
    assert_eq!(app.enlist(&without).await, "carl");
    assert_eq!(app.rows("SELECT subject FROM accounts ORDER BY id"), [["s1"], ["-"]]);
}

#[tokio::test]
async fn one_subject_of_two_issuers_is_two_people() {
    let app = App::start();
    let of = |issuer: &str, name: &str| body(name, json!({"issuer": issuer}), json!({"sub": "s1"}));
    assert!(created(&app, &of("https://one", "anna")).await);
    assert!(created(&app, &of("https://two", "berta")).await);
    assert_eq!(taken(&app, &of("https://three", "anna")).await, "-", "a held name is taken");
    assert!(!created(&app, &of("https://one", "anna")).await);
}

#[tokio::test]
async fn a_request_that_names_no_issuer_has_the_tenants() {
    let app = App::start();
    set_issuer(&app, "https://pool");
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    assert_eq!(account(&app)[0][0], "https://pool");
    let named = body("x", json!({"issuer": "https://pool"}), json!({"sub": "s1"}));
    assert!(!created(&app, &named).await);
}

#[tokio::test]
async fn a_subject_that_is_held_without_an_issuer_is_not_given_to_one() {
    let app = App::start();
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    let named = body("anna2@example.com", json!({"issuer": "https://pool"}), json!({"sub": "s1"}));
    assert_eq!(taken(&app, &named).await, "issuer_unset");
    assert!(
        app.log().contains("enlist tenant set default --issuer ISSUER"),
        "the log says what to do"
    );
    let stranger =
        body("berta@example.com", json!({"issuer": "https://pool"}), json!({"sub": "s2"}));
    assert!(created(&app, &stranger).await, "for a subject it does not hold it is no matter");
}

#[tokio::test]
async fn without_a_subject_a_person_is_known_by_the_providers_name() {
    let app = App::start();
    let manual = r#"{"username":"anna@example.com","email":"anna@example.com"}"#;
    assert!(created(&app, manual).await);
    assert!(!created(&app, manual).await);
    assert!(!created(&app, r#"{"username":"anna@example.com","email":"other@example.com"}"#).await);
    let other_case = r#"{"username":"Anna@example.com"}"#;
    assert_eq!(taken(&app, other_case).await, "-", "exactly: a spelling of it is somebody else");
}

#[tokio::test]
async fn a_verified_email_that_the_account_was_opened_with_links_it_to_the_subject() {
    let app = App::start();
    assert!(created(&app, r#"{"username":"anna@example.com","email":"anna@example.com"}"#).await);
    assert!(!created(&app, &with_sub("anna@example.com", "s1")).await);
    assert_eq!(account(&app)[0][1], "s1");
    let row = app.last_decision();
    assert_eq!((row["outcome"].as_str(), row["detail"].as_str()), ("known", "linked"));
    assert!(!created(&app, &body("renamed", json!({}), json!({"sub": "s1"}))).await);
}

#[tokio::test]
async fn without_that_email_nobody_is_linked_and_the_policy_is_not_asked() {
    let app = App::start();
    assert!(created(&app, r#"{"username":"anna@example.com","email":"anna@example.com"}"#).await);
    assert!(created(&app, r#"{"username":"carl"}"#).await);
    let refused = [
        body("anna@example.com", json!({}), json!({"sub": "s1", "email": "anna@example.com"})),
        body(
            "anna@example.com",
            json!({}),
            json!({"sub": "s1", "email": "anna@example.com", "email_verified": "True"}),
        ),
        with_sub("anna@example.com", "s1")
            .replace("anna@example.com\",\"email_v", "Anna@example.com\",\"email_v"),
        body("anna@example.com", json!({}), json!({"sub": "s1"})),
        body(
            "carl",
            json!({}),
            json!({"sub": "s2", "email": "carl@example.com", "email_verified": true}),
        ),
    ];
    for body in refused {
        assert_eq!(taken(&app, &body).await, "link_refused", "{body}");
        assert_eq!(app.last_decision()["stage"], "host");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE subject IS NOT NULL"), 0);
    assert_eq!(
        app.count(
            "SELECT count(*) FROM decisions WHERE code = 'username_taken' AND fuel IS NOT NULL"
        ),
        0
    );
}

#[tokio::test]
async fn an_account_that_has_a_subject_is_not_linked_to_another() {
    let app = App::start();
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    assert_eq!(
        taken(&app, &with_sub("anna@example.com", "s2")).await,
        "-",
        "new, and the name is held"
    );
    assert_eq!(account(&app)[0][1], "s1");
}

#[tokio::test]
async fn without_a_subject_a_name_that_one_account_holds_is_known_and_changes_nothing() {
    let app = App::start();
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    let before = account(&app);
    assert!(!created(&app, r#"{"username":"anna@example.com","email":"else@example.com"}"#).await);
    assert_eq!(account(&app), before);
}

#[tokio::test]
async fn without_a_subject_a_name_that_several_accounts_hold_is_taken() {
    let app = App::start();
    let of = |sub: &str, email: &str| {
        body("shared", json!({}), json!({"sub": sub, "email": email, "email_verified": true}))
    };
    assert!(created(&app, &of("s1", "anna@example.com")).await);
    assert!(created(&app, &of("s2", "berta@example.com")).await);
    assert_eq!(taken(&app, r#"{"username":"shared"}"#).await, "ambiguous_username");
    assert_eq!(
        taken(&app, r#"{"username":"shared","email":"anna@example.com"}"#).await,
        "ambiguous_username"
    );
}

#[tokio::test]
async fn a_closed_account_is_closed_for_its_person_and_its_name_for_everybody() {
    let app = App::start();
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    assert!(created(&app, r#"{"username":"carl@example.com","email":"carl@example.com"}"#).await);
    for name in ["anna", "carl"] {
        app.manage("POST", &format!("/v1/tenants/default/accounts/{name}/close"), Value::Null)
            .await;
    }
    for closed in [
        with_sub("anna@example.com", "s1"),
        r#"{"username":"carl@example.com"}"#.to_owned(),
        with_sub("carl@example.com", "s3"),
    ] {
        let answer = app.provision(&closed).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "account_closed"), "{answer:?}");
    }
    assert_eq!(taken(&app, &with_sub("anna@other.example", "s2")).await, "-");
    assert_eq!(
        app.count("SELECT count(*) FROM accounts WHERE subject = 's3'"),
        0,
        "a closed account is not linked"
    );
    app.manage("POST", "/v1/tenants/default/accounts/anna/erase", Value::Null).await;
    assert_eq!(
        taken(&app, &with_sub("anna@example.com", "s1")).await,
        "-",
        "nor is a tombstone's name"
    );
}

#[tokio::test]
async fn a_name_is_frozen_when_the_account_is_opened() {
    let app = App::start();
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    assert_eq!(app.enlist(&with_sub("married@example.com", "s1")).await, "anna");
    assert_eq!(app.folders(), ["anna"]);
}

#[tokio::test]
async fn an_account_that_has_a_subject_is_linked_to_another_only_by_hand() {
    let app = App::start();
    assert!(created(&app, &with_sub("anna@example.com", "s1")).await);
    assert_eq!(taken(&app, &with_sub("anna@example.com", "s2")).await, "-");
    let link = "/v1/tenants/default/accounts/anna/link";
    app.manage("POST", link, json!({"subject": "s2"})).await;
    assert!(!created(&app, &with_sub("anna@example.com", "s2")).await);
    assert_eq!(taken(&app, &with_sub("anna@example.com", "s1")).await, "-");
}

#[tokio::test]
async fn who_is_known_is_answered_without_asking_the_policy() {
    let app = App::with_policy(enlist_artifacts::honest::CANDIDATES, &[]);
    let refused =
        |name: &str, sub: &str| body(name, json!({}), json!({"sub": sub, "refuse": "no_more"}));
    assert!(created(&app, &with_sub("anna", "s1")).await);
    assert!(!created(&app, &refused("renamed", "s1")).await);
    app.await_record();
    assert_eq!(
        app.count("SELECT count(*) FROM decisions WHERE outcome = 'known' AND fuel IS NULL"),
        1
    );
    assert_eq!(
        app.provision(&refused("berta", "s2")).await.code(),
        "no_more",
        "it would have refused"
    );
}

#[tokio::test]
async fn a_provider_username_is_one_issuers() {
    let app = App::start();
    let of = |issuer: &str, email: &str| {
        body("anna", json!({"issuer": issuer, "email": email}), json!({}))
    };
    assert!(created(&app, &of("https://one", "anna@x.example")).await);
    assert!(created(&app, &of("https://two", "berta@x.example")).await);
    assert!(!created(&app, &of("https://one", "else@x.example")).await);
    let nobodys = body("anna", json!({"email": "carl@x.example"}), json!({}));
    assert!(created(&app, &nobodys).await, "without an issuer it is a third person");
    assert_eq!(app.folders(), ["anna", "berta", "carl"]);
}

#[tokio::test]
async fn what_is_no_address_links_nobody() {
    let app = App::start();
    assert!(created(&app, r#"{"username":"anna","email":"no address"}"#).await);
    assert_eq!(account(&app)[0][4], "-");
    let same = body(
        "anna",
        json!({}),
        json!({"sub": "s1", "email": "no address", "email_verified": true}),
    );
    assert_eq!(taken(&app, &same).await, "link_refused");
}

#[tokio::test]
async fn the_native_door_takes_people_for_the_same() {
    let app = App::start();
    let native = |body: Value| {
        let app = &app;
        async move { app.post("/v1/accounts", &app.tenant_key, &body.to_string()).await }
    };
    let anna = |subject: Value, verified: bool| json!({"username": "anna", "subject": subject, "email": "anna@x.example", "email_verified": verified});
    assert_eq!(native(anna(Value::Null, false)).await.status, 201);
    assert_eq!(native(anna(json!("s1"), false)).await.code(), "username_taken");
    assert_eq!(app.last_decision()["detail"], "link_refused");
    let linked = native(anna(json!("s1"), true)).await;
    assert_eq!((linked.status, &linked.json()["subject"]), (200, &json!("s1")));
    assert_eq!(account(&app)[0][1], "s1");
    let shared = |subject: &str, name: &str| json!({"username": "shared", "subject": subject, "email": format!("{name}@x.example"), "email_verified": true});
    assert_eq!(native(shared("s2", "berta")).await.status, 201);
    assert_eq!(native(shared("s3", "carl")).await.status, 201);
    assert_eq!(native(json!({"username": "shared"})).await.code(), "username_taken");
    assert_eq!(app.last_decision()["detail"], "ambiguous_username");
    let issuer = json!({"username": "x", "subject": "s1", "issuer": "https://pool"});
    assert_eq!(native(issuer).await.code(), "username_taken");
    assert_eq!(app.last_decision()["detail"], "issuer_unset");
    assert_eq!(app.folders(), ["anna", "berta", "carl"]);
}
