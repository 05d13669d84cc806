//! Each step, taken at its door and in the model, and whether both say the same.

use crate::app::{Answer, App};
use crate::model::look::Row;
use crate::model::rules::Limits;
use crate::model::run::Run;
use crate::model::steps::{Door, Person, Step, Verb};
use crate::model::world::{Account, Considered, No, State, domain, no};
use serde_json::{Value, json};

/// The statuses of docs/api.md.
fn status_of(code: &str) -> u16 {
    match code {
        "username_taken"
        | "home_exists"
        | "identity_taken"
        | "account_open"
        | "account_erased"
        | "issuer_conflict"
        | "nothing_to_roll_back" => 409,
        "policy_failed" => 503,
        "not_found" => 404,
        _ => 403,
    }
}

/// The code of a no that is one of those that the model has for it.
fn refused(answer: &Answer, no: &No) -> String {
    assert!(answer.status >= 400, "the model says {no:?}: {answer:?}");
    let code = answer.code();
    assert!(no.codes.contains(&code.as_str()), "the model says {no:?}: {answer:?}");
    assert_eq!(answer.status, status_of(&code), "{answer:?}");
    code
}

fn compatible(person: &Person, by_side: bool) -> Value {
    let mut attributes = json!({"email": person.email, "email_verified": person.verified});
    if let Some(names) = person.names {
        attributes["names"] = names.into();
    }
    if person.refused {
        attributes["refuse"] = "not_here".into();
    }
    let mut body = json!({"username": person.username, "issuer": person.issuer});
    if by_side {
        body["cognito_user_id"] = person.subject.unwrap_or(person.username).into();
    } else {
        attributes["sub"] = person.subject.into();
    }
    body["user_attributes"] = attributes;
    body
}

fn native(person: &Person) -> Value {
    let mut attributes = json!({});
    if let Some(names) = person.names {
        attributes["names"] = names.into();
    }
    if person.refused {
        attributes["refuse"] = "not_here".into();
    }
    json!({"username": person.username, "subject": person.subject, "issuer": person.issuer, "email": person.email,
        "email_verified": person.verified, "attributes": attributes})
}

impl Run {
    pub(crate) async fn take(&mut self, app: &mut App, step: &Step) {
        match step {
            Step::Ask(person, door) => self.ask(app, person, *door).await,
            Step::DryRun { person, sign_up } => self.dry_run(app, person, *sign_up).await,
            Step::ByHand { name, person, adopt } => self.by_hand(app, name, person, *adopt).await,
            Step::Link { name, subject, issuer } => self.link(app, name, subject, *issuer).await,
            Step::Act(name, verb) => self.act(app, &self.called(name), *verb).await,
            Step::Rule { rule, killed } => self.rule(app, *rule, *killed).await,
            Step::RollBack { killed } => self.roll_back(app, *killed).await,
            Step::Kill => self.kill(app),
            Step::Issuer(issuer) => self.set_issuer(app, issuer).await,
            Step::Folder { name, file } => self.put_folder(app, name, *file).await,
        }
    }

    /// Every other rule names people with a prefix: the account that a step means, if there is one.
    fn called(&self, name: &str) -> String {
        let prefixed = format!("x-{name}");
        let is_there = self.world.find(name).is_none() && self.world.find(&prefixed).is_some();
        if is_there { prefixed } else { name.to_owned() }
    }

