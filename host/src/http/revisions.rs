//! `…/revisions`: the tenant's rules, sent, read back, activated and rolled back.
//! Refuses to take more in than a component and its settings may have, and to run any of it: that is done in a process of its own.

mod sent;

use crate::domain::HostCode;
use crate::http::noes;
use crate::http::places::{self, Place, in_time};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::tenants::{Asked, enter, to_its_end};
use crate::ledger::{Moved, RevisionEntry, Scope};
use crate::wire::{ListText, MadeRevisionText, MovedText, RevisionForm, RevisionText, moment};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// Who may read rules.
pub(super) const READERS: [Scope; 2] = [Scope::Read, Scope::Policy];

/// Who may change them.
pub(super) const WRITERS: [Scope; 1] = [Scope::Policy];

/// The longest note, in bytes.
const NOTE_LIMIT: usize = 500;

/// Lists revisions, newest first
///
/// Needs scope `read` or `policy`.
#[utoipa::path(get, path = "/revisions", params(
 ("limit" = Option<u16>, Query, description = "Items of a page, 1 to 500; 50 when nothing is said"),
 ("after" = Option<String>, Query, description = "The `next` of the page before")),
 responses((status = 200, body = ListText<RevisionText>)))]
pub(super) async fn list(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &READERS).await?;
        let after =
            query.after()?.map(|text| text.parse().map_err(|_| Problem::parameter("after")));
        let _place = rooms.reading.enter(tenant.id())?;
        let page = rooms.operations.revisions(&tenant, after.transpose()?, query.limit()?);
        let page = in_time(page).await?.map(|entry| Ok::<_, Problem>(text(entry)))?;
        Ok(Json(ListText::new(page)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Makes a revision, which decides nothing yet
///
/// The body is a component (`application/wasm`, with the settings `{}`), a form with `component` (or
/// `policy`, a built-in one's name), `settings` or both, or JSON: settings for the active component, or for a built-in one. The same parts again are the revision that they are. Needs scope `policy`.
#[utoipa::path(post, path = "/revisions", params(("note" = Option<String>, Query, description = "What is to be read beside it, at most 500 bytes")),
 request_body(content((RevisionForm = "application/json"), (Vec<u8> = "application/wasm"), (Vec<u8> = "multipart/form-data"))),
 responses((status = 201, body = MadeRevisionText, description = "Made", headers(("Location" = String, description = "Where it is"))),
 (status = 200, body = MadeRevisionText, description = "It was there"), noes::MakingRevision))]
pub(super) async fn create(asked: Asked, query: Query, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &WRITERS).await?;
        let place = rooms.making.enter(tenant.id())?;
        let note = query.get("note").unwrap_or_default().to_owned();
        if note.len() > NOTE_LIMIT || note.chars().any(char::is_control) {
            return Err(Problem::parameter("note"));
        }
        let parts = sent::read(&headers, body, rooms.manners.component_limit_bytes).await?;
        let (operations, name) = (rooms.operations.clone(), tenant.name().to_string());
        let id = id.0.clone();
        let made = to_its_end(async move {
            let _place = place;
            operations.make_revision(&tenant, parts, note, &id).await
        });
        let made = made.await?;
        let status = if made.is_new { StatusCode::CREATED } else { StatusCode::OK };
        let location = [(LOCATION, format!("/v1/tenants/{name}/revisions/{}", made.number))];
        let text =
            MadeRevisionText { revision: made.number, digest: made.digest, notes: made.notes };
        Ok((status, location, Json(text)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Shows one revision
///
/// Needs scope `read` or `policy`.
#[utoipa::path(get, path = "/revisions/{revision}", responses((status = 200, body = RevisionText)))]
pub(super) async fn show(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &READERS).await?;
        let number = number(named.part("revision"))?;
        let _place = rooms.reading.enter(tenant.id())?;
        let entry = in_time(rooms.operations.revision(&tenant, number)).await?;
        Ok(Json(text(entry)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// A revision's settings, as they were sent
///
/// Needs scope `read` or `policy`.
#[utoipa::path(get, path = "/revisions/{revision}/settings",
 responses((status = 200, content((serde_json::Value = "application/json"), (String = "application/toml")))))]
pub(super) async fn settings(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &READERS).await?;
        let number = number(named.part("revision"))?;
        let place = rooms.reading.enter(tenant.id())?;
        let document = in_time(rooms.operations.settings_of(&tenant, number)).await?;
        let sent = document.sent.unwrap_or(document.json);
        Ok(whole(place, sent::form_of(&sent).media_type(), sent.into_bytes()))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// A revision's component
///
/// Needs scope `read` or `policy`.
#[utoipa::path(get, path = "/revisions/{revision}/component",
 responses((status = 200, body = Vec<u8>, content_type = "application/wasm")))]
