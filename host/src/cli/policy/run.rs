//! `enlist policy run`: the decision on standard output, what only the operator may see on standard error.
//! Refuses to say a refusal for a failure: a policy that could not be asked ends with 3.

use crate::cli::policy::subject::failed;
use crate::cli::policy::{Subject, Workbench, ask};
use crate::cli::{Ending, fail, say};
use crate::sandbox::{self, quote};
use std::io::{self, Read};

pub(super) fn run(bench: &Workbench, subject: &Subject) -> Result<Ending, Ending> {
    let policy = subject.policy(bench).map_err(|early| match early {
        Ending::No => Ending::Failed,
        other => other,
    })?;
    let mut applicant = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut applicant);
    read.map_err(|error| fail(&error, Ending::WrongUse))?;
    let request = ask::request(&applicant).map_err(|error| fail(&error, Ending::WrongUse))?;
    let verdict = bench.runtime().block_on(sandbox::ask(&policy, &request));
    let verdict = verdict.map_err(|failure| failed(&failure))?;
    for note in &verdict.notes {
        eprintln!("note: {}", quote(note));
    }
    let (decision, detail, ending) = ask::shown(verdict.decision);
    if let Some(detail) = detail {
        eprintln!("detail: {}", quote(detail));
    }
    let text = serde_json::to_string(&decision).map_err(|error| fail(&error, Ending::Failed))?;
    Ok(ending.after(say(&format!("{text}\n"))))
}
