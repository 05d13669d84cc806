//! The Invoke API: an event to an environment that is free, or to a new one, and what came of it as Lambda says it.

use crate::cognito::AsCognito;
use crate::environment::{Ending, Environment, Function, Lines, lock};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::de::IgnoredAny;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A function, and the environments it has so far.
#[derive(Clone)]
pub struct Lambda(Arc<Inside>);

struct Inside {
    function: Function,
    free: Mutex<Vec<Environment>>,
    lines: Lines,
    started: AtomicU64,
    invoked: AtomicU64,
}

/// What an invocation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The id that the function was given.
    pub request_id: String,
    /// `X-Amz-Function-Error`: whether the body is an error.
    pub is_error: bool,
    /// What the function answered, or why it did not.
    pub body: Bytes,
}

impl Lambda {
    /// A function with no environment yet.
    pub fn new(function: Function) -> Self {
        Self(Arc::new(Inside {
            function,
            free: Mutex::default(),
            lines: Arc::new(watch::Sender::new(Vec::new())),
            started: AtomicU64::new(0),
            invoked: AtomicU64::new(0),
        }))
    }

    /// Has an event answered, in an environment that is free or a new one.
    pub async fn invoke(&self, event: Bytes) -> Invocation {
        let request_id = self.request_id();
        let free = lock(&self.0.free).pop();
        let environment = match free {
            Some(environment) => Ok(environment),
            None => {
                self.0.started.fetch_add(1, Ordering::Relaxed);
                Environment::start(&self.0.function, &self.0.lines).await
            }
        };
        let ending = match environment {
            Ok(mut environment) => {
                let ending = environment.run(request_id.clone(), event).await;
                if ending.leaves_it_running() {
                    lock(&self.0.free).push(environment);
                }
                ending
            }
            Err(error) => Ending::Exited(error.to_string()),
        };
        Invocation::new(request_id, ending)
    }

    /// All lines that bootstraps wrote to standard output and standard error so far; none when they are printed.
    pub fn lines(&self) -> Vec<String> {
        self.0.lines.borrow().clone()
    }

    /// The same as soon as they are enough. A line that was written before an answer may arrive after it.
    pub async fn lines_when(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut lines = self.0.lines.subscribe();
        // The sender is ours: it does not go before we do.
        lines.wait_for(|lines| enough(lines)).await.map(|lines| lines.clone()).unwrap_or_default()
    }

    /// How many environments were started.
    pub fn started(&self) -> u64 {
        self.0.started.load(Ordering::Relaxed)
    }

    /// How often the function was invoked.
    pub fn invoked(&self) -> u64 {
        self.0.invoked.load(Ordering::Relaxed)
    }

    /// Ends the environments that are free, as Lambda does when it likes to.
    pub fn end_free(&self) {
        lock(&self.0.free).clear();
    }

    /// Serves the Invoke API, each event delivered as Cognito delivers it.
    pub async fn serve(self, listen: SocketAddr, delivered: AsCognito) -> io::Result<Serving> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invocations))
            .with_state((self, delivered));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Serving { address, serving })
    }

    /// Lambda's are UUIDs; ours never come twice either.
    fn request_id(&self) -> String {
        let number = self.0.invoked.fetch_add(1, Ordering::Relaxed) + 1;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let pid = std::process::id() & 0xffff;
        format!("{:08x}-{pid:04x}-4000-8000-{number:012x}", since.as_secs() & 0xffff_ffff)
    }
}

/// An Invoke API that is served.
pub struct Serving {
    /// Where.
    pub address: SocketAddr,
    serving: tokio::task::JoinHandle<io::Result<()>>,
}

impl Serving {
    /// Until it ends by itself, which it does only with an error.
    pub async fn ended(self) -> io::Result<()> {
        self.serving.await.map_err(io::Error::other)?
    }
}

async fn invocations(
    State((lambda, delivered)): State<(Lambda, AsCognito)>,
    event: Bytes,
) -> Response {
    // Lambda turns away what is no JSON before any function sees it, and looks no closer: what only a stricter reader minds passes.
    if serde_json::from_slice::<IgnoredAny>(&event).is_err() {
        let said = json!({"Type": "User", "message": "Could not parse request body into json"});
        return (StatusCode::BAD_REQUEST, said.to_string()).into_response();
    }
    let answer = match delivered.deliver(&lambda, event).await.answer {
        Some(answer) => answer,
        None => Invocation::new(String::new(), Ending::TimedOut),
    };
    let json = (header::CONTENT_TYPE, "application/json");
    if answer.is_error {
        return ([json], [("x-amz-function-error", "Unhandled")], answer.body).into_response();
    }
    ([json], answer.body).into_response()
}

impl Invocation {
    fn new(request_id: String, ending: Ending) -> Self {
        let failed = |kind: &str, message: String| {
            Bytes::from(json!({"errorType": kind, "errorMessage": message}).to_string())
        };
        let (is_error, body) = match ending {
            Ending::Answered(body) => (false, body),
            Ending::Errored(body) | Ending::NotBegun(body) => (true, body),
            Ending::Exited(how) => {
                let message =
                    format!("RequestId: {request_id} Error: Runtime exited with error: {how}");
                (true, failed("Runtime.ExitError", message))
            }
            Ending::TimedOut => {
                let message = format!("RequestId: {request_id} Error: Task timed out");
                (true, failed("Sandbox.Timedout", message))
            }
        };
        Self { request_id, is_error, body }
    }
}
