//! Names: the host's own rules for them, against other people's vectors, against anything at all, and on a server.

mod alike;
mod properties;
mod spelling;
mod tables;
pub(crate) mod vectors;

use crate::app::{Answer, App};
use serde_json::{Value, json};

/// Somebody to whom the policy `CANDIDATES` gives these names.
fn named(subject: &str, names: &str) -> String {
    json!({"username": subject, "user_attributes": {"sub": subject, "names": names}}).to_string()
}

async fn by_hand(app: &App, name: &str, body: Value) -> Answer {
    let path = format!("/v1/tenants/default/accounts/{name}");
    app.ask("PUT", &path, &app.operator_key, body).await
}
