//! `enlist policy bench`: what a decision takes, whole and hook by hook: time, fuel, memory. Medians, for one machine and one run.
//! Refuses to measure a policy that fails.

use crate::cli::Ending;
use crate::cli::client::{Remote, Table, text};
use crate::cli::policy::subject::failed;
use crate::cli::policy::{Subject, Workbench, ask, cases};
use crate::domain::{Failure, Pick, Request, Usage};
use crate::sandbox::{self, Instance, Policy, Question, quote};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What `enlist policy bench` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArguments {
    #[command(flatten)]
    subject: Subject,
    /// Ask about the applicants of these cases in turn [default: cases.toml in the policy's folder, else somebody made up].
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
}

/// How long is measured, and how often at least and at most.
const MEASURED_FOR: Duration = Duration::from_secs(1);
const ROUNDS: std::ops::Range<usize> = 11..50_000;

/// Somebody, for a policy without cases.
const SOMEBODY: &str = r#"{"username":"testuser@example.com","cognito_user_id":"5f1c6a52-8c0e-4d61-9b0b-7a3d0f1e2c4d",
    "user_attributes":{"email":"testuser@example.com","email_verified":"true"}}"#;

/// The calls of a decision, in their order.
const HOOKS: [&str; 5] = ["start", "admit", "derive", "allow", "notes"];

/// What was measured.
#[derive(Default)]
struct Samples {
    decisions: Vec<Duration>,
    fuel: Vec<u64>,
    hooks: [Hook; HOOKS.len()],
    /// Memory and tables an instance begins with, and what a decision has grown them by.
    begins_bytes: Vec<u64>,
    grown_bytes: Vec<u64>,
}

/// Every call of one hook.
#[derive(Default)]
struct Hook {
    time: Vec<Duration>,
    fuel: Vec<u64>,
}

pub(super) fn run(
    bench: &Workbench,
    remote: &Remote,
    measured: &BenchArguments,
) -> Result<Ending, Ending> {
    let subject = &measured.subject;
    let own = subject.folder().map(|folder| folder.join("cases.toml")).filter(|own| own.exists());
    let requests: Vec<Request> = match measured.cases.clone().or(own) {
        Some(file) => cases::read(&file)?.into_iter().map(|case| case.request).collect(),
        None => ask::request(SOMEBODY.as_bytes()).into_iter().collect(),
    };
    let policy = subject.policy(bench)?;
    let samples = bench.runtime().block_on(measure(&policy, &requests));
    let answer = samples.map_err(|failure| failed(&failure))?.json(bench, &subject.policy);
    Ok(remote.show(&answer, as_text))
}

async fn measure(policy: &Policy, requests: &[Request]) -> Result<Samples, Failure> {
    let mut samples = Samples::default();
    let began = Instant::now();
    for (round, request) in requests.iter().cycle().enumerate() {
        if round >= ROUNDS.end || (round >= ROUNDS.start && began.elapsed() >= MEASURED_FOR) {
            break;
        }
        let start = Instant::now();
        let verdict = sandbox::ask(policy, request).await?;
        samples.decisions.push(start.elapsed());
        samples.fuel.push(verdict.fuel);
        samples.hook_by_hook(policy, request).await?;
    }
    Ok(samples)
}

impl Samples {
    /// The calls of a decision one by one, as `Policy::decide` makes them.
    async fn hook_by_hook(&mut self, policy: &Policy, request: &Request) -> Result<(), Failure> {
        let (mut hooks, mut fuel) = (self.hooks.iter_mut(), 0);
        let mut took = |began: Instant, spent: u64| {
            if let Some(hook) = hooks.next() {
                hook.time.push(began.elapsed());
                hook.fuel.push(spent - fuel);
                fuel = spent;
            }
        };
        let question = Question::of(request);
        let began = Instant::now();
        let mut instance = Instance::start(policy).await?;
        took(began, instance.fuel_spent());
        let begins = instance.memory_bytes();
        let began = Instant::now();
        let admitted = instance.admit(&question).await?;
        took(began, instance.fuel_spent());
        if admitted.is_ok() {
            let began = Instant::now();
            let names = instance.derive(&question).await?;
            took(began, instance.fuel_spent());
            if let Ok(Pick::Chosen { name, .. }) = names.map(sandbox::pick) {
                let began = Instant::now();
                // A no is measured like a yes.
                let _ = instance.allow(&question, name.as_str(), Usage::default()).await?;
                took(began, instance.fuel_spent());
            }
        }
        let (began, before) = (Instant::now(), instance.fuel_spent());
        instance.notes().await?;
        let notes = &mut self.hooks[HOOKS.len() - 1];
        notes.time.push(began.elapsed());
        notes.fuel.push(instance.fuel_spent() - before);
        self.begins_bytes.push(begins);
        self.grown_bytes.push(instance.memory_bytes() - begins);
        Ok(())
    }

    fn json(mut self, bench: &Workbench, policy: &str) -> Value {
        let limits = bench.limits();
        let decision = median(&mut self.decisions).unwrap_or_default();
        let hook = |(name, hook): (&str, &mut Hook)| {
            let time = median(&mut hook.time);
            json!({
                "hook": name,
                "calls": hook.time.len(),
                "median_us": time.map(micros),
                "median_fuel": median(&mut hook.fuel),
            })
        };
        let hooks: Vec<_> = HOOKS.into_iter().zip(&mut self.hooks).map(hook).collect();
        json!({
            "policy": policy,
            "decisions": self.decisions.len(),
            "decisions_per_second": 1_000_000_000 / decision.as_nanos().max(1),
            "median_us": micros(decision),
            "median_fuel": median(&mut self.fuel),
            "fuel_limit": limits.decision_fuel,
            "memory_bytes": median(&mut self.begins_bytes),
            "grown_bytes": median(&mut self.grown_bytes),
            "grown_limit_bytes": limits.memory_bytes,
            "hooks": hooks,
        })
    }
}

fn median<T: Copy + Ord>(samples: &mut [T]) -> Option<T> {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied()
}

/// To a tenth.
fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

fn as_text(answer: &Value) -> String {
    let mut table = Table::new(["hook", "calls", "time", "fuel"]);
    for hook in answer["hooks"].as_array().into_iter().flatten() {
        let [name, calls, time, fuel] =
            ["hook", "calls", "median_us", "median_fuel"].map(|name| text(&hook[name]));
        table.row([name, calls, if time == "-" { time } else { format!("{time} µs") }, fuel]);
    }
    let part = |name: &str| text(&answer[name]);
    format!(
        "policy     {}\n\
         speed      {} decisions a second on one thread: {} µs, the median of {}\n\
         fuel       {} of {}\n\
         memory     {} bytes at the beginning, grown by {} of {}\n\n{}",
        quote(part("policy")),
        part("decisions_per_second"),
        part("median_us"),
        part("decisions"),
        part("median_fuel"),
        part("fuel_limit"),
        part("memory_bytes"),
        part("grown_bytes"),
        part("grown_limit_bytes"),
        table.text()
    )
}
