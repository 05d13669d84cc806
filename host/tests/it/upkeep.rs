//! What an operator does to the data folder: copying the database, putting a copy back, asking the doctor, upgrading, forgetting.

mod adopted;
mod backup;
mod beside;
mod damage;
mod doctor;
mod masking;
mod migration;
mod restore;
mod retention;

use crate::app::{App, enlist};
use rusqlite::Connection;
use std::path::Path;
use std::process::{Command, Output};

/// How a verb ended, and what it said on standard output and on standard error.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A verb on this data folder.
fn on(data: &Path, arguments: &[&str]) -> Command {
    let mut command = enlist();
    command.args(arguments).arg("--data-dir").arg(data);
    command
}

impl Ended {
    fn of(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }
}

fn end(command: &mut Command) -> Ended {
    Ended::of(command.output().expect("an end"))
}

fn run(data: &Path, arguments: &[&str]) -> Ended {
    end(&mut on(data, arguments))
}

/// A verb that shall succeed.
fn well(data: &Path, arguments: &[&str]) -> String {
    let ended = run(data, arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

async fn three_people(app: &App) {
    for name in ["ann", "bob", "cyd"] {
        app.enlist(&person(name)).await;
    }
}

fn person(name: &str) -> String {
    let email = format!("{name}@example.com");
    format!(
        r#"{{"username":"{name}@example.com","user_attributes":{{"sub":"sub-{name}","email":"{email}","email_verified":"true"}}}}"#
    )
}

/// The schema's version under this Enlist.
const SCHEMA: i64 = 8;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// The first column of the first row, as text.
fn ask(database: &Connection, sql: &str) -> String {
    database.query_row(&format!("SELECT CAST(({sql}) AS TEXT)"), [], |row| row.get(0)).expect(sql)
}

/// Ends the server in order, so that its database is one file.
fn stop(app: &mut App) {
    app.terminate();
    assert!(app.wait().success());
}

/// Makes the database of a stopped server one that the first Enlist could have left: its tables, its columns, the same rows.
pub(crate) fn to_schema_1(path: &Path) {
    let old = path.with_extension("old");
    let database = Connection::open(&old).expect("a database");
    database
        .execute_batch(include_str!("../../migrations/0001_first_account.sql"))
        .expect("the first schema");
    database.execute("ATTACH ?1 AS newer", [text(path)]).expect("the newer database");
    database.execute_batch("PRAGMA foreign_keys = OFF; BEGIN").expect("a transaction");
    for table in ["tenants", "keys", "components", "revisions", "accounts", "decisions"] {
        let columns =
            format!("SELECT group_concat(name, ', ') FROM pragma_table_info('{table}', 'main')");
        let columns = ask(&database, &columns);
        let copy =
            format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}");
        database.execute_batch(&copy).expect("rows");
    }
    database.execute_batch("PRAGMA main.user_version = 1; COMMIT; DETACH newer").expect("the end");
    drop(database);
    for suffix in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(path.with_extension(suffix));
    }
    std::fs::rename(&old, path).expect("the older database");
}
