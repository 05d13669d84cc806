//! Every no that a door says: its status, its code, and its two shapes, the guide's at `/provision-user` and RFC 9457 elsewhere.
//! Refuses to tell strangers why: no path, no cause, no query. The log has them, under the request's id.

use crate::domain::{HostCode, Refusal};
use crate::http::provision_user;
use crate::http::request_id::RequestId;
use crate::ledger::{Denied, WrongTerm};
use crate::manage::ManageError;
use crate::provision::ProvisionError;
use crate::wire::{FailureText, FormError, PlaceText, ProblemText};
use axum::Json;
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::any::Any;
use tracing::{error, warn};

/// A no, before it has a shape.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: String,
    text: String,
    header: Option<(HeaderName, &'static str)>,
    more: Option<Box<More>>,
}

/// What some problems say beside that: where it is, and why.
#[derive(Clone, Debug, Default)]
struct More {
    places: Vec<PlaceText>,
    detail: Option<String>,
}

/// What a caller may wait before it asks again, in seconds.
const AGAIN_AFTER: &str = "1";

impl Problem {
    /// This field of the body has a wrong value.
    pub(super) fn field(name: &str) -> Self {
        let problem = Self::parameter(name);
        let place = PlaceText { pointer: format!("/{name}"), detail: problem.text.clone() };
        problem.at(vec![place])
    }

    /// This parameter of the path's query has a wrong value.
    pub(super) fn parameter(name: &str) -> Self {
        let text = format!("{} for {name}", HostCode::FieldInvalid.text());
        Self { text, ..Self::from(HostCode::FieldInvalid) }
    }

    /// The same, and where in the document.
    pub(super) fn at(self, places: Vec<PlaceText>) -> Self {
        let more = More { places, ..self.more.map(|more| *more).unwrap_or_default() };
        Self { more: Some(Box::new(more)), ..self }
    }

    /// The same, and why, where whoever asks may know.
    pub(super) fn explained(self, detail: Option<String>) -> Self {
        let more = More { detail, ..self.more.map(|more| *more).unwrap_or_default() };
        Self { more: Some(Box::new(more)), ..self }
    }

    /// As `/provision-user` says it.
    pub(super) fn compatible(self, id: &RequestId) -> Response {
        let body = FailureText {
            success: false,
            error: self.text,
            code: self.code,
            request_id: id.0.clone(),
        };
        respond(self.status, self.header, body, "application/json")
    }

    /// As everything else says it: RFC 9457.
    pub(super) fn respond_v1(self, id: &RequestId) -> Response {
        let More { places, detail } = self.more.map(|more| *more).unwrap_or_default();
        let body = ProblemText {
            r#type: "about:blank",
            errors: Some(places).filter(|places| !places.is_empty()),
            title: self.text,
            status: self.status.as_u16(),
            code: self.code,
            request_id: id.0.clone(),
            detail,
        };
        respond(self.status, self.header, body, "application/problem+json")
    }

    /// As the door at `path` says it: for answers that are made outside of the doors.
    pub(super) fn respond_at(self, path: &str, id: &RequestId) -> Response {
        if path == provision_user::PATH { self.compatible(id) } else { self.respond_v1(id) }
    }
}

