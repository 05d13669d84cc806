//! Rules swapped under load: clients open accounts without a pause while another one swaps two revisions that answer differently,
//! 500 times, and now and then sends a broken one. No request may fail, every answer must be one of the two revisions', and agree
//! with the revision that its row of the record names. Rounds with swaps and rounds without take turns.
//! Claims nothing by itself: wall time on a shared machine; the ratio of one run is what it is for.

#[path = "../load/connection.rs"]
mod connection;
#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/server.rs"]
mod server;

use clap::Parser;
use connection::Connection;
use server::Server;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// Swaps the rules of a server under load
#[derive(Parser)]
struct Options {
    /// One small round: checks every answer against the record, and that this program works
    #[arg(long)]
    test: bool,
    /// Swaps in all
    #[arg(long, default_value_t = 500)]
    swaps: u32,
    /// Rounds with swaps, each beside one without; the figures are their medians
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Requests in flight
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// A folder on the file system to measure
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// How many swaps come between two attempts to push something broken.
const BROKEN_EVERY: u32 = 10;

/// The two revisions: the default policy takes the part before the `@`, ours puts this before the whole name.
const PREFIX: &str = "b-";

/// A round: how long each request waited.
type Waits = Vec<Duration>;

struct Run {
    server: Server,
    /// Every answer: the request's id and the name that was given.
    answers: RefCell<HashMap<String, String>>,
    next: Cell<u64>,
    swaps: Cell<u32>,
    turned_away: Cell<u32>,
}

impl Run {
    /// One client: a newcomer at a time until told to stop.
    async fn hammer(self: Rc<Self>, stop: Rc<Cell<bool>>) -> Result<Waits, String> {
        let opened = Connection::open(self.server.address).await;
        let mut connection = opened.map_err(|error| error.to_string())?;
        let mut waits = Vec::new();
        while !stop.get() {
            let number = self.next.replace(self.next.get() + 1);
            let id = format!("swap-{number}");
            let body = format!(
                r#"{{"username":"person-{number}","user_attributes":{{"sub":"sub-{number}","names":"person-{number}"}}}}"#
            );
            let header = format!("X-Request-Id: {id}\r\n");
            let began = Instant::now();
            let line = "POST /provision-user";
            let (status, text) = connection.ask(line, &self.server.key, &header, &body).await?;
            waits.push(began.elapsed());
            if status != "200" {
                return Err(format!("request {id} failed: {status} {text}"));
            }
            let answer: serde_json::Value =
                serde_json::from_str(text).map_err(|error| error.to_string())?;
            let name = answer["username"].as_str().unwrap_or_default().to_owned();
            self.answers.borrow_mut().insert(id, name);
        }
        Ok(waits)
    }

    /// The other one: swaps so many times, the last of which is in place when this returns.
    async fn swap(self: Rc<Self>, times: u32) -> Result<(), String> {
        let opened = Connection::open(self.server.address).await;
        let mut connection = opened.map_err(|error| error.to_string())?;
        for _ in 0..times {
            let swap = self.swaps.replace(self.swaps.get() + 1);
            if swap.is_multiple_of(BROKEN_EVERY) {
                let broken = r#"{"settings":{"no such setting":1}}"#;
                let line = "POST /v1/revisions";
                let (status, text) = connection.ask(line, &self.server.key, "", broken).await?;
                if status != "422" {
                    return Err(format!("a broken revision was not turned away: {status} {text}"));
                }
                self.turned_away.set(self.turned_away.get() + 1);
            }
            let revision = if swap.is_multiple_of(2) { 2 } else { 1 };
            let line = format!("POST /v1/revisions/{revision}/activate");
            let (status, text) = connection.ask(&line, &self.server.key, "", "").await?;
            if status != "200" {
                return Err(format!("a swap failed: {status} {text}"));
            }
        }
        Ok(())
    }

    /// Clients without a pause, while `work` goes on.
    async fn round(
        self: &Rc<Self>,
        clients: usize,
        work: impl Future<Output = Result<(), String>>,
    ) -> Result<Waits, String> {
        let stop = Rc::new(Cell::new(false));
        let clients: Vec<_> = (0..clients)
            .map(|_| tokio::task::spawn_local(Rc::clone(self).hammer(Rc::clone(&stop))))
            .collect();
        let worked = work.await;
        stop.set(true);
        let mut waits = Vec::new();
        for client in clients {
            waits.extend(client.await.map_err(|lost| lost.to_string())??);
        }
        worked.map(|()| waits)
    }

