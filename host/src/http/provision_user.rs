//! `POST /provision-user`: the door that the old server had, its bodies, texts and order of checks. A translation and no more.
//! Refuses to answer anything but JSON, and to tell an operator's key from a wrong one: this door is a tenant's.

use crate::domain::{Held, HostCode};
use crate::http::noes;
use crate::http::problem::{self, Problem};
use crate::http::request_id::RequestId;
use crate::http::{Rooms, accounts, body, now, tenant};
use crate::kill_point;
use crate::provision::{Ask, Outcome};
use crate::wire::{BodyError, CompatibleForm, Question};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use std::path::PathBuf;
use utoipa::ToSchema;

/// Where the door is.
pub(super) const PATH: &str = "/provision-user";

/// The source of a request that names none.
const SOURCE: &str = "cognito";

/// A yes, as the guide has it.
#[derive(Serialize, ToSchema)]
struct Success {
    /// Always true.
    success: bool,
    /// For the caller's log.
    message: String,
    /// The home, absolute; missing where `compat.user_directory` is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    user_directory: Option<PathBuf>,
    /// The name of the account.
    username: String,
    /// Whether it was opened now.
    created: bool,
}

/// Opens an account, or says who somebody is
///
/// The door that the old server had. Needs a tenant's key with scope `provision`.
#[utoipa::path(post, path = PATH, request_body = CompatibleForm, responses((status = 200, body = Success), noes::Compatible))]
pub(super) async fn door(
    State(rooms): State<Rooms>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = answer(&rooms, &id, &headers, body).await;
    kill_point::reach("before_answer");
    match answer {
        Ok(success) => (StatusCode::OK, Json(success)).into_response(),
        Err(problem) => problem.compatible(&id),
    }
}

/// Every other method, in this door's own shape.
pub(super) async fn only_post(Extension(id): Extension<RequestId>) -> Response {
    problem::wrong_method("POST").compatible(&id)
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
