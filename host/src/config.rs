//! Every setting, read once at the start: file, then environment, then flags, each beating the one before.
//! Refuses to start with what it does not understand: one line names the source, the key and what was expected.

mod layers;
mod units;

pub use units::{Bytes, FolderMode, Keep, Millis};

use layers::Layers;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The settings as they hold, every path absolute.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: std::net::SocketAddr,
    /// Where the database and, unless said otherwise, the homes are.
    pub data_dir: PathBuf,
    /// `sqlite:PATH`; empty means `enlist.db` in `data_dir`.
    pub database: String,
    /// Homes of tenant `default`; empty means `collections` in `data_dir`.
    pub home_root: PathBuf,
    /// How homes are made.
    pub homes: HomesConfig,
    /// How the log is written.
    pub log: LogConfig,
    /// What bites.
    pub limits: LimitsConfig,
    /// What is kept of every decision.
    pub record: RecordConfig,
    /// How decisions are isolated.
    pub sandbox: SandboxConfig,
    /// What the compatible door shows.
    pub compat: CompatConfig,
    /// Read at the first start only.
    pub bootstrap: BootstrapConfig,
}

/// `homes.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HomesConfig {
    /// Permission bits in octal, `"0750"`.
    pub mode: FolderMode,
    /// Number of the group that owns them; empty leaves the system's choice.
    pub group: String,
}

/// `log.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter as tracing-subscriber's `EnvFilter` takes it.
    pub level: String,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// `limits.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// What decides: wasm fuel for a whole decision.
    #[serde(deserialize_with = "units::number")]
    pub decision_fuel: u64,
    /// What guards: time a decision was seen on a worker.
    pub decision_time: Millis,
    /// Decisions that run at once; the rest wait.
    #[serde(deserialize_with = "units::number")]
    pub decisions_at_once: u64,
    /// Growth of all memories and tables of a decision together.
    pub memory: Bytes,
    /// Everything a policy answers in one decision.
    pub answer: Bytes,
    /// The largest component.
    pub component_size: Bytes,
    /// The largest request body.
    pub body_size: Bytes,
}

/// `record.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordConfig {
    /// How long rows of the record are kept.
    pub keep: Keep,
    /// Whether people are masked in the record.
    #[serde(deserialize_with = "units::switch")]
    pub mask: bool,
}

/// `sandbox.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// `off`, or `auto`: on where memory cannot be swapped out.
    pub pagemap_scan: PagemapScan,
}

/// Whether the kernel is asked which pages a decision wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PagemapScan {
    /// Never.
    Off,
    /// Where swap is impossible.
    Auto,
}

/// `compat.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompatConfig {
    /// Whether `/provision-user` answers with the path of the home.
    #[serde(deserialize_with = "units::switch")]
    pub user_directory: bool,
}

/// `bootstrap.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapConfig {
    /// `builtin:NAME` or a component file; empty means `builtin:localpart`.
    pub policy: String,
    /// A file that holds the first operator key; empty means that one is made.
    pub operator_key_file: PathBuf,
    /// A file that holds the first tenant key; empty means that one is made.
    pub tenant_key_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 27703)),
            data_dir: PathBuf::from("data"),
            database: String::new(),
            home_root: PathBuf::new(),
            homes: HomesConfig::default(),
            log: LogConfig::default(),
            limits: LimitsConfig::default(),
            record: RecordConfig::default(),
            sandbox: SandboxConfig::default(),
            compat: CompatConfig::default(),
            bootstrap: BootstrapConfig::default(),
        }
    }
}

impl Default for HomesConfig {
    fn default() -> Self {
        Self { mode: FolderMode(0o750), group: String::new() }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            decision_fuel: 10_000_000,
            decision_time: Millis(20),
            decisions_at_once: 64,
            memory: Bytes(2 << 20),
            answer: Bytes(64 << 10),
            component_size: Bytes(8 << 20),
            body_size: Bytes(64 << 10),
        }
    }
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self { keep: Keep::DEFAULT, mask: false }
    }
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { pagemap_scan: PagemapScan::Off }
    }
}

