//! What the plan of a start says of rows: those that everybody's password opens, and those that nobody can count yet.

use crate::moving::conf::{KEY, check, ini, serve, text, tree};
use crate::moving::{HASH, Tree};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;

/// Of testuser@example.com and the password that the old endpoint gave everybody.
const KNOWN: &str =
    "c9721c1fd54fc86c6ff378bba3c97f74f493c154007ac79fcde0ac0759177b940011223344556677";

fn row(tree: &Tree, name: &str, hash: &str) {
    let sql = "INSERT INTO auth VALUES (?1, ?2)";
    tree.auth_db().execute(sql, (name, hash)).expect("a row");
}

#[test]
fn rows_that_the_old_password_opens_are_counted_and_named_until_they_have_another() {
    let tree = tree(&ini(KEY));
    row(&tree, "alice", HASH);
    row(&tree, "somebody else", KNOWN);
    let said = || text(&check(&tree, &["--data-dir", "elsewhere"], &[]).stdout);
    assert!(!said().contains("what the old endpoint set"), "{}", said());
    row(&tree, "testuser@example.com", KNOWN);
    let printed = said();
    assert!(printed.contains("Set other passwords for 1 rows"), "{printed}");
    assert!(printed.contains("they are: testuser@example.com\n"), "{printed}");
    assert!(printed.contains("account passwd NAME"), "{printed}");
    assert!(!printed.contains(&KNOWN[..64]), "no hash: {printed}");
    let sql = "UPDATE auth SET hash = ?1 WHERE username = 'testuser@example.com'";
    tree.auth_db().execute(sql, [HASH]).expect("another");
    assert!(!said().contains("what the old endpoint set"), "{}", said());
}

#[tokio::test]
async fn a_file_that_does_not_answer_holds_up_no_start_and_its_rows_are_not_counted() {
    let tree = tree(&ini(KEY));
    tree.folder("anna");
    fs::remove_file(tree.auth_db_path()).expect("no file");
    // Whoever opens one to read waits for somebody who writes, and nobody does.
    let (pipe, mode) = (tree.auth_db_path(), Mode::RUSR | Mode::WUSR);
    mknodat(CWD, &pipe, FileType::Fifo, mode, 0).expect("a pipe");
    let printed = text(&check(&tree, &["--data-dir", "elsewhere"], &[]).stdout);
    assert!(printed.contains("# The rows are still being counted"), "{printed}");
    assert!(printed.contains("# 1 folders are reserved"), "{printed}");
    let app = serve(&tree, &[]);
    let log = app.log();
    assert!(log.contains("The rows are still being counted"), "{log}");
    assert!(log.contains("1 folders are reserved") && !log.contains(" 0 rows"), "{log}");
    let answer = app.post("/provision-user", KEY, r#"{"username":"newcomer"}"#).await;
    assert_eq!(answer.status, 503, "whose names are there nobody knows: {answer:?}");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
    assert_eq!(app.folders(), ["anna"]);
}
