//! `/healthz`: the process answers. `/readyz`: somebody could be provisioned now, as far as disks go; never because of one
//! tenant's policy. Neither says why to a stranger.

use crate::http::Rooms;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use tracing::error;

/// How long a disk may take to say that it is well.
const READY_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

pub(super) async fn ready(State(rooms): State<Rooms>) -> (StatusCode, Json<Value>) {
    match tokio::time::timeout(READY_WITHIN, check(&rooms)).await {
        Ok(true) => (StatusCode::OK, Json(json!({"status": "ready"}))),
        Ok(false) | Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not_ready"})))
        }
    }
}

async fn check(rooms: &Rooms) -> bool {
    if let Err(error) = rooms.ledger.ready().await {
        error!(?error, "not ready: the database");
        return false;
    }
    if let Err(error) = rooms.homes.ready().await {
        error!(?error, "not ready: a home root");
        return false;
    }
    true
}
