//! What opening accounts costs over HTTP, at 1, 16 and 64 in flight: the real server beside the raw work of the disk, in turn, in
//! one run; then the same people again, and people who are refused. Everything that was answered is looked for afterwards.
//! Claims nothing by itself: wall time on a shared machine; the ratios of one run are what it is for.

mod client;
mod connection;
mod people;
mod raw;
mod report;
#[expect(dead_code, reason = "the programs beside it need more")]
mod server;

use clap::Parser;
use client::Question;
use raw::Raw;
use report::{Rounds, heading, row};
use server::Server;
use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Opens accounts over HTTP beside the raw work of the disk
#[derive(Parser)]
struct Options {
    /// One small round: checks answers, database and folders, and that this program works
    #[arg(long)]
    test: bool,
    /// Rounds; the figures are their medians
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Requests in flight
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    levels: Vec<usize>,
    /// People a round and level; without it more at higher levels
    #[arg(long)]
    people: Option<u64>,
    /// A folder on the file system to measure
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Only this: what the server does for new people, for a profiler (its process id is printed)
    #[arg(long)]
    only_server: bool,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

const OPENED: Question = Question {
    line: "POST /provision-user",
    body: Some(people::newcomer),
    status: "200",
    says: r#""created":true"#,
};

/// Asked in every round about people who have an account by then.
const REPEATS: [(&str, Question); 4] = [
    ("known", Question { says: r#""created":false"#, ..OPENED }),
    (
        "refused by the policy",
        Question {
            body: Some(people::unfit),
            status: "403",
            says: r#""code":"charset""#,
            ..OPENED
        },
    ),
    (
        "refused, the name is taken",
        Question {
            body: Some(people::rival),
            status: "409",
            says: r#""code":"username_taken""#,
            ..OPENED
        },
    ),
    ("GET /healthz", Question { line: "GET /healthz", body: None, status: "200", says: "ok" }),
];

/// Which of them must not wait for an fsync.
const REFUSED: usize = 1;

/// Person whose rows the raw side copies.
const MODEL: u64 = 0;

/// Everything that was measured at one level.
struct Level {
    in_flight: usize,
    server: Rounds,
    raw: Rounds,
    repeats: [Rounds; REPEATS.len()],
    commits: Rounds,
}

/// Both sides, and the next person who has not asked yet.
struct Load {
    only_server: bool,
    server: Server,
    raw: Raw,
    next: u64,
    asked: u64,
}

impl Load {
    async fn start(folder: &Path, only_server: bool) -> Result<Self, Box<dyn Error>> {
        let server = Server::first_start(folder)?;
        client::run(&server, OPENED, MODEL..MODEL + 1, 1).await?;
        let copy = folder.join("raw.db");
        let server = server.restart(&copy)?;
        let raw = Raw::open(&copy, &folder.join("raw"), MODEL)?;
        Ok(Self { only_server, server, raw, next: MODEL + 1, asked: 1 })
    }

    async fn round(&mut self, level: &mut Level, count: u64) -> Result<(), Box<dyn Error>> {
        let people = self.next..self.next + count;
        self.next += count;
        self.raw.settle()?;
        level.server.add(self.ask(OPENED, &people, level.in_flight).await?);
        if self.only_server {
            return Ok(());
        }
        self.raw.settle()?;
        level.raw.add(self.raw.run(people.clone(), level.in_flight)?);
        for ((_, question), rounds) in REPEATS.iter().zip(&mut level.repeats) {
            self.raw.settle()?;
            rounds.add(self.ask(*question, &people, level.in_flight).await?);
        }
        self.raw.settle()?;
        level.commits.add(self.raw.commits(usize::try_from(count.min(200))?)?);
        Ok(())
    }

    async fn ask(
        &mut self,
        question: Question,
        people: &Range<u64>,
        in_flight: usize,
    ) -> Result<report::Sample, Box<dyn Error>> {
        self.asked += if question.body.is_some() { people.end - people.start } else { 0 };
        client::run(&self.server, question, people.clone(), in_flight).await
    }

    /// Both sides did all of it, and neither more than that.
    fn verify(&mut self) -> Result<(), Box<dyn Error>> {
        self.server.stop()?;
        let database = self.server.database()?;
        let folders = std::fs::read_dir(self.server.homes())?.count() as u64;
        assert_eq!((count(&database, "accounts")?, folders), (self.next, self.next));
        if !self.only_server {
            assert_eq!(
                count(self.raw.database(), "accounts")?,
                self.next,
                "the raw side did the same"
            );
        }
        let recorded = count(&database, "decisions")?;
        println!(
            "\n{} accounts with their folders; {recorded} of {} requests in the record",
            self.next, self.asked
        );
        Ok(())
    }
}

fn count(database: &rusqlite::Connection, table: &str) -> Result<u64, Box<dyn Error>> {
    let sql = format!("SELECT count(*) FROM {table}");
    Ok(u64::try_from(database.query_row(&sql, [], |row| row.get::<_, i64>(0))?)?)
}

fn print(level: &Level) {
    let Level { in_flight, server, raw, repeats, commits } = level;
    heading(&format!("{in_flight} in flight"));
    row("opened", server);
    if raw.is_empty() {
        return;
    }
    row("the raw work of the disk", raw);
    for ((name, _), rounds) in REPEATS.iter().zip(repeats) {
        row(name, rounds);
    }
    row("one raw commit", commits);
    let throughput = server.per_second() / raw.per_second() * 100.0;
    let wait = server.wait(0.50) / raw.wait(0.50);
    println!("opened / raw: {throughput:.0} % of its accounts a second, {wait:.2} times its p50");
    if *in_flight == 1 {
        let refused = repeats[REFUSED].wait(0.50) / commits.wait(0.50);
        println!("refused by the policy / one raw commit: {refused:.2} of its p50");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let rounds = if options.test { 1 } else { options.rounds };
    let folder = tempfile::tempdir_in(&options.dir)?;
    let mut load = Load::start(folder.path(), options.only_server).await?;
    println!(
        "{rounds} rounds in {}; the server is process {}",
        folder.path().display(),
        load.server.id()
    );
    for &in_flight in &options.levels {
        let people = if options.test { 64 } else { (60 * in_flight as u64).max(400) };
        let people = options.people.unwrap_or(people);
        let mut level = Level {
            in_flight,
            server: Rounds::default(),
            raw: Rounds::default(),
            repeats: Default::default(),
            commits: Rounds::default(),
        };
        for _ in 0..rounds {
            load.round(&mut level, people).await?;
        }
        print(&level);
    }
    load.verify()
}
