//! Which tenant has which ankisyncd: said with an operator's key, never one file to two, and nothing that is something else.

use crate::ankisyncd::{AuthFile, SHUT, beside, eventually, told};
use crate::app::{App, enlist};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

async fn create(app: &App, name: &str, file: &Path) -> crate::app::Answer {
    let body = json!({"name": name, "ankisyncd_auth_db": file});
    app.ask("POST", "/v1/tenants", &app.operator_key, body).await
}

async fn set(app: &App, name: &str, file: Value) -> crate::app::Answer {
    let path = format!("/v1/tenants/{name}");
    app.ask("PATCH", &path, &app.operator_key, json!({"ankisyncd_auth_db": file})).await
}

async fn open(app: &App, tenant: &str, name: &str) {
    let path = format!("/v1/tenants/{tenant}/accounts/{name}");
    app.manage("PUT", &path, json!({"username": name})).await;
}

#[tokio::test]
async fn a_tenant_has_an_ankisyncd_of_its_own_another_or_none() {
    let app = App::start();
    let (one, two) = (AuthFile::place(), AuthFile::made());
    let shown = app.manage("GET", "/v1/tenants/default", Value::Null).await;
    assert_eq!(shown["ankisyncd_auth_db"], Value::Null);
    let made = create(&app, "school", &one.path).await;
    assert_eq!((made.status, &made.json()["ankisyncd_auth_db"]), (201, &json!(one.path)));
    open(&app, "school", "anna").await;
    told(&app);
    assert_eq!(one.rows(), [["anna", SHUT]]);

    assert_eq!(set(&app, "school", json!(two.path)).await.status, 200);
    open(&app, "school", "berta").await;
    told(&app);
    assert_eq!(two.rows(), [["anna", SHUT], ["berta", SHUT]], "who was there too");
    assert_eq!(one.rows().len(), 1);

    for none in [json!(""), Value::Null] {
        let answer = set(&app, "school", none).await;
        assert_eq!(answer.json()["ankisyncd_auth_db"], Value::Null, "{answer:?}");
    }
    open(&app, "school", "clara").await;
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0);
    assert_eq!(two.rows().len(), 2);
    let acts =
        "SELECT coalesce(detail, '-') FROM decisions WHERE occasion LIKE 'tenant%' ORDER BY id";
    let paths = [&one, &two].map(|file| format!("ankisyncd_auth_db {}", file.text()));
    let [one, two] = paths;
    assert_eq!(app.rows(acts), [[one], [two], ["ankisyncd_auth_db none of its own".to_owned()]]);
}

#[tokio::test]
async fn what_waits_for_an_ankisyncd_that_is_taken_away_waits_no_more() {
    let app = App::start();
    let file = AuthFile::made();
    assert_eq!(create(&app, "school", &file.path).await.status, 201);
    let _other = file.lock();
    open(&app, "school", "anna").await;
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 1);
    assert_eq!(set(&app, "school", json!("")).await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0);
}

#[tokio::test]
async fn the_row_of_tenant_default_wins_over_the_setting() {
    let (setting, own) = (AuthFile::made(), AuthFile::made());
    let app = beside(&setting);
    let shown = app.manage("GET", "/v1/tenants/default", Value::Null).await;
    assert_eq!(shown["ankisyncd_auth_db"], json!(setting.path));
    assert_eq!(set(&app, "default", json!(own.path)).await.status, 200);
    open(&app, "default", "anna").await;
    told(&app);
    assert_eq!((setting.rows().len(), own.rows().len()), (0, 1));
    assert_eq!(
        set(&app, "default", json!("")).await.json()["ankisyncd_auth_db"],
        json!(setting.path)
    );
    open(&app, "default", "berta").await;
    told(&app);
    assert_eq!((setting.rows().len(), own.rows().len()), (2, 1));
}

