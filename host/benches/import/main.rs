//! How quickly many people are imported: `enlist import` against the real server, for people who come with their names and for those
//! whose names the policy decides, beside the raw work of the disk (folders, one fsync of their parent a batch, the same rows in one
//! transaction), in turn, in one run. Everybody is looked for afterwards.
//! Claims nothing by itself: wall time on a shared machine; the ratios of one run are what it is for.

#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/people.rs"]
mod people;
#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/raw.rs"]
mod raw;
#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/report.rs"]
mod report;
#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/server.rs"]
mod server;

use clap::Parser;
use people::marker;
use raw::Raw;
use report::Sample;
use server::Server;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Imports people beside the raw work of the disk
#[derive(Parser)]
struct Options {
    /// One small round: checks that everybody is there, and that this program works
    #[arg(long)]
    test: bool,
    /// People of each kind
    #[arg(long, default_value_t = 20_000)]
    people: u64,
    /// Rounds that they are divided into; the figures are their medians
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// A folder on the file system to measure
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// Only this: the import of people with names, for a profiler (the server's process id is printed)
    #[arg(long)]
    only_named: bool,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// People whom the raw side opens together: as many homes as the server makes with one fsync.
const BATCH: usize = 64;

/// The two kinds of people, the first person of each, after whom the rows of the raw side are made, and where the others begin.
#[derive(Clone, Copy)]
enum Kind {
    Named,
    Decided,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Named, Self::Decided];

    fn says(self) -> &'static str {
        match self {
            Self::Named => "with their names",
            Self::Decided => "decided by the policy",
        }
    }

    fn first(self) -> u64 {
        match self {
            Self::Named => 1,
            Self::Decided => 50_000_001,
        }
    }

    /// One line of the file.
    fn line(self, number: u64) -> String {
        let person = marker(number);
        let name = match self {
            Self::Named => format!(r#""name":"person-{person}","#),
            Self::Decided => String::new(),
        };
        format!(
            r#"{{{name}"username":"person-{person}@example.com","subject":"5e0c9b8f-3a11-4a7f-{person}","email":"person-{person}@example.com","email_verified":true,"attributes":{{"sub":"5e0c9b8f-3a11-4a7f-{person}","custom:plan":"pro"}}}}"#
        )
    }
}

/// Runs `enlist import` over these people: how many a second.
fn import(
    server: &Server,
    folder: &Path,
    kind: Kind,
    people: Range<u64>,
) -> Result<f64, Box<dyn Error>> {
    let (path, count) = (folder.join("people"), people.end - people.start);
    let mut file = BufWriter::new(File::create(&path)?);
    for number in people {
        writeln!(file, "{}", kind.line(number))?;
    }
    file.into_inner()?.sync_all()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_enlist"));
    command.args(["-t", "default", "-o", "json", "import"]).stdin(File::open(&path)?);
    command.env("ENLIST_SERVER", format!("http://{}", server.address));
    command.env("ENLIST_KEY", &server.operator_key);
    let began = Instant::now();
    let ended = command.output()?;
    let took = began.elapsed().as_secs_f64();
    let said: serde_json::Value = serde_json::from_slice(&ended.stdout)?;
    if said["outcomes"]["opened"].as_u64() != Some(count) {
        return Err(format!("{said}: {}", String::from_utf8_lossy(&ended.stderr)).into());
    }
    Ok(count as f64 / took)
}

fn per_second(sample: &Sample) -> f64 {
    sample.waits.len() as f64 / sample.took.as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (people, rounds) = if options.test { (600, 1) } else { (options.people, options.rounds) };
    let folder = tempfile::tempdir_in(&options.dir)?;
    let mut server = Server::first_start(folder.path())?;
    let mut raws = Vec::new();
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        let model = kind.first();
        import(&server, folder.path(), kind, model..model + 1)?;
        let copy = folder.path().join(format!("raw-{number}.db"));
        server = server.restart(&copy)?;
        raws.push(Raw::open(&copy, &folder.path().join(format!("raw-{number}")), model)?);
    }
    if options.only_named {
        println!("server {}", server.id());
        let first = Kind::Named.first() + 1;
        let rate = import(&server, folder.path(), Kind::Named, first..first + people)?;
        println!("{rate:.0} a second");
        return Ok(());
    }
    let (mut disk, mut over_http) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let each = people / rounds;
    for round in 0..rounds {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let first = kind.first() + 1 + round * each;
            let raw = &mut raws[number];
            raw.settle()?;
            disk[number].push(per_second(&raw.run(first..first + each, BATCH)?));
            raw.settle()?;
            over_http[number].push(import(&server, folder.path(), kind, first..first + each)?);
        }
    }
    println!("{} people of each kind, medians of {rounds} rounds, people a second", each * rounds);
    println!("{:24} {:>9} {:>9} {:>7}", "", "raw", "import", "ratio");
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        let (raw, imported) = (median(&mut disk[number]), median(&mut over_http[number]));
        println!("{:24} {raw:>9.0} {imported:>9.0} {:>7.2}", kind.says(), imported / raw);
    }
    let expected = i64::try_from(2 * (each * rounds + 1))?;
    let database = server.database()?;
    let accounts: i64 =
        database.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))?;
    let folders = i64::try_from(fs::read_dir(server.homes())?.count())?;
    assert_eq!((accounts, folders), (expected, expected), "accounts and folders");
    Ok(())
}
