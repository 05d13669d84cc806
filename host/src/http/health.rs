//! `/healthz`: the process answers. `/readyz`: somebody could be provisioned now, as far as disks go; never because of one
//! tenant's policy. Neither says why to a stranger, and neither lets one cause work: a disk is asked once a second at most.

use crate::http::Rooms;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tracing::{error, info};
use utoipa::ToSchema;

/// How long a disk may take to say that it is well.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// How long what it said holds.
const HOLDS_FOR: Duration = Duration::from_secs(1);

/// How it is, as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthText {
    /// `ok`, `ready` or `not_ready`.
    status: &'static str,
}

/// What was found last, and when. The lock is held while it is found out: everybody else waits for that one answer.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, bool)>>);

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", security(()), responses((status = 200, body = HealthText)))]
pub(super) async fn alive() -> Json<HealthText> {
    Json(HealthText { status: "ok" })
}

/// Whether somebody could be provisioned now, as far as disks go
#[utoipa::path(get, path = "/readyz", security(()), responses((status = 200, body = HealthText), (status = 503, body = HealthText, description = "Not ready")))]
pub(super) async fn ready(State(rooms): State<Rooms>) -> (StatusCode, Json<HealthText>) {
    let mut last = rooms.readiness.0.lock().await;
    let ready = match *last {
        Some((found, ready)) if found.elapsed() < HOLDS_FOR => ready,
        _ => {
            let ready = find_out(&rooms, last.is_none_or(|(_, ready)| ready)).await;
            *last = Some((Instant::now(), ready));
            ready
        }
    };
    if ready {
        (StatusCode::OK, Json(HealthText { status: "ready" }))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(HealthText { status: "not_ready" }))
    }
}

/// Asks the disks, and logs what changed.
async fn find_out(rooms: &Rooms, was_ready: bool) -> bool {
    let check = async {
        rooms.ledger.ready().await.map_err(|error| format!("the database: {error:?}"))?;
        rooms.homes.ready().await.map_err(|error| format!("a home root: {error:?}"))
    };
    let found = tokio::time::timeout(READY_WITHIN, check).await;
    let found = found.unwrap_or_else(|_| Err(format!("no answer within {READY_WITHIN:?}")));
    match (&found, was_ready) {
        (Err(why), true) => error!(why, "not ready"),
        (Ok(()), false) => info!("ready again"),
        _ => {}
    }
    found.is_ok()
}
