//! `GET …/cases`: what really happened, as cases for `enlist policy test`.
//! Refuses nobody's wish to forget: what the record does not know is no case.

use crate::domain::{Occasion, Past};
use crate::http::Rooms;
use crate::http::places::in_time;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::tenants::{Asked, enter};
use crate::ledger::{Scope, Tenant};
use crate::wire::{CasesText, read_cursor, read_moment};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// Decisions that were made, as cases
///
/// A page is what one look at the record finds, and may be empty. Needs scope `read`.
#[utoipa::path(get, path = "/cases", params(
 ("revision" = Option<u64>, Query, description = "Decisions of this revision; of the active one when nothing is said"),
 ("since" = Option<String>, Query, description = "Decisions from this moment on, in RFC 3339"),
 ("after" = Option<String>, Query, description = "The `next` of the page before")),
 responses((status = 200, body = CasesText)))]
pub(super) async fn list(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &[Scope::Read]).await?;
        page(&rooms, &tenant, &query).await
    };
    answer
        .await
        .map_or_else(|problem: Problem| problem.respond_v1(&id), IntoResponse::into_response)
}

async fn page(rooms: &Rooms, tenant: &Tenant, query: &Query) -> Result<Json<CasesText>, Problem> {
    let revision = query.read("revision", |text| text.parse().ok())?;
    let revision = revision.or_else(|| rooms.operations.active(tenant)).unwrap_or_default();
    let since = query.read("since", read_moment)?.unwrap_or_default();
    let after = query.read("after", |text| read_cursor(text)?.parse().ok())?;
    let _place = rooms.reading.enter(tenant.id())?;
    let looked = rooms.operations.past(tenant, since, after.unwrap_or(i64::MAX));
    let looked = in_time(looked).await?;
    let happened = |past: &&Past| {
        past.revision == revision && !past.dry_run && past.request.occasion == Occasion::Opening
    };
    let mut cases = CasesText::empty(revision, looked.last);
    (cases.left_out, cases.masked) = (looked.older, looked.masked);
    looked.past.iter().filter(happened).for_each(|past| cases.add(past));
    Ok(Json(cases))
}
