//! File, environment and flags, laid over each other, with the memory of who said what.
//! Refuses to know what a key means: which keys there are it learns from the settings' own defaults.

use crate::config::{Ankisyncd, Config, ConfigError, Flags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

const PREFIX: &str = "ENLIST_";

/// `ENLIST_` variables that are no settings of the server's.
const NOT_SETTINGS: [&str; 10] = [
    "ENLIST_CONFIG",
    "ENLIST_TENANT",
    "ENLIST_SERVER",
    "ENLIST_KEY",
    "ENLIST_KEY_FILE",
    "ENLIST_VECTORS",
    "ENLIST_KILL_AT",
    "ENLIST_HOLD_AT",
    "ENLIST_KILLS",
    "ENLIST_SEED",
];

/// Keys whose values are paths, and so relative to whoever said them.
const PATHS: [&str; 8] = [
    "ankisyncd.auth_db",
    "data_dir",
    "home_root",
    "tls.cert",
    "tls.key",
    "bootstrap.operator_key_file",
    "bootstrap.tenant_key_file",
    "bootstrap.policy",
];

/// What was said, merged.
pub(super) struct Layers {
    table: Table,
    said: BTreeMap<String, String>,
    pub(super) file: Option<PathBuf>,
    pub(super) ankisyncd: Option<Ankisyncd>,
    pub(super) warnings: Vec<String>,
}

impl Layers {
    pub(super) fn read(flags: &Flags, here: &Path) -> Result<Self, ConfigError> {
        let mut layers = Self {
            table: Table::new(),
            said: BTreeMap::new(),
            file: None,
            ankisyncd: None,
            warnings: Vec::new(),
        };
        if let Some(flags) = &flags.ankisyncd {
            layers.lay(Ankisyncd::read(flags, here)?);
        }
        if let Some(file) = find_file(flags, here) {
            layers.read_file(file)?;
        }
        layers.read_environment(here)?;
        if let Some(folder) = &flags.data_dir {
            let folder = Value::String(here.join(folder).display().to_string());
            layers.say("data_dir", folder, "--data-dir");
        } else if let Some(folder) = state_directory().filter(|_| !layers.is_said("data_dir")) {
            layers.say("data_dir", Value::String(folder), "$STATE_DIRECTORY");
        }
        layers.compare();
        Ok(layers)
    }

    /// What another program's ini says comes before everything that was said to this one.
    fn lay(&mut self, ini: Ankisyncd) {
        for (key, said) in [("home_root", &ini.data_root), ("ankisyncd.auth_db", &ini.auth_db)] {
            if let Some(said) = said {
                let path = Value::String(said.value.display().to_string());
                self.say(key, path, &ini_origin(&ini, &said.origin));
            }
        }
        self.ankisyncd = Some(ini);
    }

    /// Which of it was said again by something that beats it.
    fn compare(&mut self) {
        let Some(ini) = &mut self.ankisyncd else { return };
        for (key, said) in [("home_root", &ini.data_root), ("ankisyncd.auth_db", &ini.auth_db)] {
            let own = said.as_ref().map(|said| ini_origin(ini, &said.origin));
            let holds = self.said.get(key).filter(|origin| Some(*origin) != own.as_ref());
            ini.beaten.extend(holds.map(|origin| (key, origin.clone())));
        }
    }

    pub(super) fn is_said(&self, key: &str) -> bool {
        self.said.contains_key(key)
    }

    /// The settings, with the key and its source in whatever is wrong.
    pub(super) fn config(&mut self) -> Result<Config, ConfigError> {
        let table = Value::Table(std::mem::take(&mut self.table));
        serde_path_to_error::deserialize(table).map_err(|error| {
            let key = error.path().to_string();
            let what = error.inner().message().to_owned();
            self.wrong(&key, &what)
        })
    }

    pub(super) fn wrong(&self, key: &str, what: &str) -> ConfigError {
        let named =
            self.said.iter().find(|(said, _)| *said == key || said.starts_with(&format!("{key}.")));
        let file = || self.file.as_ref().map(|file| file.display().to_string());
        let origin = named.map(|(_, origin)| origin.clone()).or_else(file);
        ConfigError::Value {
            origin: origin.unwrap_or_else(|| "built in".to_owned()),
            key: key.to_owned(),
            what: what.to_owned(),
        }
    }

    fn read_file(&mut self, path: PathBuf) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let offset = error.span().map_or(0, |span| span.start);
            let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
            ConfigError::Syntax { path: path.clone(), line, what: error.message().to_owned() }
        })?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let origin = path.display().to_string();
        for (key, value) in flatten(table) {
            let value = absolute(&key, value, &folder);
            self.say(&key, value, &origin);
        }
        self.file = Some(path);
        Ok(())
    }

    /// A variable that is set to nothing says nothing.
    fn read_environment(&mut self, here: &Path) -> Result<(), ConfigError> {
        let keys = known_keys();
        for (variable, value) in std::env::vars_os() {
            let Some(variable) = variable.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            if NOT_SETTINGS.contains(&variable) {
                continue;
            }
            let key = variable[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
            if !keys.contains(&key) {
                self.warnings.push(format!("{variable} is no setting of Enlist's: not used"));
                continue;
            }
            let Some(value) = value.to_str() else {
                self.said.insert(key.clone(), variable.to_owned());
                return Err(self.wrong(&key, "expected text in UTF-8"));
            };
            if !value.is_empty() {
                let value = absolute(&key, Value::String(value.to_owned()), here);
                self.say(&key, value, variable);
            }
        }
        Ok(())
    }

    fn say(&mut self, key: &str, value: Value, origin: &str) {
        let mut table = &mut self.table;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value);
                break;
            }
            let slot = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
            if !slot.is_table() {
                // A file that says `limits = 3`: the variable that names a key below it wins.
                *slot = Value::Table(Table::new());
            }
            let Value::Table(below) = slot else { return };
            table = below;
        }
        self.said.insert(key.to_owned(), origin.to_owned());
    }
}

