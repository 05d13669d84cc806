//! `GET /v1/schemas/rules.json`: what may be written in the settings of `builtin:rules`, so that editors complete them.
//! Refuses to know what it says: it is the policy's own, and as public as its source.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use enlist_artifacts::RULES_SCHEMA;

/// JSON Schema of the settings of `builtin:rules`
///
/// An editor that is told of it completes them. Needs no key.
#[utoipa::path(
    get,
    path = "/v1/schemas/rules.json",
    security(()),
    responses((status = 200, content((serde_json::Value = "application/schema+json"))))
)]
pub(super) async fn rules() -> Response {
    let head = [(CONTENT_TYPE, "application/schema+json"), (CACHE_CONTROL, "public, max-age=300")];
    (head, RULES_SCHEMA).into_response()
}