fn respond(
    status: StatusCode,
    header: Option<(HeaderName, &'static str)>,
    body: impl Serialize,
    content_type: &'static str,
) -> Response {
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((name, value)) = header {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl From<HostCode> for Problem {
    fn from(code: HostCode) -> Self {
        let (status, header) = answer(code);
        Self {
            status,
            code: code.as_str().to_owned(),
            text: code.text().to_owned(),
            header,
            more: None,
        }
    }
}

/// A code's status, as the document spells it.
pub(super) fn status(code: HostCode) -> String {
    answer(code).0.as_str().to_owned()
}

/// Every code to a status, and to the header that belongs to it.
fn answer(code: HostCode) -> (StatusCode, Option<(HeaderName, &'static str)>) {
    use HostCode as C;
    use StatusCode as S;
    let status = match code {
        C::KeyRequired | C::KeyInvalid => S::UNAUTHORIZED,
        C::BodyRequired | C::UsernameRequired | C::FieldInvalid | C::TenantRequired => {
            S::BAD_REQUEST
        }
        C::ScopeMissing
        | C::NameUnusable
        | C::QuotaAccounts
        | C::QuotaDomain
        | C::AccountClosed => S::FORBIDDEN,
        C::NotFound => S::NOT_FOUND,
        C::UsernameTaken
        | C::HomeExists
        | C::AccountOpen
        | C::AccountErased
        | C::IdentityTaken
        | C::TenantExists
        | C::TenantNotEmpty
        | C::HomeOverlaps
        | C::AuthDbTaken
        | C::NoAnkisyncd
        | C::IssuerConflict
        | C::NothingToRollBack
        | C::TooManyRevisions
        | C::TooManySecrets
        | C::LastSecret => S::CONFLICT,
        C::ComponentInvalid
        | C::ComponentTooLarge
        | C::ComponentTooCostly
        | C::CannotBeFrozen
        | C::SettingsRefused
        | C::SampleFailed => S::UNPROCESSABLE_ENTITY,
        C::RevisionChanged => S::PRECONDITION_FAILED,
        C::MethodNotAllowed => S::METHOD_NOT_ALLOWED,
        C::BodyTooLarge => S::PAYLOAD_TOO_LARGE,
        C::BodyTimeout => S::REQUEST_TIMEOUT,
        C::RateLimited => S::TOO_MANY_REQUESTS,
        C::Busy
        | C::PolicyTimeout
        | C::PolicyFailed
        | C::StorageUnavailable
        | C::DownstreamBusy => S::SERVICE_UNAVAILABLE,
        C::InternalError => S::INTERNAL_SERVER_ERROR,
    };
    let header = match code {
        C::KeyRequired | C::KeyInvalid => Some((WWW_AUTHENTICATE, "Bearer")),
        C::RateLimited | C::Busy | C::PolicyTimeout | C::StorageUnavailable | C::DownstreamBusy => {
            Some((RETRY_AFTER, AGAIN_AFTER))
        }
        _ => None,
    };
    (status, header)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Host { code, .. } => code.into(),
            Refusal::Policy { code, message, .. } => Self {
                status: StatusCode::FORBIDDEN,
                code: code.as_str().to_owned(),
                text: message,
                header: None,
                more: None,
            },
        }
    }
}

impl From<ProvisionError> for Problem {
    fn from(error: ProvisionError) -> Self {
        error.code().into()
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        let (code, detail) = (error.code(), error.detail());
        let problem = match &error {
            ManageError::Field(name, _) => Self::field(name),
            _ => {
                let place = |(pointer, detail)| PlaceText { pointer, detail };
                let places: Vec<_> = error.places().into_iter().map(place).collect();
                if places.is_empty() { code.into() } else { Self::from(code).at(places) }
            }
        };
        match &error {
            ManageError::Undelivered(trouble) => {
                warn!(?trouble, "the ankisyncd is not told yet: {trouble}")
            }
            _ if matches!(answer(code).0.as_u16(), 500..) => error!(?error, "nothing was changed"),
            _ => {}
        }
        problem.explained(detail)
    }
}

impl From<FormError> for Problem {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Required => HostCode::BodyRequired.into(),
            FormError::Field { field, why } => Self::field(&field).explained(Some(why)),
        }
    }
}

impl From<WrongTerm> for Problem {
    fn from(wrong: WrongTerm) -> Self {
        Self::field(wrong.field).explained(Some(format!("expected {}", wrong.expected)))
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => HostCode::KeyInvalid.into(),
            Denied::ScopeMissing(_) | Denied::OperatorOnly | Denied::Limited => {
                HostCode::ScopeMissing.into()
            }
            Denied::TenantRequired => HostCode::TenantRequired.into(),
            Denied::NoSuchTenant => HostCode::NotFound.into(),
            Denied::Ledger(error) => {
                error!(?error, "a key could not be looked up");
                error.code().into()
            }
        }
    }
}

/// No such path.
pub(super) async fn not_found(request: Request) -> Response {
    Problem::from(HostCode::NotFound).respond_v1(&id_of(&request))
}

/// The path takes the methods of `allow` alone.
pub(super) async fn only(allow: &'static str, request: Request) -> Response {
    wrong_method(allow).respond_v1(&id_of(&request))
}

/// The path takes `allow` alone.
pub(super) fn wrong_method(allow: &'static str) -> Problem {
    Problem { header: Some((ALLOW, allow)), ..HostCode::MethodNotAllowed.into() }
}

fn id_of(request: &Request) -> RequestId {
    request.extensions().get().cloned().unwrap_or(RequestId(String::new()))
}

/// Marks an answer that still has to be made, by [`finish`]: what panics does not know its request.
#[derive(Clone, Copy)]
struct Panicked;

/// A defect of ours: logged in full, answered without a word of it.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    error!(panic = text, "a request panicked");
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Panicked);
    response
}

/// Gives the answer to a request that panicked the shape of its door.
pub(super) fn finish(response: Response, path: &str, id: &RequestId) -> Response {
    if response.extensions().get::<Panicked>().is_none() {
        return response;
    }
    Problem::from(HostCode::InternalError).respond_at(path, id)
}

#[cfg(test)]
mod tests {
    use super::{finish, panicked};
    use crate::http::request_id::RequestId;

    #[test]
    fn a_panic_is_answered_in_the_shape_of_its_door_without_its_text() {
        let answer =
            |path| finish(panicked(Box::new("a secret")), path, &RequestId("id".to_owned()));
        for (path, shape) in
            [("/provision-user", "application/json"), ("/v1/decisions", "application/problem+json")]
        {
            let answer = answer(path);
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["content-type"]),
                (500, &shape.parse().expect("a value"))
            );
        }
    }
}
