//! Names that are there without an account: no request gets one, in any spelling; whoever is in charge takes them over and lists them.

use crate::app::{Answer, App, enlist};
use crate::moving::{HASH, Tree, named};
use enlist::domain::{FoldKey, Name};
use enlist::downstream::UNOPENABLE;
use enlist_artifacts::honest::CANDIDATES;
use proptest::prelude::Strategy;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use unicode_normalization::UnicodeNormalization;

/// Refused for what stands there, and nothing came of it.
async fn home_exists(app: &App, name: &str) {
    let before = (app.count("SELECT count(*) FROM accounts"), app.folders());
    let dry = app.decide(&named("x", name)).await;
    assert_eq!(dry.json()["code"], "home_exists", "{name}: {dry:?}");
    let answer = app.provision(&named("x", name)).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "home_exists"), "{name}: {answer:?}");
    assert_eq!(answer.json()["error"], "A folder of this name is already there");
    let hand = put(app, name, json!({"username": "x"})).await;
    assert_eq!((hand.status, hand.code().as_str()), (409, "home_exists"), "{name}: {hand:?}");
    let after = (app.count("SELECT count(*) FROM accounts"), app.folders());
    assert_eq!(after, before, "{name}");
}

async fn put(app: &App, name: &str, body: Value) -> Answer {
    let path = format!("/v1/tenants/default/accounts/{name}");
    app.ask("PUT", &path, &app.operator_key, body).await
}

async fn reserved(app: &App) -> Value {
    let list = app.manage("GET", "/v1/tenants/default/reserved?limit=500", Value::Null).await;
    assert_eq!(list["next"], Value::Null);
    list["items"].clone()
}

fn item(name: &str, folder: bool, row: bool) -> Value {
    json!({"name": name, "folder": folder, "row": row, "restored": false})
}

#[tokio::test]
async fn no_spelling_of_a_folder_that_holds_something_or_of_a_row_is_given_to_anybody() {
    let tree = Tree::new();
    tree.folder("Alice");
    tree.row("Bob");
    tree.folder("stra\u{df}e");
    fs::write(tree.collections().join("File"), "").expect("a file");
    symlink("/nowhere", tree.collections().join("Link")).expect("a link");
    fs::create_dir(tree.collections().join("Empty")).expect("a folder");
    let app = tree.serve();
    for name in ["alice", "Alice", "ALICE", "bob", "Bob", "STRASSE", "strasse", "file", "link"] {
        home_exists(&app, name).await;
    }
    assert_eq!(app.enlist(&named("s1", "alice,bob,free")).await, "free", "they are skipped");
    assert_eq!(app.provision(&named("s2", "alice,free")).await.code(), "username_taken");
    assert_eq!(app.enlist(&named("s3", "empty")).await, "empty", "an empty one keeps nobody");
    let row = crate::app::rows(&tree.auth_db(), "SELECT * FROM auth WHERE username = 'Bob'");
    assert_eq!(row, [["Bob", HASH]]);
}

#[tokio::test]
async fn an_empty_folder_is_taken_over_spelt_exactly_so() {
    let tree = Tree::new();
    fs::create_dir(tree.collections().join("Empty")).expect("a folder");
    let app = tree.serve();
    assert_eq!(app.enlist(&named("s1", "Empty")).await, "Empty");
    assert_eq!(app.folders(), ["Empty"]);
}

#[tokio::test]
async fn what_comes_later_is_found_out_by_its_exact_name_at_once_and_in_any_spelling_by_a_look() {
    let tree = Tree::new();
    let app = tree.serve();
    assert_eq!(reserved(&app).await, json!([]));
    tree.folder("Late");
    tree.row("Row");
    home_exists(&app, "Late").await;
    home_exists(&app, "Row").await;
    assert_eq!(reserved(&app).await, json!([item("Late", true, false), item("Row", false, true)]));
    home_exists(&app, "late").await;
    home_exists(&app, "row").await;
    fs::remove_dir_all(tree.collections().join("Late")).expect("gone");
    tree.auth_db().execute("DELETE FROM auth", []).expect("gone");
    for (subject, name) in [("s1", "late"), ("s2", "row")] {
        assert_eq!(app.enlist(&named(subject, name)).await, name, "what is gone keeps nobody");
    }
}

