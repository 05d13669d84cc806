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

#[tokio::test]
async fn a_name_that_may_be_somebodys_who_is_not_verified_is_nobody_elses() {
    let app = App::start();
    old_folder(&app, "bob");
    let mut made_by_hand = user("bob@a.example", "s-1", "bob@a.example", "FORCE_CHANGE_PASSWORD");
    made_by_hand["Attributes"][2]["Value"] = "false".into();
    users(&app, json!([made_by_hand, user("u-b2", "s-2", "bob@b.example", "CONFIRMED")]));
    let found = report(&app, "", &FROM, 1);
    assert_eq!(found["outcomes"], json!({"ambiguous": 1, "no_name": 2}), "{found}");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    // Nor is it theirs without a word.
    users(&app, json!([made_by_hand]));
    let found = report(&app, "", &FROM, 1);
    assert_eq!(found["outcomes"], json!({"ambiguous": 1, "no_name": 1}), "{found}");
    let detail = "of bob@a.example, if what is not verified is true";
    assert_eq!(found["behind"][0]["detail"], detail);
    let found = report(&app, "", &[&FROM[..], &["--map", "bob=s-1"]].concat(), 0);
    assert_eq!(found["outcomes"], json!({"opened": 1}));
}

#[tokio::test]
async fn an_empty_folder_is_theirs_whose_it_is_and_otherwise_keeps_nobody() {
    let app = App::start();
    for name in ["emptyone", "crash", "said", "bob", "s-ann", "elsewhere"] {
        fs::create_dir(app.homes().join(name)).expect("a folder");
    }
    old_folder(&app, "ann");
    users(
        &app,
        json!([
            user("e", "s-e", "emptyone@example.com", "CONFIRMED"),
            user("b1", "s-b1", "bob@a.example", "CONFIRMED"),
            user("b2", "s-b2", "bob@b.example", "CONFIRMED"),
            user("ann", "s-ann", "a@example.com", "CONFIRMED"),
            user("x", "s-x", "x@example.com", "CONFIRMED"),
        ]),
    );
    let list = async |empty: bool| {
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/tenants/default/reserved?empty={empty}&limit=2{after}");
            let page = app.manage("GET", &path, Value::Null).await;
            let items = page["items"].as_array().expect("a list").iter();
            names.extend(items.map(|one| one["name"].as_str().expect("a name").to_owned()));
            let Some(next) = page["next"].as_str() else { return names };
            after = format!("&after={next}");
        }
    };
    assert_eq!(list(false).await, ["ann"], "an empty folder keeps nobody");
    let all = ["ann", "bob", "crash", "elsewhere", "emptyone", "s-ann", "said"];
    assert_eq!(list(true).await, all);

    let found = report(&app, "", &[&FROM[..], &["--map", "said=s-x"]].concat(), 1);
    let outcomes = json!({"ambiguous": 1, "empty": 3, "no_name": 2, "opened": 3});
    assert_eq!(found["outcomes"], outcomes, "{found}");
    assert_eq!(behind(&found), set(&[("bob", "ambiguous")]));
    let accounts = "SELECT name, subject FROM accounts ORDER BY name";
    let expected = [["ann", "s-ann"], ["emptyone", "s-e"], ["said", "s-x"]];
    assert_eq!(app.rows(accounts), expected, "nobody lost what they have to an empty one");
    let stranger = json!({"username": "emptyone@new.example", "user_attributes": {"sub": "new"}});
    assert_eq!(app.provision(&stranger.to_string()).await.code(), "username_taken");
    let again = report(&app, "", &FROM, 1);
    assert_eq!(again["outcomes"], json!({"ambiguous": 1, "empty": 3, "known": 3, "no_name": 2}));
    assert_eq!(app.rows(accounts), expected);
}

