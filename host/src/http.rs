//! The doors: one router, what every request passes through, and nothing that decides.
//! Refuses to touch what is behind the doors itself: wire types become nouns here and nouns become answers.

mod body;
mod client;
mod decisions;
mod health;
mod places;
mod problem;
mod provision_user;
mod rates;
mod request_id;
mod tenant;

use health::Readiness;
use places::Places;
use rates::Rates;

use crate::homes::Homes;
use crate::ledger::Ledger;
use crate::provision::Provisioner;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use ipnet::IpNet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
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
    /// For `/readyz`.
    homes: Arc<Homes>,
    /// How the doors behave.
    manners: Arc<Manners>,
    /// How often who asked lately.
    rates: Arc<Rates>,
    /// Places for requests that are being worked on.
    places: Places,
    /// For `/readyz`.
    readiness: Arc<Readiness>,
}

impl Rooms {
    /// The rooms, with all places free.
    pub fn new(
        ledger: Ledger,
        provisioner: Provisioner,
        homes: Arc<Homes>,
        manners: Manners,
    ) -> Self {
        let rates = Arc::new(Rates::new(manners.requests_per_second));
        let (manners, readiness) = (Arc::new(manners), Arc::default());
        Self { ledger, provisioner, homes, manners, rates, places: Places::default(), readiness }
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
}

/// How long a request may take from its body to its answer: the provider waits five seconds, and the way there and back costs
/// some of them. The work itself goes on; the next request finds it done.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Every path of the server.
pub fn router(rooms: Rooms) -> NormalizePath<Router> {
    let doors = Router::new()
        .route(provision_user::PATH, any(provision_user::door))
        .route("/v1/decisions", post(decisions::own).fallback(problem::only_post))
        .route(
            "/v1/tenants/{tenant}/decisions",
            post(decisions::of_tenant).fallback(problem::only_post),
        )
        .merge(health_doors());
    dress(doors, rooms)
}

/// What `metrics.listen` leads to: doors for those who run the server, and none that a person can be enlisted at.
pub fn metrics_router(rooms: Rooms) -> NormalizePath<Router> {
    dress(health_doors(), rooms)
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
