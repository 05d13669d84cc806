//! `enlist policy …`, the verbs that need no server: what a component is, and what it would decide.
//! Refuses to know who exists: a name counts as free here if the host's rules allow it.

use crate::app;
use crate::cli::revisions::RevisionsVerb;
use crate::cli::{Ending, fail};
use crate::config::{Config, Flags};
use crate::domain::{Decision, HostCode, Name, Pick, Refusal, TenantName, Usage, Verdict};
use crate::sandbox::{DecideError, Engine, Inspection, Limits, Policy, freeze, inspect, quote};
use crate::wire::{DecisionText, Question};
use clap::Subcommand;
use std::convert::Infallible;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What `enlist policy` takes.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyVerb {
    #[command(flatten)]
    Local(LocalVerb),
    #[command(flatten)]
    Remote(RevisionsVerb),
}

/// What needs no server.
#[derive(Debug, Subcommand)]
pub(super) enum LocalVerb {
    /// Say what a component is: what it exports, its size, its digest, whether it would be loaded.
    Inspect {
        /// A component file, or builtin:NAME.
        policy: String,
    },
    /// Ask a policy about the applicant on standard input: 0 grant, 1 refuse, 3 failed.
    Run {
        /// A component file, or builtin:NAME.
        policy: String,
    },
}

/// The source of an applicant that names none.
const SOURCE: &str = "manual";

/// Why a verb ended before the policy was asked.
type Early = Ending;

pub(super) fn run(config: Option<PathBuf>, verb: LocalVerb) -> Ending {
    let ending = match verb {
        LocalVerb::Inspect { policy } => inspect_verb(config, &policy),
        LocalVerb::Run { policy } => run_verb(config, &policy),
    };
    ending.unwrap_or_else(|early| early)
}

fn inspect_verb(config: Option<PathBuf>, policy: &str) -> Result<Ending, Early> {
    let limits = limits(config)?;
    let component = read(policy, &limits)?;
    let engine = engine(&limits)?;
    let inspection = inspect(&engine, &component);
    print(policy, &inspection);
    Ok(if inspection.turned_away.is_none() { Ending::Yes } else { Ending::No })
}

fn run_verb(config: Option<PathBuf>, policy: &str) -> Result<Ending, Early> {
    let limits = limits(config)?;
    let component = read(policy, &limits)?;
    let engine = engine(&limits)?;
    let code = freeze(&engine, &component, "{}").map_err(|error| fail(&error, Ending::Failed))?;
    let policy = Policy::of_code(&engine, &code).map_err(|error| fail(&error, Ending::Failed))?;
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text).map_err(|error| fail(&error, Ending::WrongUse))?;
    let question = Question::read_any(&text).map_err(|error| fail(&error, Ending::WrongUse))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let request = question.into_request(&TenantName::default_tenant(), "", SOURCE, now);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fail(&error, Ending::Failed))?;
    let pick = |names| async { Ok::<_, Infallible>(pick(names)) };
    match runtime.block_on(policy.decide(&request, Usage::default(), pick)) {
        Ok(verdict) => Ok(show(verdict)),
        Err(DecideError::Pick(never)) => match never {},
        Err(DecideError::Failed(failure)) => {
            eprintln!("enlist: {}: {failure}", failure.fault.code().as_str());
            Ok(Ending::Failed)
        }
    }
}

fn limits(config: Option<PathBuf>) -> Result<Limits, Early> {
    let loaded = Config::load(&Flags { config, data_dir: None });
    let loaded = loaded.map_err(|error| fail(&error, Ending::WrongUse))?;
    Ok(Limits { decisions_at_once: 1, ..app::limits(&loaded.config) })
}

fn engine(limits: &Limits) -> Result<Engine, Early> {
    Engine::new(limits).map_err(|error| fail(&error, Ending::Failed))
}

fn read(policy: &str, limits: &Limits) -> Result<Vec<u8>, Early> {
    app::read_policy(policy, limits.component_bytes).map_err(|line| {
        eprintln!("enlist: {line}");
        Ending::WrongUse
    })
}

/// The host's rules for names, without knowing who is there.
fn pick(names: Vec<String>) -> Pick<()> {
    let mut why = Vec::new();
    for (place, text) in names.into_iter().enumerate() {
        match Name::try_from(text.clone()) {
            Ok(name) => return Pick::Chosen { name, place, reservation: () },
            Err(unusable) => why.push(format!("{text:?}: {unusable}")),
        }
    }
    Pick::Nothing(Refusal::Host { code: HostCode::NameUnusable, detail: Some(why.join("; ")) })
}

/// The decision on standard output, what only the operator may see on standard error.
fn show(verdict: Verdict<()>) -> Ending {
    for note in &verdict.notes {
        eprintln!("note: {}", quote(note));
    }
    let (text, ending) = match verdict.decision {
        Decision::Grant(grant) => {
            let (username, allowance) = (grant.name.to_string(), grant.allowance.into());
            (DecisionText::Grant { username, allowance, revision: None }, Ending::Yes)
        }
        Decision::Refuse(refusal) => {
            if let Some(detail) = refusal.detail() {
                eprintln!("detail: {}", quote(detail));
            }
            (DecisionText::refuse(&refusal, None), Ending::No)
        }
    };
    match serde_json::to_string(&text) {
        Ok(text) => println!("{text}"),
        Err(error) => return fail(&error, Ending::Failed),
    }
    ending
}

fn print(policy: &str, inspection: &Inspection) {
    let Inspection {
        size_bytes,
        limit_bytes,
        digest,
        world,
        exports,
        imports,
        core_modules,
        turned_away,
    } = inspection;
    println!("policy     {policy}");
    println!("digest     {digest}");
    println!("size       {size_bytes} of {limit_bytes} bytes");
    println!("world      {}", world.as_deref().unwrap_or("none of enlist:policy"));
    println!("exports    {}", list(exports));
    println!("imports    {}", list(imports));
    for module in core_modules {
        let memory: u64 = module.memories_bytes.iter().sum();
        let (functions, tables) = (module.functions, module.tables_elements.len());
        println!(
            "module     {} bytes, {functions} functions, {memory} bytes of memory, {tables} tables",
            module.size_bytes
        );
    }
    match turned_away {
        None => println!("verdict    it would be loaded"),
        Some(why) => println!("verdict    turned away: {why}"),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
