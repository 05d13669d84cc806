//! `enlist webhook …`: where a tenant's server-to-server messages go, and what they are signed with. A new secret goes to standard output,
//! once, and alone.
//! Refuses to print anything else where a secret is awaited and none was made.

use crate::cli::Ending;
use crate::cli::client::{Client, Output, text};
use crate::sandbox::quote;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// What `enlist webhook` takes.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum WebhookVerb {
    /// Say where messages go. The first time, the secret that they are signed with is printed: it cannot be shown again. Later there is
    /// none to print.
    Set {
        /// Where to, as https://HOST/….
        url: String,
    },
    /// Show where messages go, how that goes, and which secrets there are; never the secrets themselves.
    Show,
    /// Send nothing any more, and forget what waits.
    Remove,
    /// Send one message of the type webhook.test: 0 it arrived, 1 it did not.
    Test,
    /// Secrets: a new one beside the old one, then the old one away.
    #[command(subcommand)]
    Secret(SecretVerb),
}

/// What `enlist webhook secret` takes.
#[derive(Debug, Subcommand)]
pub(super) enum SecretVerb {
    /// Make one more secret and print it: it cannot be shown again. Messages are signed with every secret.
    New,
    /// Sign with this one no more.
    Revoke {
        /// Its id.
        id: String,
    },
}

const EXAMPLES: &str = "Examples:
  enlist -t acme webhook set https://hooks.acme.example/enlist > secret      the first time: later there is none
  enlist -t acme webhook test                 whether it arrives there
  enlist -t acme webhook show                 how that goes, and what waits
  enlist -t acme webhook secret new > new     give it to the receiver, then
  enlist -t acme webhook secret revoke 5f0c1d2e";

pub(super) fn run(client: &Client, verb: WebhookVerb) -> Result<Ending, Ending> {
    match verb {
        WebhookVerb::Set { url } => {
            let to = client.tenant_url(&["webhook"])?;
            let set = client.send(Method::PUT, to, Some(&json!({"url": url})))?;
            if set["secret"].is_string() {
                return Ok(shown_once(client, &set, &set["secrets"][0]["id"]));
            }
            if client.remote().output() == Output::Json {
                return Ok(client.show(&set, show));
            }
            // Where somebody awaits a secret, nothing else shall stand.
            eprintln!("{}no secret was made: those it has stay", show(&set));
            Ok(Ending::Yes)
        }
        WebhookVerb::Show => Ok(client.show(&client.get(client.tenant_url(&["webhook"])?)?, show)),
        WebhookVerb::Remove => {
            let url = client.tenant_url(&["webhook"])?;
            let webhook = client.get(url.clone())?;
            let (to, waiting) = (quote(text(&webhook["url"])), text(&webhook["waiting"]));
            let question =
                format!("Remove the webhook to {to}, with {waiting} messages that wait?");
            client.remote().confirm(&question)?;
            let gone = client.send(Method::DELETE, url, None)?;
            Ok(client.show(&gone, |_| "the webhook is removed\n".to_owned()))
        }
        WebhookVerb::Test => {
            let url = client.tenant_url(&["webhook", "test"])?;
            let tried = client.send(Method::POST, url, None)?;
            let ending = if tried["delivered"] == true { Ending::Yes } else { Ending::No };
            Ok(ending.after(client.show(&tried, tested)))
        }
        WebhookVerb::Secret(SecretVerb::New) => {
            let url = client.tenant_url(&["webhook", "secrets"])?;
            let made = client.send(Method::POST, url, None)?;
            Ok(shown_once(client, &made, &made["id"]))
        }
        WebhookVerb::Secret(SecretVerb::Revoke { id }) => {
            let url = client.tenant_url(&["webhook", "secrets", &id])?;
            client.remote().confirm(&format!("Sign with secret {id} no more?"))?;
            let gone = client.send(Method::DELETE, url, None)?;
            Ok(client.show(&gone, |_| format!("secret {id} is revoked\n")))
        }
    }
}

/// The secret alone on standard output, so that it can go where it is needed.
fn shown_once(client: &Client, made: &Value, id: &Value) -> Ending {
    let ending = client.show(made, |made| format!("{}\n", text(&made["secret"])));
    eprintln!("secret {} is made; it is not shown again", text(id));
    ending
}

fn tested(tried: &Value) -> String {
    let took = text(&tried["took_ms"]);
    match (tried["status"].as_u64(), tried["delivered"] == true) {
        (Some(status), true) => format!("it arrived: {status} after {took} ms\n"),
        (Some(status), false) => format!("it did not arrive: status {status} after {took} ms\n"),
        (None, _) => {
            format!("it did not arrive: {} after {took} ms\n", quote(text(&tried["failure"])))
        }
    }
}

fn show(webhook: &Value) -> String {
    let mut lines = String::new();
    for name in
        ["url", "state", "gone_since", "created_at", "waiting", "oldest_at", "trouble", "given_up"]
    {
        lines.push_str(&format!("{name:<11}{}\n", quote(text(&webhook[name]))));
    }
    for secret in webhook["secrets"].as_array().into_iter().flatten() {
        let (id, at) = (quote(text(&secret["id"])), quote(text(&secret["created_at"])));
        lines.push_str(&format!("{:<11}{id}  {at}\n", "secret"));
    }
    lines
}
