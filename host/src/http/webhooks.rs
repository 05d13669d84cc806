//! `…/webhook`: where what happens to a tenant is told, what the telling is signed with, and whether it arrives.
//! Refuses to show a secret but in the answer to its making, which nobody may keep.

use crate::http::noes;
use crate::http::problem::Problem;
use crate::http::tenants::{Asked, enter, read, to_its_end};
use crate::ledger::Scope;
use crate::manage::SetWebhook;
use crate::wire::{SecretText, WebhookForm, WebhookTestText, WebhookText, read_form};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

const MANAGE: [Scope; 1] = [Scope::Manage];

/// Shows the webhook, never its secrets
///
/// Needs scope `manage`.
#[utoipa::path(get, path = "/webhook", responses((status = 200, body = WebhookText), noes::Webhook))]
pub(super) async fn show(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &MANAGE).await?;
        let webhook = rooms.operations.webhook(&tenant).await?;
        Ok(Json(WebhookText::new(webhook, None)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Makes the webhook, or changes where it leads
///
/// Made, it has one secret, whose text is in this answer and never again. What waits is sent at once. Needs scope `manage`.
#[utoipa::path(put, path = "/webhook", request_body = WebhookForm, responses((status = 200, body = WebhookText, description = "Changed"),
 (status = 201, body = WebhookText, description = "Made")))]
pub(super) async fn set(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &MANAGE).await?;
        let WebhookForm { url } = read_form(&read(&rooms, body).await?)?;
        let _place = rooms.calling.enter(tenant.id())?;
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let set = async move { operations.set_webhook(&tenant, url, &id).await };
        let SetWebhook { webhook, secret } = to_its_end(set).await?;
        let status = if secret.is_some() { StatusCode::CREATED } else { StatusCode::OK };
        Ok(untold(status, WebhookText::new(webhook, secret.as_ref())))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Removes the webhook, its secrets, and what waits for it
///
/// Needs scope `manage`.
#[utoipa::path(delete, path = "/webhook", responses((status = 204, description = "Removed"), noes::Webhook))]
pub(super) async fn remove(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &MANAGE).await?;
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        to_its_end(async move { operations.remove_webhook(&tenant, &id).await }).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Sends a message of the type `webhook.test`, once
///
/// Answers when the endpoint has, after 15 seconds at the latest. Needs scope `manage`.
#[utoipa::path(post, path = "/webhook/test", responses((status = 200, body = WebhookTestText), noes::Webhook))]
pub(super) async fn test(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &MANAGE).await?;
        let _place = rooms.calling.enter(tenant.id())?;
        let attempt = rooms.operations.test_webhook(&tenant).await?;
        let text = WebhookTestText {
            delivered: attempt.missed.is_none(),
            status: attempt.status,
            failure: attempt.missed.map(|missed| missed.why.as_str()),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        };
        Ok(Json(text).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Makes one more secret
///
/// Its text is in this answer and never again. Messages are signed with every secret there is. Needs scope `manage`.
#[utoipa::path(post, path = "/webhook/secrets", responses((status = 201, body = SecretText), noes::MakingSecret))]
pub(super) async fn create_secret(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &MANAGE).await?;
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let create = async move { operations.create_webhook_secret(&tenant, &id).await };
        let (entry, secret) = to_its_end(create).await?;
        Ok(untold(StatusCode::CREATED, SecretText::new(entry, Some(&secret))))
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Revokes a secret that is not the only one
///
/// Needs scope `manage`.
#[utoipa::path(delete, path = "/webhook/secrets/{id}", responses((status = 204, description = "Revoked"), noes::RevokingSecret))]
pub(super) async fn revoke_secret(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &MANAGE).await?;
        let (operations, secret) = (rooms.operations.clone(), named.part("id").to_owned());
        let id = id.0.clone();
        let revoke = async move { operations.revoke_webhook_secret(&tenant, &secret, &id).await };
        to_its_end(revoke).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// What nobody may keep.
fn untold(status: StatusCode, body: impl serde::Serialize) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
