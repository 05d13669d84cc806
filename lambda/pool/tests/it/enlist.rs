//! A server of Enlist's for a test: the real one where ENLIST_BINARY names it, else a stand-in that answers as docs/api.md has it.
//! The stand-in refuses to be clever: it knows people by `sub` and names them by their e-mail.

use crate::http::{Answer, Listener, Message, pass};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// A path of the command's line, which holds in every folder then.
pub(crate) fn from_here(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A server, and keys for it.
pub(crate) struct Enlist {
    pub(crate) url: String,
    pub(crate) tenant_key: String,
    pub(crate) operator_key: String,
    kept: Kept,
}

enum Kept {
    Real { child: Child, folder: TempDir },
    StandIn { listener: Listener },
}

impl Enlist {
    /// A new one, with nobody in it.
    pub(crate) fn start() -> Self {
        match std::env::var("ENLIST_BINARY").ok().filter(|path| !path.is_empty()) {
            Some(path) => Self::real(&from_here(&path)),
            None => Self::stand_in(),
        }
    }

    fn real(path: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("enlist.toml"), "listen = \"127.0.0.1:0\"\n")
            .expect("settings");
        let mut command = Command::new(path);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ENLIST_"))
        {
            command.env_remove(name);
        }
        let mut child = command
            .args(["serve", "--config", "enlist.toml", "--data-dir", "data", "--print-first-keys"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        Self {
            url: format!("http://{}", text("listen")),
            tenant_key: text("tenant_key"),
            operator_key: text("operator_key"),
            kept: Kept::Real { child, folder },
        }
    }

    fn stand_in() -> Self {
        let state = Mutex::new(State::default());
        let listener = Listener::start(move |request| {
            let mut answer = state.lock().expect("no panic").answer(request);
            answer.headers.push(("x-request-id".to_owned(), "stand-in".to_owned()));
            answer
        });
        Self {
            url: listener.url.clone(),
            tenant_key: "enl_tk_00000000_stand-in".to_owned(),
            operator_key: OPERATOR.to_owned(),
            kept: Kept::StandIn { listener },
        }
    }

    /// Another tenant, with nobody in it. Gives a key of it.
    pub(crate) fn tenant(&self, name: &str) -> String {
        assert_eq!(self.ask("POST", "/v1/tenants", &json!({"name": name})).status, 201);
        self.key(name, &["provision", "policy", "read"])
    }

    /// A tenant's key with these scopes.
    pub(crate) fn key(&self, tenant: &str, scopes: &[&str]) -> String {
        let keys = format!("/v1/tenants/{tenant}/keys");
        let made = self.ask("POST", &keys, &json!({"scopes": scopes}));
        assert_eq!(made.status, 201, "{}", made.json());
        made.json()["key"].as_str().expect("a key").to_owned()
    }

    /// Every account of the first tenant: its `sub`, or its user name, and its name.
    pub(crate) fn accounts(&self) -> BTreeMap<String, String> {
        self.accounts_of("default")
    }

    /// Every account of a tenant.
    pub(crate) fn accounts_of(&self, tenant: &str) -> BTreeMap<String, String> {
        let (mut found, mut after) = (BTreeMap::new(), String::new());
        loop {
            let accounts = format!("/v1/tenants/{tenant}/accounts?limit=500{after}");
            let page = self.ask("GET", &accounts, &Value::Null).json();
            for account in page["items"].as_array().expect("items") {
                let text = |name: &str| account[name].as_str().map(str::to_owned);
                found.insert(
                    text("subject").or(text("username")).expect("an identity"),
                    text("name").expect("a name"),
                );
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return found,
            }
        }
    }

    /// Asks with the operator's key.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let headers = vec![("x-api-key".to_owned(), self.operator_key.clone())];
        pass(
            &self.url,
            &Message { method: method.to_owned(), path: path.to_owned(), headers, body },
        )
    }
}

impl Drop for Enlist {
    fn drop(&mut self) {
        match &mut self.kept {
            Kept::Real { child, folder } => {
                let _ = child.kill();
                let _ = child.wait();
                // The folder goes after the server has.
                assert!(folder.path().exists());
            }
            Kept::StandIn { listener } => assert!(listener.url.starts_with("http://127.0.0.1:")),
        }
    }
}

const OPERATOR: &str = "enl_op_00000000_stand-in";

/// A tenant of the stand-in.
#[derive(Default)]
struct Tenant {
    accounts: BTreeMap<String, Value>,
    issuer: Option<String>,
}

/// The stand-in. A key is its text, its tenant and its scopes.
struct State {
    tenants: BTreeMap<String, Tenant>,
    keys: Vec<(String, String, Vec<Value>)>,
}

impl Default for State {
    fn default() -> Self {
        let scopes = ["provision", "policy", "read"].map(Value::from).to_vec();
        Self {
            tenants: BTreeMap::from([("default".to_owned(), Tenant::default())]),
            keys: vec![("enl_tk_00000000_stand-in".to_owned(), "default".to_owned(), scopes)],
        }
    }
}

fn no(status: u16, code: &str) -> Answer {
    let body = json!({"success": false, "error": "No", "title": "No", "code": code, "request_id": "stand-in"});
    Answer::new(status, &body)
}

impl State {
    fn answer(&mut self, request: &Message) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default().trim_start_matches('/');
        if matches!(path, "healthz" | "readyz") {
            return Answer::new(200, &json!({"status": "ok"}));
        }
        let key = request.header("x-api-key").unwrap_or_default();
        let operator = key == OPERATOR;
        let known = self.keys.iter().find(|(text, _, _)| text == key);
        let (own, scopes) = match known {
            Some((_, tenant, scopes)) => (Some(tenant.clone()), scopes.clone()),
            None if operator => (None, Vec::new()),
            None => return no(401, "key_invalid"),
        };
        let body = request.json();
        let path: Vec<_> = path.split('/').collect();
        // The tenant that is meant, and the door of it.
        let (tenant, door) = match path[..] {
            ["provision-user"] if operator => return no(401, "key_invalid"),
            ["v1", "status"] => {
                let items: Vec<_> = own.iter().map(|tenant| json!({"tenant": tenant})).collect();
                return Answer::new(200, &json!({"items": items, "next": null}));
            }
            ["v1", "tenants"] if operator => {
                let name = body["name"].as_str().unwrap_or_default().to_owned();
                self.tenants.insert(name, Tenant::default());
                return Answer::new(201, &body);
            }
            ["v1", "tenants", tenant, ref door @ ..] => {
                let may = operator || own.as_deref() == Some(tenant);
                if !may || !self.tenants.contains_key(tenant) {
                    return no(404, "not_found");
                }
                (tenant.to_owned(), door)
            }
            ["v1", ref door @ ..] if own.is_none() && door != ["tenants"] => {
                return no(400, "tenant_required");
            }
            ["v1", ref door @ ..] => (own.unwrap_or_default(), door),
            ref door => (own.unwrap_or_default(), door),
        };
        let nothing = body.as_object().is_none_or(serde_json::Map::is_empty);
        let needs = if request.method == "GET" { "read" } else { "provision" };
        if !operator && !scopes.contains(&json!(needs)) {
            return no(403, "scope_missing");
        }
        let Some(state) = self.tenants.get_mut(&tenant) else { return no(404, "not_found") };
        match (request.method.as_str(), door) {
            ("POST", ["provision-user" | "decisions"]) if nothing => no(400, "body_required"),
            ("POST", ["provision-user"]) => state.provision(&body),
            ("POST", ["decisions"]) if name(&body) == "con" => Answer::new(
                200,
                &json!({"decision": "refuse", "code": "name_unusable", "message": "No", "revision": 1}),
            ),
            ("POST", ["decisions"]) => Answer::new(
                200,
                &json!({"decision": "grant", "username": name(&body), "revision": 1}),
            ),
            ("GET", ["accounts"]) => Answer::new(
                200,
                &json!({"items": state.accounts.values().collect::<Vec<_>>(), "next": null}),
            ),
            ("GET", []) => Answer::new(200, &json!({"name": tenant, "issuer": state.issuer})),
            ("PATCH", []) => {
                state.issuer = body["issuer"].as_str().map(str::to_owned);
                Answer::new(200, &json!({"name": tenant, "issuer": state.issuer}))
            }
            ("POST", ["keys"]) if operator => {
                let key = format!("enl_tk_{:08x}_stand-in", self.keys.len());
                let scopes = body["scopes"].as_array().cloned().unwrap_or_default();
                self.keys.push((key.clone(), tenant, scopes));
                Answer::new(201, &json!({"key": key}))
            }
            _ => no(404, "not_found"),
        }
    }
}

impl Tenant {
    fn provision(&mut self, body: &Value) -> Answer {
        let name = name(body);
        if name == "con" {
            return Answer::new(
                403,
                &json!({"success": false, "error": "No", "code": "name_unusable", "request_id": "stand-in"}),
            );
        }
        let subject = body["user_attributes"]["sub"].as_str().unwrap_or_default().to_owned();
        let created = !self.accounts.contains_key(&subject);
        self.accounts.entry(subject.clone()).or_insert_with(|| {
            json!({"name": name, "subject": subject, "username": body["username"], "issuer": body["issuer"], "state": "active"})
        });
        Answer::new(200, &json!({"success": true, "created": created, "username": name}))
    }
}

fn name(body: &Value) -> String {
    let email = body["user_attributes"]["email"].as_str().unwrap_or_default();
    email.split('@').next().unwrap_or_default().to_owned()
}
