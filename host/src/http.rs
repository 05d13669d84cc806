//! The doors: one router, what every request passes through, and nothing that decides.
//! Refuses to touch what is behind the doors itself: wire types become nouns here and nouns become answers.

mod accounts;
mod body;
mod cases;
mod client;
mod decisions;
mod health;
mod imports;
mod keys;
mod metrics;
mod noes;
mod openapi;
mod path;
mod places;
mod problem;
mod provision_user;
mod query;
mod rates;
mod record;
mod request_id;
mod reserved;
mod reviews;
mod revisions;
mod schemas;
mod status;
mod tenant;
mod tenants;
mod webhooks;

pub(crate) use keys::shown_once;
pub use openapi::document;

use health::Readiness;
use places::Places;
use rates::Rates;

use crate::homes::Homes;
use crate::ledger::Ledger;
use crate::manage::Operations;
use crate::provision::Provisioner;
use axum::extract::Request;
use axum::{Router, middleware};
use ipnet::IpNet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower::Layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

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
    /// The same for requests that bring many people.
    importing: Places,
    /// The same for requests that send a component.
    making: Places,
    /// The same for requests that fetch one.
    fetching: Places,
    /// The same for requests that say which revision decides.
    moving: Places,
    /// The same for requests that have something looked up or sent elsewhere.
    calling: Places,
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
            importing: Places::importing(),
            making: Places::making(),
            fetching: Places::fetching(),
            moving: Places::moving(),
            calling: Places::calling(),
            readiness: Arc::default(),
        }
    }
}

/// How the doors behave.
#[derive(Clone, Debug)]
pub struct Manners {
    /// The largest body, in bytes.
    pub body_limit_bytes: usize,
    /// The largest component, in bytes.
    pub component_limit_bytes: usize,
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
    let apart = rooms.manners.metrics_apart;
    let doors = if apart { doors() } else { doors().merge(metrics_door()) };
    dress(doors, rooms)
}

/// What `metrics.listen` leads to: doors for those who run the server, and none that a person can be enlisted at.
pub fn metrics_router(rooms: Rooms) -> NormalizePath<Router> {
    dress(health_doors().merge(metrics_door()), rooms)
}

/// What every request passes through. A trailing slash and a doubled leading one lead to the same door.
fn dress(doors: OpenApiRouter<Rooms>, rooms: Rooms) -> NormalizePath<Router> {
    let (router, _) = doors.split_for_parts();
    let router = router
        .fallback(problem::not_found)
        .with_state(rooms.clone())
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(rooms.clone(), rates::count))
        .layer(middleware::from_fn(request_id::follow))
        .layer(middleware::from_fn_with_state(rooms, client::find));
    NormalizePathLayer::trim_trailing_slash().layer(router)
}

/// Every door and what is said of it, which are one thing: a path that is served stands in the document.
fn doors() -> OpenApiRouter<Rooms> {
    OpenApiRouter::new()
        .routes(routes!(provision_user::door).map(|door| door.fallback(provision_user::only_post)))
        // Without a tenant in the path: the key's own.
        .nest("/v1", of_tenant())
        .nest("/v1/tenants/{tenant}", of_tenant())
        .routes(taking("GET, HEAD, POST", routes!(tenants::list, tenants::create)))
        .routes(taking(
            "GET, HEAD, PATCH, DELETE",
            routes!(tenants::show, tenants::change, tenants::remove),
        ))
        .routes(taking("GET, HEAD, POST", routes!(keys::list, keys::create)))
        .routes(taking("DELETE", routes!(keys::revoke)))
        .routes(taking("GET, HEAD, POST", routes!(keys::list_operators, keys::create_operators)))
        .routes(taking("DELETE", routes!(keys::revoke_operators)))
        .routes(taking("GET, HEAD", routes!(status::show)))
        .routes(taking("GET, HEAD", routes!(openapi::show)))
        .routes(taking("GET, HEAD", routes!(schemas::rules)))
        .merge(health_doors())
}

fn health_doors() -> OpenApiRouter<Rooms> {
    OpenApiRouter::new()
        .routes(taking("GET, HEAD", routes!(health::alive)))
        .routes(taking("GET, HEAD", routes!(health::ready)))
}

fn metrics_door() -> OpenApiRouter<Rooms> {
    OpenApiRouter::new().routes(taking("GET, HEAD", routes!(metrics::show)))
}

/// Every door that belongs to one tenant.
fn of_tenant() -> OpenApiRouter<Rooms> {
    OpenApiRouter::new()
        .routes(taking("GET, HEAD, POST", routes!(record::list, decisions::ask)))
        .routes(taking("GET, HEAD", routes!(record::show)))
        .routes(taking("GET, HEAD, POST", routes!(accounts::list, accounts::open)))
        .routes(taking("GET, HEAD, PUT", routes!(accounts::show, accounts::put)))
        .routes(taking("POST", routes!(accounts::link)))
        .routes(taking("POST", routes!(accounts::close)))
        .routes(taking("POST", routes!(accounts::reopen)))
        .routes(taking("POST", routes!(accounts::erase)))
        .routes(taking("POST", routes!(accounts::allowance)))
        .routes(taking("POST", routes!(imports::import)))
        .routes(taking("PUT", routes!(accounts::set_password)))
        .routes(taking("GET, HEAD, POST", routes!(revisions::list, revisions::create)))
        .routes(taking("GET, HEAD", routes!(revisions::show)))
        .routes(taking("GET, HEAD", routes!(revisions::settings)))
        .routes(taking("GET, HEAD", routes!(revisions::component)))
        .routes(taking("POST", routes!(revisions::activate)))
        .routes(taking("POST", routes!(revisions::roll_back)))
        .routes(taking("GET, HEAD, POST", routes!(reviews::show_preview, reviews::begin_preview)))
        .routes(taking("GET, HEAD, POST", routes!(reviews::show_replay, reviews::begin_replay)))
        .routes(taking("GET, HEAD", routes!(cases::list)))
        .routes(taking("GET, HEAD", routes!(reserved::list)))
        .routes(taking(
            "GET, HEAD, PUT, DELETE",
            routes!(webhooks::show, webhooks::set, webhooks::remove),
        ))
        .routes(taking("POST", routes!(webhooks::test)))
        .routes(taking("POST", routes!(webhooks::create_secret)))
        .routes(taking("DELETE", routes!(webhooks::revoke_secret)))
}

/// A path and the methods it takes: every other is told so.
fn taking(allow: &'static str, door: UtoipaMethodRouter<Rooms>) -> UtoipaMethodRouter<Rooms> {
    door.map(|door| door.fallback(move |request: Request| problem::only(allow, request)))
}

/// Unix seconds: the only clock a policy has.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
