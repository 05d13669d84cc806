//! `enlist import`: the files, the report and how it ends.

use super::{all_of, end, report, verb};
use crate::app::{App, GUIDE, enlist};
use serde_json::{Value, json};
use std::fs;

#[tokio::test]
async fn lines_of_a_file_are_people_and_what_is_none_is_named_by_its_line() {
    let app = App::start();
    app.enlist(GUIDE).await;
    let long = "x".repeat(70_000);
    let file = format!(
        "{{\"username\":\"ann@example.com\"}}\n\nnot json\n{{\"username\":\"boss\",\"name\":\"the.boss\"}}\n{{\"username\":\"{long}\"}}\n{{\"username\":7}}\n{{\"username\":\"testuser@other.example\"}}"
    );
    let found = report(&app, &file, &["--report", "rest"], 1);
    assert_eq!(found["outcomes"], json!({"failed": 3, "opened": 2, "refused": 1}));
    let codes = json!({"failed": {"line_invalid": 1, "line_too_long": 1, "username_required": 1}, "refused": {"username_taken": 1}});
    assert_eq!(found["codes"], codes);
    assert_eq!(
        (&found["complete"], &found["dry_run"], &found["people"]),
        (&json!(true), &json!(false), &json!(6))
    );
    let rest = fs::read_to_string(app.folder.path().join("rest")).expect("a file");
    let all: Vec<Value> =
        rest.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told = |one: &Value| json!([one["line"], one["name"], one["username"], one["outcome"]]);
    assert_eq!(told(&all[0]), json!([1, "ann", "ann@example.com", "opened"]), "everybody is there");
    assert_eq!(told(&all[2]), json!([4, "the.boss", "boss", "opened"]));
    let rest: Vec<_> = all.into_iter().filter(|one| one["outcome"] != "opened").collect();
    let lines: Vec<_> = rest.iter().map(|one| one["line"].as_u64().expect("a line")).collect();
    assert_eq!(lines, [3, 5, 6, 7], "in their order");
    assert_eq!(json!(rest), found["behind"]);
    assert_eq!(
        (&rest[3]["username"], &rest[3]["code"]),
        (&json!("testuser@other.example"), &json!("username_taken"))
    );
    assert_eq!(app.folders(), ["ann", "testuser", "the.boss"]);

    let (code, out, error) = end(verb(&app, &file, &[]));
    assert_eq!((code, error.as_str()), (Some(1), ""), "nothing is drawn where nobody looks");
    for part in
        ["known                       2", "line_too_long             1", "line 7", "username_taken"]
    {
        assert!(out.contains(part), "{part} in {out}");
    }
    let well = report(&app, "{\"username\":\"ann@example.com\"}\n", &[], 0);
    assert_eq!(well["outcomes"], json!({"known": 1}));
    assert_eq!(report(&app, "", &[], 0)["people"], 0);
}

#[tokio::test]
async fn columns_of_a_table_are_fields_and_the_rest_attributes() {
    let app = App::start();
    let table = "username,subject,email,email_verified,name,groups,plan\r\nann@example.com,1,ann@example.com,true,,staff;admin,pro\r\n\"bob, the\",2,,,bob,,\r\nx,3\r\n";
    let found = report(&app, table, &["--from", "csv"], 1);
    assert_eq!(found["outcomes"], json!({"failed": 1, "opened": 2}));
    assert_eq!(found["behind"][0]["line"], 4);
    let asked = app.rows("SELECT request FROM decisions WHERE name = 'ann'").remove(0).remove(0);
    let asked: Value = serde_json::from_str(&asked).expect("JSON");
    assert_eq!(asked["applicant"]["groups"], json!(["staff", "admin"]));
    assert_eq!(asked["applicant"]["attributes"][0], json!(["plan", "pro"]));
    assert_eq!(asked["applicant"]["email"]["assurance"], "verified");
    let (code, _, error) = end(verb(&app, "name\nx\n", &["--from", "csv"]));
    assert_eq!((code, error.as_str()), (Some(1), ""));
    let (code, out, _) = end(verb(&app, "username,Name\nx,y\n", &["--from", "csv"]));
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("file_invalid") && out.contains("`name`"), "{out}");
    assert_eq!(app.folders(), ["ann", "bob"]);
}

