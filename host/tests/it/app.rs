//! The harness: a server in a folder of its own, clients to talk to it, and a look at everything it leaves behind.
//! After every test the whole of it is checked: a sound database, no account without a folder, no key in the log or on the disk,
//! no panic.

mod after;
mod answer;
pub(crate) mod document;
mod process;

pub(crate) use answer::Answer;

use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The guide's own body.
pub(crate) const GUIDE: &str = r#"{"username":"testuser@example.com","email":"testuser@example.com","cognito_user_id":"test-user-id",
    "user_attributes":{"email":"testuser@example.com","email_verified":"true"}}"#;

/// The binary, in an environment that says nothing about Enlist.
pub(crate) fn enlist() -> Command {
    without_settings(env!("CARGO_BIN_EXE_enlist"))
}

/// Any program, in the same environment.
pub(crate) fn without_settings(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let ours = name.to_string_lossy().starts_with("ENLIST_");
        if ours || name == "STATE_DIRECTORY" || name == "NOTIFY_SOCKET" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A server that runs, and where it keeps everything.
pub(crate) struct App {
    pub(crate) folder: TempDir,
    pub(crate) line: Value,
    pub(crate) url: String,
    pub(crate) operator_key: String,
    pub(crate) tenant_key: String,
    /// A shell script that starts it.
    script: Option<&'static str>,
    settings: Vec<(String, String)>,
    /// What its command line says beside.
    arguments: Vec<String>,
    child: Option<Child>,
    /// Answers that the record must have a row for, by their request's id: nobody who is told no waits for that row.
    recorded: Mutex<BTreeMap<String, i64>>,
    /// Operations of the document, and the statuses they were answered with.
    pub(crate) seen: Mutex<BTreeSet<(String, u16)>>,
    /// What nobody may find again when the test is over.
    secrets: Mutex<Vec<String>>,
}

impl App {
    /// A first start with the settings of a fresh clone.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A first start with these settings, as environment variables say them.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::begin(None, settings, &[])
    }

    /// The same with more on the command line.
    pub(crate) fn start_by(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        Self::begin(None, settings, arguments)
    }

    fn begin(script: Option<&'static str>, settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut app = Self {
            folder: tempfile::tempdir().expect("a folder"),
            line: Value::Null,
            url: String::new(),
            operator_key: String::new(),
            tenant_key: String::new(),
            script,
            settings,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            child: None,
            recorded: Mutex::default(),
            seen: Mutex::default(),
            secrets: Mutex::default(),
        };
        app.run();
        let key = |name: &str| app.line[name].as_str().unwrap_or_default().to_owned();
        (app.operator_key, app.tenant_key) = (key("operator_key"), key("tenant_key"));
        app.keep_secret(&app.operator_key);
        app.keep_secret(&app.tenant_key);
        app
    }

    /// A first start with this component as the policy of tenant `default`.
    pub(crate) fn with_policy(component: &[u8], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("policy.wasm");
        fs::write(&file, component).expect("a component file");
        let file = file.display().to_string();
        let mut all = vec![("ENLIST_BOOTSTRAP__POLICY", file.as_str())];
        all.extend_from_slice(settings);
        Self::start_with(&all)
    }

    fn run(&mut self) {
        self.run_with(&[]);
    }

    /// Starts the server again in the same folder, with more in its environment.
    pub(crate) fn run_with(&mut self, more: &[(&str, &str)]) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let mut command = match self.script {
            None => enlist(),
            Some(script) => {
                let mut shell = without_settings("sh");
                shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_enlist")]);
                shell
            }
        };
        command.args(["serve", "--print-first-keys", "--data-dir"]).arg(self.data());
        command.args(&self.arguments);
        command.env("ENLIST_LISTEN", "127.0.0.1:0");
        command.envs(self.settings.iter().map(|(k, v)| (k, v))).envs(more.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the server");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "no line; the log:\n{}", self.log());
        self.line = serde_json::from_str(&line).expect("a JSON line");
        let listen = self.line["listen"].as_str().expect("listen").to_owned();
        self.url = format!("http://{listen}");
        self.child = Some(child);
        // The line comes before the database has what it speaks of; an answer comes after.
        if self.settings.iter().any(|(name, _)| name == "ENLIST_TLS__CERT") {
            let mut health = enlist();
            health.arg("health").envs(self.settings.iter().map(|(k, v)| (k, v)));
            let found = health.env("ENLIST_LISTEN", listen).output().expect("an end");
            assert!(found.status.success(), "{found:?}; the log:\n{}", self.log());
            return;
        }
        let mut stream = TcpStream::connect(listen).expect("a connection");
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}; the log:\n{}", self.log());
    }

    /// Ends the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        // What was not waited for may be lost with the process.
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().expect("the end");
        }
    }

    /// What the server has reserved, used or not.
    pub(crate) fn address_space_kib(&self) -> u64 {
        let id = self.child.as_ref().expect("a server").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process");
        let line = status.lines().find(|line| line.starts_with("VmSize:")).expect("a size");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        self.run();
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn homes(&self) -> PathBuf {
        self.data().join("collections")
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.data().join("enlist.db")).expect("the database")
    }

    /// The rows of a query, each as its columns' text, `-` for null.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.await_record();
        rows(&self.database(), sql)
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.await_record();
        self.database().query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    /// Outcome and code of the latest row of the record.
    pub(crate) fn last_decision(&self) -> BTreeMap<&'static str, String> {
        let sql = "SELECT outcome, coalesce(code, '-'), coalesce(stage, '-'), coalesce(detail, '-'), coalesce(name, '-'),
            dry_run, occasion, source, notes, coalesce(place, '-') FROM decisions ORDER BY id DESC LIMIT 1";
        let names = [
            "outcome", "code", "stage", "detail", "name", "dry_run", "occasion", "source", "notes",
            "place",
        ];
        names.into_iter().zip(self.rows(sql).remove(0)).collect()
    }

    /// Names of what stands in the home root.
    pub(crate) fn folders(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.homes())
            .expect("the home root")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let sent = document::Sent::of(request.as_ref().expect("a request"));
        let response = client.execute(request.expect("a request")).await.expect("an answer");
        let here = response.url().as_str().starts_with(&self.url);
        let path = response.url().path().trim_end_matches('/').to_owned();
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let answer = Answer { status, headers, text: response.text().await.expect("a body") };
        // What `metrics.listen` leads to is a part of the document alone.
        if here {
            self.seen.lock().expect("a lock").extend(document::check(&sent, &answer));
        }
        // Other doors answer for acts, not for questions.
        let doors = ["/provision-user", "/decisions", "/accounts"];
        if doors.iter().any(|door| path.ends_with(door))
            && answer.is_recorded()
            && let Some(id) = answer.header("x-request-id")
        {
            let mut recorded = self.recorded.lock().expect("a lock");
            *recorded.entry(id.to_owned()).or_default() += 1;
        }
        answer
    }

    /// Waits until the record has a row for every answer that must have one.
    pub(crate) fn await_record(&self) {
        let database = self.database();
        let sql = "SELECT count(*) FROM decisions WHERE request_id = ?1";
        for (id, answers) in self.recorded.lock().expect("a lock").iter() {
            let patience = Instant::now() + Duration::from_secs(20);
            while database.query_row(sql, [id], |row| row.get::<_, i64>(0)).expect(sql) < *answers {
                assert!(Instant::now() < patience, "no row for request {id}: {}", self.log());
                std::thread::yield_now();
            }
        }
    }

    pub(crate) fn client(&self) -> reqwest::Client {
        client()
    }

    /// `POST path` with a key, or none when it is empty.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &str) -> Answer {
        let mut request = self.client().post(format!("{}{path}", self.url)).body(body.to_owned());
        if !key.is_empty() {
            request = request.header("X-API-Key", key);
        }
        self.send(request).await
    }

    /// Any door, with a JSON body unless it is null.
    pub(crate) async fn ask(&self, method: &str, path: &str, key: &str, body: Value) -> Answer {
        let method = method.parse().expect("a method");
        let mut request = self.client().request(method, format!("{}{path}", self.url));
        request = request.header("X-API-Key", key);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.send(request).await
    }

    /// The same with the operator key, where it must be a yes.
    pub(crate) async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.ask(method, path, &self.operator_key, body).await;
        assert!(matches!(answer.status, 200 | 201 | 204), "{method} {path}: {answer:?}");
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    /// A new key of a tenant.
    pub(crate) async fn key_of(&self, tenant: &str, body: Value) -> String {
        let made = self.manage("POST", &format!("/v1/tenants/{tenant}/keys"), body).await;
        let key = made["key"].as_str().expect("a key").to_owned();
        self.keep_secret(&key);
        key
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.client().get(format!("{}{path}", self.url))).await
    }

    /// Asks until the server says so: what it found holds for a moment.
    pub(crate) async fn readyz_becomes(&self, status: u16) {
        while self.get("/readyz").await.status != status {
            tokio::task::yield_now().await;
        }
    }

    /// The compatible door with the tenant's key.
    pub(crate) async fn provision(&self, body: &str) -> Answer {
        self.post("/provision-user", &self.tenant_key, body).await
    }

    /// The dry run with the tenant's key.
    pub(crate) async fn decide(&self, body: &str) -> Answer {
        self.post("/v1/decisions", &self.tenant_key, body).await
    }

    /// Somebody who shall get in: the name they got.
    pub(crate) async fn enlist(&self, body: &str) -> String {
        let answer = self.provision(body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["username"].as_str().expect("a name").to_owned()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        } else {
            self.verify();
        }
    }
}

/// A client of ours, in a process that has chosen its TLS.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// The rows of a query, each as its columns' text, `-` for null.
pub(crate) fn rows(database: &Connection, sql: &str) -> Vec<Vec<String>> {
    use rusqlite::types::ValueRef;
    let mut statement = database.prepare(sql).expect(sql);
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|column| {
                Ok(match row.get_ref(column)? {
                    ValueRef::Null => "-".to_owned(),
                    ValueRef::Integer(number) => number.to_string(),
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    other => format!("{other:?}"),
                })
            })
            .collect()
    });
    rows.expect(sql).map(|row| row.expect(sql)).collect()
}

/// A folder itself, not a link to one.
pub(crate) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}
