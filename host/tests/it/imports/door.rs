//! `POST …/imports`: each person on their own, in their order.

use super::{DOOR, all_of, import, import_with, old_folder};
use crate::app::{App, GUIDE, is_folder};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, Instant};

#[tokio::test]
async fn everybody_is_answered_at_their_place_and_nobody_for_another() {
    let app = App::start();
    app.enlist(GUIDE).await;
    let items = json!([
        {"username": "ann@example.com", "subject": "s-ann"},
        {"username": "boss", "subject": "s-boss", "name": "the.boss"},
        7,
        {"username": ""},
        {"username": "c", "groups": "none"},
        {"username": "testuser@elsewhere.example", "subject": "other"},
        {"username": "slash", "name": "a/b"},
        {"username": "space", "name": "a b"},
        {"username": "d", "adopt": true},
        {"username": "testuser@example.com", "subject": "test-user-id", "email": "testuser@example.com", "email_verified": true},
        {"username": "dora@example.com", "email": "dora@example.com", "email_verified": true, "name": "dora"},
    ]);
    let expected = [
        "opened ann",
        "opened the.boss",
        "failed body_required",
        "failed username_required",
        "failed field_invalid",
        "refused username_taken",
        "refused name_unusable",
        "refused name_unusable",
        "failed field_invalid",
        "known testuser",
        "opened dora",
    ];
    assert_eq!(import(&app, items.clone()).await, expected);
    assert_eq!(app.folders(), ["ann", "dora", "testuser", "the.boss"]);
    let rows = app.rows(
        "SELECT occasion, outcome, source, coalesce(name, '-'), length(key) > 0 FROM decisions WHERE source = 'import' ORDER BY id",
    );
    let has =
        |row: [&str; 5]| assert!(rows.iter().any(|found| *found == row), "{row:?} in {rows:?}");
    has(["opening", "granted", "import", "ann", "1"]);
    has(["account_import", "granted", "import", "the.boss", "1"]);
    has(["account_import", "refused", "import", "a b", "1"]);
    has(["opening", "known", "import", "testuser", "1"]);
    let verified = app.rows("SELECT name, verified_domain FROM accounts WHERE verified_domain IS NOT NULL ORDER BY name");
    assert_eq!(verified, [["dora", "example.com"], ["testuser", "example.com"]]);

    let before = app.count("SELECT count(*) FROM decisions WHERE outcome = 'granted'");
    let again = import(&app, items).await;
    for (again, first) in again.iter().zip(expected) {
        assert_eq!(*again, first.replace("opened", "known"));
    }
    assert_eq!(app.count("SELECT count(*) FROM decisions WHERE outcome = 'granted'"), before);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 4);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_leaves_nothing() {
    let app = App::start();
    app.enlist(GUIDE).await;
    old_folder(&app, "old");
    symlink(app.homes(), app.homes().join("link")).expect("a link");
    let before = all_of(&app);
    let items = json!([
        {"username": "ann@example.com", "subject": "s-ann"},
        {"username": "boss", "name": "boss"},
        {"username": "testuser@elsewhere.example", "subject": "other"},
        {"username": "young", "name": "old"},
        {"username": "old", "name": "old", "adopt": true},
        {"username": "link", "name": "link", "adopt": true},
        {"username": "space", "name": "no such folder", "adopt": true},
    ]);
    let dry = import_with(&app, json!({"dry_run": true, "items": items})).await;
    let expected = [
        "opened ann",
        "opened boss",
        "refused username_taken",
        "refused home_exists",
        "opened old",
        "refused home_exists",
        "refused name_unusable",
    ];
    assert_eq!(dry, expected);
    assert_eq!(all_of(&app), before);
    // One after the other: two of them want one name.
    for (item, expected) in items.as_array().expect("items").iter().zip(expected) {
        assert_eq!(import(&app, json!([item])).await, [expected], "{item}");
    }
}

