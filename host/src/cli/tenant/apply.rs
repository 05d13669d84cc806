//! `enlist tenant apply`: folders that say what tenants shall be, held to their cases, compared with a server, then made so.
//! Refuses to change anything for a folder that has a mistake in it or a case that does not hold, and to take anything away.

mod folder;
mod plan;

use crate::cli::client::{Client, Output, Table, text};
use crate::cli::policy::Workbench;
use crate::cli::{Ending, say};
use crate::sandbox::quote;
use clap::Args;
use folder::Declared;
use plan::Plan;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// What `enlist tenant apply` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArguments {
    /// The folder of a tenant, with its tenant.toml, or a folder of such folders.
    dir: PathBuf,
    /// Check everything, say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What every folder of a tenant has.
const TENANT_FILE: &str = "tenant.toml";

/// A folder that is well, and what it would change.
struct Ready {
    declared: Declared,
    plan: Plan,
}

pub(in crate::cli) fn run(
    client: &Client,
    config: Option<PathBuf>,
    apply: &ApplyArguments,
) -> Result<Ending, Ending> {
    let folders = folders(&apply.dir)?;
    let bench = Workbench::new(config)?;
    let mut endings = Vec::new();
    let mut declared: Vec<Declared> = Vec::new();
    for folder in &folders {
        match Declared::read(&bench, folder).and_then(|one| apart(one, &declared)) {
            Ok(one) => declared.push(one),
            Err(ending) => endings.push(ending),
        }
    }
    let mut ready = Vec::new();
    for declared in declared {
        match Plan::of(client, &declared) {
            Ok(plan) => ready.push(Ready { declared, plan }),
            Err(ending) => endings.push(ending),
        }
    }
    let text = client.remote().output() == Output::Text;
    if text && !ready.is_empty() {
        endings.push(say(&table(&ready)));
    }
    let changes = ready.iter().any(|ready| !ready.plan.is_empty());
    let goes_on = !apply.dry_run && changes;
    if goes_on {
        client.remote().confirm_at_a_terminal("Change this?")?;
    }
    let mut told = Vec::new();
    for Ready { declared, plan } in ready {
        let mut one = json(&declared, &plan);
        if goes_on && !plan.is_empty() {
            let name = declared.name.clone();
            match plan.carry_out(client, declared) {
                Ok(revision) => {
                    one["applied"] = true.into();
                    one["revision"] = revision.into();
                    if text {
                        endings.push(say(&format!("{name}: done\n")));
                    }
                }
                Err(ending) => {
                    eprintln!(
                        "enlist: {name}: not all of it was done; apply it again when that is mended"
                    );
                    endings.push(ending);
                }
            }
        }
        told.push(one);
    }
    if !text {
        endings.push(client.show(&json!({"tenants": told}), |_| String::new()));
    }
    Ok(ending(&endings, folders.len()))
}

/// One folder ends as it does; of several each has had its turn, and what went wrong with any is said with 1, unless all that
/// went wrong is one and the same thing that is no folder's fault.
fn ending(endings: &[Ending], folders: usize) -> Ending {
    let mut wrong = endings.iter().copied().filter(|ending| *ending != Ending::Yes);
    let Some(first) = wrong.next() else { return Ending::Yes };
    let outside = matches!(first, Ending::Failed | Ending::Locked);
    if folders == 1 || (outside && wrong.all(|ending| ending == first)) {
        first
    } else {
        Ending::No
    }
}

/// The folder itself, or those in it by name.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, Ending> {
    if dir.join(TENANT_FILE).exists() {
        return Ok(vec![dir.to_owned()]);
    }
    let unreadable = |error: std::io::Error| {
        eprintln!("enlist: {}: {error}", dir.display());
        Ending::WrongUse
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join(TENANT_FILE).exists() {
            folders.push(path);
        } else if path.is_dir()
            && !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        {
            eprintln!("enlist: {}: no {TENANT_FILE}, so it is left out", path.display());
        }
    }
    if folders.is_empty() {
        eprintln!("enlist: {}: no {TENANT_FILE}, here or in a folder here", dir.display());
        return Err(Ending::WrongUse);
    }
    folders.sort();
    Ok(folders)
}

/// Two folders cannot both say what one tenant shall be.
fn apart(one: Declared, others: &[Declared]) -> Result<Declared, Ending> {
    match others.iter().find(|other| other.name == one.name) {
        None => Ok(one),
        Some(other) => {
            let (file, before) = (one.folder.join(TENANT_FILE), other.folder.join(TENANT_FILE));
            eprintln!("enlist: {}: /name: {} is {}'s", file.display(), one.name, before.display());
            Err(Ending::WrongUse)
        }
    }
}

fn table(ready: &[Ready]) -> String {
    let mut table = Table::new(["tenant", "what", "now", "then"]);
    let mut differing = String::new();
    for Ready { declared, plan } in ready {
        let name = || declared.name.clone();
        if plan.is_empty() {
            table.row([name(), "-".to_owned(), "nothing changes".to_owned(), String::new()]);
        }
        for change in &plan.changes {
            table.row([name(), change.what.to_owned(), text(&change.now), text(&change.then)]);
        }
        if let Some(diff) = &plan.settings {
            differing.push_str(&format!("\n{}: settings\n", declared.name));
            diff.lines().for_each(|line| differing.push_str(&(quote(line) + "\n")));
        }
    }
    let mut shown = String::new();
    for Ready { declared, .. } in ready.iter().filter(|ready| ready.declared.cases > 0) {
        shown.push_str(&format!("{}: {} cases hold\n", declared.name, declared.cases));
    }
    shown + &table.text() + &differing
}

fn json(declared: &Declared, plan: &Plan) -> Value {
    let change = |change: &plan::Change| json!({"what": change.what, "now": change.now, "then": change.then});
    json!({
        "tenant": declared.name,
        "folder": declared.folder.display().to_string(),
        "cases": declared.cases,
        "changes": plan.changes.iter().map(change).collect::<Vec<_>>(),
        "settings": plan.settings,
        "applied": false,
    })
}
