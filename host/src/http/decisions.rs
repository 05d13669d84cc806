//! `POST …/decisions`: what would come of a request; nothing does. A refusal is an answer here, not an error.

use crate::domain::HostCode;
use crate::http::noes;
use crate::http::path::Named;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request_id::RequestId;
use crate::http::{ANSWER_WITHIN, Rooms, body, now, tenant};
use crate::ledger::Scope;
use crate::provision::{Answer, Ask, Rehearsal};
use crate::wire::{AskedForm, DecisionText, Question, StageText};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// The source of a request that names none.
const SOURCE: &str = "api";

/// What would come of a request; nothing does
///
/// A refusal is an answer here. It is recorded as a dry run. Needs scope `provision`; for `explain` to be heeded also `read` or
/// `policy`.
#[utoipa::path(post, path = "/decisions", request_body = AskedForm, params(("explain" = Option<bool>, Query, description = "Whether to say what each stage said, to a key that may know")),
 responses((status = 200, body = DecisionText), noes::Asking))]
pub(super) async fn ask(
    State(rooms): State<Rooms>,
    Extension(id): Extension<RequestId>,
    named: Named,
    headers: HeaderMap,
    query: Query,
    body: Body,
) -> Response {
    respond(answer(&rooms, &id, &headers, named.tenant(), &query, body).await, &id)
}

fn respond(answer: Result<DecisionText, Problem>, id: &RequestId) -> Response {
    match answer {
        Ok(decision) => Json(decision).into_response(),
        Err(problem) => problem.respond_v1(id),
    }
}

async fn answer(
    rooms: &Rooms,
    id: &RequestId,
    headers: &HeaderMap,
    wanted: Option<&str>,
    query: &Query,
    body: Body,
) -> Result<DecisionText, Problem> {
    let tenant = tenant::enter(rooms, headers, wanted, Scope::Provision).await?;
    // As in the record: what the rules said is for both scopes, what the host knows of people for `read` alone.
    let whole = tenant.may(Scope::Read);
    let explained = query.switch("explain")? && (whole || tenant.may(Scope::Policy));
    let body = body::read(body, rooms.manners.body_limit_bytes).await?;
    let request = Question::read_with_occasion(&body)?.into_request(
        tenant.name(),
        tenant.issuer(),
        SOURCE,
        now(),
    );
    let ask = Ask { request_id: id.0.clone(), request };
    let _place = rooms.places.enter(tenant.id())?;
    // Nothing is left half done: a rehearsal that is given up is only missing from the record.
    let rehearsal = tokio::time::timeout(ANSWER_WITHIN, rooms.provisioner.rehearse(&tenant, ask))
        .await
        .map_err(|_| Problem::from(HostCode::Busy))??;
    let Rehearsal { answer, revision, course } = rehearsal;
    let stages = explained.then(|| StageText::all(course, whole));
    Ok(match answer {
        Answer::Grant(username, allowance) => {
            DecisionText::grant(username, allowance, Some(revision), stages)
        }
        Answer::Refuse(refusal) => DecisionText::refuse(&refusal, Some(revision), stages),
    })
}
