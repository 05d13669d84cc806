//! `enlist tenant …`: makes, shows, changes and removes tenants on a running server.
//! Refuses to decide what may be changed: the server does.

mod apply;

use crate::cli::Ending;
use crate::cli::client::{Client, Table, text};
use clap::{Args, Subcommand};
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What `enlist tenant` takes.
#[derive(Debug, Subcommand)]
pub(super) enum TenantVerb {
    /// Make a tenant, with the default policy and no account.
    Create {
        /// Lower-case letters, digits and hyphens.
        name: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// List all tenants.
    List,
    /// Show one tenant.
    Show {
        /// Which [default: --tenant].
        name: Option<String>,
    },
    /// Change what is given, and nothing else.
    Set {
        /// Which [default: --tenant].
        name: Option<String>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Make tenants what their folders say: tenant.toml, settings.toml, and cases.toml, which has to hold before anything changes.
    Apply(apply::ApplyArguments),
    /// Remove a tenant that has no open account; its folders stay.
    Remove {
        /// Which [default: --tenant].
        name: Option<String>,
    },
}

/// What can be said of a tenant.
#[derive(Debug, Args)]
pub(super) struct Terms {
    /// Where the folders of its accounts are, absolute, on the server.
    #[arg(long, value_name = "DIR")]
    home: Option<String>,
    /// Who vouches for its people when a request names nobody.
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The auth.db of the ankisyncd that stands beside it, absolute, on the server; '' for none.
    #[arg(long, value_name = "FILE")]
    ankisyncd_auth_db: Option<String>,
}

impl Terms {
    fn into_body(self) -> Map<String, Value> {
        let said = [
            ("home", self.home),
            ("issuer", self.issuer),
            ("ankisyncd_auth_db", self.ankisyncd_auth_db),
        ];
        said.into_iter().filter_map(|(name, said)| Some((name.to_owned(), said?.into()))).collect()
    }
}

pub(super) fn run(
    client: &Client,
    config: Option<PathBuf>,
    verb: TenantVerb,
) -> Result<Ending, Ending> {
    let one = |name: Option<String>| match name {
        Some(name) => client.url(&["tenants", &name]),
        None => client.tenant_url(&[]),
    };
    match verb {
        TenantVerb::Create { name, terms } => {
            let mut body = terms.into_body();
            body.insert("name".to_owned(), name.into());
            let url = client.url(&["tenants"])?;
            let made = client.send(Method::POST, url, Some(&Value::Object(body)))?;
            Ok(client.show(&made, show))
        }
        TenantVerb::List => {
            let tenants = client.list(client.url(&["tenants"])?)?;
            Ok(client.show(&tenants, list))
        }
        TenantVerb::Show { name } => Ok(client.show(&client.get(one(name)?)?, show)),
        TenantVerb::Set { name, terms } => {
            let body = Value::Object(terms.into_body());
            if body == json!({}) {
                eprintln!("enlist: nothing to set: say --issuer, --home or --ankisyncd-auth-db");
                return Err(Ending::WrongUse);
            }
            let set = client.send(Method::PATCH, one(name)?, Some(&body))?;
            Ok(client.show(&set, show))
        }
        TenantVerb::Apply(apply) => apply::run(client, config, &apply),
        TenantVerb::Remove { name } => remove(client, one(name)?),
    }
}

fn remove(client: &Client, url: Url) -> Result<Ending, Ending> {
    let tenant = client.get(url.clone())?;
    let (name, home) = (text(&tenant["name"]), text(&tenant["home"]));
    client.remote().confirm(&format!("Remove tenant {name} and revoke its keys?"))?;
    let gone = client.send(Method::DELETE, url, None)?;
    Ok(client.show(&gone, |_| format!("tenant {name} is removed; its folders stay in {home}\n")))
}

fn show(tenant: &Value) -> String {
    let mut lines = String::new();
    for name in ["name", "issuer", "home", "revision", "accounts", "created_at"] {
        lines.push_str(&format!("{name:<11}{}\n", crate::sandbox::quote(text(&tenant[name]))));
    }
    if let Some(file) = tenant["ankisyncd_auth_db"].as_str() {
        lines.push_str(&format!("ankisyncd  {}\n", crate::sandbox::quote(file)));
    }
    lines
}

fn list(tenants: &Value) -> String {
    let mut table = Table::new(["name", "accounts", "revision", "issuer", "home", "created"]);
    for tenant in tenants["items"].as_array().into_iter().flatten() {
        let columns = ["name", "accounts", "revision", "issuer", "home", "created_at"];
        table.row(columns.map(|column| text(&tenant[column])));
    }
    table.text()
}
