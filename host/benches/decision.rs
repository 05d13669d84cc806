//! What a sandboxed decision costs: the default policy native, in an instance that is used again, in a fresh one as
//! `Policy::decide` has it, and an instance of a component with next to nothing in it.
//! Claims nothing by itself: wall time on a shared machine; compare the rows of one run, as the ratios at its end do.

use criterion::Criterion;
use enlist::domain::{
    Applicant, Assurance, Attribute, Email, Name, Occasion, Pick, Request, Usage,
};
use enlist::sandbox::{Engine, Instance, Limits, MakeError, Policy, Question, make};
use enlist_artifacts::{LOCALPART, honest};
use enlist_localpart::LocalPart;
use enlist_policy as sdk;
use enlist_policy::Policy as _;
use std::convert::Infallible;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A row of the table.
#[derive(Clone, Copy)]
enum Row {
    Native,
    Reused,
    Fresh,
    FreshScanned,
    Empty,
}

impl Row {
    const ALL: [(Self, &str); 5] = [
        (Self::Native, "native"),
        (Self::Reused, "reused instance"),
        (Self::Fresh, "fresh instance"),
        (Self::FreshScanned, "fresh, page scan"),
        (Self::Empty, "empty instance"),
    ];
}

/// Everything that is measured, made once.
struct Bench {
    runtime: Runtime,
    request: Request,
    native: (LocalPart, sdk::Request),
    reused: Instance,
    fresh: Policy,
    fresh_scanned: Policy,
    empty: Policy,
}

const ADDRESS: &str = "testuser@example.com";

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

/// The same engine with budgets that a million questions to one instance do not use up; everything else is equal.
fn boundless() -> Limits {
    Limits {
        decision_fuel: u64::MAX,
        decision_time: Duration::MAX,
        answer_bytes: u64::MAX,
        ..Limits::default()
    }
}

fn pick(names: &[String]) -> Name {
    names.iter().find_map(|name| Name::try_from(name.clone()).ok()).expect("a usable name")
}

fn policy(engine: &Engine, component: &[u8]) -> Result<Policy, MakeError> {
    Ok(Policy::of_code(engine, &make(engine, component, "{}")?)?)
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let engine = Engine::new(&Limits::default())?;
        let scanning = Engine::new(&Limits { pagemap_scan: true, ..Limits::default() })?;
        let reused =
            runtime.block_on(Instance::start(&policy(&Engine::new(&boundless())?, LOCALPART)?))?;
        let native = (0..8)
            .fold(sdk::Request::by_hand(ADDRESS).with_email(ADDRESS), |request, i| {
                request.with_attribute(&format!("custom:field{i}"), &format!("value {i}"))
            });
        Ok(Self {
            runtime,
            request: request(),
            native: (sdk::configured("{}").map_err(|_| "settings")?, native),
            reused,
            fresh: policy(&engine, LOCALPART)?,
            fresh_scanned: policy(&scanning, LOCALPART)?,
            empty: policy(&engine, honest::EMPTY)?,
        })
    }

    /// The time that `times` decisions of one row take.
    fn time(&mut self, row: Row, times: u64) -> Duration {
        let start = Instant::now();
        match row {
            Row::Native => (0..times).for_each(|_| self.native()),
            Row::Reused => self.reused(times),
            Row::Fresh => self.fresh(&self.fresh, times),
            Row::FreshScanned => self.fresh(&self.fresh_scanned, times),
            Row::Empty => self.empty(times),
        }
        start.elapsed()
    }

    fn native(&self) {
        let (policy, request) = black_box(&self.native);
        policy.admit(request).expect("admitted");
        let name = pick(&policy.derive(request).expect("names"));
        let usage = sdk::Usage { accounts: 0, accounts_in_domain: 0 };
        black_box(policy.allow(request, name.as_str(), &usage).expect("allowed"));
    }

    /// The calls of a decision.
    fn reused(&mut self, times: u64) {
        let Self { runtime, request, reused, .. } = self;
        runtime.block_on(async {
            for _ in 0..times {
                let question = Question::of(request);
                reused.admit(&question).await.expect("admit").expect("admitted");
                let name = pick(&reused.derive(&question).await.expect("derive").expect("names"));
                let allowed =
                    reused.allow(&question, name.as_str(), Usage::default()).await.expect("allow");
                black_box(allowed.expect("allowed"));
                black_box(reused.notes().await.expect("notes"));
            }
        });
    }

    fn fresh(&self, policy: &Policy, times: u64) {
        self.runtime.block_on(async {
            for _ in 0..times {
                let chosen = async |names: Vec<String>| {
                    let chosen = Pick::Chosen { name: pick(&names), place: 0, reservation: () };
                    Ok::<_, Infallible>(chosen)
                };
                let verdict = policy.decide(&self.request, Usage::default(), chosen).await;
                black_box(verdict.expect("a verdict"));
            }
        });
    }

    fn empty(&self, times: u64) {
        self.runtime.block_on(async {
            for _ in 0..times {
                drop(black_box(Instance::start(&self.empty).await.expect("start")));
            }
        });
    }
}

/// Rows in turn, so that what else the machine does hits all of them; the median of a row's samples.
fn ratios(bench: &mut Bench) {
    const ROUNDS: usize = 301;
    const TIMES: u64 = 100;
    let mut samples = Row::ALL.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for ((row, _), samples) in Row::ALL.iter().zip(&mut samples) {
            samples.push(bench.time(*row, TIMES));
        }
    }
    let [native, reused, fresh, fresh_scanned, empty] = samples.map(|mut samples| {
        samples.sort_unstable();
        samples[ROUNDS / 2].as_secs_f64() * 1e6 / TIMES as f64
    });
    println!("\nmedians of {ROUNDS} interleaved rounds of {TIMES}, microseconds and ratios");
    for ((_, name), micros) in Row::ALL.iter().zip([native, reused, fresh, fresh_scanned, empty]) {
        println!(
            "{name:>16} {micros:8.2}  x native {:6.2}  x reused {:5.2}",
            micros / native,
            micros / reused
        );
    }
    println!("fresh / reused = {:.2} (the contract: at most 3)", fresh / reused);
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut bench = Bench::new()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decision");
    for (row, name) in Row::ALL {
        group.bench_function(name, |bencher| bencher.iter_custom(|times| bench.time(row, times)));
    }
    group.finish();
    criterion.final_summary();
    ratios(&mut bench);
    Ok(())
}
