//! The attacks, each by tenant `default`, from a thread of its own, and what they were answered.
//! Refuses to wait politely: whatever the answer is, the next request follows at once, or at its time.

use crate::connection::Connection;
use crate::people;
use crate::report::Answers;
use crate::server::Server;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::task::LocalSet;

/// One attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    line: &'static str,
    /// What the policy is told to do to these people, as attributes.
    attributes: &'static str,
    pace: Pace,
    /// Statuses that show that the attack took place; at least one answer must have one.
    hits: &'static [&'static str],
}

/// How often it asks.
enum Pace {
    /// So many requests in flight, the next one as soon as one is answered; who is told to come again does so far too soon.
    InFlight(usize),
    /// Times the victim's rate, whether answers come or not.
    Times(u32),
}

const OPENING: &str = "POST /provision-user";
const REHEARSAL: &str = "POST /v1/decisions";

pub(crate) const ATTACKS: [Attack; 8] = [
    Attack {
        name: "spins to its deadline",
        line: OPENING,
        attributes: r#""does":"spin","#,
        pace: Pace::InFlight(32),
        hits: &["503"],
    },
    Attack {
        name: "spins when names are held",
        line: OPENING,
        attributes: r#""later":"spin","#,
        pace: Pace::InFlight(32),
        hits: &["503"],
    },
    Attack {
        name: "floods its notes",
        line: REHEARSAL,
        attributes: r#""does":"shout","#,
        pace: Pace::InFlight(32),
        hits: &["200"],
    },
    Attack {
        name: "floods notes of openings",
        line: OPENING,
        attributes: r#""does":"shout","#,
        pace: Pace::InFlight(32),
        hits: &["200"],
    },
    Attack {
        name: "hoards until it is refused",
        line: OPENING,
        attributes: r#""does":"hoard","#,
        pace: Pace::InFlight(32),
        hits: &["503"],
    },
    Attack {
        name: "hoards what it may",
        line: REHEARSAL,
        attributes: r#""does":"fill","#,
        pace: Pace::InFlight(32),
        hits: &["200"],
    },
    Attack {
        name: "50 times the openings",
        line: OPENING,
        attributes: r#""#,
        pace: Pace::Times(50),
        hits: &["200"],
    },
    Attack {
        name: "50 times the rehearsals",
        line: REHEARSAL,
        attributes: r#""#,
        pace: Pace::Times(50),
        hits: &["200"],
    },
];

/// More than a tenant has places: what is past them is answered `busy`. Past this the client drops what it would have sent.
const OPEN_CONNECTIONS: usize = 300;

/// Instead of the second that it is told.
const FAR_TOO_SOON: Duration = Duration::from_millis(20);

/// People of one round; no round asks for another's.
const PEOPLE_A_ROUND: u64 = 500_000;
static PEOPLE: AtomicU64 = AtomicU64::new(0);

/// An attack that goes on.
pub(crate) struct Attacker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Answers, String>>,
    hits: &'static [&'static str],
}

impl Attack {
    pub(crate) fn begin(&self, server: &Server, rate: u32) -> Result<Attacker, Box<dyn Error>> {
        let stop = Arc::new(AtomicBool::new(false));
        let client = Client {
            address: server.address,
            key: server.key.clone(),
            line: self.line,
            attributes: self.attributes,
            next: Cell::new(PEOPLE.fetch_add(PEOPLE_A_ROUND, Ordering::Relaxed)),
            answers: RefCell::default(),
            idle: RefCell::default(),
            open: Cell::new(0),
            stop: Arc::clone(&stop),
        };
        let rate = match self.pace {
            Pace::Times(times) => Ok(rate * times),
            Pace::InFlight(count) => Err(count),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            let client = Rc::new(client);
            match rate {
                Ok(rate) => runtime
                    .block_on(LocalSet::new().run_until(Rc::clone(&client).steadily(rate)))?,
                Err(count) => runtime
                    .block_on(LocalSet::new().run_until(Rc::clone(&client).in_flight(count)))?,
            }
            Ok(client.answers.take())
        };
        Ok(Attacker {
            stop,
            thread: thread::Builder::new().name("attacker".to_owned()).spawn(work)?,
            hits: self.hits,
        })
    }
}

impl Attacker {
    /// Stops it; what it was answered.
    pub(crate) fn end(self) -> Result<Answers, Box<dyn Error>> {
        self.stop.store(true, Ordering::Relaxed);
        let answers = self.thread.join().map_err(|_| "the attacker panicked")??;
        if !self.hits.iter().any(|status| answers.count(status) > 0) {
            return Err(format!("no attack took place: {answers}").into());
        }
        Ok(answers)
    }
}

/// What an answer comes to.
#[derive(PartialEq, Eq)]
enum Told {
    Done,
    ComeAgain,
}

struct Client {
    address: SocketAddr,
    key: String,
    line: &'static str,
    attributes: &'static str,
    next: Cell<u64>,
    answers: RefCell<Answers>,
    idle: RefCell<Vec<Connection>>,
    open: Cell<usize>,
    stop: Arc<AtomicBool>,
}

impl Client {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    async fn ask(&self, connection: &mut Connection) -> Result<Told, String> {
        let number = self.next.replace(self.next.get() + 1);
        let (before, after) = (r#""user_attributes":{"#, self.attributes);
        let body = people::newcomer(number).replace(before, &format!("{before}{after}"));
        let (status, text) = connection.ask(self.line, &self.key, "", &body).await?;
        self.answers.borrow_mut().count_one(status);
        let again = text.contains(r#""code":"busy""#);
        Ok(if again { Told::ComeAgain } else { Told::Done })
    }

    async fn in_flight(self: Rc<Self>, count: usize) -> Result<(), String> {
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let client = Rc::clone(&self);
                tokio::task::spawn_local(async move {
                    let mut connection = Connection::open(client.address)
                        .await
                        .map_err(|error| error.to_string())?;
                    while client.goes_on() {
                        if client.ask(&mut connection).await? == Told::ComeAgain {
                            tokio::time::sleep(FAR_TOO_SOON).await;
                        }
                    }
                    Ok::<_, String>(())
                })
            })
            .collect();
        for task in tasks {
            task.await.map_err(|lost| lost.to_string())??;
        }
        Ok(())
    }

    async fn steadily(self: Rc<Self>, rate: u32) -> Result<(), String> {
        let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
        while self.goes_on() {
            clock.tick().await;
            let kept = self.idle.borrow_mut().pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None if self.open.get() == OPEN_CONNECTIONS => {
                    self.answers.borrow_mut().drop_one();
                    continue;
                }
                None => {
                    self.open.set(self.open.get() + 1);
                    Connection::open(self.address).await.map_err(|error| error.to_string())?
                }
            };
            let client = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                client.ask(&mut connection).await?;
                client.idle.borrow_mut().push(connection);
                Ok::<_, String>(())
            });
        }
        // What is still asked is answered before the next round.
        while self.idle.borrow().len() < self.open.get() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}
