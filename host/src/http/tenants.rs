//! `/v1/tenants`: made, listed and removed with an operator key; shown and changed with one that may.
//! Refuses to say anything about a tenant to a key that has no right to it.

use crate::domain::TenantName;
use crate::http::noes;
use crate::http::path::Named;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request_id::RequestId;
use crate::http::{Rooms, body, tenant};
use crate::ledger::{Scope, Tenant};
use crate::manage::{Change, ManageError, Shown, Wanted};
use crate::wire::{ListText, TenantForm, TenantPatch, TenantText, moment, read_form};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use tracing::Instrument;

/// What a request carries beside its body.
pub(super) type Asked = (State<Rooms>, Extension<RequestId>, Named, HeaderMap);

/// Lists tenants by name
///
/// Needs an operator's key.
#[utoipa::path(get, path = "/v1/tenants", params(("limit" = Option<u16>, Query, description = "Items of a page, 1 to 500; 50 when nothing is said"),
 ("after" = Option<String>, Query, description = "The `next` of the page before")), responses((status = 200, body = ListText<TenantText>)))]
pub(super) async fn list(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), _, headers) = asked;
    let answer = async {
        let operator = tenant::enter_house(&rooms, &headers).await?;
        let page = rooms.operations.tenants(&operator, query.after()?, query.limit()?).await?;
        let page = page.map(|shown| Ok::<_, Problem>(text(shown)))?;
        Ok(Json(ListText::new(page)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Makes a tenant
///
/// Needs an operator's key.
#[utoipa::path(post, path = "/v1/tenants", request_body = TenantForm, responses((status = 201, body = TenantText, description = "Made", headers(("Location" = String, description = "Where it is"))), noes::MakingTenant))]
pub(super) async fn create(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), _, headers) = asked;
    let answer = async {
        let operator = tenant::enter_house(&rooms, &headers).await?;
        let TenantForm { name, issuer, home, ankisyncd_auth_db } =
            read_form(&read(&rooms, body).await?)?;
        let name = TenantName::parse(&name).ok_or_else(|| {
            Problem::field("name").explained(Some("expected [a-z0-9][a-z0-9-]{0,62}".to_owned()))
        })?;
        let (issuer, auth_db) = (issuer.unwrap_or_default(), said(ankisyncd_auth_db));
        let wanted = Wanted { name, issuer, home, auth_db };
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let made = async move { operations.create(&operator, wanted, &id).await };
        let made = text(to_its_end(made).await?);
        let location = [(LOCATION, format!("/v1/tenants/{}", made.name))];
        Ok((StatusCode::CREATED, location, Json(made)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Shows one tenant
///
/// Needs scope `read` or `manage`.
#[utoipa::path(get, path = "/v1/tenants/{tenant}", responses((status = 200, body = TenantText)))]
pub(super) async fn show(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &[Scope::Read, Scope::Manage]).await?;
        Ok(Json(text(rooms.operations.tenant(&tenant).await?)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Changes a tenant
///
/// A JSON merge patch. Needs scope `manage`; for the home root and the ankisyncd an operator's key.
#[utoipa::path(patch, path = "/v1/tenants/{tenant}", request_body = TenantPatch, responses((status = 200, body = TenantText), noes::ChangingTenant))]
pub(super) async fn change(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &[Scope::Manage]).await?;
        let TenantPatch { issuer, home, ankisyncd_auth_db } =
            read_form(&read(&rooms, body).await?)?;
        let issuer = issuer.map(Option::unwrap_or_default);
        let change = Change { issuer, home, auth_db: ankisyncd_auth_db.map(said) };
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let changed = async move { operations.change(&tenant, change, &id).await };
        Ok(Json(text(to_its_end(changed).await?)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Removes a tenant that has no open account
///
/// Deletes no folder. Needs an operator's key.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", responses((status = 204, description = "Removed"), noes::RemovingTenant))]
pub(super) async fn remove(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, &Scope::ALL).await?;
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        to_its_end(async move { operations.remove(&tenant, &id).await }).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

pub(super) async fn enter(
    rooms: &Rooms,
    headers: &HeaderMap,
    named: &Named,
    any_of: &[Scope],
) -> Result<Tenant, Problem> {
    tenant::enter_with(rooms, headers, named.tenant(), any_of).await
}

pub(super) async fn read(rooms: &Rooms, body: Body) -> Result<Bytes, Problem> {
    Ok(body::read(body, rooms.manners.body_limit_bytes).await?)
}

/// A caller that hangs up does not leave half of a change.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ManageError>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work.in_current_span()).await;
    Ok(done.unwrap_or(Err(ManageError::Lost))?)
}

/// An empty path is none.
fn said(path: Option<String>) -> Option<String> {
    path.filter(|path| !path.is_empty())
}

fn text(shown: Shown) -> TenantText {
    let Shown { entry, home, auth_db } = shown;
    TenantText {
        name: entry.name.to_string(),
        issuer: Some(entry.issuer).filter(|issuer| !issuer.is_empty()),
        home,
        ankisyncd_auth_db: auth_db,
        revision: entry.revision,
        accounts: entry.accounts,
        created_at: moment(entry.created_at_ms),
    }
}
