//! The Enlist server: where it is, whose key is carried, what its answers mean.
//! Refuses to take a key as an argument, to follow a redirect with one, and to print one.

use crate::arguments::ServerArguments;
use crate::aws::chain;
use crate::ending::{Ending, Failure};
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

/// More than any key has.
const KEY_LIMIT_BYTES: u64 = 4096;

/// A server, and the key to ask it with.
pub(crate) struct Server {
    base: Url,
    shown: Url,
    http: reqwest::Client,
    key: HeaderValue,
    tenant: Option<String>,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Null when it is no JSON.
    pub(crate) body: Value,
    pub(crate) retry_after: Option<Duration>,
    /// Where the server's log and record have it.
    pub(crate) request_id: Option<String>,
}

impl Answer {
    /// The code of a no.
    pub(crate) fn code(&self) -> Option<&str> {
        self.body["code"].as_str()
    }

    /// A no in one line.
    pub(crate) fn says(&self) -> String {
        let title = self.body["title"].as_str().or(self.body["error"].as_str()).unwrap_or_default();
        match self.code() {
            Some(code) => format!("{} {title} ({code})", self.status),
            None => format!("the server answered {}, and not as an Enlist does", self.status),
        }
    }

    /// What the verb ends with that cannot go on after this.
    pub(crate) fn failure(&self) -> Failure {
        let ending = match (self.status, self.code()) {
            (401, _) | (403, Some("scope_missing")) => Ending::Locked,
            (400, Some(_)) => Ending::WrongUse,
            (402..500, Some(_)) => Ending::No,
            _ => Ending::Failed,
        };
        Failure::new(ending, self.says())
    }
}

impl Server {
    /// The server and the key that were named.
    pub(crate) fn find(said: &ServerArguments) -> Result<Self, Failure> {
        let base = address(&said.server).ok_or_else(|| {
            // What is no address may be the key, in the wrong variable.
            Failure::new(Ending::WrongUse, "--server: expected http://HOST:PORT or https://HOST")
        })?;
        let mut client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            // A key goes to the server that was named, and no further.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if base.scheme() == "http" {
            // A machine without any certificates can still ask a server on its loopback.
            client = client.tls_certs_only([]);
        }
        let http = client.build().map_err(|error| Failure::new(Ending::Failed, chain(&error)))?;
        let tenant = said.tenant.clone().filter(|tenant| !tenant.is_empty());
        let shown = shown(&base);
        Ok(Self { base, shown, http, key: key(said.key_file.as_deref())?, tenant })
    }

    /// Where it is, as may be printed.
    pub(crate) fn shown(&self) -> &Url {
        &self.shown
    }

    /// Whether this is its address too.
    pub(crate) fn is_at(&self, other: &Url) -> bool {
        let plain = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        plain(&self.base) == plain(other)
    }

    /// The id in a tenant's key of the server's own making, which is no secret.
    pub(crate) fn key_id(&self) -> Option<&str> {
        let (id, _) = self.key.to_str().ok()?.strip_prefix("enl_tk_")?.split_once('_')?;
        (id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    }

    /// The tenant that was named.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// The same server, asked with another key, if it is one.
    pub(crate) fn with_key(&self, key: &str) -> Option<Self> {
        Some(Self {
            base: self.base.clone(),
            shown: self.shown.clone(),
            http: self.http.clone(),
            key: sendable(key)?,
            tenant: self.tenant.clone(),
        })
    }

    /// Asks at a door. An answer of any status is one.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).header("x-api-key", self.key.clone());
        if let Some(body) = body {
            request = request.json(body);
        }
        let lost = |error: reqwest::Error| chain(&error);
        let answer = request.send().await.map_err(lost)?;
        let header = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
        let seconds = header("retry-after").and_then(|seconds| seconds.parse().ok());
        let request_id = header("x-request-id");
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(lost)?;
        Ok(Answer {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            retry_after: seconds.map(Duration::from_secs),
            request_id,
        })
    }

    /// Asks at a door of the tenant's that was named, else of the key's.
    pub(crate) async fn ask_tenant(
        &self,
        method: Method,
        door: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        match &self.tenant {
            Some(tenant) => self.ask(method, &["v1", "tenants", tenant, door], query, body).await,
            None => self.ask(method, &["v1", door], query, body).await,
        }
    }
}

/// An address of a server.
pub(crate) fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// An address without what may be secret in it: name and password, query, fragment.
pub(crate) fn shown(url: &Url) -> Url {
    let mut shown = url.clone();
    // Neither fails where there is a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown
}

/// The key of `--key-file`, else of ENLIST_KEY. Of a file the first line alone is read.
fn key(file: Option<&Path>) -> Result<HeaderValue, Failure> {
    let locked = |says: String| Failure::new(Ending::Locked, says);
    let line = match file.filter(|file| !file.as_os_str().is_empty()) {
        Some(file) if file.as_os_str() == "-" => first_line(io::stdin().lock()),
        Some(file) => File::open(file).and_then(|file| first_line(BufReader::new(file))),
        None => Ok(std::env::var("ENLIST_KEY").unwrap_or_default()),
    };
    let line = line.map_err(|error| {
        // Who puts a key where its file belongs does not see it again in a log.
        let named =
            file.map(|file| file.display().to_string()).filter(|name| !name.starts_with("enl_"));
        locked(format!(
            "the key file {}: {error}",
            named.as_deref().unwrap_or("(a key, and not the name of its file)")
        ))
    })?;
    let key = line.trim();
    if key.is_empty() {
        return Err(locked("no key: say --key-file FILE (- for standard input), or set ENLIST_KEY_FILE or ENLIST_KEY".to_owned()));
    }
    sendable(key).ok_or_else(|| {
        locked(
            "what is there for a key is none: expected printable characters without spaces"
                .to_owned(),
        )
    })
}

/// A key as it is sent. A `{` begins the file of a first start, with two keys in it.
fn sendable(key: &str) -> Option<HeaderValue> {
    let is_one =
        !key.is_empty() && !key.starts_with('{') && key.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::from_str(key).ok().filter(|_| is_one)?;
    value.set_sensitive(true);
    Some(value)
}

fn first_line(input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(KEY_LIMIT_BYTES).read_line(&mut line)?;
    Ok(line)
}
