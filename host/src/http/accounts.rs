//! `…/accounts`: the native door, which every other way to an account is translated to; and what is done to an account by hand.
//! Refuses to act for a key that may only ask.

use crate::domain::{Applicant, Assurance, Email, Held, HostCode, Page, Refusal, TenantId};
use crate::http::noes;
use crate::http::path::{Named, encode};
use crate::http::places::in_time;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request_id::RequestId;
use crate::http::tenants::Asked;
use crate::http::{ANSWER_WITHIN, Rooms, body, now, tenant};
use crate::ledger::{Scope, Tenant};
use crate::manage::{Decided, InUse};
use crate::provision::{Ask, ByHand, Outcome};
use crate::wire::{
    AccountText, FormError, HandForm, LinkForm, ListText, NativeForm, PasswordForm, Question,
    UsageText, read_form,
};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use std::time::{Duration, Instant};
use tracing::Instrument;

/// The source of a request that names none.
const SOURCE: &str = "api";

/// How long homes are looked into before the answer goes out without the rest.
const COUNT_WITHIN: Duration = Duration::from_secs(2);

/// Opens an account, if the tenant's policy says yes
///
/// Somebody who has one is answered with it. Needs scope `provision`.
#[utoipa::path(post, path = "/accounts", request_body = NativeForm,
 responses((status = 201, body = AccountText, description = "Opened", headers(("Location" = String, description = "Where it is"))), (status = 200, body = AccountText, description = "Known"), noes::Opening))]
pub(super) async fn open(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, Scope::Provision).await?;
        let body = body::read(body, rooms.manners.body_limit_bytes).await?;
        let question = Question::read_native(&body)?;
        let request = question.into_request(tenant.name(), tenant.issuer(), SOURCE, now());
        let ask = Ask { request_id: id.0.clone(), request };
        let outcome = provision(&rooms, tenant.clone(), ask).await?;
        opened(&tenant, outcome)
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Opens an account of this name by hand
///
/// The policy is asked only how much they may have. Needs scope `manage`.
#[utoipa::path(put, path = "/accounts/{name}", request_body = HandForm,
 responses((status = 201, body = AccountText, description = "Opened", headers(("Location" = String, description = "Where it is"))), (status = 200, body = AccountText, description = "Known"), noes::ByHand))]
pub(super) async fn put(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, Scope::Manage).await?;
        let body = body::read(body, rooms.manners.body_limit_bytes).await?;
        let by_hand = by_hand(read_form(&body)?, &tenant, &named, &id)?;
        let (provisioner, right) = (rooms.provisioner.clone(), tenant.clone());
        let work = async move { provisioner.open_by_hand(&right, by_hand).await };
        opened(&tenant, to_its_end(&rooms, tenant.id(), work).await?)
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Lists accounts by name
///
/// Needs scope `read`.
#[utoipa::path(get, path = "/accounts", params(("limit" = Option<u16>, Query, description = "Items of a page, 1 to 500; 50 when nothing is said"),
 ("after" = Option<String>, Query, description = "The `next` of the page before"),
 ("q" = Option<String>, Query, description = "What an account is looked for by"),
 ("usage" = Option<bool>, Query, description = "Whether it is counted what is in use")),
 responses((status = 200, body = ListText<AccountText>)))]
pub(super) async fn list(asked: Asked, query: Query) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, Scope::Read).await?;
        let (limit, after, counts) = (query.limit()?, query.after()?, query.switch("usage")?);
        let _place = rooms.reading.enter(tenant.id())?;
        let page =
            in_time(rooms.operations.accounts(&tenant, query.get("q"), after, limit)).await?;
        let page = if counts {
            in_time(with_usage(&rooms, &tenant, page)).await?
        } else {
            page.map(|held| Ok::<_, Problem>(text(held)))?
        };
        Ok(Json(ListText::new(page)).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Shows one account
///
/// Needs scope `read`.
#[utoipa::path(get, path = "/accounts/{name}", responses((status = 200, body = AccountText)))]
pub(super) async fn show(asked: Asked) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, Scope::Read).await?;
        let _place = rooms.reading.enter(tenant.id())?;
        let held = rooms.operations.account(&tenant, named.part("name")).await?;
        shown(held)
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Makes an account the one of this subject, whoever it was of before
///
/// Needs scope `manage`.
#[utoipa::path(post, path = "/accounts/{name}/link", request_body = LinkForm,
 responses((status = 200, body = AccountText), noes::Linking))]
