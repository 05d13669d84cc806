//! What one tenant can do to another: the waits of a tenant with the default policy at a steady rate, alone and while tenant
//! `default` attacks with a policy that spins, shouts or hoards, or with many times the requests; in turn, in one run, on the real
//! server. And what decisions gain from a second thread beside what a native loop gains from it.
//! Claims nothing by itself: wall time on a shared machine, whose processors the two clients use too; the ratios of one run are what
//! it is for.

mod asking;
mod attack;
#[path = "../load/connection.rs"]
mod connection;
mod gain;
#[path = "../load/people.rs"]
#[expect(dead_code, reason = "the load program needs more of it")]
mod people;
mod report;
#[expect(dead_code, reason = "the load program needs more of it")]
#[path = "../load/server.rs"]
mod server;

use asking::{Asked, Question};
use attack::{ATTACKS, Attack};
use clap::Parser;
use connection::Connection;
use report::Waits;
use server::Server;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Measures what one tenant can do to another
#[derive(Parser)]
struct Options {
    /// One short round of each: checks answers, and that this program works
    #[arg(long)]
    test: bool,
    /// Rounds, each with and without the attack; the figures are their medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one half of a round
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Requests of the victim a second, every other one a rehearsal
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Only attacks whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
    /// A folder on the file system to measure
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// What an attack leaves to be done, the disk's part of it above all, is not the next half's.
const PAUSE: Duration = Duration::from_secs(1);

/// What the victim asks, in turn.
const QUESTIONS: [(&str, Question); 2] = [
    (
        "rehearsal",
        Question {
            line: "POST /v1/decisions",
            body: people::newcomer,
            status: "200",
            says: r#""decision":"grant""#,
        },
    ),
    (
        "opening",
        Question {
            line: "POST /provision-user",
            body: people::newcomer,
            status: "200",
            says: r#""created":true"#,
        },
    ),
];

/// So much fuel that only the clock ends a policy that spins.
const PATIENCE: (&str, &str) = ("ENLIST_LIMITS__DECISION_FUEL", "1000000000");

/// The tenant that must not notice.
const VICTIM: &str = "victim";

/// A server with an attacker and a victim.
struct Ground {
    server: Server,
    victim_key: String,
    /// The next person of the victim's.
    next: u64,
}

impl Ground {
    async fn start(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let component = folder.join("policy.wasm");
        std::fs::write(&component, enlist_artifacts::honest::STEERED)?;
        let component = component.to_str().ok_or("a path that is no text")?;
        let server =
            Server::first_start_with(folder, &[("ENLIST_BOOTSTRAP__POLICY", component), PATIENCE])?;
        let mut operator = Connection::open(server.address).await?;
        let mut make = async |path: &str, body: &str| {
            let (status, text) = operator.ask(path, &server.operator_key, "", body).await?;
            if status != "201" {
                return Err(format!("{path}: {status} {text}"));
            }
            serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string())
        };
        make("POST /v1/tenants", &format!(r#"{{"name":"{VICTIM}"}}"#)).await?;
        let key = make(&format!("POST /v1/tenants/{VICTIM}/keys"), "{}").await?;
        let victim_key = key["key"].as_str().ok_or("no key")?.to_owned();
        Ok(Self { server, victim_key, next: 0 })
    }

    /// The victim asks for this long; the waits of each kind of question.
    async fn victim(&mut self, rate: u32, time: Duration) -> Result<[Waits; 2], Box<dyn Error>> {
        let count = (f64::from(rate) * time.as_secs_f64()) as u64;
        let asked = Asked {
            address: self.server.address,
            key: self.victim_key.clone(),
            rate,
            questions: QUESTIONS.map(|(_, question)| question),
        };
        let waits = asked.steadily(self.next..self.next + count).await?;
        self.next += count;
        Ok(waits)
    }

    /// Every account of the victim's is there with its folder, whatever the other did.
    fn verify(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        self.server.stop()?;
        let sql = "SELECT count(*) FROM accounts JOIN tenants ON tenants.id = accounts.tenant WHERE tenants.name = ?1";
        let accounts: i64 = self.server.database()?.query_row(sql, [VICTIM], |row| row.get(0))?;
        let folders =
            std::fs::read_dir(folder.join("data/tenants").join(VICTIM).join("homes"))?.count();
        assert_eq!(
            (u64::try_from(accounts)?, folders as u64),
            (self.next / 2, self.next / 2),
            "accounts and folders of the victim"
        );
        Ok(())
    }
}

async fn measure(
    ground: &mut Ground,
    attack: &Attack,
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    let (rounds, time) = if options.test {
        (1, Duration::from_secs(1))
    } else {
        (options.rounds, Duration::from_secs(options.seconds))
    };
    let (mut alone, mut attacked, mut answers) =
        (Vec::new(), Vec::new(), report::Answers::default());
    for _ in 0..rounds {
        tokio::time::sleep(PAUSE).await;
        alone.push(ground.victim(options.rate, time).await?);
        let attacker = attack.begin(&ground.server, options.rate)?;
        attacked.push(ground.victim(options.rate, time).await?);
        answers.add(attacker.end()?);
    }
    report::row(attack.name, &QUESTIONS.map(|(name, _)| name), &alone, &attacked, &answers);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let folder = tempfile::tempdir_in(&options.dir)?;
    let mut ground = Ground::start(folder.path()).await?;
    ground.victim(options.rate, Duration::from_secs(2)).await?;
    report::heading();
    for attack in ATTACKS.iter().filter(|attack| attack.name.contains(&options.only)) {
        measure(&mut ground, attack, &options).await?;
    }
    ground.verify(folder.path())?;
    if "second thread".contains(&options.only) {
        gain::measure(if options.test { 1 } else { 4 * options.rounds })?;
    }
    Ok(())
}
