//! What the doctor says of an ankisyncd's file, and what it does about it.

use crate::ankisyncd::{AuthFile, SHUT, act, beside, enlist, passwd, told};
use crate::app::{App, enlist as program};
use serde_json::{Value, json};
use std::fs;

fn doctor(app: &App, file: &AuthFile, more: &[&str]) -> (Option<i32>, Vec<Value>) {
    let mut command = program();
    command.args(["doctor", "-o", "json"]).args(more).env("ENLIST_DATA_DIR", app.data());
    command.env("ENLIST_ANKISYNCD__AUTH_DB", &file.path).current_dir(app.folder.path());
    let ended = command.output().expect("an end");
    let report: Value =
        serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("not JSON: {ended:?}"));
    (ended.status.code(), report["findings"].as_array().expect("findings").clone())
}

#[tokio::test]
async fn people_without_a_row_are_found_and_told_of_again() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    for name in ["anna", "berta", "clara"] {
        enlist(&app, name).await;
    }
    told(&app);
    assert_eq!(doctor(&app, &file, &[]), (Some(0), vec![]));
    file.open().execute("DELETE FROM auth WHERE username <> 'anna'", []).expect("no rows");
    let (code, found) = doctor(&app, &file, &[]);
    assert_eq!((code, found.len(), &found[0]["check"]), (Some(1), 1, &"auth_db_rows".into()));
    let text = found[0]["found"].as_str().expect("text");
    assert!(text.contains("default: 2 open accounts") && text.contains("berta"), "{text}");
    assert_eq!(file.rows().len(), 1, "it looked");
    app.kill();
    let (code, found) = doctor(&app, &file, &["--fix"]);
    assert_eq!((code, found[0]["mended"].is_string()), (Some(0), true), "{found:?}");
    app.restart();
    told(&app);
    assert_eq!(file.rows(), [["anna", SHUT], ["berta", SHUT], ["clara", SHUT]]);
}

#[tokio::test]
async fn a_file_of_no_use_is_found() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    fs::remove_file(&file.path).expect("no file");
    let sql = "CREATE TABLE auth (user VARCHAR PRIMARY KEY, hash VARCHAR)";
    file.open().execute_batch(sql).expect("a table");
    let (code, found) = doctor(&app, &file, &[]);
    assert_eq!((code, &found[0]["check"]), (Some(1), &"auth_db".into()), "{found:?}");
    let text = found[0]["found"].to_string();
    assert!(text.contains("utils/migrate_user_tables.py") && text.contains(file.text()), "{text}");
    fs::write(&file.path, "this is no database, and it is long enough to be told from one")
        .expect("a file");
    assert_eq!(doctor(&app, &file, &[]).1[0]["check"], "auth_db");
}

#[tokio::test]
async fn who_is_closed_and_gets_in_and_who_is_open_and_does_not_are_found_and_told_of_again() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    for name in ["anna", "berta", "clara"] {
        enlist(&app, name).await;
        assert_eq!(passwd(&app, name, "wonderland").await.status, 204);
    }
    let before = file.rows();
    for name in ["anna", "berta"] {
        assert_eq!(act(&app, name, "close").await.status, 200);
    }
    app.kill();
    assert_eq!(doctor(&app, &file, &[]), (Some(0), vec![]));
    // What a backup of one of both says that is put back.
    file.put("anna", &before[0][1]);
    let sql = "UPDATE accounts SET state = 'active', closed_at = NULL WHERE name = 'berta'";
    app.database().execute_batch(sql).expect("open here");
    let (code, found) = doctor(&app, &file, &[]);
    let checks: Vec<_> = found.iter().map(|found| &found["check"]).collect();
    assert_eq!(
        (code, json!(checks)),
        (Some(1), json!(["auth_db_open", "auth_db_kept"])),
        "{found:?}"
    );
    for (found, name) in found.iter().zip(["anna", "berta"]) {
        let text = found["found"].as_str().expect("text");
        assert!(text.contains("default: 1 ") && text.ends_with(name), "{text}");
        assert!(!text.contains(&before[0][1]) && !text.contains(SHUT), "no hash: {text}");
    }
    assert_eq!(file.rows()[0], before[0], "it looked");
    let (code, found) = doctor(&app, &file, &["--fix"]);
    assert_eq!(code, Some(0), "{found:?}");
    app.restart();
    told(&app);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT));
    assert!(file.opens("berta", "wonderland") && file.opens("clara", "wonderland"));
    assert_eq!(doctor(&app, &file, &[]), (Some(0), vec![]));
}

#[tokio::test]
async fn a_file_that_is_gone_is_told_and_not_mended() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    app.kill();
    fs::remove_file(&file.path).expect("no file");
    for more in [&[][..], &["--fix"]] {
        let (code, mut found) = doctor(&app, &file, more);
        found.retain(|found| found["check"] != "wal");
        assert_eq!((code, found.len(), &found[0]["check"]), (Some(1), 1, &"auth_db".into()));
        assert!(found[0]["found"].to_string().contains("and is gone"), "{found:?}");
        assert!(found[0]["mended"].is_null(), "{found:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0, "nothing was told anew");
}