pub(super) async fn component(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &READERS).await?;
        let number = number(named.part("revision"))?;
        let place = rooms.fetching.enter(tenant.id())?;
        let component = in_time(rooms.operations.component_of(&tenant, number)).await?;
        Ok(whole(place, "application/wasm", component))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Lets a revision decide from now on
///
/// Requests that are being decided end under the one that they began with. Needs scope `policy`.
#[utoipa::path(post, path = "/revisions/{revision}/activate",
 params(("If-Match" = Option<String>, Header, description = "The revision that must be active, such as `\"7\"`")),
 responses((status = 200, body = MovedText), noes::Activating))]
pub(super) async fn activate(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &WRITERS).await?;
        let if_active = if_match(&headers)?;
        let number = number(named.part("revision"))?;
        let place = rooms.moving.enter(tenant.id())?;
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let work = async move {
            let _place = place;
            operations.activate(&tenant, number, if_active, &id).await
        };
        Ok(moved(to_its_end(work).await?))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Goes back to the revision that was active before
///
/// Once more, and it goes one further back, never forward. Needs scope `policy`.
#[utoipa::path(post, path = "/rollback",
 params(("to" = Option<u64>, Query, description = "To the latest time that this revision was active")),
 responses((status = 200, body = MovedText), noes::RollingBack))]
pub(super) async fn roll_back(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &WRITERS).await?;
        let to = query.read("to", |text| text.parse().ok())?;
        let place = rooms.moving.enter(tenant.id())?;
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let work = async move {
            let _place = place;
            operations.roll_back(&tenant, to, &id).await
        };
        Ok(moved(to_its_end(work).await?))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

fn whole(place: Place, media_type: &'static str, bytes: Vec<u8>) -> Response {
    let head = [(CONTENT_TYPE, media_type.to_owned()), (CONTENT_LENGTH, bytes.len().to_string())];
    (head, places::body(place, bytes.into())).into_response()
}

/// What is no number names no revision.
pub(super) fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| HostCode::NotFound.into())
}

/// An entity tag that is a revision's number. `*` is met by any (RFC 9110, 13.1.1), and there always is one.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(tag) = headers.get(IF_MATCH).filter(|tag| *tag != "*") else { return Ok(None) };
    let number = tag.to_str().ok().and_then(|tag| tag.trim().trim_matches('"').parse().ok());
    number.map(Some).ok_or_else(|| Problem::parameter("If-Match"))
}

fn moved(Moved { revision, previous }: Moved) -> Response {
    Json(MovedText { revision, previous }).into_response()
}

fn text(entry: RevisionEntry) -> RevisionText {
    RevisionText {
        revision: entry.number,
        digest: entry.digest,
        policy: entry.policy,
        size: entry.size_bytes,
        settings_digest: entry.settings_digest,
        made_at: moment(entry.made_at_ms),
        made_by: entry.made_by,
        note: entry.note,
        active_since: entry.active_since_ms.map(moment),
    }
}
