//! `enlist policy inspect`: what a component is, and whether a server would take it.
//! Refuses to end well for a component, or settings, that a server would turn away.

use crate::cli::Ending;
use crate::cli::client::Remote;
use crate::cli::policy::{Subject, Workbench};
use crate::domain::HostCode;
use crate::sandbox::{CoreModule, Inspection, MakeError, inspect, make, quote};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn run(bench: &Workbench, remote: &Remote, subject: &Subject) -> Result<Ending, Ending> {
    let settings = subject.settings()?;
    let component = subject.component(bench)?;
    let inspection = inspect(bench.engine(), &component);
    let verdict = match &inspection.turned_away {
        Some(why) => Verdict::TurnedAway(why.clone()),
        None => match make(bench.engine(), &component, &settings.json) {
            Ok(code) => {
                for note in code.notes() {
                    eprintln!("note: {}", quote(note));
                }
                Verdict::Frozen
            }
            Err(why) if subject.settings.is_none() && refuses_settings(&why) => {
                Verdict::WantsSettings(why)
            }
            Err(why) => Verdict::TurnedAway(why),
        },
    };
    let said = remote.show(&as_json(&subject.policy, &inspection, &verdict), |_| {
        as_text(&subject.policy, &inspection, &verdict)
    });
    Ok(match verdict {
        Verdict::TurnedAway(_) => Ending::No.after(said),
        Verdict::Frozen | Verdict::WantsSettings(_) => said,
    })
}

/// What a server would say.
enum Verdict {
    /// Configured, frozen, compiled, and tried on somebody.
    Frozen,
    /// Nothing is wrong with it, but it cannot be without settings, and none were named.
    WantsSettings(MakeError),
    /// No, and why.
    TurnedAway(MakeError),
}

fn refuses_settings(error: &MakeError) -> bool {
    matches!(error, MakeError::TurnedAway { code: HostCode::SettingsRefused, .. })
}

fn as_json(policy: &str, inspection: &Inspection, verdict: &Verdict) -> Value {
    let Inspection { size_bytes, limit_bytes, digest, world, exports, imports, .. } = inspection;
    let why = match verdict {
        Verdict::Frozen => None,
        Verdict::WantsSettings(why) | Verdict::TurnedAway(why) => Some(why.to_string()),
    };
    json!({
        "policy": policy,
        "digest": digest,
        "size_bytes": size_bytes,
        "limit_bytes": limit_bytes,
        "world": world,
        "exports": exports,
        "imports": imports,
        "modules": inspection.core_modules.iter().map(module).collect::<Vec<_>>(),
        "loadable": !matches!(verdict, Verdict::TurnedAway(_)),
        "frozen": matches!(verdict, Verdict::Frozen),
        "why": why,
    })
}

fn module(module: &CoreModule) -> Value {
    json!({
        "size_bytes": module.size_bytes,
        "functions": module.functions,
        "memory_bytes": module.memories_bytes.iter().sum::<u64>(),
        "tables": module.tables_elements.len(),
    })
}

fn as_text(policy: &str, inspection: &Inspection, verdict: &Verdict) -> String {
    let Inspection { size_bytes, limit_bytes, digest, world, exports, imports, .. } = inspection;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name:<10} {value}").expect("a String takes everything");
    };
    line("policy", policy);
    line("digest", digest);
    line("size", &format!("{size_bytes} of {limit_bytes} bytes"));
    line("world", world.as_deref().unwrap_or("none of enlist:policy"));
    line("exports", &list(exports));
    line("imports", &list(imports));
    for module in &inspection.core_modules {
        let memory: u64 = module.memories_bytes.iter().sum();
        let (size, functions) = (module.size_bytes, module.functions);
        let tables = module.tables_elements.len();
        line(
            "module",
            &format!(
                "{size} bytes, {functions} functions, {memory} bytes of memory, {tables} tables"
            ),
        );
    }
    match verdict {
        Verdict::Frozen => line("verdict", "it would be loaded: it can be frozen, and answers"),
        Verdict::WantsSettings(why) => {
            line("verdict", &format!("it would be loaded with settings; without: {why}"));
        }
        Verdict::TurnedAway(why) => line("verdict", &format!("turned away: {why}")),
    }
    text
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