/// A user as list-users prints one.
pub(super) fn user(username: &str, sub: &str, email: &str, status: &str) -> Value {
    json!({"Username": username, "UserStatus": status, "Enabled": true, "UserCreateDate": "2026-01-01T00:00:00Z",
        "Attributes": [{"Name": "sub", "Value": sub}, {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"}, {"Name": "custom:plan", "Value": "pro"}]})
}

#[tokio::test]
async fn users_of_a_pool_are_asked_about_as_the_trigger_would() {
    let app = App::start();
    let users = json!({"Users": [user("ann-1", "s1", "ann@example.com", "CONFIRMED"), user("new", "s2", "new@example.com", "UNCONFIRMED")]});
    let more = json!([user("bob-1", "s3", "bob@example.com", "FORCE_CHANGE_PASSWORD")]);
    let pages = format!("{users}\n{more}");
    let dry = report(&app, &pages, &["--from", "cognito", "--dry-run"], 0);
    assert_eq!(
        (&dry["outcomes"], &dry["dry_run"]),
        (&json!({"opened": 2, "skipped": 1}), &json!(true))
    );
    assert_eq!(all_of(&app).2, 0);
    let found = report(&app, &pages, &["--from", "cognito"], 0);
    assert_eq!(found["outcomes"], json!({"opened": 2, "skipped": 1}));
    assert_eq!(found["codes"], json!({"skipped": {"unconfirmed": 1}}));
    // The same person at the trigger's door is known.
    let trigger = json!({"username": "ann-1", "user_attributes": {"sub": "s1", "email": "ann@example.com", "email_verified": "true"}});
    assert_eq!(app.provision(&trigger.to_string()).await.json()["created"], false);
    let cut = &pages[..pages.len() - 5];
    let found = report(&app, cut, &["--from", "cognito"], 1);
    assert_eq!(found["codes"]["failed"], json!({"file_invalid": 1}), "{found}");
    assert_eq!(found["outcomes"]["known"], 1, "those before it are sent all the same: {found}");
}

#[tokio::test]
async fn a_wrong_use_is_told_before_anybody_is_sent() {
    let app = App::start();
    for (input, arguments) in [
        ("username\na\n", &[][..]),
        ("[]", &[]),
        ("{}", &["--users", "x"]),
        ("{}", &["--match", "sub"]),
        ("{}", &["--map", "a=b"]),
        ("", &["--from", "ankisyncd"]),
        ("", &["--from", "ankisyncd", "--users", "missing.json"]),
        ("", &["--from", "ankisyncd", "--map", "a"]),
        ("", &["--from", "ankisyncd", "--map", "nobody=s"]),
        ("\u{feff}[]", &[]),
        ("{}", &["--report", "missing/file"]),
    ] {
        let (code, out, error) = end(verb(&app, input, arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {error}");
        assert!(error.starts_with("enlist: "), "{error}");
    }
    let (_, _, error) = end(verb(&app, "", &["--from", "ankisyncd"]));
    assert!(error.contains("--users") && error.contains("--map"), "{error}");
    let mut nobody = enlist();
    nobody.args(["import"]).env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", &app.operator_key);
    assert_eq!(end(nobody).0, Some(2), "no tenant");
    let one = "{\"username\":\"a\"}\n";
    let mut wrong = verb(&app, one, &[]);
    wrong.env("ENLIST_KEY", "enl_tk_00000000_wrong");
    assert_eq!(end(wrong).0, Some(4));
    let mut unreachable = verb(&app, one, &["--patience", "0s"]);
    unreachable.env("ENLIST_SERVER", "http://127.0.0.1:1");
    let (code, out, error) = end(unreachable);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("the same again goes on") && out.contains("nobody"), "{out}{error}");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
}
