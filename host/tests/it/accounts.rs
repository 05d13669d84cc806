//! `…/accounts`: the native door, lists, and accounts opened by hand; what is refused leaves nothing.

use crate::app::{Answer, App, GUIDE, is_folder};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Arc;

const ANNA: &str = r#"{"issuer":"https://pool","subject":"s1","username":"anna@example.com","email":"anna@example.com","email_verified":true,
    "groups":["staff"],"attributes":{"plan":["x","y"],"enlist:tenant":"forged"},"source":"ldap"}"#;

async fn open(app: &App, body: &str) -> Answer {
    app.post("/v1/accounts", &app.tenant_key, body).await
}

/// By hand, with the operator's key.
async fn put(app: &App, name: &str, body: Value) -> Answer {
    let path = format!("/v1/tenants/default/accounts/{name}");
    app.ask("PUT", &path, &app.operator_key, body).await
}

async fn read(app: &App, path: &str) -> Value {
    let answer = app.ask("GET", path, &app.tenant_key, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
}

/// Refused, and nothing came of it.
async fn refused(app: &App, name: &str, body: Value, status: u16, code: &str) -> Answer {
    let before = (app.rows("SELECT * FROM accounts"), app.folders());
    let answer = put(app, name, body).await;
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!((app.rows("SELECT * FROM accounts"), app.folders()), before, "nothing came of it");
    let row = app.last_decision();
    assert_eq!((row["outcome"].as_str(), row["code"].as_str()), ("refused", code));
    assert_eq!(row["occasion"], "account_create");
    answer
}

#[tokio::test]
async fn the_native_door_opens_an_account_once_and_then_knows_it() {
    let app = App::start();
    let first = open(&app, ANNA).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.header("location"), Some("/v1/tenants/default/accounts/anna"));
    let account = first.json();
    let shape = json!({
        "name": "anna", "username": "anna@example.com", "subject": "s1", "issuer": "https://pool", "email": "anna@example.com",
        "email_verified": true, "state": "active", "home": app.homes().join("anna"),
        "allowance": {"max_accounts": null, "max_accounts_in_domain": null, "storage_bytes": null, "storage_files": null, "labels": {}},
        "created_at": account["created_at"], "revision": 1,
    });
    assert_eq!(account, shape);
    let at = account["created_at"].as_str().expect("a time");
    assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
    assert!(is_folder(&app.homes().join("anna")));
    let again = open(&app, ANNA).await;
    assert_eq!((again.status, again.json()), (200, account.clone()));
    assert_eq!(read(&app, "/v1/accounts/anna").await, account);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1);
    let request: Value =
        serde_json::from_str(&app.rows("SELECT request FROM decisions")[0][0]).expect("a request");
    let who = &request["applicant"];
    assert_eq!(
        (&who["groups"], &who["email"]["assurance"]),
        (&json!(["staff"]), &json!("verified"))
    );
    let attributes = json!([["plan", "x"], ["plan", "y"], ["enlist:tenant", "default"]]);
    assert_eq!(who["attributes"], attributes, "the host's own facts cannot be sent");
    assert_eq!(app.last_decision()["source"], "ldap");
}

