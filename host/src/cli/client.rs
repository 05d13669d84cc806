//! What the verbs share that ask a running server: where it is, whose key they carry, what its answers mean and how a verb ends.
//! Refuses to take a key as an argument, which every user of the machine could read, to follow a redirect with one, and to print one.

mod key;
mod patience;
mod table;

pub(crate) use patience::{Patience, Said};
pub(crate) use table::{Table, text};

use crate::cli::{Ending, fail, own_certificate, say};
use crate::config::{Config, Flags};
use crate::sandbox::quote;
use clap::{Args, ValueEnum};
use reqwest::header::{HeaderValue, IF_MATCH};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

/// What every verb takes that asks a server.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// How answers are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The tenant that a verb is about.
    #[arg(short, long, global = true, env = "ENLIST_TENANT", value_name = "TENANT")]
    tenant: Option<String>,
    /// The server [default: where the settings say that one listens].
    #[arg(long, global = true, env = "ENLIST_SERVER", value_name = "URL")]
    server: Option<String>,
    /// A file whose first line is the key, or - for standard input [or the key itself in ENLIST_KEY].
    #[arg(long, global = true, env = "ENLIST_KEY_FILE", value_name = "FILE")]
    key_file: Option<OsString>,
    /// Do not ask before something that cannot be undone.
    #[arg(long, global = true)]
    yes: bool,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// As the server answered.
    Json,
}

/// Where a server is, and how it is reached.
pub(crate) struct Server {
    base: Url,
    http: reqwest::Client,
    runtime: Runtime,
}

/// A server, and the key to ask it with.
pub(crate) struct Client {
    server: Server,
    /// Or why there is none, for the verb that comes as far as needing it.
    key: Result<HeaderValue, String>,
    remote: Remote,
}

/// How long a connection may take to be made.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The same where a policy may have to be made: it waits its turn behind others, and the server gives up before we do.
const MADE_WITHIN: Duration = Duration::from_secs(400);

impl Remote {
    /// The tenant that the verb is about.
    pub(crate) fn tenant(&self) -> Result<&str, Ending> {
        let named = self.tenant.as_deref().filter(|tenant| !tenant.is_empty());
        named.ok_or_else(|| {
            eprintln!(
                "enlist: which tenant? Say it with -t TENANT (--tenant), or in ENLIST_TENANT"
            );
            Ending::WrongUse
        })
    }

    /// Prints an answer: as it came, or as `text` puts it.
    pub(crate) fn show(&self, answer: &Value, text: impl FnOnce(&Value) -> String) -> Ending {
        match self.output {
            Output::Json if answer.is_null() => Ending::Yes,
            Output::Json => say(&format!("{answer}\n")),
            Output::Text => say(&text(answer)),
        }
    }

    /// How answers are to be printed.
    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// `--yes`.
    pub(crate) fn is_sure(&self) -> bool {
        self.yes
    }

    /// Asks whoever sits at the terminal, if somebody does.
    pub(crate) fn confirm_at_a_terminal(&self, question: &str) -> Result<(), Ending> {
        let nobody = !io::stdin().is_terminal() || !io::stderr().is_terminal();
        if nobody { Ok(()) } else { self.confirm(question) }
    }

    /// Asks whoever sits at the terminal; without one `--yes` has to have been said.
    pub(crate) fn confirm(&self, question: &str) -> Result<(), Ending> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            eprintln!("enlist: {question} Say --yes: there is no terminal to ask at");
            return Err(Ending::WrongUse);
        }
        eprint!("{question} [y/N] ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(|error| fail(&error, Ending::No))?;
        if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        eprintln!("enlist: nothing was done");
        Err(Ending::No)
    }
}