#[tokio::test]
async fn a_second_tenant_does_not_get_the_file_by_whichever_path() {
    let file = AuthFile::made();
    let app = beside(&file);
    let folder = file.folder.path();
    symlink(&file.path, folder.join("link.db")).expect("a link");
    symlink(folder, folder.join("round")).expect("a link");
    fs::hard_link(&file.path, folder.join("hard.db")).expect("a link");
    let before = app.rows("SELECT * FROM tenants");
    for path in ["auth.db", "link.db", "round/auth.db", "hard.db", "./auth.db"] {
        let answer = create(&app, "school", &folder.join(path)).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "auth_db_taken"), "{path}");
        assert!(answer.text.contains("tenant default's"), "{answer:?}");
    }
    assert_eq!(app.rows("SELECT * FROM tenants"), before);
    assert!(!app.data().join("tenants/school").exists());
    app.manage("POST", "/v1/tenants", json!({"name": "school"})).await;
    assert_eq!(set(&app, "school", json!(file.path)).await.code(), "auth_db_taken");
    assert_eq!(set(&app, "default", json!(file.path)).await.status, 200, "its own is its own");
    // One that is not there yet is one all the same.
    let missing = folder.join("missing.db");
    assert_eq!(set(&app, "school", json!(missing)).await.status, 200);
    assert_eq!(
        set(&app, "default", json!(folder.join("round/missing.db"))).await.code(),
        "auth_db_taken"
    );
}

#[tokio::test]
async fn a_file_that_is_something_else_is_refused_and_left_as_it_is() {
    let app = App::start();
    app.manage("POST", "/v1/tenants", json!({"name": "school"})).await;
    let file = AuthFile::place();
    let folder = file.folder.path();
    let made = |name: &str, sql: &str| {
        let path = folder.join(name);
        Connection::open(&path).expect("a file").execute_batch(sql).expect("a table");
        path
    };
    let text = folder.join("text");
    fs::write(&text, "username: hash, of nothing that is a database at all").expect("a file");
    for (path, why) in [
        (
            made("old.db", "CREATE TABLE auth (user VARCHAR PRIMARY KEY, hash VARCHAR)"),
            "utils/migrate_user_tables.py",
        ),
        (made("foreign.db", "CREATE TABLE people (name TEXT)"), "no auth.db of an ankisyncd"),
        // Where a name may stand twice nobody can say which row lets its person in.
        (made("twice.db", "CREATE TABLE auth (username VARCHAR, hash VARCHAR)"), "no auth.db"),
        (
            made(
                "both.db",
                "CREATE TABLE auth (username VARCHAR, hash VARCHAR, PRIMARY KEY (username, hash))",
            ),
            "no auth.db",
        ),
        (
            made(
                "part.db",
                "CREATE TABLE auth (username VARCHAR, hash VARCHAR);
                 CREATE UNIQUE INDEX part ON auth (username) WHERE hash IS NOT NULL",
            ),
            "no auth.db",
        ),
        (text, "no auth.db of an ankisyncd"),
        (app.data().join("enlist.db"), "no auth.db of an ankisyncd"),
        (folder.join("no/auth.db"), "its folder is not there"),
        (folder.to_owned(), "no auth.db of an ankisyncd"),
        ("auth.db".into(), "expected an absolute path"),
        (folder.join("../auth.db"), "expected a path without .."),
    ] {
        let before = fs::read(&path).ok();
        for answer in [set(&app, "school", json!(path)).await, create(&app, "new", &path).await] {
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (400, "field_invalid"),
                "{answer:?}"
            );
            assert_eq!(answer.json()["errors"][0]["pointer"], "/ankisyncd_auth_db");
            assert!(answer.text.contains(why), "{why}: {answer:?}");
        }
        if !path.starts_with(app.data()) {
            assert_eq!(fs::read(&path).ok(), before, "{}", path.display());
        }
    }
    assert_eq!(
        app.count("SELECT count(*) FROM tenants WHERE auth_db IS NOT NULL OR name = 'new'"),
        0
    );
}

#[tokio::test]
async fn a_tenants_own_key_does_not_say_where_on_the_machine_it_is() {
    let app = App::start();
    let file = AuthFile::made();
    let key = app.key_of("default", json!({"scopes": ["manage", "read"]})).await;
    let answer = app
        .ask("PATCH", "/v1/tenants/default", &key, json!({"ankisyncd_auth_db": file.path}))
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"));
    assert_eq!(app.count("SELECT count(*) FROM tenants WHERE auth_db IS NOT NULL"), 0);
}

