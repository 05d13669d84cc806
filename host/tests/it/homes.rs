//! Folders: adopted only when empty, never through a link, never somebody else's; and what happens when a disk says no.

use crate::app::{App, GUIDE, is_folder};
use enlist_artifacts::honest::CANDIDATES;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

async fn home_exists(app: &App) {
    let answer = app.provision(GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "home_exists"), "{answer:?}");
    assert_eq!(answer.json()["error"], "A folder of this name is already there");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    assert_eq!(app.last_decision()["code"], "home_exists");
}

#[tokio::test]
async fn an_empty_folder_is_adopted_and_gets_the_configured_mode() {
    // Only root may give a folder to any group; everybody else to one of their own.
    let group =
        if rustix::process::geteuid().is_root() { 12 } else { rustix::process::getegid().as_raw() };
    let number = group.to_string();
    let app = App::start_with(&[("ENLIST_HOMES__MODE", "2711"), ("ENLIST_HOMES__GROUP", &number)]);
    let home = app.homes().join("testuser");
    fs::create_dir(&home).expect("a folder");
    app.enlist(GUIDE).await;
    app.enlist(r#"{"username":"new"}"#).await;
    for home in [home, app.homes().join("new")] {
        let found = fs::metadata(home).expect("the home");
        assert_eq!((found.permissions().mode() & 0o7777, found.gid()), (0o2711, group));
    }
}

/// What a user of the system, with no other rights, can do: a program that runs as them.
fn may(user: &str, program: &[&str]) -> bool {
    let group = Command::new("id").args(["-g", user]).output().expect("id").stdout;
    let group = String::from_utf8(group).expect("a number");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", group.trim(), "--init-groups"]).args(program);
    command.output().expect("setpriv").status.success()
}

#[tokio::test]
#[ignore = "needs root, to be other users of the system, and setpriv"]
async fn the_group_of_homes_can_enter_and_nobody_else() {
    assert!(rustix::process::geteuid().is_root(), "run this as root");
    let app = App::start_with(&[("ENLIST_HOMES__GROUP", "daemon")]);
    // Everybody gets as far as the home root.
    for folder in [app.folder.path(), &app.data(), &app.homes()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a way in");
    }
    let home = app.homes().join("testuser").display().to_string();
    fs::create_dir(&home).expect("a folder that was there before");
    app.enlist(GUIDE).await;
    app.enlist(r#"{"username":"new"}"#).await;
    let new = app.homes().join("new").display().to_string();
    for home in [home, new] {
        let file = format!("{home}/file");
        fs::write(&file, "").expect("a file");
        assert!(may("daemon", &["ls", &home]) && may("daemon", &["cat", &file]));
        assert!(!may("daemon", &["touch", &format!("{home}/another")]), "0750: no writing");
        assert!(may("nobody", &["ls", app.homes().to_str().expect("a path")]), "as far as that");
        assert!(!may("nobody", &["ls", &home]) && !may("nobody", &["cat", &file]));
    }
}

#[tokio::test]
async fn a_folder_that_holds_something_is_nobodys_to_adopt() {
    let app = App::start();
    let home = app.homes().join("testuser");
    fs::create_dir(&home).expect("a folder");
    fs::write(home.join("collection.anki2"), "precious").expect("a file");
    let mode = fs::metadata(&home).expect("the folder").mode();
    home_exists(&app).await;
    assert_eq!(fs::read_to_string(home.join("collection.anki2")).expect("the file"), "precious");
    assert_eq!(fs::metadata(&home).expect("the folder").mode(), mode, "nor touched");
}

#[tokio::test]
async fn a_file_or_a_link_in_the_way_is_left_alone_and_not_followed() {
    let app = App::start();
    let (home, elsewhere) = (app.homes().join("testuser"), app.folder.path().join("elsewhere"));
    fs::write(&home, "").expect("a file");
    home_exists(&app).await;
    assert!(home.is_file());

    fs::remove_file(&home).expect("no file");
    symlink(&elsewhere, &home).expect("a link to nothing");
    home_exists(&app).await;
    assert!(!elsewhere.exists(), "nothing was made at the other end");

    fs::create_dir(&elsewhere).expect("an empty folder at the other end");
    home_exists(&app).await;
    assert!(home.is_symlink());
    fs::remove_file(&home).expect("no link");
    app.enlist(GUIDE).await;
    assert!(is_folder(&home));
}

#[tokio::test]
async fn a_home_root_that_is_gone_is_a_503_and_nobody_is_provisioned() {
    let app = App::start();
    app.readyz_becomes(200).await;
    fs::remove_dir(app.homes()).expect("no home root");
    let answer = app.provision(GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert_eq!(answer.json()["error"], "Try again later");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!answer.text.contains("collections"), "no path for strangers: {answer:?}");
    assert!(app.log().contains("collections"), "but for the operator");
    app.readyz_becomes(503).await;
    assert_eq!(app.get("/healthz").await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    let row = app.last_decision();
    assert_eq!((row["outcome"].as_str(), row["code"].as_str()), ("failed", "storage_unavailable"));
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_a_503_and_leaves_nothing() {
    let app = App::start();
    let other = app.database();
    other.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let answer = app.provision(GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"), "{answer:?}");
    assert!(app.folders().is_empty(), "nothing was committed, so the folder is taken back");
    app.readyz_becomes(503).await;
    other.execute_batch("ROLLBACK").expect("the lock back");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    app.readyz_becomes(200).await;
    assert_eq!(app.provision(GUIDE).await.json()["created"], true);
    assert_eq!(app.folders(), ["testuser"]);
}

#[tokio::test]
async fn an_account_that_is_refused_in_the_last_transaction_leaves_no_folder() {
    let app = App::with_policy(CANDIDATES, &[]);
    let body = r#"{"username":"anna","user_attributes":{"max_accounts":0}}"#;
    let answer = app.provision(body).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "quota_accounts"));
    assert!(app.folders().is_empty());
    fs::create_dir(app.homes().join("anna")).expect("a folder that was there before");
    assert_eq!(app.provision(body).await.code(), "quota_accounts");
    assert_eq!(app.folders(), ["anna"], "is not removed");
}

#[tokio::test]
async fn a_stranger_who_asks_for_readiness_causes_one_write_a_second_at_most() {
    let app = App::start();
    let wal = || fs::metadata(app.data().join("enlist.db-wal")).map_or(0, |found| found.len());
    let before = wal();
    let asks = 200;
    for _ in 0..asks {
        assert_eq!(app.get("/readyz").await.status, 200);
    }
    const FRAME_BYTES: u64 = 4096 + 24;
    let writes = wal().saturating_sub(before) / FRAME_BYTES;
    assert!(writes < asks / 4, "{writes} writes for {asks} questions");
}

#[tokio::test]
async fn homes_can_be_elsewhere() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let root = elsewhere.path().join("deep/homes");
    let app = App::start_with(&[("ENLIST_HOME_ROOT", root.to_str().expect("a path"))]);
    let answer = app.provision(GUIDE).await;
    assert_eq!(answer.json()["user_directory"].as_str(), root.join("testuser").to_str());
    assert!(is_folder(&root.join("testuser")));
    assert!(!app.homes().exists());
    // The harness looks for homes in the data folder.
    symlink(&root, app.homes()).expect("a link");
}
