//! The doors: one router, what every request passes through, and nothing that decides.
//! Refuses to touch what is behind the doors itself: wire types become nouns here and nouns become answers.

mod accounts;
mod body;
mod client;
mod decisions;
mod health;
mod keys;
mod metrics;
mod path;
mod places;
mod problem;
mod provision_user;
mod query;
mod rates;
mod record;
mod request_id;
mod status;
mod tenant;
mod tenants;

use health::Readiness;
use places::Places;
use rates::Rates;

use crate::homes::Homes;
use crate::ledger::Ledger;
use crate::manage::Operations;
use crate::provision::Provisioner;
use axum::extract::Request;
use axum::routing::{any, delete, get, post};
use axum::{Router, middleware};
use ipnet::IpNet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower::Layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

/// What the doors lead to.
#[derive(Clone)]
pub struct Rooms {
    /// Who a key belongs to.
    ledger: Ledger,
    /// The spine.
    provisioner: Provisioner,
    /// What operators change.
    operations: Operations,
    /// For `/readyz`.
    homes: Arc<Homes>,
    /// How the doors behave.
    manners: Arc<Manners>,
    /// How often who asked lately.
    rates: Arc<Rates>,
    /// Places for requests that are being worked on.
    places: Places,
    /// The same for requests that only read.
    reading: Places,
    /// For `/readyz`.
    readiness: Arc<Readiness>,
}

impl Rooms {
    /// The rooms, with all places free.
    pub fn new(
        ledger: Ledger,
        provisioner: Provisioner,
        operations: Operations,
        homes: Arc<Homes>,
        manners: Manners,
    ) -> Self {
        let rates = Arc::new(Rates::new(manners.requests_per_second));
        Self {
            ledger,
            provisioner,
            operations,
            homes,
            manners: Arc::new(manners),
            rates,
            places: Places::default(),
            reading: Places::reading(),
            readiness: Arc::default(),
        }
    }
}

/// How the doors behave.
#[derive(Clone, Debug)]
pub struct Manners {
    /// The largest body, in bytes.
    pub body_limit_bytes: usize,
    /// Whether `/provision-user` shows the path of the home.
    pub user_directory: bool,
    /// Who may say in `X-Forwarded-For` where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// How often a key, and an address without one, may ask.
    pub requests_per_second: Option<NonZeroU32>,
    /// Whether `/metrics` has a listener of its own, and is not among the doors.
    pub metrics_apart: bool,
}

/// How long a request may take from its body to its answer: the provider waits five seconds, and the way there and back costs
/// some of them. The work itself goes on; the next request finds it done.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Every path of the server.
pub fn router(rooms: Rooms) -> NormalizePath<Router> {
    let get_or_post = |request: Request| problem::only("GET, HEAD, POST", request);
    let only_delete = |request: Request| problem::only("DELETE", request);
    let any_of_a_tenant = |request: Request| problem::only("GET, HEAD, PATCH, DELETE", request);
    let doors = Router::new()
        .route(provision_user::PATH, any(provision_user::door))
        // Without a tenant in the path: the key's own.
        .nest("/v1", of_tenant())
        .nest("/v1/tenants/{tenant}", of_tenant())
        .route("/v1/tenants", get(tenants::list).post(tenants::create).fallback(get_or_post))
        .route(
            "/v1/tenants/{tenant}",
            get(tenants::show)
                .patch(tenants::change)
                .delete(tenants::remove)
                .fallback(any_of_a_tenant),
        )
        .route(
            "/v1/tenants/{tenant}/keys",
            get(keys::list).post(keys::create).fallback(get_or_post),
        )
        .route("/v1/tenants/{tenant}/keys/{id}", delete(keys::revoke).fallback(only_delete))
        .route(
            "/v1/operator-keys",
            get(keys::list_operators).post(keys::create_operators).fallback(get_or_post),
        )
        .route("/v1/status", get(status::show).fallback(problem::only_get))
        .route("/v1/operator-keys/{id}", delete(keys::revoke_operators).fallback(only_delete))
        .merge(health_doors());
    let metrics_here = !rooms.manners.metrics_apart;
    dress(if metrics_here { doors.merge(metrics_door()) } else { doors }, rooms)
}

/// What `metrics.listen` leads to: doors for those who run the server, and none that a person can be enlisted at.
pub fn metrics_router(rooms: Rooms) -> NormalizePath<Router> {
    dress(health_doors().merge(metrics_door()), rooms)
}

fn metrics_door() -> Router<Rooms> {
    Router::new().route("/metrics", get(metrics::show).fallback(problem::only_get))
}

fn health_doors() -> Router<Rooms> {
    Router::new()
        .route("/healthz", get(health::alive).fallback(problem::only_get))
        .route("/readyz", get(health::ready).fallback(problem::only_get))
}

/// What every request passes through. A trailing slash and a doubled leading one lead to the same door.
fn dress(doors: Router<Rooms>, rooms: Rooms) -> NormalizePath<Router> {
    let router = doors
        .fallback(problem::not_found)
        .with_state(rooms.clone())
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(rooms.clone(), rates::count))
        .layer(middleware::from_fn(request_id::follow))
        .layer(middleware::from_fn_with_state(rooms, client::find));
    NormalizePathLayer::trim_trailing_slash().layer(router)
}

/// Every path that belongs to one tenant.
fn of_tenant() -> Router<Rooms> {
    let get_or_post = |request: Request| problem::only("GET, HEAD, POST", request);
    let get_or_put = |request: Request| problem::only("GET, HEAD, PUT", request);
    Router::new()
        .route("/decisions", get(record::list).post(decisions::ask).fallback(get_or_post))
        .route("/decisions/{request_id}", get(record::show).fallback(problem::only_get))
        .route("/accounts", get(accounts::list).post(accounts::open).fallback(get_or_post))
        .route("/accounts/{name}", get(accounts::show).put(accounts::put).fallback(get_or_put))
        .route("/accounts/{name}/link", post(accounts::link).fallback(problem::only_post))
        .route("/accounts/{name}/close", post(accounts::close).fallback(problem::only_post))
        .route("/accounts/{name}/reopen", post(accounts::reopen).fallback(problem::only_post))
        .route("/accounts/{name}/erase", post(accounts::erase).fallback(problem::only_post))
}

/// Unix seconds: the only clock a policy has.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
