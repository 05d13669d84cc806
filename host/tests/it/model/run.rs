//! A tenant of its own for each sequence on a server that all of them share, and the steps that are about the server or the rules.

use crate::app::{Answer, App};
use crate::model::look::Row;
use crate::model::rules::Rule;
use crate::model::world::World;
use enlist_artifacts::honest::CANDIDATES;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// One sequence as it runs.
pub(crate) struct Run {
    pub(crate) world: World,
    /// What the record must have.
    pub(crate) rows: Vec<Row>,
    /// What it must have of allowances that were decided again.
    pub(crate) reviews: Vec<Vec<String>>,
    /// The latest request's.
    pub(crate) id: String,
    /// The tenant's row.
    pub(crate) number: i64,
    tenant: String,
    key: String,
    client: reqwest::Client,
    asked: u64,
}

static TENANTS: AtomicU64 = AtomicU64::new(0);

const SCOPES: [&str; 4] = ["provision", "policy", "read", "manage"];

impl Run {
    /// A new tenant with `CANDIDATES`.
    pub(crate) async fn begin(app: &App, issuer: Option<&str>) -> Self {
        let tenant = format!("t{}", TENANTS.fetch_add(1, Ordering::Relaxed));
        app.manage("POST", "/v1/tenants", json!({"name": tenant, "issuer": issuer})).await;
        let keys = format!("/v1/tenants/{tenant}/keys");
        let key = app.manage("POST", &keys, json!({"scopes": SCOPES})).await;
        let sql = "SELECT id FROM tenants WHERE name = ?1";
        let number = app.database().query_row(sql, [&tenant], |row| row.get(0)).expect(sql);
        let mut run = Self {
            world: World {
                issuer: issuer.unwrap_or_default().to_owned(),
                accounts: Vec::new(),
                folders: BTreeMap::new(),
                revisions: vec![Rule::LocalPart],
                activated: vec![1],
            },
            rows: Vec::new(),
            reviews: Vec::new(),
            id: String::new(),
            number,
            tenant,
            key: key["key"].as_str().expect("a key").to_owned(),
            client: app.client(),
            asked: 0,
        };
        run.activate(app, Rule::Free).await;
        run
    }

    pub(crate) fn homes(&self, app: &App) -> PathBuf {
        let root = app.data().join("tenants").join(&self.tenant).join("homes");
        root.canonicalize().expect("the home root")
    }

    /// Any door of the tenant's, with its key and an id of its own.
    pub(crate) async fn send(
        &mut self,
        app: &App,
        method: &str,
        path: &str,
        body: Value,
    ) -> Answer {
        let mut request = self.request(app, method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        app.send(request).await
    }

    fn request(&mut self, app: &App, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.asked += 1;
        self.id = format!("{}-{}", self.tenant, self.asked);
        let method = method.parse().expect("a method");
        let request = self.client.request(method, format!("{}{path}", app.url));
        request.header("X-API-Key", &self.key).header("X-Request-Id", &self.id)
    }

    pub(crate) async fn rule(&mut self, app: &mut App, rule: Rule, killed: bool) {
        // To activate what is active is no step back for a rollback, or is one: nobody says.
        if self.world.rule() == rule {
            return;
        }
        self.activate(app, rule).await;
        self.reviewed(app, killed).await;
    }

    async fn activate(&mut self, app: &App, rule: Rule) {
        let part = |bytes: &[u8], kind| Part::bytes(bytes.to_vec()).mime_str(kind).expect("a kind");
        let component = part(CANDIDATES, "application/wasm").file_name("candidates.wasm");
        let settings = part(rule.settings().to_string().as_bytes(), "application/json");
        let form = Form::new().part("component", component).part("settings", settings);
        let push = self.request(app, "POST", "/v1/revisions").multipart(form);
        let pushed = app.send(push).await;
        let there = self.world.revisions.iter().position(|known| *known == rule);
        if there.is_none() {
            self.world.revisions.push(rule);
        }
        let number = there.map_or(self.world.revisions.len(), |place| place + 1) as u64;
        assert_eq!(pushed.status, if there.is_some() { 200 } else { 201 }, "{pushed:?}");
        assert_eq!(pushed.json()["revision"], number, "{pushed:?}");
        let path = format!("/v1/revisions/{number}/activate");
        let answer = self.send(app, "POST", &path, Value::Null).await;
        let previous = self.world.active();
        self.world.activated.push(number);
        assert_eq!(answer.json(), json!({"revision": number, "previous": previous}));
    }

    pub(crate) async fn roll_back(&mut self, app: &mut App, killed: bool) {
        let answer = self.send(app, "POST", "/v1/rollback", Value::Null).await;
        if self.world.activated.len() == 1 {
            assert_eq!(answer.status, 409, "{answer:?}");
            assert_eq!(answer.code(), "nothing_to_roll_back");
            return;
        }
        let previous = self.world.activated.pop();
        let revision = self.world.active();
        assert_eq!(answer.json(), json!({"revision": revision, "previous": previous}));
        self.reviewed(app, killed).await;
    }

    /// Waits until the allowances are those of the rules of now.
    async fn reviewed(&mut self, app: &mut App, killed: bool) {
        if killed {
            self.kill(app);
        }
        for (name, outcome, code, revision) in self.world.review_all() {
            let code = code.unwrap_or("-").to_owned();
            self.reviews.push(vec![name, outcome.to_owned(), code, revision.to_string()]);
        }
        loop {
            let status = self.send(app, "GET", "/v1/status", Value::Null).await.json();
            if status["items"][0]["allowances_waiting"] == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Ends the server as a power cut would, and starts it again.
    pub(crate) fn kill(&mut self, app: &mut App) {
        app.restart();
        // Rows of what changed nothing may be lost with the process, no others.
        let database = app.database();
        let rows = std::mem::take(&mut self.rows);
        let (kept, lost) = rows.into_iter().partition(|row| self.is_recorded(&database, row));
        let lost: Vec<Row> = lost;
        assert!(lost.iter().all(|row| !row.is_sure), "rows that a kill took: {lost:?}");
        self.rows = kept;
    }

    pub(crate) async fn set_issuer(&mut self, app: &App, issuer: &str) {
        let path = format!("/v1/tenants/{}", self.tenant);
        let answer = self.send(app, "PATCH", &path, json!({"issuer": issuer})).await;
        match self.world.set_issuer(issuer) {
            Ok(()) => assert_eq!(answer.status, 200, "{answer:?}"),
            Err(no) => {
                assert_eq!(answer.status, 409, "the model says {no:?}: {answer:?}");
                assert_eq!(answer.code(), no.codes[0]);
            }
        }
    }

    /// As somebody does who has the right to, behind the server's back.
    pub(crate) async fn put_folder(&mut self, app: &App, name: &str, file: bool) {
        let folder = self.homes(app).join(name);
        if !self.world.folders.contains_key(name) {
            fs::create_dir(&folder).expect("a folder");
        }
        if file {
            fs::write(folder.join("mine"), "mine").expect("a file");
        }
        *self.world.folders.entry(name.to_owned()).or_default() |= file;
        // Other spellings of it are found out by a look, and a list is of one that was begun for it.
        let path = format!("/v1/tenants/{}/reserved", self.tenant);
        app.manage("GET", &path, Value::Null).await;
    }
}
