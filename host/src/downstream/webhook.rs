//! Tells a tenant's endpoint what happened: one signed request an attempt, on a connection of its own.
//! Refuses to go where `address` does not let it, to follow a redirect, to use a proxy, to keep a cookie, and to wait for long; and to say
//! of an answer more than its status: what stands in it is thrown away.

use crate::domain::Endpoint;
use crate::downstream::Message;
use crate::downstream::address::{Forbidden, Guarded, Reach, literal};
use ipnet::IpNet;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a connection may take to be made, its name looked up and its TLS agreed on.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// How long an attempt may take.
const DONE_WITHIN: Duration = Duration::from_secs(15);

/// What is taken in of an answer before the connection is closed: whoever wrote less is not cut off.
const ANSWER_LIMIT_BYTES: usize = 64 << 10;

/// The longest URL.
const URL_LIMIT_BYTES: usize = 2048;

/// How long a name may take to be looked up while somebody waits for an answer.
const LOOKED_UP_WITHIN: Duration = Duration::from_secs(2);

/// No more than this is waited because an endpoint asks for it.
const WAIT_LIMIT: Duration = Duration::from_secs(60 * 60);

const AGENT: &str = concat!("Enlist/", env!("CARGO_PKG_VERSION"));

/// Carries messages to endpoints.
#[derive(Clone, Debug)]
pub struct Courier(Arc<Ways>);

#[derive(Debug)]
struct Ways {
    secure: Way,
    plain: Way,
}

/// With TLS, or without.
#[derive(Debug)]
struct Way {
    guarded: Guarded,
    plain: bool,
    /// Made when it is first needed: a machine without certificates runs a server all the same.
    client: OnceLock<Client>,
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// What the endpoint answered, if it did.
    pub status: Option<u16>,
    /// Why that is no arrival; none when it arrived.
    pub missed: Option<Missed>,
    /// How long it took.
    pub took: Duration,
}

/// Why a message did not arrive.
#[derive(Debug)]
pub struct Missed {
    /// In one word.
    pub why: Why,
    /// For whoever runs the server: never what the endpoint wrote, nor more of the URL than its host.
    pub detail: String,
    /// How long the endpoint wants to be left alone.
    pub wait: Option<Duration>,
}

/// Why, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It answered with another status than 200 to 299.
    Status,
    /// It answered that it is gone for good.
    Gone,
    /// The address is not one that may be sent to.
    Forbidden,
    /// The name leads nowhere.
    Unresolved,
    /// Nobody answered there, or it broke.
    Unreachable,
    /// It could not show a certificate that is trusted, for its name.
    Tls,
    /// It took too long.
    TimedOut,
}

/// Why a URL is no webhook's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEndpoint {
    /// By its form.
    #[error("{0}")]
    Form(&'static str),
    /// By where it leads.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

impl Why {
    /// As answers and the outbox spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Gone => "gone",
            Self::Forbidden => "address_not_public",
            Self::Unresolved => "name_unresolved",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls_failed",
            Self::TimedOut => "timed_out",
        }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.why.as_str(), self.detail)
    }
}

impl Courier {
    /// One that goes to public addresses, and into these networks also without TLS.
    pub fn new(allow: &[IpNet]) -> Self {
        let reach = Reach::new(allow);
        let way = |plain| Way { guarded: reach.guarded(plain), plain, client: OnceLock::new() };
        Self(Arc::new(Ways { secure: way(false), plain: way(true) }))
    }

    /// Whether a webhook may have this URL as far as anybody can know now; gives its origin, which is all of it that may be told. A name
    /// that leads nowhere yet is taken: where it leads is looked at again at each attempt.
    pub async fn check(&self, url: &str) -> Result<String, NoEndpoint> {
        let url = read(url)?;
        let way = self.way(&url);
        way.guarded.check_literal(&url)?;
        if literal(&url).is_none() {
            let host = url.host_str().unwrap_or_default().to_owned();
            let found = tokio::time::timeout(LOOKED_UP_WITHIN, way.guarded.look_up(host)).await;
            if let Ok(Err(error)) = found
                && let Some(forbidden) = error.downcast_ref::<Forbidden>()
            {
                return Err((*forbidden).into());
            }
        }
        Ok(url.origin().ascii_serialization())
    }

