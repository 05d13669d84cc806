//! Moving over from an ankisyncd: what it left is laid out here as it lays it out itself.

mod conf;
mod plan;
mod reserved;

use crate::app::App;
use enlist_artifacts::honest::CANDIDATES;
use rusqlite::Connection;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// The table as ankisyncd's own statement leaves it in `sqlite_master`.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS auth
                          (username VARCHAR PRIMARY KEY, hash VARCHAR)";

/// Of alice, whose password is wonder1.
const HASH: &str =
    "aabae31a01240bc9fd460458dcf46cfc22d86f38dc4931aabde4318fc5de21c40123456789abcdef";

/// The folder of an ankisyncd.
pub(crate) struct Tree {
    folder: TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let tree = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(tree.collections()).expect("a home root");
        tree.auth_db().execute_batch(SCHEMA).expect("auth.db");
        tree
    }

    pub(crate) fn collections(&self) -> PathBuf {
        self.folder.path().join("collections")
    }

    fn ini(&self) -> PathBuf {
        self.folder.path().join("ankisyncd.conf")
    }

    fn auth_db_path(&self) -> PathBuf {
        self.folder.path().join("auth.db")
    }

    fn auth_db(&self) -> Connection {
        Connection::open(self.auth_db_path()).expect("auth.db")
    }

    /// Somebody who has synced.
    pub(crate) fn folder(&self, name: &str) {
        let folder = self.collections().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("collection.anki2"), "cards").expect("a collection");
    }

    fn row(&self, name: &str) {
        let sql = "INSERT INTO auth VALUES (?1, ?2)";
        self.auth_db().execute(sql, (name, HASH)).expect("a row");
    }

    /// A server beside it, under the policy that gives whatever names are asked for.
    pub(crate) fn serve(&self) -> App {
        let (root, file) = (self.collections(), self.auth_db_path());
        let settings = [
            ("ENLIST_HOME_ROOT", root.to_str().expect("a path")),
            ("ENLIST_ANKISYNCD__AUTH_DB", file.to_str().expect("a path")),
        ];
        let app = App::with_policy(CANDIDATES, &settings);
        // The harness looks for homes in the data folder.
        std::os::unix::fs::symlink(root, app.homes()).expect("a link");
        app
    }
}

/// Somebody to whom the policy gives these names.
fn named(subject: &str, names: &str) -> String {
    json!({"username": subject, "user_attributes": {"sub": subject, "names": names}}).to_string()
}
