//! An upgrade: a database of the first schema, with people in it, under a newer Enlist; copied before, whole after, or as it was.

use crate::app::App;
use crate::upkeep::{SCHEMA, ask, on, person, stop, three_people, to_schema_1};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

/// A stopped server whose database is one of the first schema, with three people and a closed fourth.
async fn of_the_first_schema() -> App {
    let mut app = App::start();
    three_people(&app).await;
    app.enlist(&person("dan")).await;
    stop(&mut app);
    let close = "UPDATE accounts SET state = 'closed' WHERE name = 'dan'";
    app.database().execute_batch(close).expect("a closed account");
    to_schema_1(&app.data().join("enlist.db"));
    assert_eq!(app.count("PRAGMA user_version"), 1);
    app
}

fn copies(app: &App) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(app.data().join("backups")) else { return Vec::new() };
    folder.map(|entry| entry.expect("an entry").path()).collect()
}

#[tokio::test]
async fn an_older_database_is_copied_and_migrated_and_everybody_is_known() {
    let mut app = of_the_first_schema().await;
    app.restart();
    assert_eq!(app.count("PRAGMA user_version"), SCHEMA);
    let counters = app.rows("SELECT domain, active FROM usage ORDER BY domain");
    assert_eq!(counters, [["", "3"], ["example.com", "3"]]);
    let about = app.rows(
        "SELECT DISTINCT issuer, subject, username, email FROM decisions ORDER BY subject LIMIT 1",
    );
    assert_eq!(about, [["", "sub-ann", "ann@example.com", "ann@example.com"]]);
    for name in ["ann", "bob", "cyd"] {
        let known = app.provision(&person(name)).await;
        assert_eq!((known.status, &known.json()["created"]), (200, &false.into()));
    }
    assert_eq!(app.provision(&person("dan")).await.code(), "account_closed");
    assert_eq!(app.enlist(&person("eve")).await, "eve");
    assert_eq!(app.count("SELECT active FROM usage WHERE domain = ''"), 4);

    let copies = copies(&app);
    assert_eq!(copies.len(), 1, "{copies:?}");
    let name = copies[0].file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with("enlist-schema1-20"), "{name}");
    assert_eq!(fs::metadata(&copies[0]).expect("the copy").permissions().mode() & 0o777, 0o600);
    let copy = Connection::open(&copies[0]).expect("the copy");
    assert_eq!(ask(&copy, "SELECT integrity_check FROM pragma_integrity_check"), "ok");
    assert_eq!(ask(&copy, "SELECT user_version FROM pragma_user_version"), "1");
    assert_eq!(ask(&copy, "SELECT count(*) FROM accounts"), "4");

    app.restart();
    assert_eq!(self::copies(&app).len(), 1, "nothing to migrate, nothing to copy");
}

#[test]
fn a_new_database_is_not_copied() {
    let mut app = App::start();
    app.restart();
    assert!(!app.data().join("backups").exists());
}

#[tokio::test]
async fn what_cannot_be_copied_is_not_migrated() {
    let mut app = of_the_first_schema().await;
    let backups = app.data().join("backups");
    fs::write(&backups, "in the way").expect("a file");
    let start = on(&app.data(), &["serve"]).env("ENLIST_LISTEN", "127.0.0.1:0").output();
    let start = start.expect("an end");
    let said = String::from_utf8_lossy(&start.stderr).into_owned();
    assert_eq!(start.status.code(), Some(1), "{said}");
    assert!(said.contains(&backups.display().to_string()), "{said}");
    assert_eq!(app.count("PRAGMA user_version"), 1);
    fs::remove_file(&backups).expect("nothing in the way");
    app.restart();
    assert_eq!(app.count("PRAGMA user_version"), SCHEMA);
}

#[tokio::test]
async fn a_migration_that_dies_half_way_leaves_the_old_database() {
    let mut app = of_the_first_schema().await;
    let mut start = on(&app.data(), &["serve"]);
    let start = start.env("ENLIST_LISTEN", "127.0.0.1:0").env("ENLIST_KILL_AT", "migrating");
    assert_eq!(start.output().expect("an end").status.signal(), Some(9));
    assert_eq!(app.count("PRAGMA user_version"), 1);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('usage', 'reserved')";
    assert_eq!(app.count(tables), 0);
    app.restart();
    assert_eq!(app.count("PRAGMA user_version"), SCHEMA);
    assert_eq!(copies(&app).len(), 2, "each attempt has its copy");
}