impl Server {
    /// The server that flags, environment or settings name.
    pub(crate) fn find(config: Option<PathBuf>, remote: &Remote) -> Result<Self, Ending> {
        let said = remote.server.clone().filter(|server| !server.is_empty());
        let (said, own) = match said {
            Some(server) => (server, None),
            None => {
                let loaded = Config::load(&Flags { config, ..Flags::default() });
                let config = loaded.map_err(|error| fail(&error, Ending::WrongUse))?.config;
                let own = config.tls().map(|tls| own_certificate::only(&tls.cert)).transpose();
                let own = own.map_err(|error| {
                    let cert = config.tls.cert.display();
                    eprintln!("enlist: tls.cert: {cert}: {error} (or say --server)");
                    Ending::WrongUse
                })?;
                (config.url(config.listen), own)
            }
        };
        let base = Url::parse(&said).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && !url.cannot_be_a_base()
        });
        let Some(base) = base else {
            eprintln!("enlist: --server: expected http://HOST:PORT or https://HOST, got {said:?}");
            return Err(Ending::WrongUse);
        };
        // It is there already when a server runs in this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECTED_WITHIN)
            .timeout(ANSWER_WITHIN)
            // A key goes to the server that was named, and no further.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(own) = own {
            builder = builder.tls_backend_preconfigured(own);
        } else if base.scheme() == "http" {
            // A machine without any certificates can still ask a server on its loopback.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| fail(&error, Ending::Failed))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fail(&error, Ending::Failed))?;
        Ok(Self { base, http, runtime })
    }

    /// The address of what these parts of a path name.
    pub(crate) fn url(&self, path: &[&str]) -> Result<Url, Ending> {
        // A part of this kind would lead to another door than the verb's.
        if let Some(part) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            eprintln!("enlist: {part:?} is no name");
            return Err(Ending::WrongUse);
        }
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        Ok(url)
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request; an answer of any status is one.
    pub(crate) fn exchange(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>), Ending> {
        let exchange = async {
            let response = request.send().await?;
            let status = response.status();
            Ok((status, response.bytes().await?.to_vec()))
        };
        let unreachable = |error: reqwest::Error| fail(&error, Ending::Failed);
        self.runtime.block_on(exchange).map_err(unreachable)
    }
}

impl Client {
    /// Finds the server, and the key to ask it with.
    pub(crate) fn new(config: Option<PathBuf>, remote: Remote) -> Result<Self, Ending> {
        let file = remote.key_file.as_deref().filter(|file| !file.is_empty()).map(Path::new);
        // Now, while the first line of standard input is still there.
        let key = key::find(file);
        Ok(Self { server: Server::find(config, &remote)?, key, remote })
    }

    /// What was said beside the verb.
    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The address of what these parts of a path name, `/v1` before them.
    pub(crate) fn url(&self, path: &[&str]) -> Result<Url, Ending> {
        self.server.url(&[&["v1"], path].concat())
    }

    /// The same below the tenant that the verb is about; without one the verb ends, and says how to name one.
    pub(crate) fn tenant_url(&self, path: &[&str]) -> Result<Url, Ending> {
        self.url(&[&["tenants", self.remote.tenant()?], path].concat())
    }

