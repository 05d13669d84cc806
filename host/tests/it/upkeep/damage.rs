//! A stopped installation to be damaged on purpose: copied from one that a real server made.

use crate::app::App;
use crate::upkeep::{Ended, run, stop, three_people};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A data folder with three accounts, `ann`, `bob` and `cyd`, and nobody running.
pub(super) struct Patient(TempDir);

/// The one that all others are copies of.
fn sound() -> &'static Path {
    static SOUND: OnceLock<TempDir> = OnceLock::new();
    let made = SOUND.get_or_init(|| {
        // A test's own runtime cannot wait for another's.
        let made = std::thread::spawn(|| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let mut app = App::start();
            runtime.block_on(three_people(&app));
            stop(&mut app);
            let folder = tempfile::tempdir().expect("a folder");
            copy(&app.data(), &folder.path().join("data"));
            folder
        });
        made.join().expect("an installation")
    });
    made.path()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
        let mode = fs::metadata(from).expect("a folder").permissions();
        fs::set_permissions(to, mode).expect("its mode");
    } else {
        fs::copy(from, to).expect("a file");
    }
}

impl Patient {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&sound().join("data"), &folder.path().join("data"));
        Self(folder)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(super) fn home(&self, name: &str) -> PathBuf {
        self.data().join("collections").join(name)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.data().join("enlist.db")
    }

    pub(super) fn database(&self) -> Connection {
        let database = Connection::open(self.path()).expect("the database");
        database.execute_batch("PRAGMA foreign_keys = OFF").expect("no constraints");
        database
    }

    /// Changes the database behind everybody's back.
    pub(super) fn sql(&self, sql: &str) {
        self.database().execute_batch(sql).expect(sql);
    }

    pub(super) fn doctor(&self) -> Ended {
        run(&self.data(), &["doctor"])
    }

    pub(super) fn fix(&self) -> Ended {
        run(&self.data(), &["doctor", "--fix"])
    }

    /// The doctor finds this fault and nothing else, with and without `--fix`, which leaves it as it is.
    pub(super) fn is_beyond_mending(&self, check: &str, words: &[&str]) {
        for ended in [self.doctor(), self.fix(), self.doctor()] {
            assert_eq!(ended.code, Some(1), "{ended:?}");
            let lines: Vec<_> = ended.out.lines().collect();
            let (last, found) = lines.split_last().expect("lines");
            assert!(last.starts_with("not well"), "{last}");
            let kind = format!("fault {check}: ");
            assert!(found.iter().all(|line| line.starts_with(&kind)), "{ended:?}");
            assert!(words.iter().all(|word| ended.out.contains(word)), "{words:?}: {ended:?}");
        }
    }

    /// The doctor finds this fault and nothing else, mends it when told to, and finds nothing then.
    pub(super) fn is_mended(&self, check: &str, words: &[&str]) {
        for _ in 0..2 {
            let ended = self.doctor();
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.out.starts_with(&format!("fault {check}: ")), "{ended:?}");
            assert!(words.iter().all(|word| ended.out.contains(word)), "{words:?}: {ended:?}");
            assert!(ended.out.ends_with("not well: 1 faults, 0 notes, 0 mended\n"), "{ended:?}");
        }
        let mended = self.fix();
        assert_eq!(mended.code, Some(0), "{mended:?}");
        assert!(mended.out.starts_with(&format!("mended {check}: ")), "{mended:?}");
        self.is_well();
    }

    /// The doctor says this, that nothing is broken by it, and leaves it as it is.
    pub(super) fn is_noted(&self, check: &str, words: &[&str]) {
        for ended in [self.doctor(), self.fix(), self.doctor()] {
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(ended.out.starts_with(&format!("note {check}: ")), "{ended:?}");
            assert!(words.iter().all(|word| ended.out.contains(word)), "{words:?}: {ended:?}");
            assert!(ended.out.ends_with("\nwell: 0 faults, 1 notes, 0 mended\n"), "{ended:?}");
        }
    }

    pub(super) fn is_well(&self) {
        let ended = self.doctor();
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (Some(0), "well: 0 faults, 0 notes, 0 mended\n")
        );
    }
}
