//! One execution environment: a bootstrap's process, and the Runtime API that is its alone, since its requests do not say whose they
//! are. Refuses a second event before the first is answered.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// What is run, and how.
#[derive(Clone, Debug)]
pub struct Function {
    /// The program.
    pub bootstrap: PathBuf,
    /// All of its environment, but for what Lambda itself sets.
    pub environment: Vec<(OsString, OsString)>,
    /// How long an invocation may take, as the function's `Timeout`.
    pub time_limit: Duration,
    /// How long a start may take; Lambda's own limit is ten seconds.
    pub init_limit: Duration,
    /// Whether its lines go to our standard output, and are not kept.
    pub prints: bool,
}

/// What came of an event within an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The answer of the function.
    Answered(Bytes),
    /// The error it reported.
    Errored(Bytes),
    /// It could not begin, and said why.
    NotBegun(Bytes),
    /// The process ended.
    Exited(String),
    /// It took too long.
    TimedOut,
}

/// An event on its way.
struct Job {
    id: String,
    event: Bytes,
    handed: oneshot::Sender<()>,
    ended: oneshot::Sender<Ending>,
}

/// A process and its Runtime API.
pub(crate) struct Environment {
    jobs: mpsc::Sender<Job>,
    child: Child,
    time_limit: Duration,
    init_limit: Duration,
    runtime: Arc<Runtime>,
    serving: tokio::task::JoinHandle<()>,
}

/// What the Runtime API knows.
struct Runtime {
    jobs: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    current: Mutex<Option<(String, oneshot::Sender<Ending>)>>,
    not_begun: Mutex<Option<Bytes>>,
    told: Notify,
    time_limit: Duration,
}

/// Where the lines of bootstraps go.
pub(crate) type Lines = Arc<watch::Sender<Vec<String>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Environment {
    /// Starts a process.
    pub(crate) async fn start(function: &Function, lines: &Lines) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, receiver) = mpsc::channel(1);
        let runtime = Arc::new(Runtime {
            jobs: tokio::sync::Mutex::new(receiver),
            current: Mutex::new(None),
            not_begun: Mutex::new(None),
            told: Notify::new(),
            time_limit: function.time_limit,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&runtime));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let mut child = Command::new(&function.bootstrap)
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_NAME", "trigger")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/trigger")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .envs(function.environment.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(collect(stdout, Arc::clone(lines), function.prints));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(collect(stderr, Arc::clone(lines), function.prints));
        }
        let (time_limit, init_limit) = (function.time_limit, function.init_limit);
        Ok(Self { jobs: sender, child, time_limit, init_limit, runtime, serving })
    }

    /// Has an event answered. After anything but an answer or an error there is no process any more.
    pub(crate) async fn run(&mut self, id: String, event: Bytes) -> Ending {
        let (handed, was_handed) = oneshot::channel();
        let (ended, has_ended) = oneshot::channel();
        if self.jobs.send(Job { id, event, handed, ended }).await.is_err() {
            return Ending::Exited("no Runtime API".to_owned());
        }
        let limits = (self.init_limit, self.time_limit);
        let answered = async {
            if tokio::time::timeout(limits.0, was_handed).await.is_err() {
                return Ending::TimedOut;
            }
            match tokio::time::timeout(limits.1, has_ended).await {
                Ok(ending) => ending.unwrap_or_else(|_| Ending::Exited("dropped".to_owned())),
                Err(_) => Ending::TimedOut,
            }
        };
        let ending = tokio::select! {
            biased;
            ending = answered => ending,
            () = self.runtime.told.notified() => self.not_begun(),
            status = self.child.wait() => match (lock(&self.runtime.not_begun).take(), status) {
                (Some(said), _) => Ending::NotBegun(said),
                (None, Ok(status)) => Ending::Exited(status.to_string()),
                (None, Err(error)) => Ending::Exited(error.to_string()),
            },
        };
        if !ending.leaves_it_running() {
            let _ = self.child.kill().await;
        }
        ending
    }

    fn not_begun(&self) -> Ending {
        Ending::NotBegun(lock(&self.runtime.not_begun).take().unwrap_or_default())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Ending {
    /// Whether the environment can take another event.
    pub(crate) fn leaves_it_running(&self) -> bool {
        matches!(self, Self::Answered(_) | Self::Errored(_))
    }
}

async fn collect(output: impl AsyncRead + Unpin, lines: Lines, prints: bool) {
    let mut output = BufReader::new(output).lines();
    while let Ok(Some(line)) = output.next_line().await {
        if prints {
            println!("{line}");
        } else {
            lines.send_modify(|lines| lines.push(line));
        }
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    let Some(job) = runtime.jobs.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = SystemTime::now() + runtime.time_limit;
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
    let header = |name| HeaderName::from_static(name);
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    let headers: HeaderMap = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header("lambda-runtime-aws-request-id"), value(&job.id)),
        (header("lambda-runtime-deadline-ms"), value(&deadline)),
        (
            header("lambda-runtime-invoked-function-arn"),
            HeaderValue::from_static("arn:aws:lambda:eu-west-1:123456789012:function:trigger"),
        ),
        (header("lambda-runtime-trace-id"), HeaderValue::from_static("Root=1-0-0;Sampled=0")),
    ]
    .into_iter()
    .collect();
    *lock(&runtime.current) = Some((job.id, job.ended));
    let _ = job.handed.send(());
    (headers, job.event).into_response()
}

async fn response(
    State(runtime): State<Arc<Runtime>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    runtime.end(&id, Ending::Answered(body))
}

async fn error(
    State(runtime): State<Arc<Runtime>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    runtime.end(&id, Ending::Errored(body))
}

async fn init_error(State(runtime): State<Arc<Runtime>>, body: Bytes) -> StatusCode {
    *lock(&runtime.not_begun) = Some(body);
    runtime.told.notify_one();
    StatusCode::ACCEPTED
}

impl Runtime {
    fn end(&self, id: &str, ending: Ending) -> StatusCode {
        let current = lock(&self.current).take_if(|(current, _)| current == id);
        let Some((_, ended)) = current else { return StatusCode::BAD_REQUEST };
        let _ = ended.send(ending);
        StatusCode::ACCEPTED
    }
}
