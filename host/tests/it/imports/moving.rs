//! Names that were there before anybody was known here: matched to people, each once, or left where they are.

use super::files::user;
use super::{all_of, end, old_folder, report, verb};
use crate::app::App;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// A pool's users in a file of this name.
fn users(app: &App, users: Value) {
    let file = app.folder.path().join("users.json");
    fs::write(file, json!({"Users": users}).to_string()).expect("a file");
}

const FROM: [&str; 4] = ["--from", "ankisyncd", "--users", "users.json"];

fn behind(report: &Value) -> BTreeSet<(String, String)> {
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let all = report["behind"].as_array().expect("a list").iter();
    all.map(|one| (text(one, "name"), text(one, "outcome"))).collect()
}

fn set(all: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    all.iter().map(|(name, outcome)| ((*name).to_owned(), (*outcome).to_owned())).collect()
}

/// Folders, and who may be behind them.
fn a_pool(app: &App) {
    for name in
        ["s-1", "carl", "Dora@example.com", "emil", "bob", "ghost", "fred", "frieda@example.com"]
    {
        old_folder(app, name);
    }
    let mut disabled = user("emil", "s-5", "e@example.com", "CONFIRMED");
    disabled["Enabled"] = false.into();
    users(
        app,
        json!([
            user("anna", "s-1", "anna@example.com", "CONFIRMED"),
            user("b1", "s-2", "bob@a.example", "CONFIRMED"),
            user("b2", "s-3", "bob@b.example", "CONFIRMED"),
            user("carl", "s-4", "c@example.com", "CONFIRMED"),
            user("d", "s-6", "Dora@EXAMPLE.com", "CONFIRMED"),
            disabled,
            user("ghost", "s-7", "ghost@example.com", "UNCONFIRMED"),
            user("nobody", "s-8", "nothing@example.com", "CONFIRMED"),
            user("fred", "s-9", "frieda@example.com", "CONFIRMED"),
        ]),
    );
}

#[tokio::test]
async fn everybody_gets_the_one_name_that_is_theirs_and_the_rest_stays_reserved() {
    let app = App::start();
    a_pool(&app);
    let before = all_of(&app);
    let dry = report(&app, "", &[&FROM[..], &["--dry-run"]].concat(), 1);
    assert_eq!(all_of(&app), before);
    let found = report(&app, "", &FROM, 1);
    assert_eq!((&dry["outcomes"], &dry["behind"]), (&found["outcomes"], &found["behind"]));
    let outcomes = json!({"ambiguous": 1, "no_name": 3, "opened": 5, "skipped": 1, "unmatched": 2});
    assert_eq!(found["outcomes"], outcomes);
    let left =
        set(&[("bob", "ambiguous"), ("ghost", "unmatched"), ("frieda@example.com", "unmatched")]);
    assert_eq!(behind(&found), left);
    let accounts = app.rows("SELECT name, subject, username FROM accounts ORDER BY name");
    let expected = [
        ["Dora@example.com", "s-6", "d"],
        ["carl", "s-4", "carl"],
        ["emil", "s-5", "emil"],
        ["fred", "s-9", "fred"],
        ["s-1", "s-1", "anna"],
    ];
    assert_eq!(accounts, expected);
    let taken =
        json!({"username": "bob@new.example", "user_attributes": {"sub": "new"}}).to_string();
    assert_eq!(app.provision(&taken).await.code(), "home_exists", "it stays reserved");

    // Again it is the same, and nothing changes.
    let before = all_of(&app);
    let again = report(&app, "", &FROM, 1);
    assert_eq!(
        again["outcomes"],
        json!({"ambiguous": 1, "known": 5, "no_name": 3, "skipped": 1, "unmatched": 2})
    );
    assert_eq!(behind(&again), left);
    assert_eq!((all_of(&app).0, all_of(&app).1), (before.0, before.1));

    // What was said holds; what is left has nobody then.
    let maps = ["--map", "bob=s-3", "--map", "ghost=s-8"];
    let found = report(&app, "", &[&FROM[..], &maps].concat(), 1);
    assert_eq!(
        found["outcomes"],
        json!({"known": 5, "no_name": 1, "opened": 2, "skipped": 1, "unmatched": 1})
    );
    let sql = "SELECT name, subject FROM accounts WHERE name IN ('bob', 'ghost') ORDER BY name";
    assert_eq!(app.rows(sql), [["bob", "s-3"], ["ghost", "s-8"]]);
    let again = report(&app, "", &FROM, 1);
    assert_eq!(again["outcomes"]["known"], 7);
    assert_eq!(behind(&again), set(&[("frieda@example.com", "unmatched")]));
}

#[tokio::test]
async fn without_users_names_are_whose_was_said() {
    let app = App::start();
    old_folder(&app, "a=b");
    old_folder(&app, "c");
    let maps = ["--from", "ankisyncd", "--map", "a=b=s-1", "--map", "c=s-2"];
    assert_eq!(report(&app, "", &maps, 0)["outcomes"], json!({"opened": 2}));
    assert_eq!(
        app.rows("SELECT name, subject, username FROM accounts ORDER BY name"),
        [["a=b", "s-1", "s-1"], ["c", "s-2", "s-2"]]
    );
    assert_eq!(report(&app, "", &maps, 0)["outcomes"], json!({"known": 2}));
    for wrong in [["--map", "c=s-2", "--map", "c=s-3"], ["--map", "c=s-2", "--map", "a=b=s-2"]] {
        let (code, _, error) =
            end(verb(&app, "", &[&["--from", "ankisyncd"][..], &wrong].concat()));
        assert_eq!(code, Some(2), "{error}");
    }
    let other = report(&app, "", &["--from", "ankisyncd", "--map", "c=s-9"], 1);
    assert_eq!(other["codes"], json!({"refused": {"username_taken": 1}}));
}

#[tokio::test]
async fn another_pools_people_get_the_accounts_back_only_where_that_was_said() {
    let app = App::start();
    old_folder(&app, "carl");
    old_folder(&app, "dora");
    users(
        &app,
        json!([
            user("carl", "s-1", "c@example.com", "CONFIRMED"),
            user("dora", "s-2", "d@example.com", "CONFIRMED")
        ]),
    );
    assert_eq!(report(&app, "", &FROM, 0)["outcomes"], json!({"opened": 2}));
    users(
        &app,
        json!([
            user("carl", "new-1", "c@example.com", "CONFIRMED"),
            user("dora", "s-2", "d@example.com", "CONFIRMED")
        ]),
    );
    assert_eq!(report(&app, "", &FROM, 0)["outcomes"], json!({"known": 1, "no_name": 1}));
    let relink = [&FROM[..], &["--relink"]].concat();
    assert_eq!(report(&app, "", &relink, 0)["outcomes"], json!({"known": 1, "relinked": 1}));
    assert_eq!(
        app.rows("SELECT name, subject FROM accounts ORDER BY name"),
        [["carl", "new-1"], ["dora", "s-2"]]
    );
    assert_eq!(report(&app, "", &relink, 0)["outcomes"], json!({"known": 2}));
}
