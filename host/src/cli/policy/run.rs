//! `enlist policy run`: the decision on standard output, how it came about on standard error.
//! Refuses to say a refusal for a failure: a policy that could not be asked ends with 3.

use crate::cli::applicant::ApplicantArguments;
use crate::cli::client::{Output, Remote};
use crate::cli::policy::subject::failed;
use crate::cli::policy::{Subject, Workbench, ask};
use crate::cli::{Ending, fail, say, stages};
use clap::Args;
use serde_json::json;

/// What `enlist policy run` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArguments {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    applicant: ApplicantArguments,
}

pub(super) fn run(
    bench: &Workbench,
    remote: &Remote,
    asked: RunArguments,
) -> Result<Ending, Ending> {
    let policy = asked.subject.policy(bench).map_err(|early| match early {
        Ending::No => Ending::Failed,
        other => other,
    })?;
    let applicant = asked.applicant.read()?;
    let request = ask::request(&applicant).map_err(|error| fail(&error, Ending::WrongUse))?;
    let decided = bench.decide(&policy, &request).map_err(|failure| failed(&failure))?;
    let (mut decision, ending) = decided.explained();
    if remote.output() == Output::Text {
        eprint!("{}", stages::lines(&json!({"stages": decision.take_stages()})));
    }
    let text = serde_json::to_string(&decision).map_err(|error| fail(&error, Ending::Failed))?;
    Ok(ending.after(say(&format!("{text}\n"))))
}