    /// Every answer agrees with the row of its request: the name is the one that this revision gives.
    fn verify(&self) -> Result<(), Box<dyn Error>> {
        let database = self.server.database()?;
        let sql = "SELECT d.request_id, d.name, r.policy, d.digest = r.component FROM decisions d
            JOIN revisions r ON r.tenant = d.tenant AND r.number = d.revision WHERE d.outcome = 'granted' AND d.occasion = 'opening'";
        let mut statement = database.prepare(sql)?;
        let mut rows = statement.query([])?;
        let (mut seen, mut by_ours) = (0, 0);
        let answers = self.answers.borrow();
        while let Some(row) = rows.next()? {
            let (id, name): (String, String) = (row.get(0)?, row.get(1)?);
            let (ours, same): (bool, bool) =
                (row.get::<_, String>(2)? != "builtin:localpart", row.get(3)?);
            let answered = answers.get(&id).ok_or_else(|| format!("nobody was answered {id}"))?;
            let number = id.trim_start_matches("swap-");
            let expected =
                if ours { format!("{PREFIX}person-{number}") } else { format!("person-{number}") };
            assert_eq!((answered, &name, same), (&expected, &expected, true), "{id}");
            seen += 1;
            by_ours += u64::from(ours);
        }
        assert_eq!(seen, answers.len() as u64, "every answer has its row");
        println!(
            "{seen} accounts, none failed, each by the revision that its row names: {by_ours} by the one, {} by the other; {} swaps, {} broken revisions turned away",
            seen - by_ours,
            self.swaps.get(),
            self.turned_away.get(),
        );
        Ok(())
    }
}

/// The wait that this part of a round did not exceed, in microseconds.
fn wait(waits: &mut Waits, part: f64) -> f64 {
    waits.sort_unstable();
    let rank = (waits.len() as f64 * part).ceil() as usize;
    waits[rank.clamp(1, waits.len()) - 1].as_secs_f64() * 1e6
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (rounds, swaps) = if options.test { (1, 20) } else { (options.rounds, options.swaps) };
    let folder = tempfile::tempdir_in(&options.dir)?;
    let server = Server::first_start(folder.path())?;
    let component = folder.path().join("prefixed.wasm");
    std::fs::write(&component, enlist_artifacts::honest::CANDIDATES)?;
    let settings = folder.path().join("settings.json");
    std::fs::write(&settings, format!(r#"{{"prefix":"{PREFIX}"}}"#))?;
    server.enlist(&["policy", "push", text(&component)?, "--settings", text(&settings)?])?;

    let run = Rc::new(Run {
        server,
        answers: RefCell::default(),
        next: Cell::new(0),
        swaps: Cell::new(0),
        turned_away: Cell::new(0),
    });
    let (mut with, mut without, mut took) = (Vec::new(), Vec::new(), Vec::new());
    LocalSet::new()
        .run_until(async {
            for _ in 0..rounds {
                let began = Instant::now();
                with.push(run.round(options.clients, Rc::clone(&run).swap(swaps / rounds)).await?);
                let same = began.elapsed();
                took.push(same);
                let pause = async {
                    tokio::time::sleep(same).await;
                    Ok(())
                };
                without.push(run.round(options.clients, pause).await?);
            }
            Ok::<_, String>(())
        })
        .await?;
    println!("{} clients, {} rounds of {} swaps", options.clients, rounds, swaps / rounds);
    println!("{:20} {:>9} {:>9} {:>9}", "", "p50 us", "p99 us", "per s");
    let seconds = median(took.iter().map(Duration::as_secs_f64));
    for (name, all) in [("with swaps", &mut with), ("without", &mut without)] {
        let p50 = median(all.iter_mut().map(|waits| wait(waits, 0.50)));
        let p99 = median(all.iter_mut().map(|waits| wait(waits, 0.99)));
        let rate = median(all.iter().map(|waits| waits.len() as f64 / seconds));
        println!("{name:20} {p50:>9.0} {p99:>9.0} {rate:>9.0}");
    }
    let p99 = |all: &mut Vec<Waits>| median(all.iter_mut().map(|waits| wait(waits, 0.99)));
    println!("p99 with swaps / without: {:.2}", p99(&mut with) / p99(&mut without));
    let mut run = Rc::into_inner(run).ok_or("a client is left")?;
    run.server.stop()?;
    run.verify()
}

fn text(path: &std::path::Path) -> Result<&str, Box<dyn Error>> {
    Ok(path.to_str().ok_or("a path that is no text")?)
}
