//! A tenant's webhook as the API shows it, and as it is set.
//! Refuses to show a secret but in the answer to its making.

use crate::domain::{SecretEntry, SigningSecret, Webhook};
use crate::wire::{moment, moment_ms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT …/webhook`
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookForm {
    /// Where messages go.
    pub url: String,
}

/// A webhook as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookText {
    /// Where messages go.
    url: String,
    /// `active`, or `gone` when the endpoint answered 410: nothing is sent then.
    #[schema(pattern = "^(active|gone)$")]
    state: &'static str,
    /// RFC 3339, like the others here.
    #[schema(format = DateTime)]
    created_at: String,
    /// Since when the endpoint is gone.
    #[schema(format = DateTime)]
    gone_since: Option<String>,
    /// What messages are signed with, all of them at once, the oldest first.
    secrets: Vec<SecretText>,
    /// The first secret, when the webhook has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
    /// Messages that did not arrive yet.
    waiting: u64,
    /// When the oldest of them happened.
    #[schema(format = DateTime)]
    oldest_at: Option<String>,
    /// Why the latest attempt that failed did, of those that wait.
    trouble: Option<String>,
    /// Messages that never arrived and are tried no more.
    given_up: u64,
}

/// A secret as JSON; never the secret itself, but once.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecretText {
    /// What it is called.
    id: String,
    /// The secret, when it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

/// What came of a test, as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookTestText {
    /// Whether it arrived: the endpoint answered with 200 to 299.
    pub delivered: bool,
    /// What the endpoint answered; null when it did not.
    pub status: Option<u16>,
    /// Why it did not arrive.
    #[schema(
        pattern = "^(status|gone|address_not_public|name_unresolved|unreachable|tls_failed|timed_out)$"
    )]
    pub failure: Option<&'static str>,
    /// Milliseconds until the answer, or until none was waited for any more.
    pub took_ms: u64,
}

impl WebhookText {
    /// The webhook; `secret` when it has just been made.
    pub fn new(webhook: Webhook, secret: Option<&SigningSecret>) -> Self {
        let Webhook { url, created_at_ms, stopped_at_ms, given_up, secrets, backlog } = webhook;
        Self {
            url,
            state: if stopped_at_ms.is_some() { "gone" } else { "active" },
            created_at: moment(created_at_ms),
            gone_since: stopped_at_ms.map(moment),
            secrets: secrets.into_iter().map(|entry| SecretText::new(entry, None)).collect(),
            secret: secret.map(SigningSecret::reveal),
            waiting: backlog.as_ref().map_or(0, |backlog| backlog.waiting),
            oldest_at: backlog.as_ref().map(|backlog| moment_ms(backlog.oldest_ms)),
            trouble: backlog.and_then(|backlog| backlog.trouble),
            given_up,
        }
    }
}

impl SecretText {
    /// The secret's entry; `secret` when it has just been made.
    pub fn new(entry: SecretEntry, secret: Option<&SigningSecret>) -> Self {
        Self {
            id: entry.id,
            secret: secret.map(SigningSecret::reveal),
            created_at: moment(entry.created_at_ms),
        }
    }
}