impl Default for CompatConfig {
    fn default() -> Self {
        Self { user_directory: true }
    }
}

/// What a flag says; flags beat everything.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// The settings and how they came about.
#[derive(Debug)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Whether anybody said where the data is.
    pub data_dir_is_said: bool,
    /// What deserves a warning, such as an unknown `ENLIST_` variable.
    pub warnings: Vec<String>,
}

/// Why there are no settings: one line for whoever started the server.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}:{line}: {what}", .path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was expected.
        what: String,
    },
    /// A key is unknown, or its value is of no use.
    #[error("{origin}: {key}: {what}")]
    Value {
        /// The file, the variable or the flag.
        origin: String,
        /// The key, dotted.
        key: String,
        /// What was expected.
        what: String,
    },
}

impl Config {
    /// Reads the settings. Looks for the file as the contract says: the flag, `ENLIST_CONFIG`, `./enlist.toml`,
    /// `/etc/enlist/enlist.toml`; having none is fine, a named one that is missing is not.
    pub fn load(flags: &Flags) -> Result<Loaded, ConfigError> {
        let here = std::env::current_dir()
            .map_err(|source| ConfigError::Unreadable { path: PathBuf::from("."), source })?;
        let mut layers = Layers::read(flags, &here)?;
        let mut config = layers.config()?;
        config.data_dir = here.join(&config.data_dir);
        config.resolve();
        config.check(&layers)?;
        let data_dir_is_said = layers.is_said("data_dir");
        Ok(Loaded { config, file: layers.file, data_dir_is_said, warnings: layers.warnings })
    }

    /// What follows from where the data is.
    fn resolve(&mut self) {
        if self.database.is_empty() {
            self.database = format!("sqlite:{}", self.data_dir.join("enlist.db").display());
        }
        if self.home_root.as_os_str().is_empty() {
            self.home_root = self.data_dir.join("collections");
        }
    }

    /// What a type cannot say.
    fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        if !self.database.starts_with("sqlite:") {
            return Err(layers.wrong("database", "expected sqlite:PATH"));
        }
        if !self.homes.group.is_empty() && self.homes.group.parse::<u32>().is_err() {
            return Err(
                layers.wrong("homes.group", "expected the number of a group, for example 33")
            );
        }
        if !is_level(&self.log.level) {
            return Err(layers.wrong("log.level", "expected error, warn, info, debug or trace"));
        }
        let zero = [
            ("limits.decision_fuel", self.limits.decision_fuel),
            ("limits.decision_time", self.limits.decision_time.0),
            ("limits.decisions_at_once", self.limits.decisions_at_once),
            ("limits.answer", self.limits.answer.0),
            ("limits.component_size", self.limits.component_size.0),
            ("limits.body_size", self.limits.body_size.0),
        ];
        for (key, value) in zero {
            if value == 0 {
                return Err(layers.wrong(key, "0 would refuse everything: expected 1 or more"));
            }
        }
        if self.limits.decisions_at_once > DECISIONS_AT_ONCE_LIMIT {
            return Err(layers.wrong(
                "limits.decisions_at_once",
                "expected at most 1024: each reserves address space",
            ));
        }
        Ok(())
    }

    /// The database's file.
    pub fn database_path(&self) -> &Path {
        Path::new(self.database.strip_prefix("sqlite:").unwrap_or(&self.database))
    }

    /// The group of homes, if one is set.
    pub fn homes_group(&self) -> Option<u32> {
        self.homes.group.parse().ok()
    }
}

/// A level, or a filter with a level for each target: a lone word that is no level would silence the log.
fn is_level(text: &str) -> bool {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let filter = text.contains('=') && tracing_subscriber::EnvFilter::try_new(text).is_ok();
    levels.contains(&text.to_ascii_lowercase().as_str()) || filter
}

const DECISIONS_AT_ONCE_LIMIT: u64 = 1024;
