//! The server, asked: one attempt, and one more where another may be answered otherwise or the first is slow, within a budget. Refuses
//! to follow a redirect with the key, to ask again after a no, and to ask a third time.

use crate::answer::{Answer, Attempt, PAUSE};
use crate::budget::Budget;
use crate::key::Key;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use serde_json::Value;
use std::error::Error;
use std::pin::{Pin, pin};
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

/// An answer, and in how many attempts.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) attempts: u32,
}

impl Asked {
    /// Of nobody, since nothing could be asked.
    pub(crate) fn failed(code: &str) -> Self {
        Self { answer: Answer::Failed { code: code.to_owned(), detail: None }, attempts: 0 }
    }
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

/// No answer of ours is longer.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

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
    pub(crate) async fn ask(&self, door: Door, question: &str, id: &str, budget: &Budget) -> Asked {
        let key = match self.key.get(&self.http, budget.past_middle()).await {
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
            return Asked::failed("out_of_time");
        }
        let attempt = || self.attempt(door, question, key, id, budget.ends());
        let mut first = pin!(attempt());
        let helped = timeout_at(budget.past_middle(), &mut first).await;
        let (attempt, attempts) = match helped {
            // Slow, or lost on its way: nobody knows, and both get what is left. The same question twice does nothing twice.
            Err(_) if budget.leaves(Duration::ZERO) => (first_final(first, attempt()).await, 2),
            Err(_) => (first.await, 1),
            Ok(ended) => match ended.pause() {
                Some(pause) if budget.leaves(pause) => {
                    sleep(pause).await;
                    (attempt().await, 2)
                }
                _ => (ended, 1),
            },
        };
        Asked { answer: attempt.read(door), attempts }
    }

    async fn attempt(
        &self,
        door: Door,
        question: &str,
        key: &HeaderValue,
        id: &str,
        until: Instant,
    ) -> Attempt {
        let mut request = self
            .http
            .post(self.url(door))
            .header("X-API-Key", key.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(question.to_owned());
        // The server keeps ids of this kind, and makes one of its own for any other.
        if (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        {
            request = request.header("X-Request-Id", id);
        }
        let exchange = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let pause = response.headers().get(RETRY_AFTER).map_or(PAUSE, seconds);
            Ok(Attempt::Answered { status, pause, body: body(response).await? })
        };
        match timeout_at(until, exchange).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(error)) => broken(&error),
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

/// The first of two that would not be asked again; where neither is such, the better one.
async fn first_final(
    mut one: Pin<&mut impl Future<Output = Attempt>>,
    other: impl Future<Output = Attempt>,
) -> Attempt {
    let mut other = pin!(other);
    let (ended, is_one) = tokio::select! {
        ended = &mut one => (ended, true),
        ended = &mut other => (ended, false),
    };
    if ended.pause().is_none() {
        return ended;
    }
    let late = if is_one { other.await } else { one.await };
    if late.pause().is_none() { late } else { ended.or(late) }
}

fn broken(error: &reqwest::Error) -> Attempt {
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
    Attempt::Broken { code, detail: causes.join(": ") }
}

/// What `Retry-After` asks for. A date, or what cannot be read, is longer than anybody waits for us.
fn seconds(value: &HeaderValue) -> Duration {
    let seconds = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    seconds.map_or(Duration::MAX, Duration::from_secs)
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
    use tokio::sync::oneshot;

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
    fn a_pause_that_is_no_number_of_seconds_is_too_long() {
        for (text, expected) in [
            ("0", Duration::ZERO),
            (" 2 ", Duration::from_secs(2)),
            ("18446744073709551615", Duration::from_secs(u64::MAX)),
            ("18446744073709551616", Duration::MAX),
            ("-1", Duration::MAX),
            ("Wed, 21 Oct 2026 07:28:00 GMT", Duration::MAX),
            ("", Duration::MAX),
        ] {
            assert_eq!(seconds(&HeaderValue::from_static(text)), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn of_two_the_one_that_breaks_waits_for_the_other() {
        let broken = || Attempt::Broken { code: "broken_off", detail: String::new() };
        let said = |status| Attempt::Answered { status, pause: PAUSE, body: Value::Null };
        let status = |attempt| match attempt {
            Attempt::Answered { status, .. } => status,
            Attempt::Broken { .. } => 0,
        };
        for (early, late, expected) in [
            (broken(), said(200), 200),
            (said(503), said(409), 409),
            (said(200), broken(), 200),
            (said(503), broken(), 503),
            (broken(), said(502), 502),
            (broken(), broken(), 0),
        ] {
            let (ended, has_ended) = oneshot::channel();
            let early = async move {
                // Nobody hears it when the late one is not waited for.
                let _ = ended.send(());
                early
            };
            let late = async move {
                let _ = has_ended.await;
                late
            };
            assert_eq!(status(first_final(pin!(late), early).await), expected);
        }
    }
}