    async fn ask(&mut self, app: &App, person: &Person, door: Door) {
        let (path, body) = match door {
            Door::Compatible => ("/provision-user", compatible(person, false)),
            Door::CompatibleBySide => ("/provision-user", compatible(person, true)),
            Door::Native => ("/v1/accounts", native(person)),
        };
        let answer = self.send(app, "POST", path, body).await;
        let revision = self.world.active();
        let id = self.id.clone();
        let row = |outcome| Row { revision, ..Row::of(&id, "opening", outcome) };
        let considered = match self.world.consider(person, false) {
            Ok(considered) => considered,
            Err(no) => {
                let code = refused(&answer, &no);
                let detail = Some(no.detail.map(str::to_owned)).filter(|_| no.detail.is_some());
                self.rows.push(Row { code, detail, ..row("refused") });
                return;
            }
        };
        let (i, created, row) = match considered {
            Considered::Known(i) => (i, false, row("known")),
            Considered::Linked(i) => {
                self.world.accounts[i].subject = person.subject.map(str::to_owned);
                let detail = Some(Some("linked".to_owned()));
                (i, false, Row { detail, is_sure: true, ..row("known") })
            }
            Considered::Granted(name, limits) => {
                let verified = person.email.filter(|_| person.verified);
                let i = self.open(&name, person, verified.map(domain), limits);
                (i, true, Row { is_sure: true, ..row("granted") })
            }
        };
        let account = self.world.accounts[i].clone();
        self.rows.push(Row { name: Some(account.name.clone()), ..row });
        let home = self.homes(app).join(&account.name).display().to_string();
        if door == Door::Native {
            assert_eq!(answer.status, if created { 201 } else { 200 }, "{answer:?}");
            self.shows(app, &answer.json(), &account);
            return;
        }
        assert_eq!(answer.status, 200, "the model says {account:?}: {answer:?}");
        let message = format!("User {} provisioned successfully", person.username);
        assert_eq!(
            answer.json(),
            json!({"success": true, "message": message, "user_directory": home, "username": account.name, "created": created})
        );
    }

    fn open(
        &mut self,
        name: &str,
        person: &Person,
        domain: Option<String>,
        limits: Limits,
    ) -> usize {
        self.world.folders.entry(name.to_owned()).or_insert(false);
        self.world.accounts.push(Account {
            name: name.to_owned(),
            issuer: self.world.issuer_of(person),
            subject: person.subject.map(str::to_owned),
            username: person.username.to_owned(),
            email: person.email.map(str::to_owned),
            domain,
            state: State::Active,
            limits,
            revision: self.world.active(),
            reviewed: self.world.active(),
        });
        self.world.accounts.len() - 1
    }

