//! Beside an ankisyncd: what its `auth.db` gets of people, when, and what is never changed of it. The file is a real one; who plays the
//! other program here does what it does, with SQLite and SHA-256.

mod closing;
mod crash;
mod disk;
mod doctor;
mod late;
mod passwords;
mod tenants;
mod waiting;

use crate::app::{App, rows};
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What no password opens.
const SHUT: &str =
    "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!0000000000000000";

/// As users.py makes it: the newline and the spaces stay in the stored text.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS auth
                     (username VARCHAR PRIMARY KEY, hash VARCHAR)";

/// An ankisyncd's file, in a folder of its own.
struct AuthFile {
    folder: TempDir,
    path: PathBuf,
}

impl AuthFile {
    /// A place for one.
    fn place() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("auth.db");
        Self { folder, path }
    }

    /// One that ankisyncd has made.
    fn made() -> Self {
        let file = Self::place();
        file.open().execute_batch(TABLE).expect("a table");
        file
    }

    /// A place somewhere else.
    fn at(path: PathBuf) -> Self {
        Self { path, ..Self::place() }
    }

    fn text(&self) -> &str {
        self.path.to_str().expect("a path")
    }

    fn open(&self) -> Connection {
        Connection::open(&self.path).expect("the file")
    }

    /// Nobody else may write while this lives.
    fn lock(&self) -> Connection {
        let connection = self.open();
        connection.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        connection
    }

    fn put(&self, name: &str, hash: &str) {
        let sql = "INSERT INTO auth VALUES (?1, ?2) ON CONFLICT (username) DO UPDATE SET hash = excluded.hash";
        self.open().execute(sql, (name, hash)).expect("a row");
    }

    /// `adduser` of ankisyncd's.
    fn add_user(&self, name: &str, password: &str) -> String {
        let hash = hash(name, password, "00112233aabbccdd");
        self.put(name, &hash);
        hash
    }

    fn rows(&self) -> Vec<Vec<String>> {
        rows(&self.open(), "SELECT username, hash FROM auth ORDER BY rowid")
    }

    fn hash_of(&self, name: &str) -> Option<String> {
        let found = self.rows().into_iter().find(|row| row[0] == name);
        found.map(|row| row[1].clone())
    }

    /// Whether ankisyncd would let them in.
    fn opens(&self, name: &str, password: &str) -> bool {
        self.hash_of(name).is_some_and(|found| {
            let salt = &found[found.len() - 16..];
            hash(name, password, salt) == found
        })
    }
}

