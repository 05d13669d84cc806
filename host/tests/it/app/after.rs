//! What must hold after every test, whatever it did: a sound database, no account without a home, no key in the log or in a file,
//! no panic.

use crate::app::{App, is_folder, rows};
use std::fs;
use std::path::{Path, PathBuf};

/// What is too short to be told from chance.
const SECRET_BYTES: usize = 16;

impl App {
    /// From now on this must not be found in the log or below the data folder.
    pub(crate) fn keep_secret(&self, key: &str) {
        let secret = key.rsplit('_').next().unwrap_or_default();
        if secret.len() >= SECRET_BYTES {
            self.secrets.lock().expect("a lock").push(secret.to_owned());
        }
    }

    pub(super) fn verify(&self) {
        let database = self.database();
        let check = rows(&database, "PRAGMA integrity_check");
        assert_eq!(check, [["ok"]]);
        let accounts = "SELECT a.name, t.name, coalesce(t.home, '') FROM accounts a JOIN tenants t ON t.id = a.tenant";
        for account in rows(&database, accounts) {
            let home = self.root_of(&account[1], &account[2]).join(&account[0]);
            assert!(is_folder(&home), "an account without a home: {}", home.display());
        }
        let log = self.log();
        for secret in self.secrets.lock().expect("a lock").iter() {
            assert!(!log.contains(secret), "a key in the log");
            for file in files(&self.data()) {
                let bytes = fs::read(&file).expect("a file");
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "a key in {}", file.display());
            }
        }
        assert!(!log.contains("panicked"), "a panic:\n{log}");
    }

    fn root_of(&self, tenant: &str, own: &str) -> PathBuf {
        match (tenant, own) {
            ("default", "") => self.homes(),
            (tenant, "") => self.data().join("tenants").join(tenant).join("homes"),
            (_, own) => PathBuf::from(own),
        }
    }
}

/// Every file below `folder`, links not followed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}
