//! The settings' tables, one struct each: what every key is, and what holds when nobody says it.
//! Refuses to judge what the keys of two tables mean together: `Config::load` does.

use crate::config::units::{self, Bytes, FolderMode, Keep, Millis, Networks, Part, Rate};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `homes.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HomesConfig {
    /// Permission bits in octal, `"0750"`.
    pub mode: FolderMode,
    /// Name or number of the group that owns them, its number once it was looked up; empty leaves the system's choice.
    #[serde(deserialize_with = "units::text_or_number")]
    pub group: String,
}

/// `tls.*`: both or neither.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and what leads to its root, PEM; empty means HTTP without TLS.
    pub cert: PathBuf,
    /// Its key, PEM, not encrypted.
    pub key: PathBuf,
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

/// `metrics.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// A listener for those who run the server, without TLS; empty means none.
    #[serde(with = "units::address")]
    pub listen: Option<SocketAddr>,
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
    /// The part of all processors' time that the decisions of one tenant may take together.
    pub cpu_share: Part,
    /// Growth of all memories and tables of a decision together.
    pub memory: Bytes,
    /// What a configured policy may weigh, memories and tables together.
    pub settings_memory: Bytes,
    /// Policies that are mapped at once; the least recently used make room.
    #[serde(deserialize_with = "units::number")]
    pub loaded_revisions: u64,
    /// Everything a policy answers in one decision.
    pub answer: Bytes,
    /// The largest component.
    pub component_size: Bytes,
    /// The largest request body.
    pub body_size: Bytes,
    /// How often a key is let in, and how often an address is told that it has none; empty means no limit.
    pub requests_per_second: Rate,
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

/// `probation.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbationConfig {
    /// The part of the people it was asked about that a revision may fail before it is rolled back by itself; 1 for never.
    pub rate: Part,
}

/// `compat.*`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompatConfig {
    /// Whether `/provision-user` answers with the path of the home.
    #[serde(deserialize_with = "units::switch")]
    pub user_directory: bool,
}

/// `ankisyncd.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnkisyncdConfig {
    /// The `auth.db` of the ankisyncd that stands beside tenant `default`; empty means none.
    pub auth_db: PathBuf,
}

/// `webhooks.*`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Networks that are not public and may be sent to all the same, without TLS too.
    pub allow: Networks,
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
            cpu_share: Part(0.5),
            memory: Bytes(2 << 20),
            settings_memory: Bytes(32 << 20),
            loaded_revisions: 2000,
            answer: Bytes(64 << 10),
            component_size: Bytes(8 << 20),
            body_size: Bytes(64 << 10),
            requests_per_second: Rate(None),
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

impl Default for ProbationConfig {
    fn default() -> Self {
        Self { rate: Part(0.05) }
    }
}

impl Default for CompatConfig {
    fn default() -> Self {
        Self { user_directory: true }
    }
}
