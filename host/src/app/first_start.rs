//! The first start: what it makes, in which order, and what it says once. Keys are durable in a file, or about to be shown,
//! before their hashes are in the database: a start that dies in between is taken over by the next.
//! Refuses to show a key twice, and to put one into the log.

use crate::app::policy_file::{DEFAULT_POLICY, read_revision};
use crate::app::{AppError, Manner, tls};
use crate::config::Config;
use crate::ledger::{FirstStart, Key, KeyKind, Ledger, StoredRevision};
use crate::sandbox::{MakeError, quote};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where keys go when nobody watches.
pub(super) const KEYS_FILE: &str = "first-keys.json";

/// A first start that can be carried out: everything it needs from outside was read.
pub(super) struct Plan {
    line: Line,
    /// Where the doors are.
    url: String,
    /// How `curl` gets there.
    way: Way,
    keys: Keys,
    revision: StoredRevision,
    manner: Manner,
}

/// A URL, and what `curl` has to be told beside it.
struct Way {
    url: String,
    options: String,
}

/// What a start has to say on standard output.
pub(super) enum Announcement {
    /// Nothing.
    Silence,
    /// One JSON line.
    Line(Line),
    /// For somebody at a terminal.
    Table(String),
}

/// The JSON line, and with the keys the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Line {
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_file: Option<PathBuf>,
    listen: String,
    data_dir: PathBuf,
    /// The ini of an ankisyncd, if one was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    ankisyncd_conf: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_key: Option<String>,
}

struct Keys {
    operator: Key,
    tenant: Key,
    /// Which of them nobody has yet.
    operator_is_new: bool,
    tenant_is_new: bool,
}

impl Plan {
    /// Reads what `bootstrap.*` names and makes the keys it does not name.
    pub(super) fn read(
        config: &Config,
        address: SocketAddr,
        manner: Manner,
    ) -> Result<Self, AppError> {
        let named = &config.bootstrap.policy;
        let policy = if named.is_empty() { DEFAULT_POLICY } else { named };
        let limit_bytes = config.limits.component_size.0;
        let wrong = |what| AppError::Setting { key: "bootstrap.policy", what };
        let revision = read_revision(policy, limit_bytes).map_err(wrong)?;
        let keys_file = config.data_dir.join(KEYS_FILE);
        let files = &config.bootstrap;
        let supplied_operator =
            supplied("bootstrap.operator_key_file", &files.operator_key_file, KeyKind::Operator)?;
        let supplied_tenant =
            supplied("bootstrap.tenant_key_file", &files.tenant_key_file, KeyKind::Tenant)?;
        if let (Some(operator), Some(tenant)) = (&supplied_operator, &supplied_tenant)
            && operator.reveal() == tenant.reveal()
        {
            let what = "the same key as in bootstrap.operator_key_file".to_owned();
            return Err(AppError::Setting { key: "bootstrap.tenant_key_file", what });
        }
        let left = left_behind(&keys_file);
        let (left_operator, left_tenant) = left.map_or((None, None), |(o, t)| (o, t));
        let (operator_is_new, tenant_is_new) =
            (supplied_operator.is_none(), supplied_tenant.is_none());
        let or_new = |key: Option<Key>, kind| key.map_or_else(|| Key::random(kind), Ok);
        let keys = Keys {
            operator: or_new(supplied_operator.or(left_operator), KeyKind::Operator)?,
            tenant: or_new(supplied_tenant.or(left_tenant), KeyKind::Tenant)?,
            operator_is_new,
            tenant_is_new,
        };
        let line = Line {
            event: "first_start".to_owned(),
            keys_file: Some(keys_file),
            listen: address.to_string(),
            data_dir: config.data_dir.clone(),
            ..Line::default()
        };
        let (url, way) = (config.url(address), Way::to(config, address)?);
        Ok(Self { line, url, way, keys, revision, manner })
    }

    /// The same beside an ankisyncd, whose ini was read.
    pub(super) fn beside(mut self, ini: Option<PathBuf>) -> Self {
        self.line.ankisyncd_conf = ini;
        self
    }

    /// The first policy: a component and its settings. It is to be made before the plan is carried out.
    pub(super) fn parts(&self) -> (&[u8], &str) {
        (&self.revision.component, &self.revision.settings)
    }

    /// Why a start cannot go on without its policy.
    pub(super) fn unmade(&self, error: MakeError) -> AppError {
        match error {
            MakeError::TurnedAway { detail, .. } => {
                let what = format!("{}: {}", self.revision.policy, quote(detail));
                AppError::Setting { key: "bootstrap.policy", what }
            }
            other => AppError::Make(other),
        }
    }