#[tokio::test]
async fn an_account_goes_to_another_subject_only_where_more_than_a_local_part_is_the_same() {
    let app = App::start();
    for name in ["bob", "carl", "dora@example.com", "eve"] {
        old_folder(&app, name);
    }
    let mut eve = user("eve-1", "b-4", "eve@example.com", "CONFIRMED");
    eve["Attributes"][2]["Value"] = "false".into();
    let old = json!([
        user("bob@a.example", "b-1", "bob@a.example", "CONFIRMED"),
        user("carl", "b-2", "c@example.com", "CONFIRMED"),
        user("dora-1", "b-3", "dora@example.com", "CONFIRMED"),
        eve,
    ]);
    users(&app, old);
    let by_hand = ["--map", "eve=b-4", "--map", "bob=b-1"];
    assert_eq!(report(&app, "", &[&FROM[..], &by_hand].concat(), 0)["outcomes"]["opened"], 4);
    users(
        &app,
        json!([
            user("bob@b.example", "n-1", "bob@b.example", "CONFIRMED"),
            user("carl", "n-2", "other@example.com", "CONFIRMED"),
            user("dora-2", "n-3", "dora@example.com", "CONFIRMED"),
            // Nobody had verified that address when the account was opened.
            user("eve-2", "n-4", "eve@example.com", "CONFIRMED"),
        ]),
    );
    let relink = [&FROM[..], &["--relink"]].concat();
    let found = report(&app, "", &relink, 1);
    assert_eq!(found["outcomes"], json!({"refused": 2, "relinked": 2}), "{found}");
    assert_eq!(found["codes"], json!({"refused": {"username_taken": 2}}));
    assert_eq!(behind(&found), set(&[("bob", "refused"), ("eve", "refused")]));
    let subjects = "SELECT subject FROM accounts ORDER BY name";
    assert_eq!(app.rows(subjects), [["b-1"], ["n-2"], ["n-3"], ["b-4"]]);
    let found = report(&app, "", &[&relink[..], &["--map", "bob=n-1"]].concat(), 1);
    assert_eq!(found["outcomes"], json!({"known": 2, "refused": 1, "relinked": 1}), "{found}");
    assert_eq!(app.rows(subjects), [["n-1"], ["n-2"], ["n-3"], ["b-4"]]);
}

#[tokio::test]
async fn a_dry_run_says_whose_name_goes_to_whom_and_the_report_has_everybody() {
    let app = App::start();
    a_pool(&app);
    let dry = report(&app, "", &[&FROM[..], &["--dry-run", "--report", "all"]].concat(), 1);
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or("-").to_owned();
    let words = ["name", "username", "subject", "rule", "outcome"];
    let pairs: Vec<_> = dry["pairs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| words.map(|word| text(one, word)))
        .collect();
    let expected = [
        ["Dora@example.com", "d", "s-6", "email", "opened"],
        ["carl", "carl", "s-4", "username", "opened"],
        ["emil", "emil", "s-5", "username", "opened"],
        ["fred", "fred", "s-9", "username", "opened"],
        ["s-1", "anna", "s-1", "sub", "opened"],
    ];
    assert_eq!(pairs, expected);
    let all = fs::read_to_string(app.folder.path().join("all")).expect("a file");
    let all: Vec<Value> =
        all.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(all.len() as u64, dry["people"].as_u64().expect("a number"));
    assert!(all.contains(&dry["pairs"][0]) && all.iter().any(|one| one["outcome"] == "no_name"));
    let (_, out, _) = end(verb(&app, "", &[&FROM[..], &["--dry-run"]].concat()));
    assert!(out.contains("whose name goes to whom:") && out.contains("s-6"), "{out}");
    // In earnest the counts are enough.
    assert_eq!(report(&app, "", &FROM, 1)["pairs"], json!([]));

    // More than anybody reads on a terminal are in the file.
    let many: Vec<_> = (0..25).map(|number| format!("many{number}")).collect();
    many.iter().for_each(|name| old_folder(&app, name));
    users(&app, many.iter().map(|name| user(name, name, "m@example.com", "CONFIRMED")).collect());
    let arguments = [&FROM[..], &["--dry-run", "--match", "username"]].concat();
    let (_, out, _) = end(verb(&app, "", &arguments));
    assert!(out.contains("and 5 more: --report FILE has them all"), "{out}");
}

#[tokio::test]
async fn a_user_who_stands_twice_is_one_person_and_a_mark_is_no_part_of_a_file() {
    let app = App::start();
    old_folder(&app, "carl");
    old_folder(&app, "dora");
    let carl = user("carl", "s-1", "c@example.com", "CONFIRMED");
    let mut later = user("dora", "s-2", "d@example.com", "CONFIRMED");
    later["Attributes"][3]["Value"] = "free".into();
    let dora = user("dora", "s-2", "d@example.com", "CONFIRMED");
    let pages = [json!({"Users": [carl, dora]}), json!({"Users": [carl, later]})];
    let file = app.folder.path().join("users.json");
    fs::write(&file, format!("\u{feff}{}\n{}", pages[0], pages[1])).expect("a file");
    let found = report(&app, "", &FROM, 1);
    assert_eq!(found["outcomes"], json!({"failed": 1, "opened": 2}), "{found}");
    let told = &found["behind"][0];
    assert_eq!((&told["user"], &told["code"]), (&json!(4), &json!("user_invalid")));
    let asked = app
        .rows("SELECT request FROM decisions WHERE name = 'dora' AND occasion = 'account_import'");
    assert!(asked[0][0].contains("pro") && !asked[0][0].contains("free"), "the first one counts");

    let utf_16: Vec<u8> = "\u{feff}[]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&file, utf_16).expect("a file");
    let (code, _, error) = end(verb(&app, "", &FROM));
    assert!(code == Some(2) && error.contains("UTF-16"), "{error}");
}
