//! How quickly a revision is previewed and a record replayed, and what those who open accounts meanwhile notice: the real server, a
//! record of many people, rounds with previews without a pause and rounds without any in turn.
//! Claims nothing by itself: wall time on a shared machine; the ratio of one run is what it is for. A replay with any difference
//! ends the run.

#[path = "../load/connection.rs"]
mod connection;
#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/server.rs"]
mod server;

use clap::Parser;
use connection::Connection;
use serde_json::Value;
use server::Server;
use std::cell::Cell;
use std::error::Error;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// Previews and replays a record
#[derive(Parser)]
struct Options {
    /// One round: checks that every decision is made again as it was, and that this program works
    #[arg(long)]
    test: bool,
    /// Rounds with previews, each beside one without; the figures are their medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
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

/// People who open an account before anything is measured.
const PEOPLE: u64 = 2_000;

/// So many times as many the record knows: their rows are copies with other people in them.
const TIMES: u64 = 50;

/// Columns of the record that are copied as they are, and those in which somebody is named.
const PLAIN: &str = "tenant, at, key, occasion, source, dry_run, outcome, code, stage, detail, place, revision, digest, settings_digest,
    used, used_in_domain, notes, fuel, issuer, email";
const NAMED: [&str; 6] = ["request_id", "name", "request", "answer", "subject", "username"];

/// How long a round without previews lasts.
const ROUND: Duration = Duration::from_secs(4);

/// A round: how long each request waited.
type Waits = Vec<Duration>;

struct Run {
    server: Server,
    next: Cell<u64>,
}

impl Run {
    /// One client: a newcomer at a time until told to stop, or until there are so many.
    async fn hammer(self: Rc<Self>, stop: Rc<Cell<bool>>, most: u64) -> Result<Waits, String> {
        let opened = Connection::open(self.server.address).await;
        let mut connection = opened.map_err(|error| error.to_string())?;
        let mut waits = Vec::new();
        while !stop.get() && self.next.get() < most {
            let number = self.next.replace(self.next.get() + 1);
            let body = format!(
                r#"{{"username":"person-{number}","user_attributes":{{"sub":"sub-person-{number}","custom:plan":"pro"}}}}"#
            );
            let began = Instant::now();
            let line = "POST /provision-user";
            let (status, text) = connection.ask(line, &self.server.key, "", &body).await?;
            waits.push(began.elapsed());
            if status != "200" {
                return Err(format!("a request failed: {status} {text}"));
            }
        }
        Ok(waits)
    }

    /// Clients without a pause while `work` goes on.
    async fn round(
        self: &Rc<Self>,
        clients: usize,
        work: impl Future<Output = Result<(), String>>,
    ) -> Result<Waits, String> {
        let stop = Rc::new(Cell::new(false));
        let hammer = |_| Rc::clone(self).hammer(Rc::clone(&stop), u64::MAX);
        let clients: Vec<_> = (0..clients).map(hammer).map(tokio::task::spawn_local).collect();
        let worked = work.await;
        stop.set(true);
        let mut waits = Vec::new();
        for client in clients {
            waits.extend(client.await.map_err(|lost| lost.to_string())??);
        }
        worked.map(|()| waits)
    }