#[tokio::test]
async fn a_folder_that_is_taken_over_is_not_touched() {
    let mut app = App::start();
    for name in ["old", "with space", "_x"] {
        old_folder(&app, name);
        fs::set_permissions(app.homes().join(name), Permissions::from_mode(0o705)).expect("a mode");
    }
    fs::write(app.homes().join("file"), "").expect("a file");
    // A start sees what stands there.
    app.restart();
    let item = |name: &str, adopt: bool| json!({"username": name, "subject": name, "name": name, "adopt": adopt});
    let seen = |name: &str| {
        let found = fs::metadata(app.homes().join(name)).expect("a folder");
        (
            found.mode(),
            found.mtime_nsec(),
            fs::read_dir(app.homes().join(name)).expect("it").count(),
        )
    };
    let before = ["old", "with space", "_x"].map(seen);
    let plain = json!([item("old", false), item("with space", false)]);
    assert_eq!(import(&app, plain).await, ["refused home_exists", "refused name_unusable"]);
    assert_eq!(import(&app, json!([item("OLD", true)])).await, ["refused home_exists"]);
    let adopting = json!([
        item("old", true),
        item("with space", true),
        item("_x", true),
        item("file", true),
        item("lost+found", true),
        item("..", true),
        item("fresh", true)
    ]);
    let expected = [
        "opened old",
        "opened with space",
        "opened _x",
        "refused home_exists",
        "refused name_unusable",
        "refused name_unusable",
        "opened fresh",
    ];
    assert_eq!(import(&app, adopting).await, expected);
    assert_eq!(["old", "with space", "_x"].map(seen), before);
    assert!(is_folder(&app.homes().join("fresh")));
    // What is theirs by now needs no word of adopting.
    let again = json!([item("with space", false), item("old", true)]);
    assert_eq!(import(&app, again).await, ["known with space", "known old"]);
}