    async fn dry_run(&mut self, app: &App, person: &Person, sign_up: bool) {
        let occasion = if sign_up { "sign_up" } else { "opening" };
        let mut body = compatible(person, false);
        body["occasion"] = occasion.into();
        if sign_up && !person.verified {
            // Said of nobody: it is to come.
            body["user_attributes"]["email_verified"] = Value::Null;
        }
        let answer = self.send(app, "POST", "/v1/decisions", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let (said, active) = (answer.json(), self.world.active());
        let row = |outcome| Row {
            revision: active,
            is_dry: true,
            ..Row::of(&self.id, occasion, outcome)
        };
        let (name, limits, revision, row) = match self.world.consider(person, sign_up) {
            Err(no) => {
                let code = said["code"].as_str().unwrap_or_default();
                let agrees = said["decision"] == "refuse" && no.codes.contains(&code);
                assert!(agrees, "the model says {no:?}: {answer:?}");
                assert_eq!(said["revision"], active, "{answer:?}");
                self.rows.push(Row { code: code.to_owned(), ..row("refused") });
                return;
            }
            Ok(Considered::Known(i) | Considered::Linked(i)) => {
                let account = &self.world.accounts[i];
                (account.name.clone(), account.limits, account.revision, row("known"))
            }
            Ok(Considered::Granted(name, limits)) => (name, limits, active, row("granted")),
        };
        assert_eq!(
            said,
            json!({"decision": "grant", "username": name, "allowance": allowance(limits), "revision": revision})
        );
        self.rows.push(Row { name: Some(name), ..row });
    }

    async fn by_hand(&mut self, app: &App, name: &str, person: &Person, adopt: bool) {
        let body = json!({"username": person.username, "subject": person.subject, "issuer": person.issuer,
            "email": person.email, "adopt": adopt});
        let answer = self.send(app, "PUT", &format!("/v1/accounts/{name}"), body).await;
        let about = (name, "account_create");
        let (i, status) = match self.world.by_hand(name, person, adopt) {
            Err(no) => return self.refused_act(&answer, &no, about),
            Ok(Ok(i)) => (i, 200),
            Ok(Err(limits)) => {
                let i = self.open(name, person, None, limits);
                self.acted(about);
                (i, 201)
            }
        };
        assert_eq!(answer.status, status, "{answer:?}");
        self.shows(app, &answer.json(), &self.world.accounts[i]);
    }

    async fn link(&mut self, app: &App, name: &str, subject: &str, issuer: Option<&str>) {
        let name = &self.called(name);
        let path = format!("/v1/accounts/{name}/link");
        let mut body = json!({"subject": subject});
        if let Some(issuer) = issuer {
            body["issuer"] = issuer.into();
        }
        let answer = self.send(app, "POST", &path, body).await;
        let about = (name.as_str(), "account_link");
        let Some(i) = self.world.find(name) else {
            refused(&answer, &No { codes: vec!["not_found"], detail: None });
            return;
        };
        let account = &self.world.accounts[i];
        let issuer = issuer.map_or_else(|| account.issuer.clone(), str::to_owned);
        let holder = self.world.by_subject(&issuer, subject);
        let linked = match holder {
            _ if account.state == State::Erased => no("account_erased"),
            Some(holder) if holder != i => no("identity_taken"),
            holder => Ok(holder.is_none()),
        };
        match linked {
            Err(no) => return self.refused_act(&answer, &no, about),
            Ok(true) => {
                let account = &mut self.world.accounts[i];
                (account.issuer, account.subject) = (issuer, Some(subject.to_owned()));
                self.acted(about);
            }
            Ok(false) => {}
        }
        assert_eq!(answer.status, 200, "{answer:?}");
        self.shows(app, &answer.json(), &self.world.accounts[i]);
    }

    async fn act(&mut self, app: &App, name: &str, verb: Verb) {
        let path = format!("/v1/accounts/{name}/{}", verb.as_str());
        let answer = self.send(app, "POST", &path, Value::Null).await;
        let Some(i) = self.world.find(name) else {
            refused(&answer, &No { codes: vec!["not_found"], detail: None });
            return;
        };
        let occasion = format!("account_{}", verb.as_str());
        let about = (name, occasion.as_str());
        match self.world.act(i, verb) {
            Err(no) => return self.refused_act(&answer, &no, about),
            Ok(true) => self.acted(about),
            Ok(false) => {}
        }
        assert_eq!(answer.status, 200, "{verb:?}: {answer:?}");
        self.shows(app, &answer.json(), &self.world.accounts[i]);
    }

    fn acted(&mut self, (name, occasion): (&str, &str)) {
        let row = Row::of(&self.id, occasion, "granted");
        let (name, revision) = (Some(name.to_owned()), self.world.active());
        self.rows.push(Row { name, revision, is_sure: true, ..row });
    }

    fn refused_act(&mut self, answer: &Answer, no: &No, (name, occasion): (&str, &str)) {
        let code = refused(answer, no);
        // The policy failed: nobody decided, and why is the log's.
        if code == "policy_failed" {
            return;
        }
        let row = Row::of(&self.id, occasion, "refused");
        let (name, revision) = (Some(name.to_owned()), self.world.active());
        self.rows.push(Row { code, name, revision, ..row });
    }

    /// An account as every door shows it.
    pub(crate) fn shows(&self, app: &App, shown: &Value, account: &Account) {
        let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        let is_erased = account.state == State::Erased;
        let state = match account.state {
            State::Active => "active",
            State::Closed => "closed",
            State::Erased => "erased",
        };
        let mut expected = json!({"name": account.name, "username": account.username, "subject": account.subject,
            "issuer": text(&account.issuer), "email": account.email,
            "email_verified": account.domain.is_some() && !is_erased, "state": state,
            "home": self.homes(app).join(&account.name).display().to_string(),
            "allowance": allowance(account.limits), "revision": account.revision,
            "created_at": shown["created_at"]});
        if is_erased {
            for field in ["username", "subject", "issuer", "email"] {
                let nothing = shown[field].as_str().unwrap_or_default().is_empty();
                assert!(nothing, "{field} of an erased account: {shown}");
                expected[field] = shown[field].clone();
            }
        }
        assert_eq!(*shown, expected);
    }
}

fn allowance(limits: Limits) -> Value {
    json!({"max_accounts": limits.max_accounts, "max_accounts_in_domain": limits.max_accounts_in_domain,
        "storage_bytes": limits.storage_bytes, "storage_files": null, "labels": {}})
}