    /// Makes one attempt.
    pub async fn deliver(&self, endpoint: &Endpoint, message: &Message) -> Attempt {
        let began = Instant::now();
        let answer = tokio::time::timeout(DONE_WITHIN, self.send(endpoint, message)).await;
        let (status, missed) = match answer {
            Ok(Ok((status, headers))) => (Some(status.as_u16()), missed(status, &headers)),
            Ok(Err(missed)) => (None, Some(missed)),
            Err(_) => (None, Some(Missed::new(Why::TimedOut, "no answer within 15 seconds"))),
        };
        Attempt { status, missed, took: began.elapsed() }
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Result<(StatusCode, HeaderMap), Missed> {
        let url =
            read(&endpoint.url).map_err(|error| Missed::new(Why::Forbidden, &error.to_string()))?;
        let way = self.way(&url);
        let forbidden = |error: Forbidden| Missed::new(Why::Forbidden, &error.to_string());
        way.guarded.check_literal(&url).map_err(forbidden)?;
        let client = way.client().map_err(why)?;
        let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let request = client
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", sent_at)
            .header("webhook-signature", message.signatures(sent_at, &endpoint.secrets))
            .body(message.body.clone());
        let mut response = request.send().await.map_err(why)?;
        let answered = (response.status(), response.headers().clone());
        // It has answered: how it ends its answer, or whether, changes nothing.
        let _ = tokio::time::timeout(CONNECTED_WITHIN, throw_away(&mut response)).await;
        Ok(answered)
    }

    fn way(&self, url: &Url) -> &Way {
        if url.scheme() == "http" { &self.0.plain } else { &self.0.secure }
    }
}

impl Way {
    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // It is there already when the doors speak TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECTED_WITHIN)
            .dns_resolver(self.guarded.clone())
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            // What was looked at is what is connected to, each time.
            .pool_max_idle_per_host(0);
        builder = if self.plain { builder.tls_certs_only([]) } else { builder.https_only(true) };
        Ok(self.client.get_or_init({
            let client = builder.build()?;
            || client
        }))
    }
}

impl Missed {
    fn new(why: Why, detail: &str) -> Self {
        Self { why, detail: detail.to_owned(), wait: None }
    }
}

/// The URL, if it is one by its form.
fn read(text: &str) -> Result<Url, NoEndpoint> {
    let wrong = |why| Err(NoEndpoint::Form(why));
    if text.len() > URL_LIMIT_BYTES {
        return wrong("it has more than 2048 bytes");
    }
    let Ok(url) = Url::parse(text) else { return wrong("expected https://HOST/…") };
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return wrong("expected https://HOST/…");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("a user name and a password are not taken: messages are signed");
    }
    if url.fragment().is_some() {
        return wrong("what stands after # would never be sent");
    }
    Ok(url)
}

/// What a status means that is not one of arrival.
fn missed(status: StatusCode, headers: &HeaderMap) -> Option<Missed> {
    let (why, wait) = match status {
        success if success.is_success() => return None,
        StatusCode::GONE => (Why::Gone, None),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            (Why::Status, headers.get(RETRY_AFTER).and_then(wait))
        }
        _ => (Why::Status, None),
    };
    Some(Missed { why, detail: status.as_u16().to_string(), wait })
}

/// `Retry-After`: seconds, or a moment.
fn wait(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(text).ok()?;
            until.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(wait.min(WAIT_LIMIT))
}