#[tokio::test]
async fn a_name_that_only_has_a_row_is_taken_over_too() {
    let mut app = App::start();
    let auth_db = app.folder.path().join("auth.db");
    let rows = rusqlite::Connection::open(&auth_db).expect("a file");
    rows.execute_batch(
        "CREATE TABLE auth (username VARCHAR PRIMARY KEY, hash VARCHAR); INSERT INTO auth VALUES ('user name', 'h'), ('plain', 'h')",
    )
    .expect("rows");
    let sql = "UPDATE tenants SET auth_db = ?1";
    app.database().execute(sql, [auth_db.display().to_string()]).expect("a tenant");
    app.restart();
    let item = |name: &str, adopt: bool| json!({"username": name, "name": name, "adopt": adopt});
    let plain = json!([item("plain", false), item("Plain", true), item("no row", true)]);
    let expected = ["refused home_exists", "refused home_exists", "refused name_unusable"];
    assert_eq!(import(&app, plain).await, expected);
    let adopting = json!([item("user name", true), item("plain", true)]);
    assert_eq!(import(&app, adopting).await, ["opened user name", "opened plain"]);
    assert_eq!(app.folders(), ["plain", "user name"]);
    let hashes: i64 = rows
        .query_row("SELECT count(*) FROM auth WHERE hash = 'h'", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(hashes, 2);
}

#[tokio::test]
async fn who_comes_with_a_name_takes_no_seat_and_is_allowed_something_later() {
    let mut app = App::with_policy(CANDIDATES, &[]);
    let limits = json!({"max_accounts": 1, "storage_bytes": 7, "plan": "pro"});
    let item =
        |name: &str| json!({"username": name, "subject": name, "name": name, "attributes": limits});
    assert_eq!(import(&app, json!([item("a"), item("b")])).await, ["opened a", "opened b"]);
    let without = json!([{"username": "c", "attributes": limits}]);
    assert_eq!(import(&app, without).await, ["refused quota_accounts"]);
    assert_eq!(app.folders(), ["a", "b"]);
    // The work goes on after a start, and a row says what it changed.
    app.restart();
    let sql = "SELECT count(*) FROM accounts WHERE allowance_revision = 1 AND json_extract(allowance, '$.storage_bytes') = 7";
    let patience = Instant::now() + Duration::from_secs(60);
    while app.count(sql) < 2 {
        assert!(Instant::now() < patience, "nobody decided: {}", app.log());
        tokio::task::yield_now().await;
    }
    let read = "/v1/tenants/default/accounts/a";
    let shown = app.manage("GET", read, Value::Null).await;
    assert_eq!(shown["allowance"]["labels"], json!({"plan": "pro"}), "as they were sent");
}

#[tokio::test]
async fn who_came_with_a_name_is_among_those_whom_a_preview_asks_about() {
    let app = App::with_policy(CANDIDATES, &[]);
    let item = |name: &str| json!({"username": name, "subject": name, "name": name, "attributes": {"refuse": "plan_over"}});
    import(&app, json!([item("a"), item("b")])).await;
    import(&app, json!([item("A"), {"username": "c"}])).await;
    let base = "/v1/tenants/default/revisions";
    app.manage("POST", base, json!({"settings": {"storage_bytes": 1}})).await;
    let path = format!("{base}/2/preview");
    let mut found = app.ask("POST", &path, &app.operator_key, Value::Null).await.json();
    while found["state"] == "running" {
        found = app.ask("GET", &path, &app.operator_key, Value::Null).await.json();
    }
    // The two, and one whom no name was given for; not the one who was refused.
    assert_eq!(
        (&found["state"], &found["of"], &found["masked"]),
        (&json!("done"), &json!(3), &json!(0))
    );
}

#[tokio::test]
async fn a_name_that_was_there_may_look_like_another_and_a_new_one_may_not() {
    let app = App::start();
    old_folder(&app, "раураl");
    let item = |name: &str, adopt: bool| json!({"username": name, "name": name, "adopt": adopt});
    assert_eq!(import(&app, json!([item("paypal", false)])).await, ["opened paypal"]);
    assert_eq!(import(&app, json!([item("рaypal", false)])).await, ["refused name_unusable"]);
    assert_eq!(import(&app, json!([item("раураl", true)])).await, ["opened раураl"]);
    assert_eq!(app.last_decision()["detail"], "look_alike: paypal");
}

#[tokio::test]
async fn where_the_record_knows_nobody_an_import_tells_it_no_more() {
    let app = App::start_with(&[("ENLIST_RECORD__MASK", "true")]);
    let items = json!([{"username": "Wilhelmina", "subject": "s", "name": "w", "attributes": {"plan": "secret"}}]);
    assert_eq!(import(&app, items).await, ["opened w"]);
    let rows = app.rows("SELECT name, username, subject, request FROM decisions");
    assert_eq!(rows, [["w", "-", "-", "{}"]]);
}

#[tokio::test]
async fn an_import_needs_the_right_and_has_an_end() {
    let app = App::start();
    let who = json!({"items": [{"username": "a", "name": "a"}]});
    let refused = app.ask("POST", DOOR, &app.tenant_key, who.clone()).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "scope_missing"));
    let many: Vec<_> = (0..501).map(|number| json!({"username": number.to_string()})).collect();
    for wrong in [json!({"items": many}), json!({"items": {}}), json!({"item": []}), json!({})] {
        let refused = app.ask("POST", DOOR, &app.operator_key, wrong).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "field_invalid"));
    }
    let long = json!({"items": [{"username": "x".repeat(1 << 20)}]});
    assert_eq!(app.ask("POST", DOOR, &app.operator_key, long).await.status, 413);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    assert_eq!(app.folders(), [""; 0]);
    // More than anybody else may send at once.
    let people: Vec<_> = (0..500)
        .map(|number| json!({"username": format!("{number}"), "name": format!("n{number}"), "attributes": {"x": "y".repeat(500)}}))
        .collect();
    let opened = import(&app, json!(people)).await;
    assert_eq!(opened.iter().filter(|one| one.starts_with("opened n")).count(), 500);
}
