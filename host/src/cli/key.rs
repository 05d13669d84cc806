//! `enlist key …`: makes, lists and revokes keys on a running server. A new key goes to standard output, once, and alone.

use crate::app::{self, LocalKey, RecoveryError};
use crate::cli::client::{Client, Remote, Table, text};
use crate::cli::{Ending, fail};
use crate::config::{Config, Flags};
use clap::{Args, Subcommand};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What `enlist key` takes.
#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// Make a key and print it: it is not kept, and cannot be shown again.
    Create(Wanted),
    /// List keys, also those that opened something once; never the keys themselves.
    List {
        #[command(flatten)]
        whose: Whose,
    },
    /// Make a key useless, at once.
    Revoke {
        /// The key's id: the eight characters after enl_op_ or enl_tk_.
        id: String,
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose keys a verb is about.
#[derive(Debug, Args)]
pub(super) struct Whose {
    /// Operator keys, instead of a tenant's: they open every tenant.
    #[arg(long)]
    operator: bool,
}

/// A key to be made.
#[derive(Debug, Args)]
pub(super) struct Wanted {
    #[command(flatten)]
    whose: Whose,
    /// What it may be used for, of provision, policy, read, manage, metrics [default: provision,policy,read]. With --operator
    /// metrics alone: a key for Prometheus, that opens /metrics and nothing else.
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    scope: Vec<String>,
    /// How long it holds, such as 90d or 12h [default: until it is revoked].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires: Option<std::time::Duration>,
    /// What it is for, shown in lists.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// On this machine's own data folder, without a key: when the operator key is lost. Also while the server runs.
    #[arg(long)]
    local: bool,
    /// With --local: where the data is [default: ./data].
    #[arg(long, value_name = "DIR", requires = "local")]
    data_dir: Option<PathBuf>,
}

impl Whose {
    fn url(&self, client: &Client, path: &[&str]) -> Result<Url, Ending> {
        if self.operator {
            return client.url(&[&["operator-keys"], path].concat());
        }
        let tenant = self.tenant(client.remote())?;
        client.url(&[&["tenants", tenant, "keys"], path].concat())
    }

    fn tenant<'a>(&self, remote: &'a Remote) -> Result<&'a str, Ending> {
        remote.tenant().inspect_err(|_| {
            eprintln!("enlist: or --operator, if it is about keys that open every tenant");
        })
    }
}

pub(super) fn run(
    config: Option<PathBuf>,
    earlier: Option<PathBuf>,
    remote: Remote,
    verb: KeyVerb,
) -> Result<Ending, Ending> {
    let verb = match verb {
        KeyVerb::Create(mut wanted) if wanted.local => {
            wanted.data_dir = wanted.data_dir.or(earlier);
            return create_locally(config, &remote, &wanted);
        }
        other => other,
    };
    let client = Client::new(config, remote)?;
    match verb {
        KeyVerb::Create(wanted) => create(&client, &wanted),
        KeyVerb::List { whose } => {
            let keys = client.list(whose.url(&client, &[])?)?;
            Ok(client.show(&keys, list))
        }
        KeyVerb::Revoke { id, whose } => {
            let url = whose.url(&client, &[&id])?;
            client.remote().confirm(&format!("Revoke key {id}, for good?"))?;
            let gone = client.send(Method::DELETE, url, None)?;
            Ok(client.show(&gone, |_| format!("key {id} is revoked\n")))
        }
    }
}

fn create_locally(
    config: Option<PathBuf>,
    remote: &Remote,
    wanted: &Wanted,
) -> Result<Ending, Ending> {
    let tenant = if wanted.whose.operator { None } else { Some(wanted.whose.tenant(remote)?) };
    let flags = Flags { config, data_dir: wanted.data_dir.clone(), ..Flags::default() };
    let loaded = Config::load(&flags).map_err(|error| fail(&error, Ending::WrongUse))?;
    let local = LocalKey {
        tenant,
        scopes: &wanted.scope,
        note: &wanted.note,
        expires_in_seconds: wanted.expires.map(|time| time.as_secs()),
    };
    let made = app::create_key(&loaded.config, &local).map_err(|error| {
        let wrong = matches!(error, RecoveryError::NoDatabase(_) | RecoveryError::Wrong(_));
        fail(&error, if wrong { Ending::WrongUse } else { Ending::No })
    });
    Ok(shown(remote, &made?))
}

fn create(client: &Client, wanted: &Wanted) -> Result<Ending, Ending> {
    let url = wanted.whose.url(client, &[])?;
    let mut body = json!({"note": wanted.note});
    if !wanted.scope.is_empty() {
        body["scopes"] = json!(wanted.scope);
    }
    if let Some(expires) = wanted.expires {
        body["expires_in"] = json!(expires.as_secs());
    }
    let made = client.send(Method::POST, url, Some(&body))?;
    Ok(shown(client.remote(), &made))
}

/// The key alone on standard output, so that it can go where it is needed.
fn shown(remote: &Remote, made: &Value) -> Ending {
    let ending = remote.show(made, |made| format!("{}\n", text(&made["key"])));
    eprintln!("key {} is made; it is not shown again", text(&made["id"]));
    ending
}

fn list(keys: &Value) -> String {
    let head = ["id", "state", "scopes", "note", "made", "by", "expires", "last used"];
    let mut table = Table::new(head);
    for key in keys["items"].as_array().into_iter().flatten() {
        let columns = [
            "id",
            "state",
            "scopes",
            "note",
            "created_at",
            "created_by",
            "expires_at",
            "last_used_at",
        ];
        table.row(columns.map(|column| text(&key[column])));
    }
    table.text()
}