/// Where the ini said something, for whoever does not know that it is its line.
fn ini_origin(ini: &Ankisyncd, origin: &str) -> String {
    match origin.strip_prefix("line ") {
        Some(line) => format!("{}:{line}", ini.file.display()),
        None => origin.to_owned(),
    }
}

fn find_file(flags: &Flags, here: &Path) -> Option<PathBuf> {
    let named = flags.config.clone().or_else(|| {
        std::env::var_os("ENLIST_CONFIG").filter(|file| !file.is_empty()).map(PathBuf::from)
    });
    if let Some(named) = named {
        return Some(here.join(named));
    }
    [here.join("enlist.toml"), PathBuf::from("/etc/enlist/enlist.toml")]
        .into_iter()
        .find(|file| file.try_exists().unwrap_or(true))
}

/// systemd's, which may name several: the first is ours.
fn state_directory() -> Option<String> {
    let folders = std::env::var("STATE_DIRECTORY").ok()?;
    folders.split(':').next().filter(|folder| !folder.is_empty()).map(str::to_owned)
}

fn absolute(key: &str, value: Value, folder: &Path) -> Value {
    let prefix = if key == "database" { "sqlite:" } else { "" };
    match value {
        Value::String(text) if !text.is_empty() && (PATHS.contains(&key) || key == "database") => {
            let Some(path) = text.strip_prefix(prefix) else { return Value::String(text) };
            if path.starts_with("builtin:") {
                return Value::String(text);
            }
            Value::String(format!("{prefix}{}", folder.join(path).display()))
        }
        other => other,
    }
}

/// Dotted keys to values; an empty table is kept, so that it is looked at.
fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(below) if !below.is_empty() => {
                flat.extend(
                    flatten(below)
                        .into_iter()
                        .map(|(rest, value)| (format!("{key}.{rest}"), value)),
                );
            }
            value => flat.push((key, value)),
        }
    }
    flat
}

/// Every key there is: those of the defaults.
fn known_keys() -> BTreeSet<String> {
    let defaults = Table::try_from(Config::default()).expect("settings are a table");
    flatten(defaults).into_iter().map(|(key, _)| key).collect()
}
