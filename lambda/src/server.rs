//! The server, asked: one attempt, and one more where another may be answered otherwise, within a budget. Refuses to follow a
//! redirect with the key, to ask again after a no, and to take a stranger's page for an answer.

use crate::budget::Budget;
use crate::key::Key;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use serde_json::Value;
use std::error::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// An account, or who somebody is.
    ProvisionUser,
    /// What would come of it.
    Decisions,
}

/// What was said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Provisioned,
    Known,
    Granted,
    /// A rule said no, in words for the person.
    Refused {
        code: String,
        message: String,
    },
    /// It is not known what the rules say.
    Failed {
        code: String,
        detail: Option<String>,
    },
}

/// An answer, and in how many attempts.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) attempts: u32,
}

/// The server and the way to it, kept from one invocation to the next.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) http: Client,
    base: Url,
    key: Key,
}

/// How long a connection may take to be made.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// A pause before the second attempt where the server does not name one.
const PAUSE: Duration = Duration::from_millis(100);

/// No answer of ours is longer.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// Codes of a 403 or 409 that are about the key, not about the person.
const ABOUT_THE_KEY: [&str; 3] = ["scope_missing", "key_required", "key_invalid"];

/// What one attempt came to.
enum Attempt {
    Answered { status: u16, retry_after: Option<Duration>, body: Value },
    Broken { code: &'static str, detail: String },
}

impl Server {
    /// Makes the client; with `https` it needs the machine's list of authorities.
    pub(crate) fn new(base: Url, key: Key) -> Result<Self, reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .connect_timeout(CONNECTED_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if base.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        Ok(Self { http: builder.build()?, base, key })
    }

    /// Begins to ask for the key, if it has to be asked for.
    pub(crate) async fn prepare(&self, until: Instant) {
        // Whoever needs it asks again, and says why there is none.
        let _ = self.key.get(&self.http, until).await;
    }

    /// Asks, and once more where that may help and there is time.
    pub(crate) async fn ask(
        &self,
        door: Door,
        question: &Value,
        id: &str,
        budget: &Budget,
    ) -> Asked {
        let key = match self.key.get(&self.http, budget.first_ends()).await {
            Ok(key) => key,
            Err(error) => {
                let answer = Answer::Failed {
                    code: "key_unavailable".to_owned(),
                    detail: Some(error.to_string()),
                };
                return Asked { answer, attempts: 0 };
            }
        };
        if !budget.leaves(Duration::ZERO) {
            let answer = Answer::Failed { code: "out_of_time".to_owned(), detail: None };
            return Asked { answer, attempts: 0 };
        }
        let first = self.attempt(door, question, key, id, budget.first_ends()).await;
        match first.pause() {
            Some(pause) if budget.leaves(pause) => {
                sleep(pause).await;
                let second = self.attempt(door, question, key, id, budget.ends()).await;
                Asked { answer: second.read(door), attempts: 2 }
            }
            _ => Asked { answer: first.read(door), attempts: 1 },
        }
    }

    async fn attempt(
        &self,
        door: Door,
        question: &Value,
        key: &HeaderValue,
        id: &str,
        until: Instant,
    ) -> Attempt {
        let mut request =
            self.http.post(self.url(door)).header("X-API-Key", key.clone()).json(question);
        // The server keeps ids of this kind, and makes one of its own for any other.
        if (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        {
            request = request.header("X-Request-Id", id);
        }
        let exchange = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
            Ok(Attempt::Answered { status, retry_after, body: body(response).await? })
        };
        match timeout_at(until, exchange).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(error)) => Attempt::broken(&error),
            Err(_) => Attempt::Broken { code: "timed_out", detail: "no answer in time".to_owned() },
        }
    }

    fn url(&self, door: Door) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty();
            match door {
                Door::ProvisionUser => parts.push("provision-user"),
                Door::Decisions => parts.push("v1").push("decisions"),
            };
        }
        url
    }
}

impl Attempt {
    fn broken(error: &reqwest::Error) -> Self {
        let code = match error {
            error if error.is_connect() => "unreachable",
            error if error.is_timeout() => "timed_out",
            _ => "broken_off",
        };
        // The causes alone: the error itself would name the address.
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        causes.dedup();
        Self::Broken { code, detail: causes.join(": ") }
    }

    /// How long to wait before another attempt, when another may be answered otherwise.
    fn pause(&self) -> Option<Duration> {
        match self {
            Self::Broken { .. } => Some(PAUSE),
            Self::Answered { status: 429 | 500..=599, retry_after, body } => {
                let again = code(body) != Some("policy_failed");
                again.then(|| retry_after.unwrap_or(PAUSE))
            }
            Self::Answered { .. } => None,
        }
    }

