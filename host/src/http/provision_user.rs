//! `POST /provision-user`: the door that the old server had, its bodies, texts and order of checks. A translation and no more.
//! Refuses to answer anything but JSON, and to tell an operator's key from a wrong one: this door is a tenant's.

use crate::domain::{Held, HostCode};
use crate::http::problem::{self, Problem};
use crate::http::request_id::RequestId;
use crate::http::{Rooms, accounts, body, now, tenant};
use crate::provision::{Ask, Outcome};
use crate::wire::{BodyError, Question};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use std::path::PathBuf;

/// Where the door is.
pub(super) const PATH: &str = "/provision-user";

/// The source of a request that names none.
const SOURCE: &str = "cognito";

#[derive(Serialize)]
struct Success {
    success: bool,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_directory: Option<PathBuf>,
    username: String,
    created: bool,
}

pub(super) async fn door(
    State(rooms): State<Rooms>,
    Extension(id): Extension<RequestId>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if method != Method::POST {
        return problem::wrong_method("POST").compatible(&id);
    }
    match answer(&rooms, &id, &headers, body).await {
        Ok(success) => (StatusCode::OK, Json(success)).into_response(),
        Err(problem) => problem.compatible(&id),
    }
}

async fn answer(
    rooms: &Rooms,
    id: &RequestId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Success, Problem> {
    let tenant = tenant::enter_compatible(rooms, headers).await?;
    let body = body::read(body, rooms.manners.body_limit_bytes).await?;
    let question = Question::read(&body)?;
    let request = question.into_request(tenant.name(), tenant.issuer(), SOURCE, now());
    let username = request.applicant.username.clone();
    let ask = Ask { request_id: id.0.clone(), request };
    let (held, created) = match accounts::provision(rooms, tenant, ask).await? {
        Outcome::Opened(held) => (held, true),
        Outcome::Known(held) => (held, false),
        Outcome::Refused(refusal) => return Err(refusal.into()),
    };
    Ok(success(username, held, created, rooms.manners.user_directory))
}

fn success(username: String, held: Held, created: bool, show_home: bool) -> Success {
    Success {
        success: true,
        message: format!("User {username} provisioned successfully"),
        user_directory: show_home.then_some(held.home),
        username: held.account.name,
        created,
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Required => HostCode::BodyRequired.into(),
            BodyError::Username => HostCode::UsernameRequired.into(),
            BodyError::Field(name) => Self::field(name),
        }
    }
}