    /// Keys first, where they can be read again or where somebody reads them now; then the database. A start that dies in
    /// between has not happened: the next one takes the file's keys over, or shows new ones.
    pub(super) async fn carry_out(self, ledger: &Ledger) -> Result<(), AppError> {
        let Self { line, url, way, keys, revision, manner } = self;
        let keys_file = line.keys_file.clone().unwrap_or_default();
        let shown = Line {
            operator_key: keys.operator_is_new.then(|| keys.operator.reveal().to_owned()),
            tenant_key: keys.tenant_is_new.then(|| keys.tenant.reveal().to_owned()),
            ..line.clone()
        };
        let (announcement, to_file) =
            match (shown.operator_key.is_some() || shown.tenant_key.is_some(), manner) {
                (false, _) => (Announcement::Silence, false),
                (true, Manner { print_first_keys: true, .. }) => {
                    (Announcement::Line(Line { keys_file: None, ..shown.clone() }), false)
                }
                (true, Manner { terminal: true, .. }) => {
                    (Announcement::Table(first_table(&shown, &url, &way)), false)
                }
                (true, _) => (Announcement::Line(line), true),
            };
        if to_file {
            write_keys(&keys_file, &shown)?;
        }
        announcement.make().map_err(AppError::Unheard)?;
        let first = FirstStart { operator_key: keys.operator, tenant_key: keys.tenant, revision };
        ledger.first_start(first).await?;
        if !to_file {
            // One that a start left behind, and whose keys were taken over: they have been shown now.
            let _ = std::fs::remove_file(&keys_file);
        }
        Ok(())
    }
}

impl Way {
    /// Over TLS the name that the certificate is for, wherever it leads from here: for the address it would not be taken.
    fn to(config: &Config, address: SocketAddr) -> Result<Self, AppError> {
        let url = config.url(address);
        let Some(files) = config.tls() else { return Ok(Self { url, options: String::new() }) };
        Ok(match tls::Pair::read(files)?.host() {
            Some(host) => {
                let (port, url) = (address.port(), format!("https://{host}:{}", address.port()));
                let ip = address.to_string();
                let ip = ip.strip_suffix(&format!(":{port}")).unwrap_or(&ip);
                Self { url, options: format!("--resolve {host}:{port}:{ip} ") }
            }
            None => Self { url, options: String::new() },
        })
    }
}

impl Announcement {
    /// A later start: where everything is, and no key.
    pub(super) fn again(
        config: &Config,
        address: SocketAddr,
        manner: Manner,
        ini: Option<PathBuf>,
    ) -> Self {
        if manner.terminal {
            return Self::Table(format!(
                "Enlist listens on {}\nData: {}\nHomes: {}\n",
                config.url(address),
                config.data_dir.display(),
                config.home_root.display()
            ));
        }
        Self::Line(Line {
            event: "start".to_owned(),
            listen: address.to_string(),
            data_dir: config.data_dir.clone(),
            ankisyncd_conf: ini,
            ..Line::default()
        })
    }

    /// Says it; an error when nobody can hear it.
    pub(super) fn make(&self) -> io::Result<()> {
        let text = match self {
            Self::Silence => return Ok(()),
            Self::Line(line) => serde_json::to_string(line)? + "\n",
            Self::Table(text) => text.clone(),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

fn supplied(key: &'static str, path: &Path, kind: KeyKind) -> Result<Option<Key>, AppError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let wrong =
        |what: String| AppError::Setting { key, what: format!("{}: {what}", path.display()) };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    Key::supplied(text.trim(), kind).map(Some).map_err(|error| wrong(error.to_string()))
}

/// Keys in the file of a start that died before the database had their hashes. A file that was not written to its end had not
/// been relied on yet.
fn left_behind(path: &Path) -> Option<(Option<Key>, Option<Key>)> {
    let line: Line = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let key = |text: Option<String>, kind| Key::supplied(&text?, kind).ok();
    Some((key(line.operator_key, KeyKind::Operator), key(line.tenant_key, KeyKind::Tenant)))
}

/// Private, and on the disk together with its entry in the folder.
fn write_keys(path: &Path, line: &Line) -> Result<(), AppError> {
    let write = || -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&serde_json::to_vec(line)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|source| AppError::DataDir { path: path.to_owned(), source })
}

fn first_table(line: &Line, url: &str, Way { url: asked, options }: &Way) -> String {
    let data_dir = line.data_dir.display();
    let operator = line.operator_key.as_deref().unwrap_or("(as supplied)");
    let tenant = line.tenant_key.as_deref().unwrap_or("(as supplied)");
    let sent = line.tenant_key.as_deref().unwrap_or("$TENANT_KEY");
    let over_tls = url.starts_with("https:");
    let hint = if over_tls {
        " (with --cacert FILE if this machine does not trust the certificate's signer)"
    } else {
        ""
    };
    format!(
        r#"Enlist is set up and listens on {url}

  data folder    {data_dir}
  operator key   {operator}
  tenant key     {tenant}   (tenant default)

Only their hashes are kept: write the keys down, they are not shown again. Try it{hint}:

  curl {options}-X POST {asked}/provision-user \
    -H "Content-Type: application/json" \
    -H "X-API-Key: {sent}" \
    -d '{{"username":"testuser@example.com","email":"testuser@example.com","user_attributes":{{"email":"testuser@example.com","email_verified":"true"}}}}'

"#
    )
}
