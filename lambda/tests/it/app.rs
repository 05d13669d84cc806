//! The harness: a server with a script, the trigger before it, and what must never be in an answer or a line.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use enlist_lambda_local::{Function, Invocation, Lambda};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The key of every test, in no answer and no line.
pub(crate) const KEY: &str = "enl_tk_5f0c1d2e_S3CRETs3cretS3CRETs3cret";

/// What the extension for secrets knows us by, in no line either.
pub(crate) const TOKEN: &str = "session-token-of-the-test";

/// The person of every test; the e-mail is in no line.
pub(crate) const EMAIL: &str = "ann@example.com";

/// What stands in an answer only by mistake.
const INSIDES: [&str; 10] = [
    KEY,
    "S3CRET",
    "http",
    "127.0.0.1",
    "localhost",
    "::",
    "reqwest",
    "hyper",
    "lambda_runtime",
    "panicked",
];

/// What came to the server.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null where the text is none that everybody could read.
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

/// What it says, by the number of the request, from 0.
type Script = Arc<dyn Fn(usize) -> Reply + Send + Sync>;

/// An answer, or none.
pub(crate) enum Reply {
    Says(StatusCode, Value),
    SaysLater(StatusCode, Value, &'static str),
    Page(StatusCode, &'static str),
    /// As soon as so many requests have come.
    OnceAsked(usize, StatusCode, Value),
    Never,
}

/// A server with a script.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<watch::Sender<Vec<Request>>>,
    script: Script,
}

impl Server {
    pub(crate) async fn new(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").await.expect("a port"), script)
    }