    fn read(self, door: Door) -> Answer {
        let (status, body) = match self {
            Self::Broken { code, detail } => {
                return Answer::Failed { code: code.to_owned(), detail: Some(detail) };
            }
            Self::Answered { status, body, .. } => (status, body),
        };
        let said =
            |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (status, door) {
            (200, Door::ProvisionUser) if body.get("success") == Some(&Value::Bool(true)) => {
                let again = body.get("created") == Some(&Value::Bool(false));
                return if again { Answer::Known } else { Answer::Provisioned };
            }
            (200, Door::Decisions) if said("decision") == "grant" => return Answer::Granted,
            (200, Door::Decisions) if said("decision") == "refuse" => {
                return Answer::Refused { code: said("code"), message: said("message") };
            }
            (403 | 409, Door::ProvisionUser) => {
                if let Some(code) = code(&body).filter(|code| !ABOUT_THE_KEY.contains(code)) {
                    return Answer::Refused { code: code.to_owned(), message: said("error") };
                }
            }
            _ => {}
        }
        let code = match code(&body) {
            Some(code) => code.to_owned(),
            None if status == 200 => "no_answer_of_enlists".to_owned(),
            None => format!("http_{status}"),
        };
        Answer::Failed { code, detail: None }
    }
}

/// The code of an answer of Enlist's: fields are the same at both doors.
fn code(body: &Value) -> Option<&str> {
    body.get("code")?.as_str().filter(|code| (1..=64).contains(&code.len()))
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The body, null when it is no JSON or longer than any of ours.
async fn body(mut response: Response) -> Result<Value, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_LIMIT_BYTES {
            return Ok(Value::Null);
        }
    }
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answered(status: u16, body: Value) -> Attempt {
        Attempt::Answered { status, retry_after: None, body }
    }

    #[test]
    fn both_doors_are_below_the_base_with_or_without_a_slash() {
        let url = |base: &str, door| {
            let key = Key::given("k").expect("a key");
            Server::new(Url::parse(base).expect("a base"), key)
                .expect("a client")
                .url(door)
                .to_string()
        };
        for base in ["http://h", "http://h/"] {
            assert_eq!(url(base, Door::ProvisionUser), "http://h/provision-user");
            assert_eq!(url(base, Door::Decisions), "http://h/v1/decisions");
        }
        assert_eq!(
            url("http://h:8080/enlist/", Door::ProvisionUser),
            "http://h:8080/enlist/provision-user"
        );
    }

    #[test]
    fn only_what_may_be_answered_otherwise_is_asked_again() {
        for (status, code, again) in [
            (200, "", false),
            (301, "", false),
            (400, "field_invalid", false),
            (401, "key_invalid", false),
            (403, "name_unusable", false),
            (408, "body_timeout", false),
            (409, "username_taken", false),
            (429, "rate_limited", true),
            (500, "internal_error", true),
            (502, "", true),
            (503, "busy", true),
            (503, "policy_timeout", true),
            (503, "policy_failed", false),
        ] {
            assert_eq!(
                answered(status, json!({"code": code})).pause().is_some(),
                again,
                "{status} {code}"
            );
        }
    }

    #[test]
    fn a_no_is_a_rules_only_when_the_server_says_so() {
        let refused = |code: &str, message: &str| Answer::Refused {
            code: code.into(),
            message: message.into(),
        };
        let failed = |code: &str| Answer::Failed { code: code.into(), detail: None };
        let (provision, decide) = (Door::ProvisionUser, Door::Decisions);
        for (status, body, door, expected) in [
            (200, json!({"success": true, "created": true}), provision, Answer::Provisioned),
            (200, json!({"success": true}), provision, Answer::Provisioned),
            (200, json!({"success": true, "created": false}), provision, Answer::Known),
            (200, json!("<html>"), provision, failed("no_answer_of_enlists")),
            (200, json!({"success": true}), decide, failed("no_answer_of_enlists")),
            (403, json!({"error": "No", "code": "domain"}), provision, refused("domain", "No")),
            (
                409,
                json!({"error": "Taken", "code": "username_taken"}),
                provision,
                refused("username_taken", "Taken"),
            ),
            (
                403,
                json!({"title": "This key may not do that", "code": "scope_missing"}),
                provision,
                failed("scope_missing"),
            ),
            (403, Value::Null, provision, failed("http_403")),
            (
                400,
                json!({"error": "Wrong value for email", "code": "field_invalid"}),
                provision,
                failed("field_invalid"),
            ),
            (200, json!({"decision": "grant"}), decide, Answer::Granted),
            (
                200,
                json!({"decision": "refuse", "code": "c", "message": "m"}),
                decide,
                refused("c", "m"),
            ),
            (403, json!({"code": "scope_missing"}), decide, failed("scope_missing")),
            (302, Value::Null, decide, failed("http_302")),
        ] {
            assert_eq!(answered(status, body.clone()).read(door), expected, "{status} {body}");
        }
    }
}
