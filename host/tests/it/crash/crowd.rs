//! Who asks while the server is killed: new people, the same ones several times at once, rivals for one name, people who are
//! refused, callers that hang up; and what each of them was told.
//! Refuses to take an answer that is not one of those that fit the question.

use crate::app::App;
use crate::crash::chance::Chance;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinSet;

/// Requests in flight.
const CLIENTS: u64 = 16;

/// Among how many of the latest people those are chosen who ask again: few, so that they meet.
const LATEST: u64 = 8;

/// How many would get one name.
const RIVALS: u64 = 4;

/// Somebody who asks, whenever they ask the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) subject: Option<String>,
}

impl Person {
    /// The name that the default policy gives them.
    pub(crate) fn name(&self) -> &str {
        self.email.split('@').next().unwrap_or_default()
    }

    fn body(&self) -> Value {
        let mut attributes = json!({"email": self.email, "email_verified": "true"});
        if let Some(subject) = &self.subject {
            attributes["sub"] = subject.as_str().into();
        }
        json!({"username": self.email, "email": self.email, "user_attributes": attributes})
    }

    fn is_refused(&self) -> bool {
        self.name().starts_with('-')
    }

    fn is_rival(&self) -> bool {
        self.name().starts_with("rival")
    }
}

/// What everybody was told so far.
#[derive(Default)]
pub(crate) struct Told {
    /// People who were told that they have an account.
    pub(crate) promised: HashSet<Person>,
    /// `X-Request-Id` of the answers that opened one.
    pub(crate) opened: HashMap<Person, String>,
    /// People to ask for first: who asked before the last kill, or was left without an answer by it.
    due: VecDeque<Person>,
    /// People to ask for first after the next one.
    owed: Vec<Person>,
    /// Everybody who ever asked, in order.
    issued: Vec<Person>,
    /// Answers in all.
    pub(crate) answers: u64,
    pub(crate) busy: u64,
}

/// The crowd, and the server that it asks.
#[derive(Clone)]
pub(crate) struct Crowd {
    pub(crate) told: Arc<Mutex<Told>>,
    client: reqwest::Client,
    key: String,
}

/// Runs at every answer to somebody who was drawn.
type AtAnswer = Arc<dyn Fn() + Send + Sync>;

impl Crowd {
    pub(crate) fn of(app: &App) -> Self {
        Self { told: Arc::default(), client: app.client(), key: app.tenant_key.clone() }
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("a lock")
    }

    /// How many are asked for before anybody is drawn.
    pub(crate) fn owed(&self) -> u64 {
        let mut told = self.told();
        let owed = std::mem::take(&mut told.owed);
        told.due.extend(owed);
        told.due.len() as u64
    }

    /// Asks until the server is dead: first for everybody who is owed an answer, then as chance has it.
    pub(crate) async fn ask_until_it_dies(&self, url: &str, chance: &mut Chance, at: AtAnswer) {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (crowd, url, at) = (self.clone(), url.to_owned(), Arc::clone(&at));
            let mut chance = Chance::from(chance.number());
            clients.spawn(async move {
                loop {
                    let due = crowd.told().due.pop_front();
                    let drawn = due.is_none();
                    let person = due.unwrap_or_else(|| crowd.draw(&mut chance));
                    let hangs_up = drawn && chance.below(16) == 0;
                    let patience = if hangs_up { chance.below(3000) } else { u64::MAX };
                    if drawn {
                        crowd.told().owe(&person);
                    }
                    if !crowd.ask(&url, person, Duration::from_micros(patience)).await {
                        break;
                    }
                    if drawn {
                        at();
                    }
                }
            });
        }
        while let Some(client) = clients.join_next().await {
            client.expect("every answer fits its question");
        }
    }

    /// Asks for everybody who is owed an answer; the server must not die.
    pub(crate) async fn ask_for_the_owed(&self, url: &str) {
        for _ in 0..self.owed() {
            let person = self.told().due.pop_front().expect("somebody");
            assert!(self.ask(url, person, Duration::MAX).await, "the server lives");
        }
    }

    /// Asks once, and writes down what was said. False when the server is dead.
    async fn ask(&self, url: &str, person: Person, patience: Duration) -> bool {
        let request = self.client.post(format!("{url}/provision-user"));
        let request = request.header("X-API-Key", &self.key).json(&person.body());
        let answer = async {
            let response = request.send().await?;
            let id = response.headers()["x-request-id"].to_str().unwrap_or_default().to_owned();
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, id, response.json::<Value>().await?))
        };
        let answer = tokio::time::timeout(patience, answer).await;
        let mut told = self.told();
        match answer {
            Ok(Ok((status, id, body))) => {
                told.note(person, status, id, &body);
                true
            }
            Ok(Err(_)) => {
                told.owe(&person);
                false
            }
            // Hung up.
            Err(_) => true,
        }
    }

    fn draw(&self, chance: &mut Chance) -> Person {
        let mut told = self.told();
        let number = told.issued.len() as u64;
        let email = match chance.below(8) {
            0 | 1 if number > 0 => {
                let back = 1 + chance.below(LATEST.min(number));
                return told.issued[(number - back) as usize].clone();
            }
            // Those who draw one soon after another want the same name.
            2 | 3 => format!("rival{}@d{}.example", number / RIVALS, chance.below(RIVALS)),
            4 => format!("-refused{number}@example.com"),
            _ => format!("person{number}@example.com"),
        };
        let subject = (!number.is_multiple_of(4) || email.starts_with("rival"))
            .then(|| format!("subject of {email}"));
        let person = Person { email, subject };
        told.issued.push(person.clone());
        person
    }
}

impl Told {
    fn owe(&mut self, person: &Person) {
        if !self.owed.contains(person) {
            self.owed.push(person.clone());
        }
    }

    fn note(&mut self, person: Person, status: u16, id: String, body: &Value) {
        self.answers += 1;
        let who = person.clone();
        let said = || format!("{who:?} was told {status} {body}");
        match (status, body["code"].as_str()) {
            (200, None) => {
                assert!(!person.is_refused(), "{}", said());
                assert_eq!(body["username"], person.name(), "{}", said());
                if body["created"] == true {
                    let before = self.opened.insert(person.clone(), id);
                    assert!(before.is_none(), "opened twice: {}", said());
                }
                self.promised.insert(person);
            }
            (403, Some("charset")) => assert!(person.is_refused(), "{}", said()),
            (409, Some("username_taken")) => {
                assert!(person.is_rival() && !self.promised.contains(&person), "{}", said());
            }
            (503, Some("busy")) => self.busy += 1,
            _ => panic!("{}", said()),
        }
    }
}
