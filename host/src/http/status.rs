//! `GET /v1/status`: how tenants are doing, every one for an operator, its own for a tenant's key.

use crate::domain::Page;
use crate::http::keys;
use crate::http::places::in_time;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::tenant::{Who, enter_either};
use crate::http::tenants::Asked;
use crate::ledger::{KeyEntry, Lately, Scope};
use crate::manage::{Shown, Status};
use crate::wire::{KeyText, ListText, StatusText, TenantStatusText, moment};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

/// How tenants are doing
///
/// Every one for an operator, its own for a tenant's key with scope `read`.
#[utoipa::path(get, path = "/v1/status", params(("limit" = Option<u16>, Query, description = "Items of a page, 1 to 500; 50 when nothing is said"),
 ("after" = Option<String>, Query, description = "The `next` of the page before")), responses((status = 200, body = StatusText)))]
pub(super) async fn show(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), _, headers) = asked;
    let answer = async {
        let (page, ending) = match enter_either(&rooms, &headers, Scope::Read).await? {
            Who::Operator(operator) => {
                let (after, limit) = (query.after()?, query.limit()?);
                let page = in_time(rooms.operations.statuses(&operator, after, limit)).await?;
                (page, Some(rooms.operations.expiring_operator_keys(&operator).await?))
            }
            Who::Tenant(tenant) => {
                let _place = rooms.reading.enter(tenant.id())?;
                let items = vec![in_time(rooms.operations.status(&tenant)).await?];
                (Page { items, next: None }, None)
            }
        };
        let tenants = ListText::new(page.map(|status| Ok::<_, Problem>(text(status)))?);
        Ok(Json(StatusText::new(tenants, ending.map(all))).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

fn text(status: Status) -> TenantStatusText {
    let Status { shown: Shown { entry, home, .. }, lately, outbox, room } = status;
    let Lately {
        policy,
        active_since_ms,
        active_by,
        fell_back_from,
        hour,
        day,
        allowances_waiting,
        expiring,
    } = lately;
    TenantStatusText {
        tenant: entry.name.to_string(),
        revision: entry.revision,
        policy,
        active_since: moment(active_since_ms),
        active_by,
        fell_back_from,
        accounts: entry.accounts,
        allowances_waiting,
        last_hour: hour.into(),
        last_day: day.into(),
        expiring_keys: all(expiring),
        outbox: outbox.into_iter().map(Into::into).collect(),
        home,
        free_bytes: room.map(|room| room.free_bytes),
        total_bytes: room.map(|room| room.total_bytes),
    }
}

fn all(keys: Vec<KeyEntry>) -> Vec<KeyText> {
    keys.into_iter().map(|key| keys::text(key, None)).collect()
}
