//! `X-Request-Id`: one name for a request in its answer, its log lines and its rows. An incoming one that is short and plain is
//! kept; it may come again, as a retry, and is no key.

use crate::http::client::Client;
use crate::http::problem;
use crate::meters::{AnswerLabel, METERS};
use axum::Extension;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use tracing::{Instrument, info, info_span};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LIMIT: usize = 64;

/// The name of the request that carries this.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// Names the request, follows it through the rooms and says how it ended.
pub(super) async fn follow(
    Extension(Client(client)): Extension<Client>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request.headers().get(&HEADER).and_then(keep).unwrap_or_else(fresh);
    let named = RequestId(id.clone());
    request.extensions_mut().insert(named.clone());
    let span = info_span!("request", request_id = %id);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // A path that no route knows is anybody's invention: it must not become a label.
    let route =
        request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let mut response = async move {
        let response = problem::finish(next.run(request).await, &path, &named);
        let (status, took) = (response.status().as_u16(), began.elapsed());
        METERS.answers.get_or_create(&AnswerLabel { route, status }).inc();
        info!(%client, %method, path, status, took_us = took.as_micros(), "answered");
        response
    }
    .instrument(span)
    .await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn keep(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (matches!(text.len(), 1..=LIMIT) && text.bytes().all(plain)).then(|| text.to_owned())
}

/// 128 random bits, or, from a system that has no randomness to give, a name that says so.
fn fresh() -> String {
    let mut bytes = [0_u8; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        Err(_) => "unnamed".to_owned(),
    }
}
