//! `GET /metrics`: what is measured, for Prometheus. Everything for an operator; for a tenant's key with the scope `metrics` the
//! lines that speak of its tenant.

use crate::domain::HostCode;
use crate::http::Rooms;
use crate::http::noes;
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::http::tenant::enter_metrics;
use crate::meters::METERS;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// The OpenMetrics text format, which Prometheus reads.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is measured, for Prometheus
///
/// Everything for an operator's key, also for one that has the scope `metrics` alone; the lines of its own tenant for a tenant's
/// key. Needs scope `metrics`. Where `metrics.listen` is set it is served there alone.
#[utoipa::path(
    get,
    path = "/metrics",
    responses(
        (status = 200, body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        noes::Measuring
    )
)]
pub(super) async fn show(
    State(rooms): State<Rooms>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let whose = enter_metrics(&rooms, &headers).await?;
        rooms.operations.measure_outbox().await?;
        let text = match whose {
            None => METERS.text(),
            Some(tenant) => METERS.text_of(tenant.name().as_str()),
        };
        let text = text.map_err(|_| Problem::from(HostCode::InternalError))?;
        Ok(([(CONTENT_TYPE, FORMAT)], text).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}
