//! Asking again: for a verb that has much to ask, a server that restarts or is busy for a while is no reason to give up.
//! Refuses to try for ever: so long without any answer that got it further, and it ends.

use crate::cli::client::{Client, no};
use crate::cli::{Ending, fail};
use crate::sandbox::quote;
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The first pause between two attempts; each is twice the one before, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Longer than this no server is obeyed that says when to come again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A server that has never answered is hardly one that restarts.
const FIRST_CONTACT: Duration = Duration::from_secs(10);

/// How long is gone on without getting any further.
pub(crate) struct Patience {
    limit: Duration,
    since: Cell<Instant>,
    answered: Cell<bool>,
}

/// What a server said that is no "later".
pub(crate) enum Said {
    Yes(Value),
    /// Anything else, unread.
    No(StatusCode, Vec<u8>),
}

/// What came of one attempt.
enum Attempt {
    Said(Said),
    Later(Option<Duration>, String),
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, since: Cell::new(Instant::now()), answered: Cell::new(false) }
    }

    /// Something was got further.
    pub(crate) fn renew(&self) {
        self.since.set(Instant::now());
        self.answered.set(true);
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        let limit = if self.answered.get() { self.limit } else { self.limit.min(FIRST_CONTACT) };
        self.since.get().elapsed() >= limit
    }

    /// Waits a while before the attempt after so many others.
    pub(crate) async fn pause(&self, attempts: u32, said: Option<Duration>) {
        let own = FIRST_PAUSE.saturating_mul(1 << attempts.min(10)).min(LAST_PAUSE);
        tokio::time::sleep(said.map_or(own, |said| said.clamp(own, LONGEST_PAUSE))).await;
    }
}

impl Client {
    /// Runs what asks many things at once.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.server.runtime.block_on(work)
    }

    /// Asks until there is an answer that is no "later", or patience is over; a no is printed.
    pub(crate) async fn insist(
        &self,
        patience: &Patience,
        request: impl Fn() -> Result<RequestBuilder, Ending>,
    ) -> Result<Value, Ending> {
        match self.hear(patience, request).await? {
            Said::Yes(answer) => Ok(answer),
            Said::No(status, why) => Err(no(status, &why)),
        }
    }

    /// The same for whoever knows what to do about a no.
    pub(crate) async fn hear(
        &self,
        patience: &Patience,
        request: impl Fn() -> Result<RequestBuilder, Ending>,
    ) -> Result<Said, Ending> {
        let mut attempts = 0;
        loop {
            match attempt(request()?).await? {
                Attempt::Said(said) => return Ok(said),
                Attempt::Later(_, why) if patience.is_over() => {
                    eprintln!("enlist: given up: {}", quote(why));
                    return Err(Ending::Failed);
                }
                Attempt::Later(said, _) => patience.pause(attempts, said).await,
            }
            attempts += 1;
        }
    }
}

async fn attempt(request: RequestBuilder) -> Result<Attempt, Ending> {
    let received = async {
        let response = request.send().await?;
        let (status, said) = (response.status(), retry_after(&response));
        Ok::<_, reqwest::Error>((status, said, response.bytes().await?))
    };
    let (status, said, answer) = match received.await {
        Ok(received) => received,
        Err(error) if error.is_builder() => return Err(fail(&error, Ending::Failed)),
        Err(error) => return Ok(Attempt::Later(None, with_causes(&error))),
    };
    let is_later = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    match serde_json::from_slice(&answer) {
        Ok(answer) if status.is_success() => Ok(Attempt::Said(Said::Yes(answer))),
        _ if is_later => Ok(Attempt::Later(said, format!("the server answered {status}"))),
        _ => Ok(Attempt::Said(Said::No(status, answer.to_vec()))),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