#[tokio::test]
async fn at_the_start_the_older_of_two_has_the_file_and_the_other_opens_nobody() {
    let (one, two) = (AuthFile::made(), AuthFile::made());
    let mut app = beside(&one);
    assert_eq!(create(&app, "school", &two.path).await.status, 201);
    open(&app, "school", "anna").await;
    told(&app);
    app.kill();
    fs::remove_file(&two.path).expect("no file");
    fs::hard_link(&one.path, &two.path).expect("a link");
    app.restart();
    assert!(app.log().contains("this ankisyncd is another tenant's"), "{}", app.log());
    let key = app.key_of("school", json!({})).await;
    let refused = app.post("/provision-user", &key, r#"{"username":"berta"}"#).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "storage_unavailable"));
    let path = "/v1/tenants/school/accounts/clara";
    let by_hand = app.ask("PUT", path, &app.operator_key, json!({"username": "c"})).await;
    assert_eq!((by_hand.status, by_hand.code().as_str()), (503, "storage_unavailable"));
    let known = app.post("/provision-user", &key, r#"{"username":"anna"}"#).await;
    assert_eq!(known.status, 200, "who is known is known: {known:?}");
    open(&app, "default", "dora").await;
    eventually(&app, "a row", || one.hash_of("dora").is_some());
    assert_eq!(one.rows().len(), 1);
    let act = "/v1/tenants/school/accounts/anna/close";
    let closed = app.ask("POST", act, &app.operator_key, Value::Null).await;
    assert_eq!((closed.status, closed.code().as_str()), (503, "downstream_busy"));
    eventually(&app, "it is said why", || {
        app.count("SELECT count(*) FROM outbox WHERE trouble = 'shared'") == 1
    });
    let other = AuthFile::made();
    assert_eq!(set(&app, "school", json!(other.path)).await.status, 200, "until it has its own");
    open(&app, "school", "berta").await;
    told(&app);
    assert!(other.hash_of("berta").is_some());
}

#[tokio::test]
async fn a_unique_index_is_as_good_as_a_primary_key() {
    let file = AuthFile::place();
    let sql = "CREATE TABLE auth (id INTEGER PRIMARY KEY, username VARCHAR, hash VARCHAR);
        CREATE INDEX other ON auth (hash); CREATE UNIQUE INDEX one ON auth (username)";
    file.open().execute_batch(sql).expect("a table");
    let app = beside(&file);
    open(&app, "default", "anna").await;
    told(&app);
    assert_eq!(file.rows(), [["anna", SHUT]]);
}

#[tokio::test]
async fn a_file_that_its_owner_let_go_of_is_the_next_ones() {
    let (one, two) = (AuthFile::made(), AuthFile::place());
    let mut app = beside(&one);
    assert_eq!(create(&app, "school", &two.path).await.status, 201);
    app.kill();
    fs::hard_link(&one.path, &two.path).expect("a link");
    app.restart();
    let key = app.key_of("school", json!({})).await;
    let berta = async || app.post("/v1/accounts", &key, r#"{"username":"berta"}"#).await;
    assert_eq!(berta().await.code(), "storage_unavailable");
    let other = AuthFile::made();
    assert_eq!(set(&app, "default", json!(other.path)).await.status, 200);
    assert_eq!(berta().await.status, 201);
    told(&app);
    assert_eq!((one.rows().len(), other.rows().len()), (1, 0));
    assert_eq!(set(&app, "default", json!(one.path)).await.code(), "auth_db_taken");
}

#[tokio::test]
async fn a_removed_tenants_file_is_nobody_elses_before_it_knows_who_was_closed() {
    let file = AuthFile::made();
    let mut app = App::start();
    assert_eq!(create(&app, "old", &file.path).await.status, 201);
    open(&app, "old", "anna").await;
    told(&app);
    let hers = file.add_user("anna", "wonderland");
    let other = file.lock();
    let close = "/v1/tenants/old/accounts/anna/close";
    let closed = app.ask("POST", close, &app.operator_key, Value::Null).await;
    assert_eq!(closed.code(), "downstream_busy");
    app.manage("DELETE", "/v1/tenants/old", Value::Null).await;
    let refused = create(&app, "new", &file.path).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "auth_db_taken"), "{refused:?}");
    assert_eq!(app.count("SELECT count(*) FROM tenants WHERE name = 'new'"), 0);
    app.kill();
    app.run_with(&[("ENLIST_ANKISYNCD__AUTH_DB", file.text())]);
    let path = "/v1/tenants/default/accounts/anna";
    let adopt = json!({"username": "another anna", "adopt": true});
    let early = app.ask("PUT", path, &app.operator_key, adopt.clone()).await;
    assert_eq!((early.status, early.code().as_str()), (503, "storage_unavailable"), "{early:?}");
    assert_eq!(file.hash_of("anna"), Some(hers));
    drop(other);
    told(&app);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT), "hers, and nobody else's");
    eventually(&app, "it is the next one's", || app.log().contains("no other tenant's any more"));
    assert_eq!(app.ask("PUT", path, &app.operator_key, adopt).await.status, 201);
    let theirs = file.add_user("anna", "looking glass");
    app.restart();
    assert_eq!(file.hash_of("anna"), Some(theirs));
}