    /// On a listener that is there already.
    pub(crate) fn at(
        listener: TcpListener,
        script: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (server, router) = Self::unserved(url, script);
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// One for somebody else to serve.
    pub(crate) fn unserved(
        url: String,
        script: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> (Self, Router) {
        let requests = Arc::new(watch::Sender::new(Vec::new()));
        let server = Self { url, requests, script: Arc::new(script) };
        let router = Router::new().fallback(answer).with_state(server.clone());
        (server, router)
    }

    /// One that always says the same.
    pub(crate) async fn says(status: u16, body: Value) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        Self::new(move |_| Reply::Says(status, body.clone())).await
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }
}

async fn answer(
    State(server): State<Server>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_str(&text).unwrap_or_default();
    let mut number = 0;
    server.requests.send_modify(|requests| {
        number = requests.len();
        requests.push(Request { path, headers, text, body, at: Instant::now() });
    });
    match (server.script)(number) {
        Reply::Says(status, body) => (status, body.to_string()).into_response(),
        Reply::SaysLater(status, body, seconds) => {
            (status, [("retry-after", seconds)], body.to_string()).into_response()
        }
        Reply::Page(status, text) => (status, [("location", "/elsewhere")], text).into_response(),
        Reply::OnceAsked(often, status, body) => {
            let mut requests = server.requests.subscribe();
            let asked = requests.wait_for(|requests| requests.len() >= often).await;
            assert!(asked.is_ok(), "the server is there");
            (status, body.to_string()).into_response()
        }
        Reply::Never => std::future::pending().await,
    }
}

/// A no of `/v1/decisions`, which is no answer about anybody.
pub(crate) fn problem(status: u16, code: &str, text: &str) -> Value {
    json!({"type": "about:blank", "title": text, "status": status, "code": code, "request_id": "r"})
}

/// The answers of a server that opens an account, and that has one.
pub(crate) fn opened() -> Value {
    json!({"success": true, "message": "User ann provisioned successfully", "username": "ann", "created": true})
}

pub(crate) fn known() -> Value {
    json!({"success": true, "message": "User ann provisioned successfully", "username": "ann", "created": false})
}

pub(crate) fn refusal(code: &str, text: &str) -> Value {
    json!({"success": false, "error": text, "code": code, "request_id": "r"})
}

pub(crate) const SIGN_UPS: [&str; 3] =
    ["PreSignUp_SignUp", "PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider"];
pub(crate) const CONFIRMED: &str = "PostConfirmation_ConfirmSignUp";
pub(crate) const REPAIRS: [&str; 2] =
    ["PostAuthentication_Authentication", "PostConfirmation_ConfirmForgotPassword"];

/// An event as the developer guide describes it ("Customizing user pool workflows with Lambda triggers").
pub(crate) fn event(source: &str) -> Value {
    let response = match source {
        source if source.starts_with("PreSignUp") => {
            json!({"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false})
        }
        source if source.starts_with("TokenGeneration") => json!({"claimsOverrideDetails": null}),
        _ => json!({}),
    };
    json!({
        "version": "1", "triggerSource": source, "region": "eu-west-1", "userPoolId": "eu-west-1_aBcDeF",
        "userName": "ef602707-5cfd-4d18-b4f1-2182fcadbef5",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "1guwmacsuuus44nxlikd78hgq"},
        "request": {
            "userAttributes": {"sub": "ef602707-5cfd-4d18-b4f1-2182fcadbef5", "cognito:user_status": "CONFIRMED",
                "email_verified": "true", "email": EMAIL},
            "clientMetadata": {"campaign": "spring"},
        },
        "response": response,
    })
}

/// The trigger.
pub(crate) struct Trigger {
    pub(crate) lambda: Lambda,
}

impl Trigger {
    /// In front of a server, with a key.
    pub(crate) fn of(server: &Server, more: &[(&str, &str)]) -> Self {
        let set = [("ENLIST_SERVER", server.url.as_str()), ("ENLIST_KEY", KEY)];
        Self::with([&set, more].concat(), Duration::from_secs(5))
    }

    /// With settings of a test's own, and the function's time limit.
    pub(crate) fn with(set: Vec<(&str, &str)>, time_limit: Duration) -> Self {
        let environment =
            set.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let bootstrap = PathBuf::from(env!("CARGO_BIN_EXE_enlist-lambda"));
        let init_limit = Duration::from_secs(60);
        let function = Function { bootstrap, environment, time_limit, init_limit, prints: false };
        Self { lambda: Lambda::new(function) }
    }

    /// What an event is answered; no insides in it.
    pub(crate) async fn invoke(&self, event: &Value) -> Invocation {
        self.invoke_text(event.to_string()).await
    }

    /// The same of one that no `Value` holds.
    pub(crate) async fn invoke_text(&self, event: impl Into<Bytes>) -> Invocation {
        let answer = self.lambda.invoke(event.into()).await;
        if answer.is_error {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            for inside in INSIDES {
                assert!(!text.contains(inside), "{inside} in {text}");
            }
        }
        answer
    }

    /// Has an event answered with itself.
    pub(crate) async fn echoes(&self, event: &Value) {
        self.echoes_text(&event.to_string()).await;
    }

    /// The same of one that no `Value` holds.
    pub(crate) async fn echoes_text(&self, event: &str) {
        let answer = self.invoke_text(event.to_owned()).await;
        assert_eq!(text(&answer), event);
        assert!(!answer.is_error);
    }

    /// Has an event answered with words for the person.
    pub(crate) async fn tells(&self, event: &Value, kind: &str, words: &str) {
        let answer = self.invoke(event).await;
        assert!(answer.is_error, "{}", text(&answer));
        let expected = json!({"errorType": kind, "errorMessage": words});
        assert_eq!(serde_json::from_slice::<Value>(&answer.body).expect("JSON"), expected);
    }

    /// The line about the latest invocation.
    pub(crate) async fn line(&self) -> Value {
        let invoked = self.lambda.invoked();
        let about = |lines: &[String]| {
            lines.iter().filter(|line| line.contains(r#""outcome":"#)).count() as u64
        };
        let lines = self.said(|lines| about(lines) >= invoked).await;
        lines.into_iter().rfind(|line| line.get("outcome").is_some()).expect("a line about it")
    }

    /// Everything that was said, once it is enough.
    pub(crate) async fn said(&self, enough: impl Fn(&[String]) -> bool) -> Vec<Value> {
        let lines = self.lambda.lines_when(enough);
        let lines =
            tokio::time::timeout(Duration::from_secs(60), lines).await.expect("what is to be said");
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }
}

/// No line of any test says a secret, or an e-mail.
impl Drop for Trigger {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for line in self.lambda.lines() {
            for secret in [KEY, "S3CRET", TOKEN, EMAIL] {
                assert!(!line.contains(secret), "{secret} in {line}");
            }
        }
    }
}

pub(crate) fn text(answer: &Invocation) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
