//! A tenant's webhook: what it is told, signed how, in which order, how often, and where it is never told anything.

mod doors;
mod order;
mod reach;
pub(crate) mod receiver;
mod retries;

use crate::app::App;
use receiver::Receiver;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Loopback is no public network.
pub(crate) const LOOPBACK: (&str, &str) = ("ENLIST_WEBHOOKS__ALLOW", "127.0.0.0/8,::1/128");

/// How long anything may take before it is called a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that may tell receivers on this machine.
fn start() -> App {
    App::start_with(&[LOOPBACK])
}

pub(crate) fn path(tenant: &str, rest: &str) -> String {
    format!("/v1/tenants/{tenant}/webhook{rest}")
}

/// A tenant's webhook, made: the secret.
pub(crate) async fn hook(app: &App, tenant: &str, receiver: &Receiver) -> String {
    let made = app.manage("PUT", &path(tenant, ""), json!({"url": receiver.url})).await;
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    app.keep_secret(&secret);
    secret
}

async fn look(app: &App, tenant: &str) -> Value {
    app.manage("GET", &path(tenant, ""), Value::Null).await
}

/// Waits until the webhook is as this says.
async fn becomes(app: &App, tenant: &str, is: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let found = look(app, tenant).await;
        if is(&found) {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{found}; the log:\n{}", app.log());
        tokio::task::yield_now().await;
    }
}

/// Waits until nothing waits.
async fn all_is_told(app: &App, tenant: &str) {
    becomes(app, tenant, |webhook| webhook["waiting"] == 0).await;
}

/// Opens an account of this name in a tenant.
async fn open(app: &App, tenant: &str, name: &str) {
    let body = json!({"username": format!("{name}@x.example"), "subject": format!("sub-{name}"),
        "email": format!("{name}@x.example"), "email_verified": true});
    app.manage("POST", &format!("/v1/tenants/{tenant}/accounts"), body).await;
}

async fn act(app: &App, tenant: &str, name: &str, verb: &str) {
    let path = format!("/v1/tenants/{tenant}/accounts/{name}/{verb}");
    app.manage("POST", &path, Value::Null).await;
}

/// The value of a counter of deliveries.
async fn counted(app: &App, tenant: &str, outcome: &str) -> Option<String> {
    let answer = app.ask("GET", "/metrics", &app.operator_key, Value::Null).await;
    let series = format!(
        "enlist_deliveries_total{{tenant=\"{tenant}\",sink=\"webhook\",outcome=\"{outcome}\"}} "
    );
    answer.text.lines().find_map(|line| line.strip_prefix(&series)).map(str::to_owned)
}
