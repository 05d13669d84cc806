//! `GET …/decisions`: the record, for those who run a tenant, and without people for those who write its rules.
//! Refuses to let the latter look for somebody: what they may not read they may not ask for.

use crate::domain::{HostCode, Page, RecordFilter, RecordRow};
use crate::http::Rooms;
use crate::http::path::Named;
use crate::http::places::in_time;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request_id::RequestId;
use crate::http::tenant;
use crate::ledger::Scope;
use crate::wire::{ListText, RecordText, read_cursor, read_moment};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// Reads the record, newest first
///
/// Needs scope `read`, or `policy`: then without people.
#[utoipa::path(get, path = "/decisions", params(
 ("applicant" = Option<String>, Query, description = "Rows about them; needs scope `read`"),
 ("outcome" = Option<String>, Query, description = "`known`, `granted`, `refused` or `failed`"),
 ("code" = Option<String>, Query, description = "Rows with this code"),
 ("since" = Option<String>, Query, description = "Rows from this moment on, in RFC 3339"),
 ("until" = Option<String>, Query, description = "Rows before this moment, in RFC 3339"),
 ("follow" = Option<bool>, Query, description = "Whether to go on from `after` to what is newer"),
 ("limit" = Option<u16>, Query, description = "Items of a page, 1 to 500; 50 when nothing is said"),
 ("after" = Option<String>, Query, description = "The `next` of the page before")),
 responses((status = 200, body = ListText<RecordText>)))]
pub(super) async fn list(
    State(rooms): State<Rooms>,
    Extension(id): Extension<RequestId>,
    named: Named,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let answer = answer(&rooms, &headers, &named, &query, None).await;
    answer.map_or_else(|problem| problem.respond_v1(&id), IntoResponse::into_response)
}

/// The rows of one request, newest first
///
/// Needs scope `read`, or `policy`: then without people.
#[utoipa::path(get, path = "/decisions/{request_id}", params(
 ("applicant" = Option<String>, Query, description = "Rows about them; needs scope `read`"),
 ("outcome" = Option<String>, Query, description = "`known`, `granted`, `refused` or `failed`"),
 ("code" = Option<String>, Query, description = "Rows with this code"),
 ("since" = Option<String>, Query, description = "Rows from this moment on, in RFC 3339"),
 ("until" = Option<String>, Query, description = "Rows before this moment, in RFC 3339"),
 ("follow" = Option<bool>, Query, description = "Whether to go on from `after` to what is newer"),
 ("limit" = Option<u16>, Query, description = "Items of a page, 1 to 500; 50 when nothing is said"),
 ("after" = Option<String>, Query, description = "The `next` of the page before")),
 responses((status = 200, body = ListText<RecordText>)))]
pub(super) async fn show(
    State(rooms): State<Rooms>,
    Extension(id): Extension<RequestId>,
    named: Named,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let wanted = named.part("request_id");
    let answer = answer(&rooms, &headers, &named, &query, Some(wanted)).await;
    answer.map_or_else(|problem| problem.respond_v1(&id), IntoResponse::into_response)
}

async fn answer(
    rooms: &Rooms,
    headers: &HeaderMap,
    named: &Named,
    query: &Query,
    request_id: Option<&str>,
) -> Result<Json<ListText<RecordText>>, Problem> {
    let any_of = [Scope::Read, Scope::Policy];
    let tenant = tenant::enter_with(rooms, headers, named.tenant(), &any_of).await?;
    let whole = tenant.may(Scope::Read);
    let filter = filter(query, request_id)?;
    if filter.applicant.is_some() && !whole {
        return Err(HostCode::ScopeMissing.into());
    }
    let number = |text: &str| read_cursor(text)?.parse().ok();
    let (after, limit) = (query.read::<i64>("after", number)?, query.limit()?);
    let follow = query.switch("follow")?;
    let _place = rooms.reading.enter(tenant.id())?;
    let page = if follow {
        in_time(rooms.operations.decisions_since(&tenant, filter, after, limit)).await?
    } else {
        in_time(rooms.operations.decisions(&tenant, filter, after, limit)).await?
    };
    if request_id.is_some() && after.is_none() && !follow && page.items.is_empty() {
        return Err(HostCode::NotFound.into());
    }
    Ok(Json(ListText::new(shown(page, whole))))
}

fn filter(query: &Query, request_id: Option<&str>) -> Result<RecordFilter, Problem> {
    let text = |name| query.get(name).map(str::to_owned);
    let outcome = |text: &str| {
        let known = matches!(text, "known" | "granted" | "refused" | "failed");
        known.then(|| text.to_owned())
    };
    Ok(RecordFilter {
        applicant: text("applicant"),
        outcome: query.read("outcome", outcome)?,
        code: text("code"),
        since_ms: query.read("since", read_moment)?,
        until_ms: query.read("until", read_moment)?,
        request_id: request_id.map(str::to_owned),
    })
}

fn shown(page: Page<RecordRow, i64>, whole: bool) -> Page<RecordText, i64> {
    let show = if whole { RecordText::whole } else { RecordText::masked };
    Page { items: page.items.into_iter().map(show).collect(), next: page.next }
}