/// Refused because nobody knows which names are there, and nothing came of it.
async fn nobody_knows(app: &App, name: &str) {
    let before = (app.rows("SELECT * FROM accounts"), app.folders());
    let mut answers = vec![app.provision(&named("x", name)).await];
    for adopt in [false, true] {
        answers.push(put(app, name, json!({"username": "x", "adopt": adopt})).await);
    }
    for answer in answers {
        let found = (answer.status, answer.code());
        assert_eq!(found, (503, "storage_unavailable".to_owned()), "{name}: {answer:?}");
        assert!(!answer.text.contains("auth"), "no path for strangers: {answer:?}");
    }
    assert_eq!((app.rows("SELECT * FROM accounts"), app.folders()), before, "{name}");
}

#[tokio::test]
async fn a_file_that_is_gone_at_a_restart_frees_no_name() {
    for is_written in [true, false] {
        let tree = Tree::new();
        tree.row("jim");
        let mut app = tree.serve();
        match is_written {
            true => assert_eq!(app.enlist(&named("s1", "anna")).await, "anna"),
            false => assert_eq!(reserved(&app).await, json!([item("jim", false, true)])),
        }
        app.kill();
        let away = tree.folder.path().join("away");
        fs::rename(tree.auth_db_path(), &away).expect("moved");
        app.run_with(&[]);
        for name in ["jim", "JIM", "free"] {
            nobody_knows(&app, name).await;
        }
        assert!(!tree.auth_db_path().exists(), "none is made in its place");
        assert!(app.log().contains("Gone("), "{}", app.log());
        if is_written {
            let known = app.provision(&named("s1", "whatever")).await;
            assert_eq!(known.json()["username"], "anna", "who has an account is known: {known:?}");
        }
        fs::rename(&away, tree.auth_db_path()).expect("back");
        home_exists(&app, "jim").await;
        assert_eq!(app.enlist(&named("s2", "free")).await, "free");
        let row = crate::app::rows(&tree.auth_db(), "SELECT * FROM auth WHERE username = 'jim'");
        assert_eq!(row, [["jim", HASH]]);
    }
}

#[tokio::test]
async fn a_new_and_empty_file_in_the_place_of_one_that_is_gone_is_a_new_beginning() {
    let tree = Tree::new();
    tree.row("jim");
    let mut app = tree.serve();
    assert_eq!(reserved(&app).await, json!([item("jim", false, true)]));
    app.kill();
    fs::write(tree.auth_db_path(), "").expect("an empty file");
    app.run_with(&[]);
    assert_eq!(app.enlist(&named("s1", "jim")).await, "jim");
}

#[tokio::test]
async fn a_file_that_is_locked_stops_nobody_and_one_that_is_gone_everybody_who_is_new() {
    let tree = Tree::new();
    tree.row("Bob");
    let app = tree.serve();
    assert_eq!(reserved(&app).await, json!([item("Bob", false, true)]));
    let other = tree.auth_db();
    other.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    home_exists(&app, "bob").await;
    assert_eq!(app.enlist(&named("s1", "free")).await, "free");
    other.execute_batch("ROLLBACK").expect("the lock back");
    drop(other);
    let away = tree.folder.path().join("away");
    fs::rename(tree.auth_db_path(), &away).expect("moved");
    nobody_knows(&app, "bob").await;
    let path = "/v1/tenants/default/reserved";
    let answer = app.ask("GET", path, &app.operator_key, Value::Null).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"), "{answer:?}");
    nobody_knows(&app, "also").await;
    let known = app.provision(&named("s1", "whatever")).await;
    assert_eq!(known.json()["username"], "free", "who has an account is known: {known:?}");
    fs::rename(&away, tree.auth_db_path()).expect("back");
    home_exists(&app, "bob").await;
    assert_eq!(app.enlist(&named("s2", "also")).await, "also");
}

#[tokio::test]
async fn while_nobody_knows_which_names_are_there_nobody_gets_one() {
    let tree = Tree::new();
    tree.row("Bob");
    let mut app = tree.serve();
    app.enlist(&named("s1", "anna")).await;
    // One of the setting's would stop the start; a tenant's own does not.
    let own = tree.folder.path().join("own.db");
    fs::copy(tree.auth_db_path(), &own).expect("a copy");
    app.manage("PATCH", "/v1/tenants/default", json!({"ankisyncd_auth_db": own})).await;
    app.kill();
    fs::write(&own, "no database, but of some length".repeat(100)).expect("a file");
    app.run_with(&[]);
    let before = app.rows("SELECT * FROM accounts");
    let answer = app.provision(&named("s2", "bob")).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"), "{answer:?}");
    assert_eq!(answer.json()["error"], "Try again later");
    assert!(!answer.text.contains("auth"), "no path for strangers: {answer:?}");
    assert!(app.log().contains("own.db"), "but for the operator");
    assert_eq!(
        (app.rows("SELECT * FROM accounts"), app.folders()),
        (before, vec!["anna".to_owned()])
    );
    let known = app.provision(&named("s1", "whatever")).await;
    assert_eq!(known.json()["username"], "anna", "who has an account is known: {known:?}");
}