fn hash(name: &str, password: &str, salt: &str) -> String {
    let digest = Sha256::digest(format!("{name}{password}{salt}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + salt
}

/// A server whose tenant `default` has this ankisyncd.
fn beside(file: &AuthFile) -> App {
    App::start_with(&[("ENLIST_ANKISYNCD__AUTH_DB", file.text())])
}

/// Waits for a fact.
fn eventually(app: &App, what: &str, mut fact: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !fact() {
        assert!(Instant::now() < patience, "not so in time: {what}; the log:\n{}", app.log());
        std::thread::yield_now();
    }
}

/// Waits until nothing waits for an ankisyncd.
fn told(app: &App) {
    let sql = "SELECT count(*) FROM outbox WHERE sink = 'ankisyncd'";
    eventually(app, "the outbox is empty", || app.count(sql) == 0);
}

async fn enlist(app: &App, name: &str) {
    assert_eq!(app.enlist(&json!({"username": name}).to_string()).await, name);
}

async fn act(app: &App, name: &str, verb: &str) -> crate::app::Answer {
    let path = format!("/v1/tenants/default/accounts/{name}/{verb}");
    app.ask("POST", &path, &app.operator_key, serde_json::Value::Null).await
}

async fn passwd(app: &App, name: &str, password: &str) -> crate::app::Answer {
    let path = format!("/v1/tenants/default/accounts/{name}/password");
    app.ask("PUT", &path, &app.operator_key, json!({"password": password})).await
}

#[tokio::test]
async fn a_new_account_gets_a_row_that_no_password_opens_at_every_door() {
    let file = AuthFile::place();
    let app = beside(&file);
    assert!(!file.path.exists(), "made at the first delivery");
    enlist(&app, "anna").await;
    let native = app.post("/v1/accounts", &app.tenant_key, r#"{"username":"berta"}"#).await;
    assert_eq!(native.status, 201, "{native:?}");
    let path = "/v1/tenants/default/accounts/clara";
    app.manage("PUT", path, json!({"username": "c@x.example"})).await;
    told(&app);
    let row = |name: &str| vec![name.to_owned(), SHUT.to_owned()];
    assert_eq!(file.rows(), [row("anna"), row("berta"), row("clara")]);
    let sql = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL";
    let table = "CREATE TABLE auth (username VARCHAR PRIMARY KEY, hash VARCHAR)";
    assert_eq!(rows(&file.open(), sql), [["table", "auth", table]]);
    for password in ["", "cognito_user", "anna", SHUT, "0000000000000000"] {
        assert!(!file.opens("anna", password), "{password}");
    }
    enlist(&app, "anna").await;
    told(&app);
    assert_eq!(file.rows().len(), 3, "who is known has one");
}

#[tokio::test]
async fn a_refused_applicant_gets_no_row() {
    let file = AuthFile::made();
    let app = beside(&file);
    assert_eq!(app.provision(r#"{"username":"a b"}"#).await.code(), "charset");
    enlist(&app, "anna").await;
    told(&app);
    assert_eq!(file.rows().len(), 1);
}

#[tokio::test]
async fn a_row_that_is_there_is_left_alone() {
    let file = AuthFile::made();
    let app = beside(&file);
    let other = file.lock();
    enlist(&app, "anna").await;
    let hash = hash("anna", "hers", "0123456789abcdef");
    other.execute("INSERT INTO auth VALUES ('anna', ?1)", [&hash]).expect("a row");
    other.execute_batch("COMMIT").expect("an end");
    told(&app);
    assert_eq!(file.rows(), [["anna".to_owned(), hash]]);
}

#[tokio::test]
async fn nothing_of_the_file_is_changed_but_its_rows() {
    for mode in ["delete", "wal"] {
        let file = AuthFile::made();
        let set = format!(
            "PRAGMA journal_mode = {mode}; PRAGMA user_version = 7; PRAGMA application_id = 9;"
        );
        file.open().execute_batch(&set).expect("settings");
        file.add_user("zoe", "hers");
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o640)).expect("a mode");
        // An ankisyncd keeps it open.
        let other = file.open();
        let look = || {
            let of = |sql: &str| rows(&other, sql);
            let found = fs::metadata(&file.path).expect("the file");
            (
                of("SELECT type, name, tbl_name, sql FROM sqlite_master"),
                [of("PRAGMA user_version"), of("PRAGMA application_id"), of("PRAGMA journal_mode")],
                [of("PRAGMA page_size"), of("PRAGMA auto_vacuum"), of("PRAGMA encoding")],
                (found.mode(), found.uid(), found.gid(), found.ino()),
            )
        };
        let before = look();
        let app = beside(&file);
        enlist(&app, "anna").await;
        assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
        assert_eq!(act(&app, "anna", "close").await.status, 200);
        assert_eq!(act(&app, "anna", "reopen").await.status, 200);
        told(&app);
        assert_eq!(look(), before, "{mode}");
        assert!(file.opens("anna", "wonderland") && file.opens("zoe", "hers"));
        drop(other);
        let beside: Vec<_> = fs::read_dir(file.folder.path()).expect("a folder").collect();
        assert_eq!(beside.len(), 1, "nothing is left beside it");
    }
}

#[tokio::test]
async fn a_file_that_was_made_and_not_filled_yet_is_filled() {
    let file = AuthFile::place();
    fs::write(&file.path, "").expect("a file");
    let app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    assert_eq!(file.rows().len(), 1);
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
