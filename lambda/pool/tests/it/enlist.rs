//! A server of Enlist's for a test: the real one where ENLIST_BINARY names it, else a stand-in that answers as docs/api.md has it.
//! The stand-in refuses to be clever: it knows people by `sub` and names them by their e-mail.

use crate::http::{Answer, Listener, Message, pass};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

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
            Some(path) => Self::real(&path),
            None => Self::stand_in(),
        }
    }

    fn real(path: &str) -> Self {
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
            .unwrap_or_else(|error| panic!("{path}: {error}"));
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
        let key = |kind: &str| format!("enl_{kind}_00000000_stand-in");
        Self {
            url: listener.url.clone(),
            tenant_key: key("tk"),
            operator_key: key("op"),
            kept: Kept::StandIn { listener },
        }
    }

    /// Every account of the tenant: its `sub`, or its user name, and its name.
    pub(crate) fn accounts(&self) -> BTreeMap<String, String> {
        let (mut found, mut after) = (BTreeMap::new(), String::new());
        loop {
            let page = self
                .ask("GET", &format!("/v1/tenants/default/accounts?limit=500{after}"), &Value::Null)
                .json();
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

#[derive(Default)]
struct State {
    accounts: BTreeMap<String, Value>,
    issuer: Option<String>,
}

impl State {
    fn answer(&mut self, request: &Message) -> Answer {
        let path = request
            .path
            .split('?')
            .next()
            .unwrap_or_default()
            .replace("/v1/tenants/default/", "/v1/");
        let no = |status, code: &str| {
            Answer::new(
                status,
                &json!({"success": false, "error": "No", "title": "No", "code": code, "request_id": "stand-in"}),
            )
        };
        let key = request.header("x-api-key").unwrap_or_default().to_owned();
        if !matches!(path.as_str(), "/healthz" | "/readyz") && !key.ends_with("_stand-in") {
            return no(401, "key_invalid");
        }
        let body = request.json();
        match (request.method.as_str(), path.as_str()) {
            ("GET", "/healthz" | "/readyz") => Answer::new(200, &json!({"status": "ok"})),
            ("GET", "/v1/status") => {
                Answer::new(200, &json!({"items": [{"tenant": "default"}], "next": null}))
            }
            ("GET", "/v1/tenants/default") => {
                Answer::new(200, &json!({"name": "default", "issuer": self.issuer}))
            }
            ("PATCH", "/v1/tenants/default") => {
                self.issuer = body["issuer"].as_str().map(str::to_owned);
                Answer::new(200, &json!({"name": "default", "issuer": self.issuer}))
            }
            ("GET", "/v1/accounts") => Answer::new(
                200,
                &json!({"items": self.accounts.values().collect::<Vec<_>>(), "next": null}),
            ),
            ("POST", "/provision-user") if key.starts_with("enl_op_") => no(401, "key_invalid"),
            ("POST", "/provision-user")
                if body.as_object().is_none_or(serde_json::Map::is_empty) =>
            {
                no(400, "body_required")
            }
            ("POST", "/provision-user") => self.provision(&body),
            ("POST", "/v1/decisions") if name(&body) == "con" => Answer::new(
                200,
                &json!({"decision": "refuse", "code": "name_unusable", "message": "No", "revision": 1}),
            ),
            ("POST", "/v1/decisions") => Answer::new(
                200,
                &json!({"decision": "grant", "username": name(&body), "revision": 1}),
            ),
            _ => no(404, "not_found"),
        }
    }

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
