//! Every setting, read once at the start: file, then environment, then flags, each beating the one before.
//! Refuses to start with what it does not understand: one line names the source, the key and what was expected.

mod ankisyncd;
mod ini;
mod layers;
mod sections;
mod units;

pub use ankisyncd::{Ankisyncd, AnkisyncdFlags, Pool, Said, Secret};
pub use sections::{
    AnkisyncdConfig, BootstrapConfig, CompatConfig, HomesConfig, LimitsConfig, LogConfig,
    LogFormat, MetricsConfig, PagemapScan, ProbationConfig, RecordConfig, SandboxConfig, TlsConfig,
    WebhooksConfig,
};
pub use units::{Bytes, FolderMode, Keep, Millis, Networks, Part, Rate};

use layers::Layers;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The settings as they hold, every path absolute.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    #[serde(deserialize_with = "units::socket")]
    pub listen: SocketAddr,
    /// Where the database and, unless said otherwise, the homes are.
    pub data_dir: PathBuf,
    /// `sqlite:PATH`; empty means `enlist.db` in `data_dir`.
    pub database: String,
    /// Homes of tenant `default`; empty means `collections` in `data_dir`.
    pub home_root: PathBuf,
    /// Who may say in `X-Forwarded-For` where a request comes from.
    pub trusted_proxies: Networks,
    /// How homes are made.
    pub homes: HomesConfig,
    /// Whether the doors speak TLS.
    pub tls: TlsConfig,
    /// How the log is written.
    pub log: LogConfig,
    /// Where the server is measured.
    pub metrics: MetricsConfig,
    /// What bites.
    pub limits: LimitsConfig,
    /// What is kept of every decision.
    pub record: RecordConfig,
    /// How decisions are isolated.
    pub sandbox: SandboxConfig,
    /// When a new revision is rolled back by itself.
    pub probation: ProbationConfig,
    /// What the compatible door shows.
    pub compat: CompatConfig,
    /// The ankisyncd that stands beside.
    pub ankisyncd: AnkisyncdConfig,
    /// Where webhooks may lead.
    pub webhooks: WebhooksConfig,
    /// Read at the first start only.
    pub bootstrap: BootstrapConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 27703)),
            data_dir: PathBuf::from("data"),
            database: String::new(),
            home_root: PathBuf::new(),
            trusted_proxies: Networks::default(),
            homes: HomesConfig::default(),
            tls: TlsConfig::default(),
            log: LogConfig::default(),
            metrics: MetricsConfig::default(),
            limits: LimitsConfig::default(),
            record: RecordConfig::default(),
            sandbox: SandboxConfig::default(),
            probation: ProbationConfig::default(),
            compat: CompatConfig::default(),
            ankisyncd: AnkisyncdConfig::default(),
            webhooks: WebhooksConfig::default(),
            bootstrap: BootstrapConfig::default(),
        }
    }
}

/// What a flag says; flags beat everything.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--ankisyncd-conf` and what belongs to it.
    pub ankisyncd: Option<AnkisyncdFlags>,
}

/// The settings and how they came about.
#[derive(Debug)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// The ini of an ankisyncd, if one was to be read.
    pub ankisyncd: Option<Ankisyncd>,
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
    /// An ini without what would be read of it.
    #[error("No config found, looked for [{section}] in {}", .path.display())]
    NoSection {
        /// Which file.
        path: PathBuf,
        /// The section.
        section: &'static str,
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
        config.look_up_group(&layers)?;
        config.check(&layers)?;
        let data_dir_is_said = layers.is_said("data_dir");
        let Layers { file, ankisyncd, warnings, .. } = layers;
        Ok(Loaded { config, file, ankisyncd, data_dir_is_said, warnings })
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

    /// A name becomes the number that the file system knows. A number need not be a group with a name.
    fn look_up_group(&mut self, layers: &Layers) -> Result<(), ConfigError> {
        let group = &mut self.homes.group;
        let number = group.parse::<u32>().ok().filter(|number| *number != NO_GROUP);
        if group.is_empty() || number.is_some() {
            return Ok(());
        }
        let found = nix::unistd::Group::from_name(group).ok().flatten();
        let Some(found) = found else {
            let what =
                format!("{group:?}: expected the name or the number of a group of this system");
            return Err(layers.wrong("homes.group", &what));
        };
        *group = found.gid.to_string();
        Ok(())
    }

    /// What a type cannot say.
    fn check(&self, layers: &Layers) -> Result<(), ConfigError> {
        if !self.database.starts_with("sqlite:") {
            return Err(layers.wrong("database", "expected sqlite:PATH"));
        }
        let said = |path: &Path| !path.as_os_str().is_empty();
        match (said(&self.tls.cert), said(&self.tls.key)) {
            (true, false) => return Err(layers.wrong("tls.cert", "expected tls.key beside it")),
            (false, true) => return Err(layers.wrong("tls.key", "expected tls.cert beside it")),
            _ => {}
        }
        if !is_level(&self.log.level) {
            return Err(layers.wrong("log.level", "expected error, warn, info, debug or trace"));
        }
        let zero = [
            ("limits.decision_fuel", self.limits.decision_fuel),
            ("limits.decision_time", self.limits.decision_time.0),
            ("limits.decisions_at_once", self.limits.decisions_at_once),
            ("limits.settings_memory", self.limits.settings_memory.0),
            ("limits.loaded_revisions", self.limits.loaded_revisions),
            ("limits.answer", self.limits.answer.0),
            ("limits.component_size", self.limits.component_size.0),
            ("limits.body_size", self.limits.body_size.0),
        ];
        for (key, value) in zero {
            if value == 0 {
                return Err(layers.wrong(key, "0 would refuse everything: expected 1 or more"));
            }
        }
        if self.limits.cpu_share.0 == 0.0 {
            return Err(
                layers.wrong("limits.cpu_share", "0 would refuse everything: expected more")
            );
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

    /// The files of certificate and key, if the doors speak TLS.
    pub fn tls(&self) -> Option<&TlsConfig> {
        (!self.tls.cert.as_os_str().is_empty()).then_some(&self.tls)
    }

    /// Where a client finds the doors at this address.
    pub fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.tls().is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
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

/// What the system calls take for "leave it as it is".
const NO_GROUP: u32 = u32::MAX;

const DECISIONS_AT_ONCE_LIMIT: u64 = 1024;
