//! `enlist policy inspect`: what a component is, and whether a server would take it.
//! Refuses to end well for a component, or settings, that a server would turn away.

use crate::cli::Ending;
use crate::cli::client::Remote;
use crate::cli::policy::{Subject, Workbench};
use crate::sandbox::{CoreModule, Inspection, inspect};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn run(bench: &Workbench, remote: &Remote, subject: &Subject) -> Result<Ending, Ending> {
    let settings = subject.settings()?;
    let component = subject.component(bench)?;
    let inspection = inspect(bench.engine(), &component);
    let said = remote
        .show(&as_json(&subject.policy, &inspection), |_| as_text(&subject.policy, &inspection));
    if inspection.turned_away.is_some() {
        return Ok(Ending::No.after(said));
    }
    // Whether it takes these settings: it says itself what is wrong with them.
    if subject.settings.is_some() {
        bench.load(&component, &settings)?;
    }
    Ok(said)
}

fn as_json(policy: &str, inspection: &Inspection) -> Value {
    let Inspection { size_bytes, limit_bytes, digest, world, exports, imports, .. } = inspection;
    let turned_away = inspection.turned_away.as_ref();
    json!({
        "policy": policy,
        "digest": digest,
        "size_bytes": size_bytes,
        "limit_bytes": limit_bytes,
        "world": world,
        "exports": exports,
        "imports": imports,
        "modules": inspection.core_modules.iter().map(module).collect::<Vec<_>>(),
        "loadable": turned_away.is_none(),
        "turned_away": turned_away.map(ToString::to_string),
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

fn as_text(policy: &str, inspection: &Inspection) -> String {
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
    match &inspection.turned_away {
        None => line("verdict", "it would be loaded"),
        Some(why) => line("verdict", &format!("turned away: {why}")),
    }
    text
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
