//! Many tenants on one machine: 1,000 of them with 1,000 revisions of 50 components. What a start takes with a warm cache, what a
//! tenant costs that nobody asks, what its first decision takes, and what one takes that was asked a moment ago, beside a server with
//! ten tenants, in turn.
//! Claims nothing by itself: wall time on a shared machine; the ratios of one run are what it is for.

#[path = "../load/connection.rs"]
mod connection;
#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/server.rs"]
mod server;

use clap::Parser;
use connection::Connection;
use server::Server;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Measures a server with many tenants
#[derive(Parser)]
struct Options {
    /// A small round: checks every answer, and that this program works
    #[arg(long)]
    test: bool,
    /// Tenants, each with a revision of its own
    #[arg(long, default_value_t = 1000)]
    tenants: usize,
    /// Components that they share
    #[arg(long, default_value_t = 50)]
    components: usize,
    /// Starts; the figures are medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A folder on the file system to measure
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// Tenants of the server beside.
const FEW: usize = 10;

/// Warm decisions that are measured a round.
const WARM: usize = 2000;

/// A server with so many tenants.
struct House {
    server: Server,
    tenants: usize,
}

/// What one round found, in microseconds but for the start.
#[derive(Default)]
struct Found {
    start: Duration,
    /// Of its own, not of files that the kernel may take back.
    anonymous_kib: u64,
    cold: Vec<f64>,
    warm: Vec<f64>,
    zipf: Vec<f64>,
    descriptors: usize,
}

impl House {
    /// A first start, and so many tenants whose rules are all different.
    fn build(folder: &Path, tenants: usize, components: usize) -> Result<Self, Box<dyn Error>> {
        fs::create_dir(folder)?;
        let server = Server::first_start(folder)?;
        for number in 0..components.min(tenants) {
            fs::write(folder.join(format!("{number}.wasm")), component(number)?)?;
        }
        for number in 0..tenants {
            let name = name(number);
            server.operate(&["tenant", "create", &name])?;
            let component = folder.join(format!("{}.wasm", number % components));
            let settings = folder.join("settings.json");
            fs::write(&settings, format!(r#"{{"prefix":"{name}-"}}"#))?;
            let (component, settings) = (text(&component)?, text(&settings)?);
            server.operate(&[
                "-t",
                &name,
                "policy",
                "push",
                component,
                "--settings",
                settings,
                "--activate",
            ])?;
        }
        Ok(Self { server, tenants })
    }

    async fn round(self, found: &mut Found) -> Result<Self, Box<dyn Error>> {
        let Self { server, tenants } = self;
        let (server, start) = server.start_again()?;
        found.start = start;
        found.anonymous_kib = server.anonymous_kib()?;
        let mut connection = Connection::open(server.address).await?;
        // One that nobody measures: the first of a connection, and the ledger's pages.
        ask(&mut connection, &server, "default", None).await?;
        for number in 0..tenants {
            found.cold.push(ask(&mut connection, &server, &name(number), Some(number)).await?);
        }
        for turn in 0..WARM {
            // In an order that is none to a cache, and the same few again and again.
            let number = turn * 7919 % tenants.min(FEW);
            found.warm.push(ask(&mut connection, &server, &name(number), Some(number)).await?);
        }
        let mut state = 1_u64;
        for _ in 0..WARM {
            let number = zipf(&mut state, tenants);
            found.zipf.push(ask(&mut connection, &server, &name(number), Some(number)).await?);
        }
        found.descriptors = server.descriptors()?;
        Ok(Self { server, tenants })
    }
}

/// A dry run in this tenant, whose answer must be its own revision's; microseconds.
async fn ask(
    connection: &mut Connection,
    server: &Server,
    tenant: &str,
    number: Option<usize>,
) -> Result<f64, Box<dyn Error>> {
    let line = format!("POST /v1/tenants/{tenant}/decisions");
    let body = r#"{"username":"ann","user_attributes":{"sub":"s"}}"#;
    let began = Instant::now();
    let (status, answer) = connection.ask(&line, &server.operator_key, "", body).await?;
    let took = began.elapsed().as_secs_f64() * 1e6;
    let named = number.map_or("\"username\":\"ann\"".to_owned(), |number| {
        format!("\"username\":\"{}-ann\"", name(number))
    });
    if status != "200" || !answer.contains(&named) {
        return Err(format!("tenant {tenant}: {status} {answer}").into());
    }
    Ok(took)
}

fn name(number: usize) -> String {
    format!("t{number}")
}

/// The same policy with another custom section, so that its digest and its code are others.
fn component(number: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = enlist_artifacts::honest::CANDIDATES.to_vec();
    let content = format!("\u{6}number{number}");
    bytes.extend([0, u8::try_from(content.len())?]);
    bytes.extend(content.bytes());
    Ok(bytes)
}

/// A tenant by a law under which the second is asked half as often as the first, the third a third as often.
fn zipf(state: &mut u64, tenants: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let part = (*state >> 11) as f64 / (1_u64 << 53) as f64;
    // The inverse of the logarithm that the harmonic sum comes close to.
    (((tenants + 1) as f64).powf(part) - 1.0) as usize
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn text(path: &Path) -> Result<&str, Box<dyn Error>> {
    Ok(path.to_str().ok_or("a path that is no text")?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (tenants, components, rounds) = if options.test {
        (20, 3, 1)
    } else {
        (options.tenants, options.components, options.rounds)
    };
    let folder = tempfile::tempdir_in(&options.dir)?;
    let began = Instant::now();
    let mut many = House::build(&folder.path().join("many"), tenants, components)?;
    println!("{tenants} tenants with rules of their own made in {:.0?}", began.elapsed());
    let mut few = House::build(&folder.path().join("few"), FEW, components)?;
    let (mut all, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut found = Found::default();
        many = many.round(&mut found).await?;
        all.push(found);
        let mut found = Found::default();
        few = few.round(&mut found).await?;
        beside.push(found);
    }
    println!("{:34} {:>10} {:>10}", "", format!("{tenants} tenants"), format!("{FEW} tenants"));
    let row = |what: &str, of: &dyn Fn(&Found) -> f64| {
        let of = |found: &[Found]| median(found.iter().map(of).collect());
        println!("{what:34} {:>10.1} {:>10.1}", of(&all), of(&beside));
    };
    row("start to ready, ms", &|found| found.start.as_secs_f64() * 1e3);
    row("first decision of a tenant, us", &|found| median(found.cold.clone()));
    row("a decision of ten, asked before, us", &|found| median(found.warm.clone()));
    row("a decision over all (zipf), us", &|found| median(found.zipf.clone()));
    row("open descriptors", &|found| found.descriptors as f64);
    row("anonymous memory after a start, KiB", &|found| found.anonymous_kib as f64);
    let own = |found: &[Found]| median(found.iter().map(|f| f.anonymous_kib as f64).collect());
    let each = (own(&all) - own(&beside)) / (tenants - FEW) as f64;
    println!("a tenant that is not mapped: {each:.2} KiB");
    Ok(())
}