#[tokio::test]
async fn a_name_that_is_there_is_taken_over_by_hand_exactly_as_it_is_spelt() {
    let tree = Tree::new();
    for name in ["Alice", "alice", "user name"] {
        tree.folder(name);
    }
    for name in ["Alice", "Carol", "../evil"] {
        tree.row(name);
    }
    let app = tree.serve();
    let adopt = |subject: &str| json!({"username": subject, "subject": subject, "adopt": true});
    for other in ["ALICE", "carol"] {
        let refused = put(&app, other, adopt("s0")).await;
        assert_eq!((refused.status, refused.code().as_str()), (409, "home_exists"), "{refused:?}");
    }
    assert_eq!(put(&app, "..%2Fevil", adopt("s0")).await.code(), "name_unusable");
    assert_eq!(put(&app, "Alice", adopt("s1")).await.status, 201);
    assert_eq!(put(&app, "Carol", adopt("s2")).await.status, 201);
    assert_eq!(put(&app, "user%20name", adopt("s3")).await.status, 201);
    assert_eq!(put(&app, "alice", adopt("s4")).await.code(), "username_taken");
    let collection = tree.collections().join("Alice/collection.anki2");
    assert_eq!(fs::read_to_string(collection).expect("it"), "cards");
    let all = "SELECT username, hash FROM auth ORDER BY username";
    while crate::app::rows(&tree.auth_db(), all).len() < 4 {
        tokio::task::yield_now().await;
    }
    let rows = crate::app::rows(&tree.auth_db(), all);
    assert_eq!(rows[..3], [["../evil", HASH], ["Alice", HASH], ["Carol", HASH]], "left alone");
    assert_eq!(rows[3], ["user name", UNOPENABLE], "who had none has one");
    let shown = app.manage("GET", "/v1/tenants/default/accounts/user%20name", Value::Null).await;
    assert_eq!(shown["home"], json!(tree.collections().join("user name")));
    assert_eq!(
        reserved(&app).await,
        json!([item("../evil", false, true), item("alice", true, false)]),
        "what has no account yet"
    );
}

