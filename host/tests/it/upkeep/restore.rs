//! `enlist restore`: in one step or not at all, only of a sound copy, and no newer folder becomes somebody else's.

use crate::app::App;
use crate::upkeep::{
    Ended, SCHEMA, ask, end, on, person, run, stop, text, three_people, to_schema_1, well,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

/// A server with three people, a backup of it, and then a fourth.
async fn with_a_newer_person() -> (App, PathBuf) {
    let app = App::start();
    three_people(&app).await;
    let copy = app.folder.path().join("copy.db");
    well(&app.data(), &["backup", text(&copy)]);
    app.enlist(&person("dan")).await;
    (app, copy)
}

fn accounts(database: &Path) -> String {
    ask(&Connection::open(database).expect("a database"), "SELECT count(*) FROM accounts")
}

fn kept(app: &App) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(app.data().join("backups")) else { return Vec::new() };
    folder.map(|entry| entry.expect("an entry").path()).collect()
}

/// Every file of the data folder and what is in it.
fn everything(app: &App) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(app.data()).expect("the data folder");
    let paths = files.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
    paths.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

#[tokio::test]
async fn a_restore_puts_the_copy_in_place_and_keeps_what_was_there() {
    let (mut app, copy) = with_a_newer_person().await;
    app.kill();
    let said = well(&app.data(), &["restore", text(&copy)]);
    assert!(said.contains("1 tenants, 3 accounts"), "{said}");
    assert_eq!(accounts(&app.data().join("enlist.db")), "3");
    let kept = kept(&app);
    assert_eq!(kept.len(), 1);
    assert!(said.contains(text(&kept[0])), "{said}");
    assert_eq!(accounts(&kept[0]), "4", "what only the WAL had is kept too");
    assert_eq!(accounts(&copy), "3", "the copy is left as it is");
    app.restart();
    let known = app.provision(&person("ann")).await;
    assert_eq!((known.status, &known.json()["created"]), (200, &false.into()));
}

#[tokio::test]
async fn a_restore_onto_an_empty_data_folder_is_the_whole_installation() {
    let (mut app, copy) = with_a_newer_person().await;
    app.kill();
    let aside = app.folder.path().join("collections");
    fs::rename(app.homes(), &aside).expect("the folders");
    fs::remove_dir_all(app.data()).expect("no data");
    fs::create_dir(app.data()).expect("a data folder");
    let refused = run(&app.data(), &["restore", text(&copy)]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("none of the folders of tenant default"), "{}", refused.err);
    assert!(!app.data().join("enlist.db").exists(), "which names are newer is not known");
    fs::rename(&aside, app.homes()).expect("the folders");
    let said = well(&app.data(), &["restore", text(&copy)]);
    assert!(said.contains("\tdan\t"), "whom the copy does not know: {said}");
    app.restart();
    assert_eq!(app.line["event"], "start", "no second first start");
    let known = app.provision(&person("ann")).await;
    assert_eq!((known.status, &known.json()["created"]), (200, &false.into()));
}

#[tokio::test]
async fn a_restore_needs_the_server_stopped() {
    let (app, copy) = with_a_newer_person().await;
    let ended = run(&app.data(), &["restore", text(&copy)]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("another Enlist") && ended.err.contains("stop that server"));
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 4);
    assert!(kept(&app).is_empty());
}

#[tokio::test]
async fn a_copy_that_is_damaged_or_foreign_or_newer_is_refused_and_nothing_changes() {
    let (mut app, copy) = with_a_newer_person().await;
    stop(&mut app);
    let before = everything(&app);
    let other = app.folder.path().join("other.db");
    let sqlite = |sql: &str| {
        let _ = fs::remove_file(&other);
        Connection::open(&other).expect("a database").execute_batch(sql).expect(sql);
    };
    let refused = |told: &[&str]| {
        let Ended { code, err, .. } = run(&app.data(), &["restore", text(&other)]);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(text(&other)), "{err}");
        assert!(told.iter().all(|told| err.contains(told)), "{told:?}: {err}");
        assert!(kept(&app).is_empty());
        assert!(everything(&app) == before, "{told:?}: something changed");
    };
    refused(&["No such file"]);
    fs::write(&other, "no database").expect("a file");
    refused(&["no database of Enlist's"]);
    fs::write(&other, "").expect("a file");
    refused(&["no database of Enlist's"]);
    sqlite("CREATE TABLE auth (username TEXT); PRAGMA user_version = 1");
    refused(&["no database of Enlist's"]);

    let mut bytes = fs::read(&copy).expect("the copy");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(&other, bytes).expect("a damaged copy");
    refused(&["damaged"]);

    fs::copy(&copy, &other).expect("a copy");
    let database = Connection::open(&other).expect("a copy");
    database.pragma_update(None, "user_version", 77).expect("a newer schema");
    drop(database);
    refused(&["schema 77", &format!("Enlist {SCHEMA}")]);
}

