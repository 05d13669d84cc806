//! `enlist backup`: whole, private, beside a server that writes, and never over another file.

use crate::app::App;
use crate::upkeep::{SCHEMA, ask, person, run, text, three_people, well};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn a_backup_beside_a_server_that_writes_is_whole_and_private_and_has_everybody_who_was_answered()
 {
    let app = App::start();
    three_people(&app).await;
    let (copy, done) = (app.folder.path().join("copy.db"), AtomicBool::new(false));
    let writing = async {
        let mut more = 0;
        while !done.load(Ordering::SeqCst) {
            app.enlist(&person(&format!("more{more}"))).await;
            more += 1;
        }
        more
    };
    let copying = async {
        let (data, to) = (app.data(), copy.clone());
        let said = tokio::task::spawn_blocking(move || well(&data, &["backup", text(&to)]));
        let said = said.await.expect("the backup");
        done.store(true, Ordering::SeqCst);
        said
    };
    let (more, said) = tokio::join!(writing, copying);
    let database = Connection::open(&copy).expect("the copy");
    assert_eq!(ask(&database, "SELECT integrity_check FROM pragma_integrity_check"), "ok");
    let accounts: i64 = ask(&database, "SELECT count(*) FROM accounts").parse().expect("a number");
    assert!((3..=3 + more).contains(&accounts), "{accounts} of 3 to {}", 3 + more);
    assert!(said.contains(&format!("1 tenants, {accounts} accounts, schema {SCHEMA}")), "{said}");
    assert!(said.contains("folders"), "{said}");
    for name in ["ann", "bob", "cyd"] {
        let sql = format!("SELECT count(*) FROM accounts WHERE name = '{name}'");
        assert_eq!(ask(&database, &sql), "1");
    }
    drop(database);
    assert_eq!(fs::metadata(&copy).expect("the copy").permissions().mode() & 0o777, 0o600);
    let bytes = fs::read(&copy).expect("the copy");
    for key in [&app.operator_key, &app.tenant_key] {
        let secret = key.rsplit('_').next().expect("a secret");
        assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "a key in the copy");
    }
    let beside = fs::read_dir(app.folder.path()).expect("the folder");
    let names: Vec<_> =
        beside.map(|e| e.expect("an entry").file_name().into_string().expect("text")).collect();
    assert!(names.iter().all(|n| ["copy.db", "data", "log"].contains(&n.as_str())), "{names:?}");
}

#[test]
fn a_backup_overwrites_nothing() {
    let app = App::start();
    let there = app.folder.path().join("there");
    fs::write(&there, "precious").expect("a file");
    let ended = run(&app.data(), &["backup", text(&there)]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(text(&there)) && ended.err.contains("not overwritten"), "{ended:?}");
    assert_eq!(fs::read_to_string(&there).expect("the file"), "precious");
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let app = App::start();
    let nowhere = app.folder.path().join("nowhere/copy.db");
    let ended = run(&app.data(), &["backup", text(&nowhere)]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(text(&nowhere)), "{ended:?}");
    assert!(!app.folder.path().join("nowhere").exists());
}

#[test]
fn without_a_database_backup_and_doctor_say_so_and_make_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy.db"));
    for verb in [&["backup", text(&copy)][..], &["doctor"], &["doctor", "--fix"]] {
        let ended = run(&data, verb);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("there is no database at"), "{ended:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}
