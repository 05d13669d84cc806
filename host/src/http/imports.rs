//! `POST …/imports`: many people at once, each on their own.
//! Refuses to let one of them stand in the way of the others, and all of them in the way of those who sign up: so many are worked on
//! at once, and each has a place among the tenant's.

use crate::domain::{HostCode, Refusal};
use crate::http::path::Named;
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::http::tenants::Asked;
use crate::http::{Rooms, body, now, tenant};
use crate::ledger::{Scope, Tenant};
use crate::provision::{Import, Imported, ProvisionError};
use crate::wire::{BodyError, ImportForm, ImportItem, ImportedText, ImportsText, read_form};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// The largest body. `limits.body_size` is one person's.
const BODY_LIMIT_BYTES: usize = 1 << 20;

/// People in one.
const ITEMS: usize = 500;

/// Of those, worked on at once: as many homes as are made with one fsync.
const AT_ONCE: usize = 64;

/// How long the answer may take. What takes longer is done all the same, and known the next time.
const ANSWER_WITHIN: Duration = Duration::from_secs(50);

/// The source of everybody who comes this way.
const SOURCE: &str = "import";

/// What is said of all of them.
struct Terms {
    rooms: Rooms,
    tenant: Tenant,
    request_id: String,
    dry_run: bool,
    relink: bool,
}

/// Imports people: with a name, which the policy is not asked for, or as their own request would
///
/// Each is answered at its place; one that is refused or cannot be read fails none of the others. Who is known already stays as they are, so
/// what was cut off can be sent again. Needs scope `manage`.
#[utoipa::path(post, path = "/imports", request_body = ImportForm, responses((status = 200, body = ImportsText)))]
pub(super) async fn import(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = answer(rooms, &id, &headers, &named, body).await;
    answer.map_or_else(|problem| problem.respond_v1(&id), IntoResponse::into_response)
}

async fn answer(
    rooms: Rooms,
    id: &RequestId,
    headers: &HeaderMap,
    named: &Named,
    body: Body,
) -> Result<Json<ImportsText>, Problem> {
    let tenant = tenant::enter(&rooms, headers, named.tenant(), Scope::Manage).await?;
    let place = rooms.importing.enter(tenant.id())?;
    let body = body::read(body, BODY_LIMIT_BYTES).await?;
    let ImportForm { dry_run, relink, items } = read_form(&body)?;
    if items.len() > ITEMS {
        return Err(Problem::field("items").explained(Some(format!("expected at most {ITEMS}"))));
    }
    let terms = Arc::new(Terms { rooms, tenant, request_id: id.0.clone(), dry_run, relink });
    let work = async move {
        let _place = place;
        let one = |item| {
            // On tasks of their own: decisions are work for every processor.
            let work = one(Arc::clone(&terms), item).in_current_span();
            async move { tokio::spawn(work).await.unwrap_or_else(|_| failed(HostCode::InternalError)) }
        };
        stream::iter(items).map(one).buffered(AT_ONCE).collect().await
    };
    // A caller that hangs up does not leave half of it.
    match tokio::time::timeout(ANSWER_WITHIN, tokio::spawn(work.in_current_span())).await {
        Ok(Ok(items)) => Ok(Json(ImportsText { items })),
        Ok(Err(lost)) => {
            tracing::error!(%lost, "an import was lost");
            Err(HostCode::InternalError.into())
        }
        Err(_) => Err(HostCode::Busy.into()),
    }
}

async fn one(terms: Arc<Terms>, item: Value) -> ImportedText {
    let Terms { rooms, tenant, request_id, dry_run, relink } = &*terms;
    let ImportItem { question, name, adopt } = match ImportItem::read(&item) {
        Ok(item) => item,
        Err(wrong) => return unread(wrong),
    };
    let _place = match rooms.places.enter(tenant.id()) {
        Ok(place) => place,
        Err(code) => return failed(code),
    };
    let request = question.into_request(tenant.name(), tenant.issuer(), SOURCE, now());
    let (request_id, dry_run, relink) = (request_id.clone(), *dry_run, *relink);
    let import = Import { request_id, request, name, adopt, relink, dry_run };
    told(rooms.provisioner.import(tenant, import).await)
}

fn told(imported: Result<Imported, ProvisionError>) -> ImportedText {
    let done = |outcome, name| ImportedText { outcome, name: Some(name), code: None, detail: None };
    match imported {
        Ok(Imported::Opened(name)) => done("opened", name),
        Ok(Imported::Known(name)) => done("known", name),
        Ok(Imported::Linked(name)) => done("linked", name),
        Ok(Imported::Relinked(name)) => done("relinked", name),
        Ok(Imported::Refused(refusal)) => ImportedText {
            outcome: "refused",
            name: None,
            code: Some(refusal.code().to_owned()),
            detail: Some(why(&refusal)),
        },
        Err(error) => failed(error.code()),
    }
}

/// What whoever runs the tenant is told beside the code: why a name is none; of a policy's no what the person would be told.
fn why(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Host { code: HostCode::NameUnusable, detail: Some(why) } => why.clone(),
        refusal => refusal.message().to_owned(),
    }
}

fn unread(wrong: BodyError) -> ImportedText {
    let code = match wrong {
        BodyError::Required => HostCode::BodyRequired,
        BodyError::Username => HostCode::UsernameRequired,
        BodyError::Field(_) => HostCode::FieldInvalid,
    };
    ImportedText { detail: Some(wrong.to_string()), ..failed(code) }
}

fn failed(code: HostCode) -> ImportedText {
    let (code, detail) = (Some(code.as_str().to_owned()), Some(code.text().to_owned()));
    ImportedText { outcome: "failed", name: None, code, detail }
}