#[tokio::test]
async fn the_compatible_door_and_the_native_one_lead_to_the_same_account() {
    let app = App::start();
    app.enlist(GUIDE).await;
    let native = r#"{"username":"testuser@example.com","subject":"test-user-id"}"#;
    let known = open(&app, native).await;
    assert_eq!((known.status, &known.json()["name"]), (200, &json!("testuser")));
    assert_eq!(open(&app, r#"{"username":"b@x.example","subject":"s2"}"#).await.status, 201);
    assert_eq!(app.last_decision()["source"], "api");
    let compatible = r#"{"username":"b@x.example","user_attributes":{"sub":"s2"}}"#;
    assert_eq!(app.provision(compatible).await.json()["created"], false);
}

#[tokio::test]
async fn a_no_at_the_native_door_is_a_problem_and_leaves_nothing() {
    let app = App::start();
    app.enlist(GUIDE).await;
    for (body, status, code) in [
        ("", 400, "body_required"),
        (r#"{"subject":"s"}"#, 400, "username_required"),
        (r#"{"username":"a","groups":"g"}"#, 400, "field_invalid"),
        (r#"{"username":"a b"}"#, 403, "charset"),
        (r#"{"username":"con"}"#, 403, "name_unusable"),
        (r#"{"username":"testuser@other.example"}"#, 409, "username_taken"),
    ] {
        let answer = open(&app, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    let pointer = open(&app, r#"{"username":"a","groups":"g"}"#).await.json();
    assert_eq!(pointer["errors"][0]["pointer"], "/groups");
    assert_eq!(
        (app.folders(), app.count("SELECT count(*) FROM accounts")),
        (vec!["testuser".to_owned()], 1)
    );
}

#[tokio::test]
async fn an_operator_names_the_tenant_and_a_key_needs_the_scope_of_what_it_does() {
    let app = App::start();
    let here = "/v1/tenants/default/accounts";
    assert_eq!(app.post(here, &app.operator_key, ANNA).await.status, 201);
    assert_eq!(app.post("/v1/accounts", &app.operator_key, ANNA).await.code(), "tenant_required");
    assert_eq!(app.post("/v1/accounts", "", ANNA).await.code(), "key_required");
    assert_eq!(
        app.post("/v1/tenants/other/accounts", &app.tenant_key, ANNA).await.code(),
        "not_found"
    );
    let by_hand = json!({"username": "x"});
    for (method, path, body) in [
        ("PUT", "/v1/accounts/x", by_hand.clone()),
        ("POST", "/v1/accounts/anna/link", json!({"subject": "s9"})),
        ("POST", "/v1/accounts/anna/close", Value::Null),
        ("POST", "/v1/accounts/anna/reopen", Value::Null),
        ("POST", "/v1/accounts/anna/erase", Value::Null),
    ] {
        let answer = app.ask(method, path, &app.tenant_key, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"), "{path}");
    }
    assert_eq!(app.rows("SELECT name, state, subject FROM accounts"), [["anna", "active", "s1"]]);
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 1, "who may not act leaves no act");
    let key = app.key_of("default", json!({"scopes": ["manage"]})).await;
    assert_eq!(app.ask("PUT", "/v1/accounts/x", &key, by_hand.clone()).await.status, 201);
    for (method, path) in
        [("GET", "/v1/accounts"), ("GET", "/v1/accounts/x"), ("POST", "/v1/accounts")]
    {
        assert_eq!(app.ask(method, path, &key, Value::Null).await.code(), "scope_missing");
    }
    let answer = app.ask("DELETE", "/v1/accounts/x", &app.tenant_key, Value::Null).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, PUT")));
}

#[tokio::test]
async fn accounts_are_listed_in_pages_that_miss_nobody() {
    let app = App::start();
    for i in 0..7 {
        let body =
            json!({"username": format!("U{i}@x.example"), "email": format!("p{i}@y.example")});
        assert_eq!(put(&app, &format!("Person{i}"), body).await.status, 201);
    }
    assert_eq!(read(&app, "/v1/accounts").await["next"], Value::Null);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = read(&app, &format!("/v1/accounts?limit=3&after={after}")).await;
        seen.extend(names(&page));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
        // Somebody new in front of the cursor moves nothing behind it.
        app.enlist(&format!(r#"{{"username":"aa{}"}}"#, seen.len())).await;
    }
    assert_eq!(seen, ["Person0", "Person1", "Person2", "Person3", "Person4", "Person5", "Person6"]);
    for (q, found) in [
        ("ERSON3", &["Person3"][..]),
        ("4%40X.", &["Person4"]),
        ("p5@y", &["Person5"]),
        ("%25", &[]),
        ("nobody", &[]),
        (
            "",
            &[
                "aa3", "aa6", "Person0", "Person1", "Person2", "Person3", "Person4", "Person5",
                "Person6",
            ],
        ),
    ] {
        assert_eq!(names(&read(&app, &format!("/v1/accounts?q={q}")).await), found, "{q}");
    }
    let page = read(&app, "/v1/accounts?q=person&limit=2").await;
    let next = page["next"].as_str().expect("a cursor");
    assert_eq!(
        names(&read(&app, &format!("/v1/accounts?q=person&limit=500&after={next}")).await).len(),
        5
    );
    for wrong in ["limit=0", "limit=501", "limit=x", "limit=-1", "after=zz", "after=1"] {
        let answer =
            app.ask("GET", &format!("/v1/accounts?{wrong}"), &app.tenant_key, Value::Null).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "field_invalid"), "{wrong}");
        let name = wrong.split('=').next().expect("a name");
        assert_eq!(answer.json()["title"], format!("Wrong value for {name}"));
    }
}

#[tokio::test]
async fn an_account_is_looked_up_by_its_exact_name_however_it_is_spelt_in_the_path() {
    let app = App::start();
    assert_eq!(put(&app, "stra%C3%9Fe", json!({"username": "x"})).await.status, 201);
    for path in ["/v1/accounts/stra%C3%9Fe", "/v1/tenants/default/accounts/stra%c3%9fe/"] {
        assert_eq!(read(&app, path).await["name"], "straße");
    }
    for path in ["strasse", "Stra%C3%9Fe", "%ff", "stra%C3%9Fe%2F..", "nobody"] {
        let path = format!("/v1/accounts/{path}");
        let answer = app.ask("GET", &path, &app.tenant_key, Value::Null).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    let close = app.post("/v1/tenants/default/accounts/strasse/close", &app.operator_key, "").await;
    assert_eq!(close.status, 404);
    let opened = put(&app, "%E5%B1%B1%E7%94%B0", json!({"username": "y"})).await;
    assert_eq!(opened.header("location"), Some("/v1/tenants/default/accounts/%E5%B1%B1%E7%94%B0"));
    assert!(is_folder(&app.homes().join("山田")));
}

#[tokio::test]
async fn an_account_by_hand_is_not_decided_by_the_policy_and_recorded_with_the_key_that_did_it() {
    let app = App::with_policy(enlist_artifacts::hostile::WAITS_TO_TRAP, &[]);
    let body = json!({"username": "anna@example.com", "subject": "s1", "issuer": "https://pool", "email": "anna@example.com"});
    let first = put(&app, "boss", body.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let account = first.json();
    assert_eq!(
        (&account["name"], &account["username"]),
        (&json!("boss"), &json!("anna@example.com"))
    );
    assert_eq!(account["allowance"]["max_accounts"], Value::Null);
    let home = fs::metadata(app.homes().join("boss")).expect("a home");
    assert_eq!(home.permissions().mode() & 0o7777, 0o750);
    let row = app.rows(
        "SELECT occasion, outcome, name, key = (SELECT id FROM keys WHERE tenant IS NULL), subject, username, request FROM decisions",
    );
    assert_eq!(row, [["account_create", "granted", "boss", "1", "s1", "anna@example.com", "{}"]]);
    assert_eq!(app.rows("SELECT verified_domain FROM accounts"), [["-"]], "nobody verified it");

    let again = put(&app, "boss", body.clone()).await;
    assert_eq!((again.status, again.json()), (200, account));
    refused(&app, "chief", body, 409, "identity_taken").await;
    refused(&app, "Boss", json!({"username": "x"}), 409, "username_taken").await;
    refused(&app, "boss", json!({"username": "x"}), 409, "username_taken").await;
    let known = app
        .provision(r#"{"username":"n","issuer":"https://pool","user_attributes":{"sub":"s1"}}"#)
        .await;
    assert_eq!(known.json()["username"], "boss");
}

#[tokio::test]
async fn without_a_subject_an_account_by_hand_is_the_providers_names() {
    let app = App::start();
    assert_eq!(
        put(&app, "anna", json!({"username": "u1", "email": "a@x.example"})).await.status,
        201
    );
    refused(&app, "berta", json!({"username": "u1"}), 409, "identity_taken").await;
    let linked = r#"{"username":"u1","user_attributes":{"sub":"s1","email":"a@x.example","email_verified":true}}"#;
    assert_eq!(app.provision(linked).await.json()["created"], false);
    assert_eq!(
        put(&app, "anna", json!({"username": "u1"})).await.status,
        200,
        "a retry, after a link"
    );
    assert_eq!(put(&app, "anna", json!({"username": "u1", "subject": "s1"})).await.status, 200);
    refused(&app, "anna", json!({"username": "u1", "subject": "s2"}), 409, "username_taken").await;
}

#[tokio::test]
async fn what_is_wrong_with_an_account_by_hand_is_said() {
    let app = App::start();
    for (body, code) in [
        (json!([]), "body_required"),
        (json!({"username": ""}), "username_required"),
        (json!({"username": "u", "adpot": true}), "field_invalid"),
        (json!({"subject": "s"}), "username_required"),
        (json!({"username": "u", "adopt": "yes"}), "field_invalid"),
        (json!({"username": "u", "email": "none"}), "field_invalid"),
    ] {
        assert_eq!(put(&app, "anna", body).await.code(), code);
    }
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 0);
    let answer = refused(&app, "a%20b", json!({"username": "u"}), 403, "name_unusable").await;
    assert_eq!(answer.json()["detail"], "it contains ' '");
    refused(&app, "con", json!({"username": "u"}), 403, "name_unusable").await;
    refused(&app, "..%2Fx", json!({"username": "u"}), 403, "name_unusable").await;
}

#[tokio::test]
async fn a_folder_that_holds_something_is_adopted_only_when_that_was_said_and_then_as_it_is() {
    let app = App::start();
    let home = app.homes().join("anna");
    fs::create_dir(&home).expect("a folder");
    fs::write(home.join("collection.anki2"), "precious").expect("a file");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o711)).expect("a mode");
    let before = fs::metadata(&home).expect("the folder");
    refused(&app, "anna", json!({"username": "u"}), 409, "home_exists").await;
    let adopted = put(&app, "anna", json!({"username": "u", "adopt": true})).await;
    assert_eq!((adopted.status, &adopted.json()["home"]), (201, &json!(home)));
    let after = fs::metadata(&home).expect("the folder");
    assert_eq!((after.mode(), after.ino()), (before.mode(), before.ino()));
    assert_eq!(fs::read_to_string(home.join("collection.anki2")).expect("the file"), "precious");
    assert_eq!(
        put(&app, "new", json!({"username": "n", "adopt": true})).await.status,
        201,
        "nothing there to adopt"
    );
    refused(&app, "ANNA", json!({"username": "x", "adopt": true}), 409, "username_taken").await;

    let elsewhere = app.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    symlink(&elsewhere, app.homes().join("link")).expect("a link");
    fs::write(app.homes().join("file"), "").expect("a file");
    for name in ["link", "file"] {
        refused(&app, name, json!({"username": "x", "adopt": true}), 409, "home_exists").await;
    }
}

#[tokio::test]
async fn an_adopted_folder_survives_a_refusal_in_the_last_transaction() {
    let app = App::start();
    fs::create_dir_all(app.homes().join("anna/inside")).expect("a folder");
    let other = app.database();
    other.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let answer = put(&app, "anna", json!({"username": "u", "adopt": true})).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    other.execute_batch("ROLLBACK").expect("the lock back");
    assert!(app.homes().join("anna/inside").exists());
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    assert_eq!(put(&app, "anna", json!({"username": "u", "adopt": true})).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_doors_that_race_for_one_name_one_wins() {
    let app = Arc::new(App::start());
    for round in 0..12 {
        let name = format!("race{round}");
        let spawn = |i: usize| {
            let (app, name) = (Arc::clone(&app), name.clone());
            tokio::spawn(async move {
                if i.is_multiple_of(2) {
                    put(&app, &name, json!({"username": format!("hand{i}-{name}")})).await.status
                } else {
                    let body = format!(r#"{{"username":"{name}@{i}.example"}}"#);
                    match app.provision(&body).await {
                        answer if answer.status == 200 => 201,
                        answer => answer.status,
                    }
                }
            })
        };
        let mut statuses = Vec::new();
        for ask in (0..6).map(spawn).collect::<Vec<_>>() {
            statuses.push(ask.await.expect("an answer"));
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409], "{name}");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 12);
    assert_eq!(app.folders().len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_doors_that_race_for_one_person_one_wins() {
    let app = Arc::new(App::start());
    for round in 0..12 {
        let spawn = |i: usize| {
            let app = Arc::clone(&app);
            tokio::spawn(async move {
                if i.is_multiple_of(2) {
                    let body =
                        json!({"username": format!("u{round}"), "subject": format!("s{round}")});
                    put(&app, &format!("hand{round}"), body).await.status
                } else {
                    let body = format!(r#"{{"username":"u{round}","subject":"s{round}"}}"#);
                    open(&app, &body).await.status
                }
            })
        };
        let mut opened = 0;
        for ask in (0..6).map(spawn).collect::<Vec<_>>() {
            let status = ask.await.expect("an answer");
            assert!(matches!(status, 200 | 201 | 409), "{status}");
            opened += usize::from(status == 201);
        }
        assert_eq!(opened, 1);
    }
    assert_eq!((app.count("SELECT count(*) FROM accounts"), app.folders().len()), (12, 12));
}