#[tokio::test]
async fn a_copy_of_an_older_schema_is_brought_to_ours() {
    let (mut app, copy) = with_a_newer_person().await;
    app.kill();
    to_schema_1(&copy);
    let said = well(&app.data(), &["restore", text(&copy)]);
    assert!(said.contains("3 accounts, schema 1"), "{said}");
    assert!(said.contains("dan"), "its newer folder is reserved too: {said}");
    app.restart();
    assert_eq!(app.count("PRAGMA user_version"), SCHEMA);
    assert_eq!(app.count("SELECT active FROM usage WHERE domain = ''"), 3);
    assert_eq!(app.provision(&person("dan")).await.code(), "username_taken");
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_old_database_or_the_new_one() {
    for (point, left) in [("restore_before_exchange", "4"), ("restore_after_exchange", "3")] {
        let (mut app, copy) = with_a_newer_person().await;
        app.kill();
        let mut restore = on(&app.data(), &["restore", text(&copy)]);
        let status = restore.env("ENLIST_KILL_AT", point).status().expect("an end");
        assert_eq!(status.signal(), Some(9), "{point} was never reached");
        app.restart();
        assert_eq!(accounts(&app.data().join("enlist.db")), left, "{point}");
        let known = app.provision(&person("ann")).await;
        assert_eq!((known.status, &known.json()["created"]), (200, &false.into()));
        app.kill();
        well(&app.data(), &["restore", text(&copy)]);
        assert_eq!(accounts(&app.data().join("enlist.db")), "3", "and again, to its end");
    }
}

#[tokio::test]
async fn a_database_that_is_broken_is_kept_as_it_is() {
    let (mut app, copy) = with_a_newer_person().await;
    stop(&mut app);
    let broken = app.data().join("enlist.db");
    fs::write(&broken, "was a database once").expect("a broken file");
    well(&app.data(), &["restore", text(&copy)]);
    assert_eq!(accounts(&broken), "3");
    let kept = fs::read_to_string(&kept(&app)[0]).expect("what was there");
    assert_eq!(kept, "was a database once");
}

#[tokio::test]
async fn what_the_old_database_had_in_its_wal_does_not_get_into_the_new_one() {
    let (mut app, copy) = with_a_newer_person().await;
    app.kill();
    // Whoever reads there keeps the WAL from being emptied.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let reader = Connection::open_with_flags(app.data().join("enlist.db"), flags);
    let reader = reader.expect("the database");
    reader.execute_batch("BEGIN").expect("a transaction");
    assert_eq!(ask(&reader, "SELECT count(*) FROM accounts"), "4");
    well(&app.data(), &["restore", text(&copy)]);
    let restored = Connection::open(app.data().join("enlist.db")).expect("the new one");
    assert_eq!(ask(&restored, "SELECT integrity_check FROM pragma_integrity_check"), "ok");
    assert_eq!(ask(&restored, "SELECT count(*) FROM accounts"), "3");
    assert_eq!(
        ask(&reader, "SELECT count(*) FROM accounts"),
        "4",
        "and the reader is not disturbed"
    );
}

#[tokio::test]
async fn where_the_wal_cannot_be_moved_nothing_is_exchanged_and_nothing_is_lost() {
    let (mut app, copy) = with_a_newer_person().await;
    let database = app.data().join("enlist.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let reader = Connection::open_with_flags(&database, flags).expect("the database");
    reader.execute_batch("BEGIN").expect("a transaction");
    assert_eq!(ask(&reader, "SELECT count(*) FROM accounts"), "4");
    // What is newer than somebody reads stays in the WAL.
    app.enlist(&person("eve")).await;
    app.kill();
    let still = run(&app.data(), &["restore", text(&copy)]);
    assert_eq!((still.code, still.out.as_str()), (Some(1), ""), "{still:?}");
    assert!(still.err.contains("still reads") && still.err.contains(text(&database)), "{still:?}");
    drop(reader);
    assert!(kept(&app).is_empty());

    // Without a place for its index the WAL cannot even be read.
    let (wal, index) = (app.data().join("enlist.db-wal"), app.data().join("enlist.db-shm"));
    let before = fs::read(&wal).expect("a WAL");
    assert!(!before.is_empty());
    let _ = fs::remove_file(&index);
    fs::create_dir(&index).expect("something in the way");
    let cannot = run(&app.data(), &["restore", text(&copy)]);
    assert_eq!((cannot.code, cannot.out.as_str()), (Some(1), ""), "{cannot:?}");
    assert!(fs::read(&wal).expect("the WAL") == before, "not a byte");
    fs::remove_dir(&index).expect("out of the way");
    assert!(!app.data().join("enlist.db.restoring").exists());

    assert_eq!(accounts(&database), "5");
    well(&app.data(), &["restore", text(&copy)]);
    assert_eq!((accounts(&database).as_str(), accounts(&kept(&app)[0]).as_str()), ("3", "5"));
}

#[tokio::test]
async fn nobody_gets_the_name_of_a_newer_folder_until_it_is_given_back() {
    let (mut app, copy) = with_a_newer_person().await;
    app.enlist(r#"{"username":"Eve@example.com"}"#).await;
    fs::write(app.homes().join("dan/collection.anki2"), "precious").expect("a file");
    app.kill();
    let said = well(&app.data(), &["restore", text(&copy)]);
    for name in ["dan", "Eve"] {
        let line = format!("default\t{name}\t{}", app.homes().join(name).display());
        assert!(said.contains(&line), "{said}");
    }
    assert!(!said.contains("default\tann"), "{said}");
    app.restart();
    // Whose they are is not known any more: neither a stranger gets them nor the one who had them.
    for body in [person("dan"), r#"{"username":"eve@example.org"}"#.to_owned()] {
        let answer = app.provision(&body).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "username_taken"));
        let rehearsed = app.decide(&body).await;
        assert_eq!(rehearsed.code(), "username_taken", "a dry run says the same");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 3);
    assert_eq!(app.folders(), ["Eve", "ann", "bob", "cyd", "dan"]);
    app.kill();

    let ended = run(&app.data(), &["doctor"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out.matches("note name_reserved").count(), 2, "{ended:?}");
    let kept = well(&app.data(), &["doctor", "--fix"]);
    assert_eq!(
        kept.matches("note name_reserved").count(),
        2,
        "with its folder a name stays: {kept}"
    );
    fs::remove_dir(app.homes().join("Eve")).expect("an empty folder");
    let mended = well(&app.data(), &["doctor", "--fix"]);
    assert!(mended.contains("mended name_reserved") && mended.contains("Eve"), "{mended}");
    app.restart();
    assert_eq!(app.enlist(r#"{"username":"eve@example.org"}"#).await, "eve");
    assert_eq!(app.provision(&person("dan")).await.code(), "username_taken");
}

#[tokio::test]
async fn who_knows_whose_a_newer_folder_is_makes_the_account_by_hand() {
    let (mut app, copy) = with_a_newer_person().await;
    fs::write(app.homes().join("dan/collection.anki2"), "precious").expect("a file");
    app.kill();
    well(&app.data(), &["restore", text(&copy)]);
    app.restart();
    let put = async |name: &str, username: &str, adopt: bool| {
        let path = format!("/v1/tenants/default/accounts/{name}");
        let body =
            json!({"username": username, "subject": format!("sub-{username}"), "adopt": adopt});
        app.ask("PUT", &path, &app.operator_key, body).await
    };
    let reserved = || app.count("SELECT count(*) FROM reserved");
    for (name, username, adopt, code) in [
        ("dan", "dan", false, "username_taken"),
        ("Dan", "dan", true, "username_taken"),
        ("dan", "ann", true, "identity_taken"),
    ] {
        let answer = put(name, username, adopt).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (409, code),
            "{name} {username} {adopt}"
        );
        assert_eq!(reserved(), 1, "and the name stays reserved");
    }
    let answer = put("dan", "dan", true).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(reserved(), 0);
    let kept = fs::read_to_string(app.homes().join("dan/collection.anki2"));
    assert_eq!(kept.expect("the file"), "precious");
    let known = app.provision(&person("dan")).await;
    assert_eq!((known.status, &known.json()["created"]), (200, &false.into()));
    assert_eq!(known.json()["username"], "dan");
}

#[tokio::test]
async fn folders_of_a_tenant_that_the_copy_does_not_know_are_told() {
    let (mut app, copy) = with_a_newer_person().await;
    stop(&mut app);
    let newer = app.data().join("tenants/newer");
    fs::create_dir_all(newer.join("homes/fay")).expect("a folder");
    let said = well(&app.data(), &["restore", text(&copy)]);
    assert!(said.contains(&format!("No tenant for {}", newer.display())), "{said}");
}

#[test]
fn somewhere_that_nobody_named_nothing_is_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut restore = crate::app::enlist();
    let ended = end(restore.args(["restore", "copy.db"]).current_dir(folder.path()));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("--data-dir"), "{ended:?}");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn only_the_user_who_owns_the_data_folder_restores_or_mends() {
    // Root has somebody else's folder by giving one away; everybody else finds root's.
    let folder = tempfile::tempdir().expect("a folder");
    let data = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder.path(), Some(12_345), None).expect("another owner");
        folder.path().to_owned()
    } else {
        PathBuf::from("/usr")
    };
    let ended = run(&data, &["restore", "copy.db"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("belongs to user"), "{ended:?}");
    assert!(!data.join(".lock").exists());
}

#[test]
fn a_copy_that_cannot_be_read_makes_no_data_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let ended = run(&data, &["restore", text(&folder.path().join("copy.db"))]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!data.exists());
}
