//! What is done to an account that is there: linked, closed, reopened, erased; each with its row, its effect at every door, and
//! nothing else.

use crate::app::{Answer, App};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};
use std::fs;

async fn act(app: &App, name: &str, verb: &str, body: Value) -> Answer {
    let path = format!("/v1/tenants/default/accounts/{name}/{verb}");
    app.ask("POST", &path, &app.operator_key, body).await
}

async fn done(app: &App, name: &str, verb: &str) -> Value {
    let answer = act(app, name, verb, Value::Null).await;
    assert_eq!(answer.status, 200, "{verb}: {answer:?}");
    answer.json()
}

async fn no(app: &App, name: &str, verb: &str, body: Value, status: u16, code: &str) {
    let before = app.rows("SELECT * FROM accounts");
    let answer = act(app, name, verb, body).await;
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{verb}: {answer:?}");
    assert_eq!(app.rows("SELECT * FROM accounts"), before, "nothing came of it");
}

/// Occasion and outcome of every act in the record, the oldest first, and whether each has the operator's key.
fn acts(app: &App) -> Vec<String> {
    let sql = "SELECT occasion || ' ' || outcome || coalesce(' ' || code, ''), key = (SELECT id FROM keys WHERE tenant IS NULL)
        FROM decisions WHERE occasion LIKE 'account%' ORDER BY id";
    let rows = app.rows(sql);
    assert!(rows.iter().all(|row| row[1] == "1"), "with the key that did it: {rows:?}");
    rows.into_iter().map(|row| row[0].clone()).collect()
}

fn person(username: &str, subject: &str) -> String {
    json!({"username": username, "user_attributes": {"sub": subject, "email": username, "email_verified": true}}).to_string()
}

