//! A workshop of the real binary's children, a folder for its cache, and an archive in memory: what the tests of making stand on.

use super::{decide, engine, fuel_decides, granted_name, request};
use enlist::domain::TenantId;
use enlist::sandbox::{
    Active, Allotment, Archive, ArchiveError, Cache, Catalog, Engine, Key, Limits, Parts, Policy,
    Revision, Workshop, digest_of,
};
use enlist_artifacts::honest::CANDIDATES;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Keeps what it is told to keep.
#[derive(Default)]
pub(super) struct Shelves {
    parts: Mutex<HashMap<(String, String), Parts>>,
    codes: Mutex<HashMap<Key, String>>,
    kept: Mutex<usize>,
}

impl Archive for Shelves {
    fn parts<'a>(
        &'a self,
        component_digest: &'a str,
        settings_digest: &'a str,
    ) -> BoxFuture<'a, Result<Parts, ArchiveError>> {
        let key = (component_digest.to_owned(), settings_digest.to_owned());
        let found = self.parts.lock().expect("a lock").get(&key).cloned();
        async move { found.ok_or_else(|| "no such parts".into()) }.boxed()
    }

    fn code(&self, key: &Key) -> Result<Option<String>, ArchiveError> {
        Ok(self.codes.lock().expect("a lock").get(key).cloned())
    }

    fn keep<'a>(&'a self, key: &'a Key, code: &'a str) -> BoxFuture<'a, Result<(), ArchiveError>> {
        self.codes.lock().expect("a lock").insert(key.clone(), code.to_owned());
        *self.kept.lock().expect("a lock") += 1;
        async { Ok(()) }.boxed()
    }
}

/// Everything that outlives a process.
pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) archive: Arc<Shelves>,
    pub(super) limits: Limits,
}

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_enlist");

/// Where nothing can be started.
pub(super) const NO_PROGRAM: &str = "/nonexistent/enlist";

impl House {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, archive: Arc::default(), limits: fuel_decides() }
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(super) fn engine(&self) -> Engine {
        engine(&self.limits)
    }

    pub(super) fn workshop(&self, engine: &Engine, program: &str) -> Workshop {
        self.workshop_with(engine, program, Allotment::of(&self.limits))
    }

    pub(super) fn workshop_with(
        &self,
        engine: &Engine,
        program: impl AsRef<Path>,
        allotment: Allotment,
    ) -> Workshop {
        let cache = Arc::new(Cache::open(&self.cache()).expect("a cache"));
        let archive = Arc::clone(&self.archive);
        Workshop::new(program.as_ref().to_owned(), allotment, engine, cache, archive)
    }

    /// As after a start: nothing is mapped, and children run `program`.
    pub(super) fn catalog(&self, program: &str, loaded: usize) -> Catalog {
        let engine = self.engine();
        Catalog::new(&engine, Arc::new(self.workshop(&engine, program)), loaded)
    }

    /// A revision of the policy that tests can steer, whose names begin with `prefix`.
    pub(super) fn revision(&self, prefix: &str) -> Revision {
        let settings_json = format!(r#"{{"prefix":"{prefix}"}}"#);
        let component_digest = digest_of(CANDIDATES);
        let settings_digest = digest_of(settings_json.as_bytes());
        let parts = Parts { component: CANDIDATES.to_vec(), settings_json };
        let key = (component_digest.clone(), settings_digest.clone());
        self.archive.parts.lock().expect("a lock").insert(key, parts);
        Revision {
            number: 1,
            policy: "test".into(),
            component_digest: component_digest.into(),
            settings_digest: settings_digest.into(),
        }
    }

    /// Damages what is stored: other settings under the same digest.
    pub(super) fn swap_settings(&self, key: &(String, String), settings_json: &str) {
        let mut parts = self.archive.parts.lock().expect("a lock");
        parts.get_mut(key).expect("parts").settings_json = settings_json.to_owned();
    }

    /// How often something was made.
    pub(super) fn made(&self) -> usize {
        *self.archive.kept.lock().expect("a lock")
    }

    /// The files of the cache.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache()).expect("the cache");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }
}

/// A tenant for whom this revision decides.
pub(super) fn active(catalog: &Catalog, tenant: i64, revision: Revision) -> Arc<Active> {
    catalog.activate(TenantId(tenant), revision);
    catalog.active(TenantId(tenant)).expect("an active revision")
}

/// The name that `ann` gets.
pub(super) async fn name(policy: &Policy) -> String {
    granted_name(decide(policy, &request(&[("names", "ann")])).await)
}