#[test]
fn a_start_beside_a_file_of_no_use_stops_with_one_line() {
    let file = AuthFile::place();
    let sql = "CREATE TABLE auth (user VARCHAR PRIMARY KEY, hash VARCHAR)";
    file.open().execute_batch(sql).expect("a table");
    let before = fs::read(&file.path).expect("the file");
    let data = file.folder.path().join("data");
    for check in [&["--check"][..], &[]] {
        let mut command = enlist();
        command.args(["serve", "--print-first-keys"]).args(check).arg("--data-dir").arg(&data);
        command.env("ENLIST_LISTEN", "127.0.0.1:0").env("ENLIST_ANKISYNCD__AUTH_DB", &file.path);
        let ended = command.output().expect("an end");
        let error = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{error}");
        let line = error.lines().find(|line| line.starts_with("enlist:")).unwrap_or_default();
        assert!(line.contains("ankisyncd.auth_db"), "{error}");
        assert!(
            line.contains(file.text()) && line.contains("utils/migrate_user_tables.py"),
            "{error}"
        );
        assert!(!data.join("enlist.db").exists(), "nothing was made");
    }
    assert_eq!(fs::read(&file.path).expect("the file"), before);
}

#[test]
fn a_tenant_gets_its_ankisyncd_by_command() {
    let app = App::start();
    let file = AuthFile::made();
    let run = |arguments: &[&str]| {
        let mut command = enlist();
        command.args(arguments).env("ENLIST_SERVER", &app.url);
        let ended = command.env("ENLIST_KEY", &app.operator_key).output().expect("an end");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (ended.status.code(), text(ended.stdout), text(ended.stderr))
    };
    let (code, out, error) =
        run(&["tenant", "create", "school", "--ankisyncd-auth-db", file.text()]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains(&format!("ankisyncd  {}\n", file.text())), "{out}");
    let (code, out, _) = run(&["tenant", "set", "school", "--ankisyncd-auth-db", ""]);
    assert_eq!((code, out.contains("ankisyncd")), (Some(0), false), "{out}");
    let folder = file.folder.path().join("school");
    fs::create_dir(&folder).expect("a folder");
    let said = format!("ankisyncd_auth_db = {:?}\n", file.text());
    fs::write(folder.join("tenant.toml"), said).expect("a file");
    let apply = ["tenant", "apply", folder.to_str().expect("a path")];
    let (code, out, error) = run(&apply);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("ankisyncd_auth_db"), "{out}");
    let (code, out, _) = run(&apply);
    assert_eq!((code, out.contains("nothing changes")), (Some(0), true), "{out}");
    let (_, out, _) = run(&["tenant", "show", "school"]);
    assert!(out.contains(file.text()), "{out}");
}
