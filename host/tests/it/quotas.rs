//! Quotas: how many accounts there may be, at every door; what an account may use, decided again when the rules change; and what is in
//! use of it.

mod again;
mod doors;
mod race;
mod usage;

use crate::app::{Answer, App};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};

const ACCOUNTS: &str = "/v1/tenants/default/accounts";

/// A server whose policy is `CANDIDATES` with these settings.
async fn with_rules(settings: Value) -> App {
    let app = App::with_policy(CANDIDATES, &[]);
    rule(&app, settings).await;
    app
}

/// From now on these settings decide, and have decided again what everybody may use.
async fn rule(app: &App, settings: Value) -> u64 {
    let made =
        app.manage("POST", "/v1/tenants/default/revisions", json!({"settings": settings})).await;
    let revision = made["revision"].as_u64().expect("a number");
    app.manage("POST", &format!("/v1/tenants/default/revisions/{revision}/activate"), Value::Null)
        .await;
    all_decided(app).await;
    revision
}

/// Somebody of x.example, with a verified address and these attributes.
fn person(name: &str, more: Value) -> String {
    let mut attributes =
        json!({"sub": name, "email": format!("{name}@x.example"), "email_verified": true});
    let own = attributes.as_object_mut().expect("an object");
    own.extend(more.as_object().cloned().unwrap_or_default());
    json!({"username": name, "user_attributes": attributes}).to_string()
}

fn nobody_more() -> Value {
    Value::Null
}

async fn by_hand(app: &App, name: &str) -> Answer {
    let body = json!({"username": name, "subject": format!("hand-{name}")});
    app.ask("PUT", &format!("{ACCOUNTS}/{name}"), &app.operator_key, body).await
}

async fn act(app: &App, name: &str, verb: &str) -> Answer {
    app.ask("POST", &format!("{ACCOUNTS}/{name}/{verb}"), &app.operator_key, Value::Null).await
}

/// An account as the API shows it.
async fn account(app: &App, name: &str) -> Value {
    app.manage("GET", &format!("{ACCOUNTS}/{name}"), Value::Null).await
}

/// The acts of this kind in the record, the oldest first: outcome, code, detail and name.
fn acts(app: &App, what: &str) -> Vec<String> {
    let sql = format!(
        "SELECT outcome || coalesce(' ' || code, '') || coalesce(': ' || detail, '') || ' of ' || name
         FROM decisions WHERE occasion = '{what}' ORDER BY id"
    );
    app.rows(&sql).into_iter().map(|mut row| row.remove(0)).collect()
}

/// Waits until no account waits for its allowance.
async fn all_decided(app: &App) {
    loop {
        let status = app.manage("GET", "/v1/status", Value::Null).await;
        if status["items"][0]["allowances_waiting"] == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}