#[tokio::test]
async fn a_link_gives_an_account_the_subject_that_is_said_and_takes_it_from_the_one_before() {
    let app = App::start();
    app.enlist(&person("anna@x.example", "s1")).await;
    let linked = act(&app, "anna", "link", json!({"subject": "s2"})).await;
    assert_eq!((linked.status, &linked.json()["subject"]), (200, &json!("s2")), "{linked:?}");
    assert_eq!(app.provision(&person("renamed@x.example", "s2")).await.json()["username"], "anna");
    let before = app.provision(&person("anna@x.example", "s1")).await;
    assert_eq!(before.code(), "username_taken", "the subject of before is somebody else now");
    let again = act(&app, "anna", "link", json!({"subject": "s2"})).await;
    assert_eq!(again.status, 200);
    let issuer =
        act(&app, "anna", "link", json!({"subject": "s2", "issuer": "https://pool"})).await;
    assert_eq!(issuer.json()["issuer"], "https://pool");
    assert_eq!(
        acts(&app),
        ["account_link granted", "account_link granted"],
        "the same again is no act"
    );
    let row = app
        .rows("SELECT detail, subject FROM decisions WHERE occasion = 'account_link' ORDER BY id");
    assert_eq!(row[0], [r#"instead of subject "s1" of issuer """#, "s2"]);
}

#[tokio::test]
async fn a_link_to_somebody_who_has_an_account_is_a_conflict() {
    let app = App::start();
    app.enlist(&person("anna@x.example", "s1")).await;
    app.enlist(&person("berta@x.example", "s2")).await;
    no(&app, "anna", "link", json!({"subject": "s2"}), 409, "identity_taken").await;
    assert_eq!(acts(&app), ["account_link refused identity_taken"]);
    no(&app, "anna", "link", json!({"subject": ""}), 400, "field_invalid").await;
    no(&app, "anna", "link", json!({"subject": 7}), 400, "field_invalid").await;
    no(&app, "anna", "link", Value::Null, 400, "body_required").await;
    no(&app, "nobody", "link", json!({"subject": "s3"}), 404, "not_found").await;
    no(&app, "Anna", "link", json!({"subject": "s3"}), 404, "not_found").await;
    assert_eq!(acts(&app).len(), 1);
}

#[tokio::test]
async fn a_closed_account_keeps_its_name_and_its_folder_and_turns_its_person_away_at_every_door() {
    let app = App::start();
    app.enlist(&person("anna@x.example", "s1")).await;
    fs::write(app.homes().join("anna/file"), "precious").expect("a file");
    assert_eq!(
        app.rows("SELECT domain, active FROM usage ORDER BY domain"),
        [["", "1"], ["x.example", "1"]]
    );
    let closed = done(&app, "anna", "close").await;
    assert_eq!(closed["state"], "closed");
    assert_eq!(app.rows("SELECT active FROM usage"), [["0"], ["0"]], "it is counted no more");
    assert_eq!(app.count("SELECT closed_at > 0 FROM accounts"), 1);
    let before = app.rows("SELECT * FROM accounts");
    assert_eq!(done(&app, "anna", "close").await, closed);
    assert_eq!(app.rows("SELECT * FROM accounts"), before, "closed again, it changes nothing");
    assert_eq!(acts(&app), ["account_close granted"]);

    let here = person("anna@x.example", "s1");
    let native = r#"{"username":"anna@x.example","subject":"s1"}"#;
    let by_hand = json!({"username": "anna@x.example", "subject": "s1"});
    let path = "/v1/tenants/default/accounts/anna";
    for answer in [
        app.provision(&here).await,
        app.post("/v1/accounts", &app.tenant_key, native).await,
        app.ask("PUT", path, &app.operator_key, by_hand).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (403, "account_closed"), "{answer:?}");
    }
    assert_eq!(app.decide(&here).await.code(), "account_closed");
    let other = app.provision(&person("anna@y.example", "s2")).await;
    assert_eq!(other.code(), "username_taken", "the name is kept");
    assert_eq!(fs::read_to_string(app.homes().join("anna/file")).expect("the file"), "precious");
}

#[tokio::test]
async fn a_reopened_account_is_as_it_was() {
    let app = App::start();
    app.enlist(&person("anna@x.example", "s1")).await;
    let before = app.rows("SELECT * FROM accounts");
    done(&app, "anna", "close").await;
    assert_eq!(done(&app, "anna", "reopen").await["state"], "active");
    assert_eq!(done(&app, "anna", "reopen").await["state"], "active");
    assert_eq!(app.rows("SELECT * FROM accounts"), before);
    assert_eq!(
        app.rows("SELECT domain, active FROM usage ORDER BY domain"),
        [["", "1"], ["x.example", "1"]]
    );
    assert_eq!(app.provision(&person("anna@x.example", "s1")).await.json()["created"], false);
    assert_eq!(acts(&app), ["account_close granted", "account_reopen granted"]);
}

#[tokio::test]
async fn an_account_is_reopened_only_if_its_own_allowance_has_a_seat() {
    for (limit, code) in
        [("max_accounts", "quota_accounts"), ("max_accounts_in_domain", "quota_domain")]
    {
        let app = App::with_policy(CANDIDATES, &[]);
        let body = |name: &str| {
            let attributes = json!({"sub": name, "email": format!("{name}@x.example"), "email_verified": true, (limit): 1});
            json!({"username": name, "user_attributes": attributes}).to_string()
        };
        app.enlist(&body("anna")).await;
        done(&app, "anna", "close").await;
        app.enlist(&body("berta")).await;
        no(&app, "anna", "reopen", Value::Null, 403, code).await;
        assert_eq!(acts(&app)[1], format!("account_reopen refused {code}"));
        done(&app, "berta", "close").await;
        done(&app, "anna", "reopen").await;
        assert_eq!(app.count("SELECT active FROM usage WHERE domain = ''"), 1);
    }
}

#[tokio::test]
async fn only_a_closed_account_is_erased_and_an_erased_one_is_a_name_that_nobody_gets() {
    let app = App::start();
    app.enlist(&person("anna@x.example", "s1")).await;
    no(&app, "anna", "erase", Value::Null, 409, "account_open").await;
    done(&app, "anna", "close").await;
    let erased = done(&app, "anna", "erase").await;
    let nobody = json!({"username": null, "subject": null, "issuer": null, "email": null, "state": "erased"});
    for (name, value) in nobody.as_object().expect("an object") {
        assert_eq!(&erased[name], value, "{name}");
    }
    assert_eq!(erased["home"], json!(app.homes().join("anna")));
    assert_eq!(done(&app, "anna", "erase").await, erased);
    assert_eq!(done(&app, "anna", "close").await, erased);
    no(&app, "anna", "reopen", Value::Null, 409, "account_erased").await;
    no(&app, "anna", "link", json!({"subject": "s1"}), 409, "account_erased").await;
    let again = app.provision(&person("anna@x.example", "s1")).await;
    assert_eq!(again.code(), "username_taken", "somebody new, and the name is a tombstone's");
    assert_eq!(
        app.rows("SELECT domain, active FROM usage"),
        [["", "0"]],
        "nor is the domain known"
    );
    assert_eq!(app.folders(), ["anna"]);
}

/// Whether `text` is in a file of the data folder, the database's among them.
fn is_on_the_disk(app: &App, text: &str) -> Vec<String> {
    let files = fs::read_dir(app.data()).expect("the data folder").flatten();
    let found = files.filter(|file| file.path().is_file()).filter(|file| {
        let bytes = fs::read(file.path()).expect("a file");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    });
    found.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn of_somebody_who_was_erased_nothing_is_left_in_the_database() {
    let app = App::with_policy(CANDIDATES, &[]);
    // Many, so that pages of tables and indexes split, and what was moved might be left behind.
    for i in 0..400 {
        let i = (i * 173) % 400;
        let attributes = json!({"names": format!("name{i}"), "sub": format!("unique-subject-{i}-"), "email": format!("address-{i}-@x.example"),
            "email_verified": true, "free_text": format!("secret-wish-{i}-"), "plan": format!("label-{i}-")});
        let body = json!({"username": format!("provider-name-{i}-"), "user_attributes": attributes,
            "issuer": format!("https://issuer-{i}-.example")});
        app.enlist(&body.to_string()).await;
    }
    // A subject that the account had for a while, and under which somebody tried another username before.
    let person = |username: &str| {
        let attributes =
            json!({"sub": "earlier-subject-7-", "email": "earlier-7-@x.example", "names": "name7"});
        json!({"username": username, "issuer": "https://issuer-7-.example", "user_attributes": attributes}).to_string()
    };
    let odd = person("odd-name-7-").replace("earlier-7-@", "odd-7-@");
    assert_eq!(app.provision(&odd).await.code(), "username_taken");
    act(&app, "name7", "link", json!({"subject": "earlier-subject-7-"})).await;
    assert_eq!(app.provision(&person("provider-name-7-")).await.json()["created"], false);
    act(&app, "name7", "link", json!({"subject": "unique-subject-7-"})).await;

    let of_them = [
        "unique-subject-7-",
        "earlier-subject-7-",
        "provider-name-7-",
        "address-7-@x.example",
        "earlier-7-@x.example",
        "odd-name-7-",
        "odd-7-@x.example",
        "secret-wish-7-",
        "label-7-",
        "issuer-7-.example",
    ];
    let mut app = app;
    for text in of_them {
        assert!(!is_on_the_disk(&app, text).is_empty(), "{text} was there");
    }
    done(&app, "name7", "close").await;
    done(&app, "name7", "erase").await;
    let rows = "SELECT count(*) FROM decisions WHERE name = 'name7' AND request = '{}' AND notes = '[]' AND detail IS NULL
        AND coalesce(issuer, subject, username, email) IS NULL";
    assert!(app.count(rows) >= 5, "its rows are there, and are about nobody");
    assert_eq!(
        app.count("SELECT count(*) FROM decisions WHERE username IS NULL AND name <> 'name7'"),
        0
    );
    assert_eq!(
        app.count("SELECT count(*) FROM decisions WHERE username IS NOT NULL"),
        399,
        "nobody else was forgotten"
    );
    app.terminate();
    assert!(app.wait().success());
    // A page that was split may keep a copy of what was moved: docs/operations.md says what to do about it.
    app.database().execute_batch("VACUUM").expect("room");
    for text in of_them {
        assert_eq!(is_on_the_disk(&app, text), Vec::<String>::new(), "{text} is left");
    }
    assert_eq!(is_on_the_disk(&app, "unique-subject-8-"), ["enlist.db"], "it can be found");
    app.restart();
}

#[tokio::test]
async fn what_is_forgotten_is_overwritten_where_it_stood() {
    let mut app = App::start();
    app.enlist(&person("anna@x.example", "unique-subject")).await;
    app.enlist(&person("berta@x.example", "other-subject")).await;
    done(&app, "anna", "close").await;
    done(&app, "anna", "erase").await;
    app.terminate();
    assert!(app.wait().success());
    for text in ["unique-subject", "anna@x.example"] {
        assert_eq!(is_on_the_disk(&app, text), Vec::<String>::new(), "{text} is left");
    }
    assert_eq!(is_on_the_disk(&app, "other-subject"), ["enlist.db"], "it can be found");
    app.restart();
}
