//! `…/reserved`: names that nobody gets although no account has them.
//! Refuses to give one away: that is `PUT …/accounts/{name}` with `adopt`, and an import.

use crate::http::places::in_time;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::tenant;
use crate::http::tenants::Asked;
use crate::ledger::Scope;
use crate::wire::{ListText, ReservedText};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// Lists the names that nobody gets although no account has them
///
/// They stand in the home root or in the `auth.db`, or a restore reserved them. With `empty` also the names of empty folders, of which all three are
/// false: whoever asks for one gets it. The first page is of a look that was begun for it, or that an attempt of the minute before began
/// and did not wait for.
/// Needs scope `read` or `manage`.
#[utoipa::path(get, path = "/reserved", params(("limit" = Option<u16>, Query, description = "Items of a page, 1 to 500; 50 when nothing is said"),
 ("after" = Option<String>, Query, description = "The `next` of the page before"),
 ("empty" = Option<bool>, Query, description = "Whether empty folders are listed too")), responses((status = 200, body = ListText<ReservedText>)))]
pub(super) async fn list(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let any_of = [Scope::Read, Scope::Manage];
        let tenant = tenant::enter_with(&rooms, &headers, named.tenant(), &any_of).await?;
        let (limit, after) = (query.limit()?, query.after()?);
        let empty = query.switch("empty")?;
        let _place = rooms.reading.enter(tenant.id())?;
        let page = in_time(rooms.provisioner.reserved(&tenant, after, limit, empty)).await?;
        let page = page.map(|name| Ok::<_, Problem>(ReservedText::from(name)))?;
        Ok(Json(ListText::new(page)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}
