//! What a tenant shall be, as a folder says it: tenant.toml, settings.toml, cases.toml, and what they name.
//! Refuses a folder with a mistake in it after it has named every mistake, and one whose cases do not hold.

use super::TENANT_FILE;
use crate::cli::Ending;
use crate::cli::policy::{
    Case, Component, SettingsFile, Workbench, document, read_cases, unexpected,
};
use crate::domain::TenantName;
use crate::sandbox::{digest_of, quote};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// A folder without a mistake, whose cases hold.
pub(super) struct Declared {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    /// None leaves it as it is.
    pub(super) issuer: Option<String>,
    /// The same.
    pub(super) home: Option<String>,
    /// The same.
    pub(super) auth_db: Option<String>,
    /// The same.
    pub(super) rules: Option<Rules>,
    /// How many cases hold.
    pub(super) cases: usize,
}

/// The policy that shall decide, and its settings.
pub(super) struct Rules {
    /// As tenant.toml names it.
    pub(super) policy: String,
    pub(super) component: Component,
    pub(super) digest: String,
    pub(super) settings: SettingsFile,
    pub(super) settings_digest: String,
}

/// What tenant.toml may say.
const KNOWN: [&str; 5] = ["name", "issuer", "home", "ankisyncd_auth_db", "policy"];

struct Terms {
    name: String,
    issuer: Option<String>,
    home: Option<String>,
    auth_db: Option<String>,
    policy: Option<String>,
}

impl Declared {
    /// The places on the server that the folder names, each under the name that a tenant's answer has for it.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [("home", &self.home), ("ankisyncd_auth_db", &self.auth_db)];
        named.into_iter().filter_map(|(what, path)| Some((what, path.as_deref()?)))
    }

    /// Reads a folder and holds its policy to its cases; every mistake is said before it ends.
    pub(super) fn read(bench: &Workbench, folder: &Path) -> Result<Self, Ending> {
        let terms = terms(folder);
        let settings = one_of(folder, "settings").and_then(|file| match file {
            Some(file) => SettingsFile::read(&file).map(Some),
            None => Ok(None),
        });
        let cases = one_of(folder, "cases").and_then(|file| match file {
            Some(file) => read_cases(&file),
            None => Ok(Vec::new()),
        });
        let (terms, settings, cases) = (terms?, settings?, cases?);
        let Terms { name, issuer, home, auth_db, policy } = terms;
        let number = cases.len();
        let Some(policy) = policy else {
            if settings.is_some() || number > 0 {
                let file = folder.join(TENANT_FILE);
                eprintln!(
                    "enlist: {}: /policy: missing: settings and cases are a policy's",
                    file.display()
                );
                return Err(Ending::WrongUse);
            }
            let folder = folder.to_owned();
            return Ok(Self { folder, name, issuer, home, auth_db, rules: None, cases: 0 });
        };
        let settings = settings.unwrap_or_default();
        let component =
            Component::read(&in_folder(folder, &policy), bench.limits().component_bytes)?;
        hold(bench, &name, &component, &settings, cases)?;
        let rules = Rules {
            digest: digest_of(&component.bytes),
            settings_digest: digest_of(settings.json.as_bytes()),
            policy,
            component,
            settings,
        };
        let folder = folder.to_owned();
        Ok(Self { folder, name, issuer, home, auth_db, rules: Some(rules), cases: number })
    }
}

/// Has the policy made as a server makes it, and asks it about every case.
fn hold(
    bench: &Workbench,
    tenant: &str,
    component: &Component,
    settings: &SettingsFile,
    cases: Vec<Case>,
) -> Result<(), Ending> {
    let policy = bench.make(&component.bytes, settings)?;
    let number = cases.len();
    let failed = unexpected(bench, &policy, cases);
    failed.iter().for_each(|outcome| eprint!("{outcome}"));
    if failed.is_empty() {
        return Ok(());
    }
    eprintln!(
        "enlist: {tenant}: {} of {number} cases do not hold: nothing of it is applied",
        failed.len()
    );
    Err(Ending::No)
}

/// Everything that tenant.toml says; every mistake in it is named.
fn terms(folder: &Path) -> Result<Terms, Ending> {
    let file = folder.join(TENANT_FILE);
    let text = document(&file)?;
    let members: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    let mut wrong = false;
    let mut mistake = |name: &str, why: &str| {
        let name = name.replace('~', "~0").replace('/', "~1");
        eprintln!("enlist: {}: /{}: {}", file.display(), quote(name), quote(why));
        wrong = true;
    };
    for name in members.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
        mistake(name, &format!("unknown; there are {}", KNOWN.join(", ")));
    }
    let [name, issuer, home, auth_db, policy] = KNOWN.map(|name| match members.get(name) {
        None => None,
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(other) => {
            mistake(name, &format!("expected a text that is not empty, got {other}"));
            None
        }
    });
    let name = name.or_else(|| {
        let folder = folder.canonicalize().ok()?;
        Some(folder.file_name()?.to_string_lossy().into_owned())
    });
    let name = name.unwrap_or_default();
    if TenantName::parse(&name).is_none() {
        mistake("name", &format!("expected [a-z0-9][a-z0-9-]{{0,62}}, got {name:?}"));
    }
    for (name, path) in [("home", &home), ("ankisyncd_auth_db", &auth_db)] {
        if path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            mistake(name, "expected an absolute path on the server");
        }
    }
    if wrong { Err(Ending::WrongUse) } else { Ok(Terms { name, issuer, home, auth_db, policy }) }
}

/// The document of this name, TOML or JSON, if there is one.
fn one_of(folder: &Path, name: &str) -> Result<Option<PathBuf>, Ending> {
    let both = ["toml", "json"].map(|kind| folder.join(format!("{name}.{kind}")));
    let mut there = both.iter().filter(|file| file.exists());
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => {
            eprintln!("enlist: {} and {}: which?", one.display(), other.display());
            Err(Ending::WrongUse)
        }
        (one, _) => Ok(one.cloned()),
    }
}

/// A policy as it is named from here.
fn in_folder(folder: &Path, policy: &str) -> String {
    if policy.starts_with("builtin:") {
        return policy.to_owned();
    }
    folder.join(policy).display().to_string()
}