#[tokio::test]
async fn they_are_listed_in_pages_to_whoever_may_read_or_manage() {
    let tree = Tree::new();
    for name in ["Dora", "anna", "Anna", "berta"] {
        tree.folder(name);
    }
    tree.row("Dora");
    tree.row("carl");
    for none in ["lost+found", "empty"] {
        fs::create_dir(tree.collections().join(none)).expect("a folder");
    }
    let app = tree.serve();
    app.enlist(&named("s1", "mine")).await;
    let reserve = "INSERT INTO reserved SELECT id, 'berta', 'berta', 0 FROM tenants;
        INSERT INTO reserved SELECT id, 'zoe', 'Zoe', 0 FROM tenants";
    app.database().execute_batch(reserve).expect("a restore");
    let restored =
        |name, folder| json!({"name": name, "folder": folder, "row": false, "restored": true});
    let all = json!([
        item("Anna", true, false),
        item("anna", true, false),
        restored("berta", true),
        item("carl", false, true),
        item("Dora", true, true),
        restored("Zoe", false),
    ]);
    assert_eq!(reserved(&app).await, all);
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/tenants/default/reserved?limit=1{after}");
        let page = app.manage("GET", &path, Value::Null).await;
        items.extend(page["items"].as_array().expect("items").clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(Value::from(items), all);
    for (scopes, status) in [(["read"], 200), (["manage"], 200), (["provision"], 403)] {
        let key = app.key_of("default", json!({"scopes": scopes})).await;
        assert_eq!(app.ask("GET", "/v1/reserved", &key, Value::Null).await.status, status);
    }
    let mut list = enlist();
    list.args(["-t", "default", "account", "list", "--reserved"]).env("ENLIST_SERVER", &app.url);
    let list = list.env("ENLIST_KEY", &app.operator_key).output().expect("an end");
    let list = String::from_utf8(list.stdout).expect("text");
    assert!(list.starts_with("NAME   FOLDER  ROW  RESTORED\nAnna   yes     -    -\n"), "{list}");
    assert!(list.contains("\nDora   yes     yes  -\n"), "{list}");
}

#[tokio::test]
async fn who_got_an_account_between_two_pages_is_not_on_the_second() {
    let tree = Tree::new();
    for name in ["anna", "berta", "carl"] {
        tree.folder(name);
    }
    let app = tree.serve();
    let page = app.manage("GET", "/v1/tenants/default/reserved?limit=1", Value::Null).await;
    let adopted = put(&app, "berta", json!({"username": "b", "adopt": true})).await;
    assert_eq!(adopted.status, 201);
    let next = page["next"].as_str().expect("a page");
    let path = format!("/v1/tenants/default/reserved?limit=9&after={next}");
    let page = app.manage("GET", &path, Value::Null).await;
    assert_eq!(page, json!({"items": [item("carl", true, false)], "next": null}));
}

#[tokio::test]
async fn another_tenants_names_keep_nobody() {
    let tree = Tree::new();
    tree.folder("Alice");
    tree.row("Bob");
    let app = tree.serve();
    app.manage("POST", "/v1/tenants", json!({"name": "acme"})).await;
    let key = app.key_of("acme", json!({})).await;
    for name in ["alice", "Bob"] {
        let body = json!({"username": name, "subject": name}).to_string();
        assert_eq!(app.post("/v1/accounts", &key, &body).await.status, 201, "{name}");
    }
    let list = app.ask("GET", "/v1/reserved", &key, Value::Null).await;
    assert_eq!(list.json()["items"], json!([]));
}

/// Names as people had them, and what a newcomer may write in their place.
fn spellings() -> impl Strategy<Value = (String, String, bool)> {
    const NAMES: [&str; 9] = [
        "anna",
        "Stra\u{df}e",
        "Jos\u{e9}",
        "ﬁnn",
        "gıthub",
        "\u{212a}elvin",
        "日本",
        "a.b+c",
        "Ωmega",
    ];
    const WAYS: [fn(&str) -> String; 7] = [
        |name| name.to_owned(),
        |name| name.to_uppercase(),
        |name| name.to_lowercase(),
        |name| name.nfd().collect(),
        |name| name.nfkc().collect::<String>().to_lowercase(),
        |name| name.to_uppercase().nfkc().collect(),
        |name| FoldKey::of(name).as_str().to_owned(),
    ];
    (select(&NAMES[..]), select(&WAYS[..]), select(&WAYS[..]), select(&[true, false][..]))
        .prop_map(|(name, theirs, newcomers, folder)| (theirs(name), newcomers(name), folder))
}

#[tokio::test]
async fn whatever_the_spelling_no_newcomer_gets_the_key_of_a_row_or_of_a_folder_that_holds_something()
 {
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let drawn: Vec<_> =
        (0..48).map(|_| spellings().new_tree(&mut runner).expect("a value").current()).collect();
    let tree = Tree::new();
    let mut there = BTreeSet::new();
    for (theirs, _, folder) in drawn.iter().take(24) {
        match folder {
            true => tree.folder(theirs),
            false if there.contains(theirs) => {}
            false => tree.row(theirs),
        }
        there.insert(theirs.clone());
    }
    let keys: BTreeSet<_> = there.iter().map(|name| FoldKey::of(name)).collect();
    let app = tree.serve();
    let mut refused = 0;
    for (turn, (_, name, _)) in drawn.iter().enumerate() {
        let answer = app.provision(&named(&format!("s{turn}"), name)).await;
        let is_there = keys.contains(&FoldKey::of(name));
        match answer.status {
            200 => assert!(!is_there, "{name:?} beside {there:?}"),
            409 if is_there => {
                assert_eq!(answer.code(), "home_exists", "{name:?} beside {there:?}");
                refused += 1;
            }
            _ => {
                assert!(Name::try_from(name.clone()).is_err() || !is_there, "{name:?}: {answer:?}")
            }
        }
    }
    assert!(refused > 0, "nothing was tried");
}

#[tokio::test]
async fn with_nothing_there_a_policy_of_candidates_opens_as_before() {
    let app = App::with_policy(CANDIDATES, &[]);
    assert_eq!(app.enlist(&named("s1", "anna")).await, "anna");
    assert_eq!(
        app.manage("GET", "/v1/tenants/default/reserved", Value::Null).await["items"],
        json!([])
    );
}
