//! `enlist account …`: opens accounts by hand, shows them, links, closes, reopens and erases them on a running server, and sets
//! passwords.
//! Refuses to forget somebody without having asked.

mod password;

use crate::cli::Ending;
use crate::cli::client::{Client, Table, text};
use crate::sandbox::quote;
use clap::{Args, Subcommand};
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

/// What `enlist account` takes.
#[derive(Debug, Subcommand)]
pub(super) enum AccountVerb {
    /// Open an account by hand: the policy is asked only how much they may have, and the record says whose key did it.
    Create {
        /// What the account and its folder are called.
        name: String,
        #[command(flatten)]
        person: Person,
    },
    /// List accounts, or the names that nobody gets although no account has them.
    List {
        /// Only those that have this in their name, username or e-mail.
        part: Option<String>,
        /// Also what is in use, beside what is allowed.
        #[arg(long)]
        usage: bool,
        /// Instead the names that stand in the home root or in the auth.db without an account.
        #[arg(long, conflicts_with_all = ["part", "usage"])]
        reserved: bool,
    },
    /// Show one account.
    Show {
        /// Exactly its name.
        name: String,
    },
    /// Give an account to the subject that the provider names now, whoever it was of before.
    Link {
        /// Exactly its name.
        name: String,
        /// The provider's stable id.
        #[arg(long)]
        subject: String,
        /// Who vouches [default: as before].
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
    },
    /// Give an account's person a password at the ankisyncd, asked for at the terminal.
    Passwd {
        /// Exactly its name.
        name: String,
        /// Read it from the first line of standard input [after the key's, with --key-file -].
        #[arg(long)]
        stdin: bool,
    },
    /// Turn an account's person away from now on; name and folder stay.
    Close {
        /// Exactly its name.
        name: String,
    },
    /// Decide again, by the policy that decides now, how much an account may use.
    Allowance {
        /// Exactly its name.
        name: String,
    },
    /// Let the person of a closed account in again.
    Reopen {
        /// Exactly its name.
        name: String,
    },
    /// Forget the person of a closed account, for good; name and folder stay.
    Erase {
        /// Exactly its name.
        name: String,
    },
}

/// Whose an account shall be.
#[derive(Debug, Args)]
pub(super) struct Person {
    /// The provider's own name for them.
    #[arg(long, value_name = "PROVIDER_NAME")]
    username: String,
    /// The provider's stable id.
    #[arg(long)]
    subject: Option<String>,
    /// Who vouches [default: the tenant's].
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// As the provider will send it: verified, it links the account to a subject.
    #[arg(long)]
    email: Option<String>,
    /// Take a folder of that name as it is, whatever it holds.
    #[arg(long)]
    adopt: bool,
}

pub(super) fn run(client: &Client, verb: AccountVerb) -> Result<Ending, Ending> {
    let one = |name: &str| client.tenant_url(&["accounts", name]);
    let act = |name: &str, verb: &str, body: Option<Value>| {
        let url = client.tenant_url(&["accounts", name, verb])?;
        let account = client.send(Method::POST, url, body.as_ref())?;
        Ok(client.show(&account, show))
    };
    match verb {
        AccountVerb::Create { name, person } => {
            let opened = client.send(Method::PUT, one(&name)?, Some(&person.into_body()))?;
            Ok(client.show(&opened, show))
        }
        AccountVerb::List { reserved: true, .. } => {
            let url = all(client.tenant_url(&["reserved"])?, None);
            Ok(client.show(&client.list(url)?, list_reserved))
        }
        AccountVerb::List { part, usage, .. } => {
            let mut url = all(client.tenant_url(&["accounts"])?, part.as_deref());
            if !usage {
                return Ok(client.show(&client.list(url)?, list));
            }
            // Homes are looked into for a while and no longer: small pages leave more of it for each.
            url.query_pairs_mut().clear().append_pair("limit", "50").append_pair("usage", "true");
            if let Some(part) = part {
                url.query_pairs_mut().append_pair("q", &part);
            }
            Ok(client.show(&client.list(url)?, list_usage))
        }
        AccountVerb::Show { name } => Ok(client.show(&client.get(one(&name)?)?, show)),
        AccountVerb::Link { name, subject, issuer } => {
            let mut body = json!({"subject": subject});
            if let Some(issuer) = issuer {
                body["issuer"] = issuer.into();
            }
            act(&name, "link", Some(body))
        }
        AccountVerb::Passwd { name, stdin } => {
            let url = client.tenant_url(&["accounts", &name, "password"])?;
            let password = if stdin { password::from_input()? } else { password::ask(&name)? };
            let set = client.send(Method::PUT, url, Some(&json!({"password": password})))?;
            Ok(client.show(&set, |_| format!("{} has another password\n", quote(&name))))
        }
        AccountVerb::Allowance { name } => act(&name, "allowance", None),
        AccountVerb::Close { name } => act(&name, "close", None),
        AccountVerb::Reopen { name } => act(&name, "reopen", None),
        AccountVerb::Erase { name } => {
            let question = format!("Forget whose account {} is, for good?", quote(&name));
            client.remote().confirm(&question)?;
            act(&name, "erase", None)
        }
    }
}

