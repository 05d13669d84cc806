//! Tells a tenant's endpoint what happened: one signed request an attempt, on a connection of its own.
//! Refuses to go where `address` does not let it, to follow a redirect, to use a proxy, to keep a cookie, and to wait for long; and to say
//! of an answer more than its status: what stands in it is thrown away.

use crate::domain::{Endpoint, TenantId};
use crate::downstream::address::{Forbidden, Guarded, Reach, literal};
use crate::downstream::lookups;
use crate::downstream::missed::{missed, why};
use crate::downstream::{Message, Missed, Why};
use ipnet::IpNet;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
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

impl Courier {
    /// One that goes to public addresses, and into these networks also without TLS.
    pub fn new(allow: &[IpNet]) -> Self {
        let reach = Reach::new(allow);
        let way = |plain| Way { guarded: reach.guarded(plain), plain, client: OnceLock::new() };
        Self(Arc::new(Ways { secure: way(false), plain: way(true) }))
    }

    /// Whether a webhook may have this URL as far as anybody can know now; gives its origin, which is all of it that may be told. A name
    /// that leads nowhere yet is taken: where it leads is looked at again at each attempt.
    pub async fn check(&self, tenant: TenantId, url: &str) -> Result<String, NoEndpoint> {
        let url = read(url)?;
        let way = self.way(&url);
        way.guarded.check_literal(&url)?;
        if literal(&url).is_none() {
            let host = url.host_str().unwrap_or_default().to_owned();
            let look_up = lookups::of(tenant, way.guarded.look_up(host));
            let found = tokio::time::timeout(LOOKED_UP_WITHIN, look_up).await;
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
        self.deliver_within(DONE_WITHIN, endpoint, message).await
    }

    async fn deliver_within(
        &self,
        within: Duration,
        endpoint: &Endpoint,
        message: &Message,
    ) -> Attempt {
        let began = Instant::now();
        let send = lookups::of(endpoint.tenant, self.send(endpoint, message));
        let (status, missed) = match tokio::time::timeout(within, send).await {
            Ok(Ok(mut response)) => {
                let status = response.status();
                let missed = missed(status, response.headers());
                // It has answered: how it ends its answer, or whether, changes nothing.
                let left = within.saturating_sub(began.elapsed()).min(CONNECTED_WITHIN);
                let _ = tokio::time::timeout(left, throw_away(&mut response)).await;
                (Some(status.as_u16()), missed)
            }
            Ok(Err(missed)) => (None, Some(missed)),
            Err(_) => (None, Some(Missed::new(Why::TimedOut, "no answer within 15 seconds"))),
        };
        Attempt { status, missed, took: began.elapsed() }
    }

    async fn send(&self, endpoint: &Endpoint, message: &Message) -> Result<Response, Missed> {
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
        request.send().await.map_err(why)
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
    use super::{Courier, Endpoint, Message, NoEndpoint, read};
    use crate::domain::TenantId;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

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
        let url = "http://127.0.0.1:8080/a/token?key=secret";
        let origin = courier.check(TenantId(1), url).await;
        assert_eq!(origin.as_deref(), Ok("http://127.0.0.1:8080"));
        for url in ["http://8.8.8.8/", "https://10.0.0.1/", "https://[::ffff:10.0.0.1]/"] {
            let refused = courier.check(TenantId(1), url).await;
            assert!(matches!(refused, Err(NoEndpoint::Forbidden(_))), "{url}: {refused:?}");
        }
        let closed = Courier::new(&[]);
        let refused = closed.check(TenantId(1), "https://localhost/").await;
        assert!(matches!(refused, Err(NoEndpoint::Forbidden(_))), "{refused:?}");
    }

    /// Answers with the head of a 200 and a part of its body, whoever comes, and never ends it.
    fn unending() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx");
                open.push(stream);
            }
        });
        url
    }

    #[tokio::test]
    async fn who_has_answered_200_in_time_has_it_however_long_the_rest_takes() {
        let courier = Courier::new(&["127.0.0.1/32".parse().expect("a network")]);
        let (tenant, secrets) = (TenantId(1), Vec::new());
        let endpoint = Endpoint { tenant, url: unending(), setting: 0, secrets };
        let message = Message { id: "msg_1".to_owned(), body: "{}".to_owned() };
        let mut status = None;
        // On a machine that is busy the head may come late: then there is more time.
        for within in [250, 500, 1000, 2000, 4000].map(Duration::from_millis) {
            let attempt = courier.deliver_within(within, &endpoint, &message).await;
            status = attempt.status;
            assert_eq!(status.is_some(), attempt.missed.is_none(), "{attempt:?}");
            if status.is_some() {
                break;
            }
        }
        assert_eq!(status, Some(200));
    }
}