    /// Asks, and gives what was answered; a no is printed, and is how the verb ends. Null when there is nothing to be said.
    pub(crate) fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, Ending> {
        let mut request = self.begin(method, url)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request)
    }

    /// Asks with a form.
    pub(crate) fn send_form(&self, url: Url, form: Form) -> Result<Value, Ending> {
        self.answer(self.begin(Method::POST, url)?.multipart(form).timeout(MADE_WITHIN))
    }

    /// Asks for something to be done, with `tag` only while this is what is there.
    pub(crate) fn send_if_match(&self, url: Url, tag: Option<String>) -> Result<Value, Ending> {
        let mut request = self.begin(Method::POST, url)?.timeout(MADE_WITHIN);
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        self.answer(request)
    }

    /// Asks for what is there and may be no JSON.
    pub(crate) fn fetch(&self, url: Url) -> Result<Vec<u8>, Ending> {
        let (status, answer) = self.server.exchange(self.begin(Method::GET, url)?)?;
        if status.is_success() { Ok(answer) } else { Err(no(status, &answer)) }
    }

    pub(crate) fn begin(&self, method: Method, url: Url) -> Result<RequestBuilder, Ending> {
        let key = self.key.clone().map_err(|why| {
            eprintln!("enlist: {why}");
            Ending::Locked
        })?;
        Ok(self.server.request(method, url).header("x-api-key", key))
    }

    fn answer(&self, request: RequestBuilder) -> Result<Value, Ending> {
        let (status, answer) = self.server.exchange(request)?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        match serde_json::from_slice::<Value>(&answer) {
            Ok(answer) if status.is_success() => Ok(answer),
            _ => Err(no(status, &answer)),
        }
    }

    /// Asks for what is there.
    pub(crate) fn get(&self, url: Url) -> Result<Value, Ending> {
        self.send(Method::GET, url, None)
    }

    /// Asks for what may not be there.
    pub(crate) fn look(&self, url: Url) -> Result<Option<Value>, Ending> {
        let (status, answer) = self.server.exchange(self.begin(Method::GET, url)?)?;
        match serde_json::from_slice::<Value>(&answer) {
            Ok(answer) if status.is_success() => Ok(Some(answer)),
            Ok(problem) if problem["code"] == "not_found" => Ok(None),
            _ => Err(no(status, &answer)),
        }
    }

    /// Asks for every page of a list: `{"items": […], "next": null}`.
    pub(crate) fn list(&self, url: Url) -> Result<Value, Ending> {
        let (mut items, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut page = url.clone();
            if let Some(after) = &after {
                page.query_pairs_mut().append_pair("after", after);
            }
            let mut page = self.get(page)?;
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            match page["next"].as_str() {
                Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
                _ => return Ok(json!({"items": items, "next": null})),
            }
        }
    }

    /// Prints an answer: as it came, or as `text` puts it.
    pub(crate) fn show(&self, answer: &Value, text: impl FnOnce(&Value) -> String) -> Ending {
        self.remote.show(answer, text)
    }
}

/// Says what came instead of what was asked for.
pub(crate) fn no(status: StatusCode, answer: &[u8]) -> Ending {
    match serde_json::from_slice::<Value>(answer) {
        Ok(problem) if problem["code"].is_string() => refused(status, &problem),
        _ => {
            eprintln!("enlist: the server answered {status}, and not as an Enlist does");
            ending(status, "")
        }
    }
}

/// Says what a server said no with: what, why, and where to look for more.
fn refused(status: StatusCode, problem: &Value) -> Ending {
    let member = |name: &str| quote(problem[name].as_str().unwrap_or_default());
    let (title, code, id) = (member("title"), member("code"), member("request_id"));
    match problem["detail"].as_str() {
        Some(detail) => eprintln!("enlist: {title}: {} ({code}, request {id})", quote(detail)),
        None => eprintln!("enlist: {title} ({code}, request {id})"),
    }
    for error in problem["errors"].as_array().into_iter().flatten() {
        let part = |name: &str| quote(error[name].as_str().unwrap_or_default());
        eprintln!("  {}: {}", part("pointer"), part("detail"));
    }
    ending(status, &code)
}

/// How a verb ends that was not answered with a yes.
fn ending(status: StatusCode, code: &str) -> Ending {
    match status.as_u16() {
        401 => Ending::Locked,
        403 if code == "scope_missing" => Ending::Locked,
        400 => Ending::WrongUse,
        402..500 => Ending::No,
        _ => Ending::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, StatusCode, ending};

    #[test]
    fn a_status_is_an_ending() {
        for (status, code, expected) in [
            (400, "field_invalid", Ending::WrongUse),
            (401, "key_invalid", Ending::Locked),
            (403, "scope_missing", Ending::Locked),
            (403, "name_unusable", Ending::No),
            (404, "not_found", Ending::No),
            (409, "username_taken", Ending::No),
            (429, "rate_limited", Ending::No),
            (500, "internal_error", Ending::Failed),
            (503, "busy", Ending::Failed),
            (301, "", Ending::Failed),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(ending(status, code), expected, "{status} {code}");
        }
    }
}