    /// Begins what is at `path` and waits for its end: what was found, and how long it took.
    async fn review(&self, path: &str) -> Result<(Value, Duration), String> {
        let opened = Connection::open(self.server.address).await;
        let mut connection = opened.map_err(|error| error.to_string())?;
        let (key, began, mut method) = (&self.server.key, Instant::now(), "POST");
        loop {
            let (status, text) = connection.ask(&format!("{method} {path}"), key, "", "").await?;
            let found: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            match (status, found["state"].as_str()) {
                ("200" | "202", Some("running")) => {}
                ("200" | "202", Some("done")) => return Ok((found, began.elapsed())),
                _ => return Err(format!("{path}: {status} {found}")),
            }
            method = "GET";
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Previews one after the other until the time is over.
    async fn previews(&self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < ROUND {
            self.review(PREVIEW).await?;
        }
        Ok(())
    }

    /// Makes of everybody's rows so many others'.
    fn copy(&self, times: u64) -> Result<(), Box<dyn Error>> {
        let database = self.server.database()?;
        database.busy_timeout(Duration::from_secs(10))?;
        let named = NAMED.join(", ");
        let renamed: Vec<_> = NAMED
            .iter()
            .map(|column| match *column {
                "request_id" => "request_id || '-' || ?1".to_owned(),
                column => format!("replace({column}, 'person-', 'person-' || ?1 || '-')"),
            })
            .collect();
        let sql = format!(
            "INSERT INTO decisions ({PLAIN}, {named}) SELECT {PLAIN}, {} FROM decisions WHERE id IN
                 (SELECT id FROM decisions WHERE occasion = 'opening' ORDER BY id LIMIT {PEOPLE})",
            renamed.join(", ")
        );
        for time in 1..times {
            database.execute(&sql, [time as i64])?;
        }
        Ok(())
    }
}

const PREVIEW: &str = "/v1/tenants/default/revisions/2/preview";

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
    let (rounds, times) = if options.test { (1, 5) } else { (options.rounds, TIMES) };
    let folder = tempfile::tempdir_in(&options.dir)?;
    let server = Server::first_start(folder.path())?;
    let component = folder.path().join("candidates.wasm");
    std::fs::write(&component, enlist_artifacts::honest::CANDIDATES)?;
    server.enlist(&["policy", "push", component.to_str().ok_or("a path that is no text")?])?;
    let run = Rc::new(Run { server, next: Cell::new(0) });
    let (mut previews, mut replays, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let measured = async {
        let hammer = |_| Rc::clone(&run).hammer(Rc::default(), PEOPLE);
        let clients: Vec<_> =
            (0..options.clients).map(hammer).map(tokio::task::spawn_local).collect();
        for client in clients {
            client.await.map_err(|lost| lost.to_string())??;
        }
        run.copy(times).map_err(|error| error.to_string())?;
        for _ in 0..rounds {
            let spent = || run.server.processor_time().map_err(|error| error.to_string());
            let before = spent()?;
            let (found, took) = run.review(PREVIEW).await?;
            let decisions = 2.0 * found["done"].as_u64().unwrap_or_default() as f64;
            costs.push((spent()? - before).as_secs_f64() * 1e6 / decisions);
            previews.push(decisions / took.as_secs_f64());
            let (found, took) = run.review("/v1/replay").await?;
            let same = found["same"].as_u64().unwrap_or_default();
            if found["different"] != 0 || same < PEOPLE * times {
                return Err(format!("not as it was: {found}"));
            }
            replays.push(same as f64 / took.as_secs_f64());
            without.push(
                run.round(options.clients, async {
                    tokio::time::sleep(ROUND).await;
                    Ok(())
                })
                .await?,
            );
            with.push(run.round(options.clients, run.previews()).await?);
        }
        Ok::<_, String>(())
    };
    LocalSet::new().run_until(measured).await?;
    println!("{} people; medians of {rounds} rounds, decisions a second", PEOPLE * times);
    let cost = median(costs.into_iter());
    println!(
        "{:20} {:>9.0}  {cost:.1} us of a processor each",
        "preview",
        median(previews.into_iter())
    );
    println!("{:20} {:>9.0}", "replay, none differs", median(replays.into_iter()));
    println!("{} clients open accounts", options.clients);
    println!("{:20} {:>9} {:>9} {:>9}", "", "p50 us", "p99 us", "opened");
    for (name, all) in [("during previews", &mut with), ("without", &mut without)] {
        let p50 = median(all.iter_mut().map(|waits| wait(waits, 0.50)));
        let p99 = median(all.iter_mut().map(|waits| wait(waits, 0.99)));
        let opened = median(all.iter().map(|waits| waits.len() as f64));
        println!("{name:20} {p50:>9.0} {p99:>9.0} {opened:>9.0}");
    }
    Ok(())
}