impl Person {
    fn into_body(self) -> Value {
        let mut body = Map::new();
        body.insert("username".to_owned(), self.username.into());
        for (name, said) in
            [("subject", self.subject), ("issuer", self.issuer), ("email", self.email)]
        {
            if let Some(said) = said {
                body.insert(name.to_owned(), said.into());
            }
        }
        body.insert("adopt".to_owned(), self.adopt.into());
        body.into()
    }
}

fn all(mut url: Url, part: Option<&str>) -> Url {
    url.query_pairs_mut().append_pair("limit", "500");
    if let Some(part) = part {
        url.query_pairs_mut().append_pair("q", part);
    }
    url
}

fn show(account: &Value) -> String {
    let mut lines = String::new();
    for name in [
        "name",
        "state",
        "username",
        "subject",
        "issuer",
        "email",
        "home",
        "created_at",
        "revision",
    ] {
        lines.push_str(&format!("{name:<11}{}\n", quote(text(&account[name]))));
    }
    for (name, limit) in account["allowance"].as_object().into_iter().flatten() {
        if !limit.is_null() && *limit != json!({}) {
            lines.push_str(&format!("{:<11}{name} {}\n", "allowance", quote(text(limit))));
        }
    }
    lines
}

fn list(accounts: &Value) -> String {
    let mut table = Table::new(["name", "state", "username", "subject", "e-mail", "opened"]);
    for account in accounts["items"].as_array().into_iter().flatten() {
        let columns = ["name", "state", "username", "subject", "email", "created_at"];
        table.row(columns.map(|column| text(&account[column])));
    }
    table.text()
}

/// Names, and where each stands.
fn list_reserved(names: &Value) -> String {
    let mut table = Table::new(["name", "folder", "row", "restored"]);
    for reserved in names["items"].as_array().into_iter().flatten() {
        let is = |what: &str| if reserved[what] == true { "yes" } else { "-" }.to_owned();
        table.row([text(&reserved["name"]), is("folder"), is("row"), is("restored")]);
    }
    table.text()
}

/// What is in use, and of how much; `+` where there may be more.
fn list_usage(accounts: &Value) -> String {
    let mut table = Table::new(["name", "state", "accounts", "in domain", "bytes", "files"]);
    for account in accounts["items"].as_array().into_iter().flatten() {
        let (usage, limits) = (&account["usage"], &account["allowance"]);
        let more = if usage["complete"] == true { "" } else { "+" };
        let of = |used: &str, limit: &str, more: &str| {
            if usage[used].is_null() {
                return "-".to_owned();
            }
            let limit =
                if limits[limit].is_null() { "none".to_owned() } else { text(&limits[limit]) };
            format!("{}{more} of {limit}", text(&usage[used]))
        };
        table.row([
            text(&account["name"]),
            text(&account["state"]),
            of("accounts", "max_accounts", ""),
            of("accounts_in_domain", "max_accounts_in_domain", ""),
            of("storage_bytes", "storage_bytes", more),
            of("storage_files", "storage_files", more),
        ]);
    }
    table.text()
}
