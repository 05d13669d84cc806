//! `record.mask`: the record says what was decided, and about nobody.

use crate::app::App;
use serde_json::json;
use std::fs;

const WHO: &str = r#"{"username":"Wilhelmina@private.example","cognito_user_id":"subject-4711","client_metadata":{"campaign":"autumn-sale"},
    "user_attributes":{"sub":"subject-4711","email":"Wilhelmina@private.example","email_verified":"true","custom:plan":"platinum"}}"#;

/// What of the person must stand in no row.
const TRACES: [&str; 5] =
    ["ilhelmina", "private.example", "subject-4711", "autumn-sale", "platinum"];

fn record(app: &App) -> String {
    let columns = "request_id, key, occasion, source, outcome, coalesce(code, '-'), coalesce(stage, '-'), coalesce(detail, '-'),
        coalesce(name, '-'), digest, settings_digest, request, notes, coalesce(issuer, '-'), coalesce(subject, '-'),
        coalesce(username, '-'), coalesce(email, '-')";
    let rows = app.rows(&format!("SELECT {columns} FROM decisions ORDER BY id"));
    rows.into_iter().map(|row| row.join(" ") + "\n").collect()
}

async fn a_record(app: &App) {
    for _ in 0..2 {
        assert_eq!(app.provision(WHO).await.status, 200);
    }
    app.decide(WHO).await;
    // A name that nobody can have, whose refusal quotes it; and a folder in the way, whose path has the name.
    let unusable = r#"{"username":"nul.wilhelmina@private.example"}"#;
    assert_eq!(app.provision(unusable).await.status, 403);
    fs::write(app.homes().join("wilhelmina2"), "").expect("a file in the way");
    let blocked = r#"{"username":"wilhelmina2@private.example"}"#;
    assert_eq!(app.provision(blocked).await.code(), "home_exists");
    // An account without a subject, then its subject: linked, which is a word of the host's own.
    let email = r#""email":"late@private.example","email_verified":"true""#;
    let without = format!(r#"{{"username":"late","user_attributes":{{{email}}}}}"#);
    let with =
        format!(r#"{{"username":"late","user_attributes":{{"sub":"subject-4711-late",{email}}}}}"#);
    for body in [without, with] {
        assert_eq!(app.provision(&body).await.status, 200, "{body}");
    }
    while app.count("SELECT count(*) FROM decisions") != 7 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_masked_record_says_what_was_decided_and_about_nobody() {
    let app = App::start_with(&[("ENLIST_RECORD__MASK", "true")]);
    a_record(&app).await;
    let record = record(&app);
    for trace in TRACES {
        assert!(!record.contains(trace), "{trace} in\n{record}");
    }
    let outcomes =
        app.rows("SELECT outcome, coalesce(code, '-'), dry_run FROM decisions ORDER BY id");
    for row in [
        ["granted", "-", "0"],
        ["known", "-", "0"],
        ["known", "-", "1"],
        ["refused", "name_unusable", "0"],
        ["refused", "home_exists", "0"],
    ] {
        assert!(outcomes.iter().any(|found| found == &row), "{row:?} in {outcomes:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM decisions WHERE detail = 'linked'"), 1);
    let people = "SELECT count(*) FROM decisions WHERE coalesce(issuer, subject, username, email, name) IS NOT NULL";
    assert_eq!(app.count(people), 0);
    assert_eq!(
        app.count("SELECT count(*) FROM decisions WHERE request <> '{}' OR notes <> '[]'"),
        0
    );
    assert_eq!(
        app.count("SELECT count(*) FROM accounts WHERE email IS NOT NULL"),
        2,
        "accounts know"
    );
}

#[tokio::test]
async fn what_is_done_to_an_account_is_recorded_with_its_name_and_no_more() {
    let app = App::start_with(&[("ENLIST_RECORD__MASK", "true")]);
    let accounts = "/v1/tenants/default/accounts/w";
    let who = json!({"username": "Wilhelmina@private.example", "subject": "subject-4711"});
    assert_eq!(app.ask("PUT", accounts, &app.operator_key, who.clone()).await.status, 201);
    let other = "/v1/tenants/default/accounts/x";
    assert_eq!(app.ask("PUT", other, &app.operator_key, who).await.status, 409);
    for (act, body) in [("link", json!({"subject": "another"})), ("close", json!({}))] {
        let path = format!("{accounts}/{act}");
        assert_eq!(app.ask("POST", &path, &app.operator_key, body).await.status, 200, "{act}");
    }
    let record = record(&app);
    for trace in TRACES {
        assert!(!record.contains(trace), "{trace} in\n{record}");
    }
    let acts = app.rows("SELECT occasion, outcome, coalesce(name, '-') FROM decisions ORDER BY id");
    let expected = [
        ["account_create", "granted", "w"],
        ["account_create", "refused", "x"],
        ["account_link", "granted", "w"],
        ["account_close", "granted", "w"],
    ];
    assert_eq!(acts, expected);
}

#[tokio::test]
async fn without_the_setting_the_record_has_them() {
    let app = App::start();
    a_record(&app).await;
    let record = record(&app);
    for trace in TRACES {
        assert!(record.contains(trace), "{trace} is looked for in vain in\n{record}");
    }
}