/// Why no answer came.
fn why(error: reqwest::Error) -> Missed {
    let error = error.without_url();
    let mut why = match () {
        () if error.is_timeout() => Why::TimedOut,
        () if error.is_dns() => Why::Unresolved,
        () => Why::Unreachable,
    };
    let mut detail = error.to_string();
    let mut cause = Error::source(&error);
    while let Some(one) = cause {
        if let Some(forbidden) = one.downcast_ref::<Forbidden>() {
            return Missed::new(Why::Forbidden, &forbidden.to_string());
        }
        if one.is::<rustls::Error>() {
            why = Why::Tls;
        }
        detail = one.to_string();
        // What stands within an I/O error is not its source.
        let within = one.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = within.map(|within| within as &dyn Error).or_else(|| one.source());
    }
    Missed::new(why, &detail)
}

async fn throw_away(response: &mut Response) {
    let mut left = ANSWER_LIMIT_BYTES;
    while let Ok(Some(part)) = response.chunk().await {
        left = left.saturating_sub(part.len());
        if left == 0 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Courier, HeaderValue, NoEndpoint, StatusCode, WAIT_LIMIT, Why, missed, read, wait,
    };
    use reqwest::header::{HeaderMap, RETRY_AFTER};
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_url_that_is_none_of_a_webhooks_is_refused() {
        for url in [
            "",
            "hooks.example",
            "ftp://hooks.example/",
            "file:///etc/passwd",
            "https:///",
            "https://",
            "data:text/plain,x",
            "https://user@hooks.example/",
            "https://:secret@hooks.example/",
            "https://hooks.example/#part",
            "unix:/run/sock",
        ] {
            assert!(read(url).is_err(), "{url}");
        }
        assert!(read(&format!("https://x.example/{}", "x".repeat(2048))).is_err());
        assert!(read("https://hooks.example:8443/a?token=b").is_ok());
    }

    #[tokio::test]
    async fn only_the_origin_of_a_url_may_be_told() {
        let courier = Courier::new(&["127.0.0.1/32".parse().expect("a network")]);
        let origin = courier.check("http://127.0.0.1:8080/a/token?key=secret").await;
        assert_eq!(origin.as_deref(), Ok("http://127.0.0.1:8080"));
        for url in ["http://8.8.8.8/", "https://10.0.0.1/", "https://[::ffff:10.0.0.1]/"] {
            let refused = courier.check(url).await;
            assert!(matches!(refused, Err(NoEndpoint::Forbidden(_))), "{url}: {refused:?}");
        }
        let closed = Courier::new(&[]);
        let refused = closed.check("https://localhost/").await;
        assert!(matches!(refused, Err(NoEndpoint::Forbidden(_))), "{refused:?}");
    }

    #[test]
    fn two_hundreds_arrive_and_nothing_else_does() {
        let none = HeaderMap::new();
        for status in 200..600 {
            let missed = missed(StatusCode::from_u16(status).expect("a status"), &none);
            assert_eq!(missed.is_none(), status < 300, "{status}");
            assert_eq!(missed.is_some_and(|missed| missed.why == Why::Gone), status == 410);
        }
    }

    #[test]
    fn an_endpoint_is_left_alone_as_long_as_it_asks_and_an_hour_at_most() {
        let read = |text: &str| wait(&HeaderValue::from_str(text).expect("a value"));
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("99999999999"), Some(WAIT_LIMIT));
        assert_eq!(read("soon"), None);
        let date = |at: SystemTime| httpdate::fmt_http_date(at);
        assert_eq!(read(&date(SystemTime::UNIX_EPOCH)), Some(Duration::ZERO));
        let later = read(&date(SystemTime::now() + Duration::from_secs(600))).expect("a time");
        assert!((590..=600).contains(&later.as_secs()), "{later:?}");
        assert_eq!(read(&date(SystemTime::now() + Duration::from_secs(86_400))), Some(WAIT_LIMIT));
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        for (status, waits) in [(429, true), (503, true), (500, false), (404, false)] {
            let missed = missed(StatusCode::from_u16(status).expect("a status"), &headers);
            assert_eq!(missed.expect("a no").wait.is_some(), waits, "{status}");
        }
    }
}
