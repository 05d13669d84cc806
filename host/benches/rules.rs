//! What settings cost a decision: `builtin:rules` with a thousand domains and two hundred rules beside the default policy, and with a
//! hundred thousand addresses beside itself without them. Making and dropping an instance stands beside each, for that is what the
//! reset of its memory costs.
//! Claims nothing by itself: wall time on a shared machine; compare the rows of one run, as the ratios at its end do.

use enlist::domain::{
    Applicant, Assurance, Attribute, Email, Name, Occasion, Pick, Request, Usage,
};
use enlist::sandbox::{Engine, Instance, Limits, Policy, Question, make};
use enlist_artifacts::{LOCALPART, RULES};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const ADDRESS: &str = "testuser@example.com";

/// How the domains of the large settings end; the last rule and the last domain are those that hold.
const DOMAINS: usize = 1_000;
const RULES_COUNT: usize = 200;
const ADDRESSES: usize = 100_000;

fn request() -> Request {
    let attribute = |i| Attribute { name: format!("custom:field{i}"), value: format!("value {i}") };
    Request {
        applicant: Applicant {
            issuer: "https://issuer.example".to_owned(),
            subject: Some("2b1f0f5e-8a4c-4a7f-9a06-5e0c9b8f3a11".to_owned()),
            username: ADDRESS.to_owned(),
            email: Email::parse(ADDRESS, Assurance::Verified),
            groups: vec!["staff".to_owned()],
            attributes: (0..8).map(attribute).collect(),
        },
        occasion: Occasion::Opening,
        source: "cognito".to_owned(),
        now: 1_700_000_000,
    }
}

fn plain() -> Value {
    json!({"version": 1})
}

fn domains_and_rules() -> Value {
    let domain = |i| {
        if i + 1 == DOMAINS { "example.com".to_owned() } else { format!("customer-{i}.example") }
    };
    let rule = |i| {
        let domain = if i + 1 == RULES_COUNT {
            "example.com".to_owned()
        } else {
            format!("customer-{i}.example")
        };
        json!({"when": {"attr": "domain", "op": "eq", "value": domain}, "then": {"set_quota": {"storage_bytes": i}, "allow": true}})
    };
    json!({
        "version": 1,
        "allow": {"domains": (0..DOMAINS).map(domain).collect::<Vec<_>>()},
        "rules": (0..RULES_COUNT).map(rule).collect::<Vec<_>>(),
    })
}

fn addresses(count: usize) -> Value {
    let address = |i| {
        if i + 1 == count {
            ADDRESS.to_owned()
        } else {
            format!("person.{i}@customer-{}.example", i % 100)
        }
    };
    json!({"version": 1, "allow": {"emails": (0..count).map(address).collect::<Vec<_>>()}})
}

/// One policy: what is asked of it in fresh instances and in one, and nothing.
struct Row {
    name: &'static str,
    policy: Policy,
    reused: Instance,
}

struct Bench {
    runtime: Runtime,
    request: Request,
    rows: Vec<Row>,
}

/// What is measured of a row.
#[derive(Clone, Copy)]
enum Way {
    Fresh,
    Dropped,
    Reused,
}

const WAYS: [Way; 3] = [Way::Fresh, Way::Dropped, Way::Reused];

fn pick(names: &[String]) -> Name {
    names.iter().find_map(|name| Name::try_from(name.clone()).ok()).expect("a usable name")
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let engine = Engine::new(&Limits::default())?;
        let boundless = Engine::new(&Limits {
            decision_fuel: u64::MAX,
            decision_time: Duration::MAX,
            answer_bytes: u64::MAX,
            ..Limits::default()
        })?;
        let mut rows = Vec::new();
        for (name, component, settings) in [
            ("localpart", LOCALPART, json!({})),
            ("rules", RULES, plain()),
            ("1,000 domains, 200 rules", RULES, domains_and_rules()),
            ("1 address", RULES, addresses(1)),
            ("100,000 addresses", RULES, addresses(ADDRESSES)),
        ] {
            let settings = settings.to_string();
            let start = Instant::now();
            let code = make(&engine, component, &settings)?;
            let made = start.elapsed();
            let policy = Policy::of_code(&engine, &code)?;
            let other = Policy::of_code(&boundless, &make(&boundless, component, &settings)?)?;
            let reused = runtime.block_on(Instance::start(&other))?;
            println!("{name:>24}: settings {} bytes, made in {made:.1?}", settings.len());
            rows.push(Row { name, policy, reused });
        }
        Ok(Self { runtime, request: request(), rows })
    }

    fn time(&mut self, row: usize, way: Way, times: usize) -> Duration {
        let Self { runtime, request, rows } = self;
        let Row { policy, reused, .. } = &mut rows[row];
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..times {
                match way {
                    Way::Fresh => {
                        let chosen = async |names: Vec<String>| {
                            let name = pick(&names);
                            Ok::<_, Infallible>(Pick::Chosen { name, place: 0, reservation: () })
                        };
                        let verdict = policy.decide(request, Usage::default(), chosen).await;
                        black_box(verdict.expect("a verdict"));
                    }
                    Way::Dropped => drop(black_box(Instance::start(policy).await.expect("start"))),
                    Way::Reused => ask(reused, request).await,
                }
            }
        });
        start.elapsed()
    }
}

/// The calls of a decision.
async fn ask(instance: &mut Instance, request: &Request) {
    let question = Question::of(request);
    instance.admit(&question).await.expect("admit").expect("admitted");
    let name = pick(&instance.derive(&question).await.expect("derive").expect("names"));
    let allowed = instance.allow(&question, name.as_str(), Usage::default()).await.expect("allow");
    black_box(allowed.expect("allowed"));
    black_box(instance.notes().await.expect("notes"));
}

/// Everything in turn, so that what else the machine does hits all of it; the medians.
fn main() -> Result<(), Box<dyn Error>> {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (rounds, times) = if is_test { (3, 2) } else { (301, 100) };
    let mut bench = Bench::new()?;
    let count = bench.rows.len();
    let mut samples = vec![[const { Vec::new() }; WAYS.len()]; count];
    for _ in 0..rounds {
        for (row, samples) in samples.iter_mut().enumerate() {
            for (way, samples) in WAYS.into_iter().zip(samples) {
                samples.push(bench.time(row, way, times));
            }
        }
    }
    let median = |samples: &mut Vec<Duration>| {
        samples.sort_unstable();
        samples[rounds / 2].as_secs_f64() * 1e6 / times as f64
    };
    println!("\nmedians of {rounds} interleaved rounds of {times}, microseconds");
    println!("{:>24} {:>8} {:>8} {:>8}", "", "fresh", "dropped", "reused");
    let mut medians = Vec::new();
    for (row, samples) in bench.rows.iter().zip(&mut samples) {
        let [fresh, dropped, reused] = samples.each_mut().map(median);
        println!("{:>24} {fresh:8.2} {dropped:8.2} {reused:8.2}", row.name);
        medians.push([fresh, dropped, reused]);
    }
    let [localpart, _, large, few, many] = medians[..] else { return Err("five rows".into()) };
    println!(
        "1,000 domains and 200 rules / localpart = {:.2} (asked for: at most 2)",
        large[0] / localpart[0]
    );
    println!("100,000 addresses / 1 address, in one instance = {:.3}", many[2] / few[2]);
    let beyond = |row: [f64; 3]| row[0] - row[1];
    println!(
        "the same in fresh ones, less making and dropping them = {:.3}",
        beyond(many) / beyond(few)
    );
    Ok(())
}
