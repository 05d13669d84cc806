//! `/v1/tenants/{tenant}/keys` and `/v1/operator-keys`: keys made, listed, revoked.
//! Refuses to show a key but in the answer to its making, which nobody may keep.

use crate::domain::Page;
use crate::http::problem::Problem;
use crate::http::tenant;
use crate::http::tenants::{Asked, enter, read, to_its_end};
use crate::ledger::{KeyEntry, KeyKind, NewKey, Scope, WrongTerm};
use crate::manage::Made;
use crate::wire::{KeyForm, KeyText, ListText, moment, read_form};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// Lists a tenant's keys, never their text
///
/// Needs scope `read` or `manage`.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/keys", responses((status = 200, body = ListText<KeyText>)))]
pub(super) async fn list(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &[Scope::Read, Scope::Manage]).await?;
        Ok(all(rooms.operations.keys(&tenant).await?))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Makes a key of a tenant's
///
/// Its text is in this answer and never again. Needs scope `manage`, and every scope that it gives.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/keys", request_body = KeyForm, responses((status = 201, body = KeyText)))]
pub(super) async fn create(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &[Scope::Manage]).await?;
        let form: KeyForm = read_form(&read(&rooms, body).await?)?;
        let new = new_key(KeyKind::Tenant, &form)?;
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let work = async move { operations.create_key(&tenant, new, &id).await };
        Ok(made(to_its_end(work).await?))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Revokes a key of a tenant's
///
/// Needs scope `manage`.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/keys/{id}", responses((status = 204, description = "Revoked")))]
pub(super) async fn revoke(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &[Scope::Manage]).await?;
        let (operations, key) = (rooms.operations.clone(), named.part("id").to_owned());
        let id = id.0.clone();
        to_its_end(async move { operations.revoke_key(&tenant, &key, &id).await }).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Lists the operators' keys, never their text
///
/// Needs an operator's key.
#[utoipa::path(get, path = "/v1/operator-keys", responses((status = 200, body = ListText<KeyText>)))]
pub(super) async fn list_operators(asked: Asked) -> Response {
    let (State(rooms), Extension(id), _, headers) = asked;
    let answer = async {
        let operator = tenant::enter_house(&rooms, &headers).await?;
        Ok(all(rooms.operations.operator_keys(&operator).await?))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Makes a key of the operators'
///
/// Its text is in this answer and never again. It opens everything, or with the scope `metrics` that alone. Needs an operator's
/// key.
#[utoipa::path(post, path = "/v1/operator-keys", request_body = KeyForm, responses((status = 201, body = KeyText)))]
pub(super) async fn create_operators(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), _, headers) = asked;
    let answer = async {
        let operator = tenant::enter_house(&rooms, &headers).await?;
        let form: KeyForm = read_form(&read(&rooms, body).await?)?;
        let (operations, new) = (rooms.operations.clone(), new_key(KeyKind::Operator, &form)?);
        let work = async move { operations.create_operator_key(&operator, new).await };
        Ok(made(to_its_end(work).await?))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Revokes a key of the operators'
///
/// Needs an operator's key.
#[utoipa::path(delete, path = "/v1/operator-keys/{id}", responses((status = 204, description = "Revoked")))]
pub(super) async fn revoke_operators(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let operator = tenant::enter_house(&rooms, &headers).await?;
        let (operations, key) = (rooms.operations.clone(), named.part("id").to_owned());
        to_its_end(async move { operations.revoke_operator_key(&operator, &key).await }).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

fn new_key(kind: KeyKind, form: &KeyForm) -> Result<NewKey, WrongTerm> {
    let note = form.note.as_deref().unwrap_or_default();
    NewKey::wanted(kind, form.scopes.as_deref(), note, form.expires_in)
}

/// Keys are few: they are one page.
fn all(keys: Vec<KeyEntry>) -> Response {
    let items = keys.into_iter().map(|entry| text(entry, None)).collect();
    Json(ListText::new(Page::<_, String> { items, next: None })).into_response()
}

fn made(made: Made) -> Response {
    (StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(shown_once(made))).into_response()
}

/// A new key with its text, as whoever asked for it is answered.
pub(crate) fn shown_once(made: Made) -> KeyText {
    text(made.entry, Some(made.key.reveal().to_owned()))
}

pub(super) fn text(entry: KeyEntry, key: Option<String>) -> KeyText {
    let scopes = entry.scopes.iter().map(|scope| scope.as_str()).collect();
    KeyText {
        state: entry.state(),
        key,
        scopes: (!entry.operator || !entry.scopes.is_empty()).then_some(scopes),
        id: entry.id,
        note: entry.note,
        created_at: moment(entry.created_at_ms),
        created_by: entry.created_by,
        expires_at: entry.expires_at_ms.map(moment),
        last_used_at: entry.last_used_at_ms.map(moment),
        revoked_at: entry.revoked_at_ms.map(moment),
    }
}