pub(super) async fn link(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let tenant = enter(&rooms, &headers, &named, Scope::Manage).await?;
        let body = body::read(body, rooms.manners.body_limit_bytes).await?;
        let LinkForm { subject, issuer } = read_form(&body)?;
        let subject = said(Some(subject)).ok_or_else(|| Problem::field("subject"))?;
        let issuer = said(issuer);
        let (operations, id) = (rooms.operations.clone(), id.0.clone());
        let (own, name) = (tenant.id(), named.part("name").to_owned());
        let work = async move { operations.link(&tenant, &name, issuer, subject, id).await };
        shown(to_its_end(&rooms, own, work).await?)
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Closes an account: its person is turned away, name and folder stay
///
/// Needs scope `manage`.
#[utoipa::path(post, path = "/accounts/{name}/close", responses((status = 200, body = AccountText), noes::Closing))]
pub(super) async fn close((State(rooms), Extension(id), named, headers): Asked) -> Response {
    let answer = async {
        let (tenant, name) = manage(&rooms, &headers, &named).await?;
        let (own, operations, id) = (tenant.id(), rooms.operations.clone(), id.0.clone());
        let work = async move { operations.close(&tenant, &name, id).await };
        shown(to_its_end(&rooms, own, work).await?)
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Opens a closed account again, if what the policy allows it now has a seat for it
///
/// Needs scope `manage`.
#[utoipa::path(post, path = "/accounts/{name}/reopen", responses((status = 200, body = AccountText), noes::Reopening))]
pub(super) async fn reopen((State(rooms), Extension(id), named, headers): Asked) -> Response {
    let answer = async {
        let (tenant, name) = manage(&rooms, &headers, &named).await?;
        let (own, operations, id) = (tenant.id(), rooms.operations.clone(), id.0.clone());
        decided(&rooms, own, async move { operations.reopen(&tenant, &name, id).await }).await
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Decides again how much an account may use
///
/// The policy that decides now is asked; the name stays. Needs scope `manage`.
#[utoipa::path(post, path = "/accounts/{name}/allowance", responses((status = 200, body = AccountText), noes::Allowing))]
pub(super) async fn allowance((State(rooms), Extension(id), named, headers): Asked) -> Response {
    let answer = async {
        let (tenant, name) = manage(&rooms, &headers, &named).await?;
        let (own, operations, id) = (tenant.id(), rooms.operations.clone(), id.0.clone());
        let work = async move { operations.decide_allowance(&tenant, &name, id).await };
        decided(&rooms, own, work).await
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Gives an account's person a password at the tenant's ankisyncd
///
/// It holds when this is answered, and is kept there as a hash alone. Needs scope `manage`.
#[utoipa::path(put, path = "/accounts/{name}/password", request_body = PasswordForm,
 responses((status = 204, description = "It is the password now"), noes::SettingPassword))]
pub(super) async fn set_password(asked: Asked, body: Body) -> Response {
    let (State(rooms), Extension(id), named, headers) = asked;
    let answer = async {
        let (tenant, name) = manage(&rooms, &headers, &named).await?;
        let body = body::read(body, rooms.manners.body_limit_bytes).await?;
        let PasswordForm { password } = read_form(&body).map_err(FormError::without_value)?;
        let (own, operations, id) = (tenant.id(), rooms.operations.clone(), id.0.clone());
        let work = async move { operations.set_password(&tenant, &name, &password, id).await };
        to_its_end(&rooms, own, work).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

/// Forgets the person of a closed account, for good
///
/// Its name and its folder stay. Needs scope `manage`.
#[utoipa::path(post, path = "/accounts/{name}/erase", responses((status = 200, body = AccountText), noes::Erasing))]
pub(super) async fn erase((State(rooms), Extension(id), named, headers): Asked) -> Response {
    let answer = async {
        let (tenant, name) = manage(&rooms, &headers, &named).await?;
        let (own, operations, id) = (tenant.id(), rooms.operations.clone(), id.0.clone());
        let work = async move { operations.erase(&tenant, &name, id).await };
        shown(to_its_end(&rooms, own, work).await?)
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.respond_v1(&id))
}

async fn enter(
    rooms: &Rooms,
    headers: &HeaderMap,
    named: &Named,
    scope: Scope,
) -> Result<Tenant, Problem> {
    tenant::enter(rooms, headers, named.tenant(), scope).await
}

/// The right to act, and the account it is about.
async fn manage(
    rooms: &Rooms,
    headers: &HeaderMap,
    named: &Named,
) -> Result<(Tenant, String), Problem> {
    let tenant = enter(rooms, headers, named, Scope::Manage).await?;
    Ok((tenant, named.part("name").to_owned()))
}

/// Asks the spine.
pub(super) async fn provision(rooms: &Rooms, tenant: Tenant, ask: Ask) -> Result<Outcome, Problem> {
    let provisioner = rooms.provisioner.clone();
    let own = tenant.id();
    to_its_end(rooms, own, async move { provisioner.provision(&tenant, ask).await }).await
}

/// On a task of its own: a caller that hangs up does not leave half of it, and one that waits gets an answer in time.
async fn to_its_end<T: Send + 'static, E: Into<Problem> + Send + 'static>(
    rooms: &Rooms,
    tenant: TenantId,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, Problem> {
    let place = rooms.places.enter(tenant)?;
    let work = async move {
        let _place = place;
        work.await
    }
    .in_current_span();
    match tokio::time::timeout(ANSWER_WITHIN, tokio::spawn(work)).await {
        Ok(Ok(result)) => result.map_err(Into::into),
        Ok(Err(lost)) => {
            tracing::error!(%lost, "a request was lost");
            Err(HostCode::InternalError.into())
        }
        Err(_) => Err(HostCode::Busy.into()),
    }
}

/// An act in which the policy has its say.
async fn decided(
    rooms: &Rooms,
    tenant: TenantId,
    work: impl Future<Output = Decided> + Send + 'static,
) -> Result<Response, Problem> {
    match to_its_end(rooms, tenant, work).await? {
        Ok(held) => shown(held),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The same accounts, and what is in use.
async fn with_usage(
    rooms: &Rooms,
    tenant: &Tenant,
    page: Page<Held, String>,
) -> Result<Page<AccountText, String>, Problem> {
    let until = Instant::now() + COUNT_WITHIN;
    let mut items = Vec::with_capacity(page.items.len());
    for held in page.items {
        let InUse { counted, stored } =
            rooms.operations.in_use(tenant, &held.account, until).await?;
        let usage = UsageText {
            accounts: counted.accounts,
            accounts_in_domain: held.account.domain.as_ref().map(|_| counted.accounts_in_domain),
            storage_bytes: stored.map(|stored| stored.bytes),
            storage_files: stored.map(|stored| stored.files),
            complete: stored.is_some_and(|stored| stored.complete),
        };
        items.push(text(held).using(usage));
    }
    Ok(Page { items, next: page.next })
}

fn by_hand(
    form: HandForm,
    tenant: &Tenant,
    named: &Named,
    id: &RequestId,
) -> Result<ByHand, Problem> {
    let HandForm { username, subject, issuer, email, adopt } = form;
    let parse = |address: String| {
        Email::parse(&address, Assurance::Unverified).ok_or_else(|| Problem::field("email"))
    };
    let applicant = Applicant {
        issuer: said(issuer).unwrap_or_else(|| tenant.issuer().to_owned()),
        subject: said(subject),
        username: said(username).ok_or(HostCode::UsernameRequired)?,
        email: said(email).map(parse).transpose()?,
        groups: Vec::new(),
        attributes: Vec::new(),
    };
    let name = named.part("name").to_owned();
    Ok(ByHand { request_id: id.0.clone(), name, applicant, adopt, now: now() })
}

/// 201 and where it is, or 200.
fn opened(tenant: &Tenant, outcome: Outcome) -> Result<Response, Problem> {
    Ok(match outcome {
        Outcome::Opened(held) => {
            let name = encode(&held.account.name);
            let place = format!("/v1/tenants/{}/accounts/{name}", tenant.name());
            (StatusCode::CREATED, [(LOCATION, place)], Json(text(held))).into_response()
        }
        Outcome::Known(held) => Json(text(held)).into_response(),
        // Whoever runs the tenant is told why a name is none; whoever signs up is not.
        Outcome::Refused(Refusal::Host { code: HostCode::NameUnusable, detail }) => {
            return Err(Problem::from(HostCode::NameUnusable).explained(detail));
        }
        Outcome::Refused(refusal) => return Err(refusal.into()),
    })
}

/// An empty text is a missing one.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn shown(held: Held) -> Result<Response, Problem> {
    Ok(Json(text(held)).into_response())
}

fn text(held: Held) -> AccountText {
    AccountText::new(held.account, held.home)
}
