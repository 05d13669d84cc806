//! `enlist policy …`, the verbs that need no server: a policy is begun, built, looked at, asked, held to its cases, measured.
//! Refuses to know who exists: a name counts as free here if the host's rules allow it.

mod ask;
mod bench;
mod build;
mod cases;
mod inspect;
mod new;
mod run;
mod subject;
mod test;
mod watch;

pub(super) use cases::{Case, read as read_cases};
pub(super) use subject::{Component, SettingsFile, Workbench, document};
pub(super) use test::unexpected;

use crate::cli::Ending;
use crate::cli::client::Remote;
use crate::cli::revisions::RevisionsVerb;
use clap::Subcommand;
use std::path::PathBuf;
use subject::Subject;

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
    /// Begin a policy of your own in a folder that is empty or not there yet.
    New {
        /// The folder; its name becomes the crate's.
        dir: PathBuf,
    },
    /// Make a component of a policy's source.
    Build(build::BuildArguments),
    /// Say what a component is: what it exports, its size, its digest, whether it would be loaded.
    Inspect(Subject),
    /// Ask a policy about the applicant on standard input: 0 grant, 1 refuse, 3 failed.
    Run(run::RunArguments),
    /// Hold a policy to its cases: 0 when it decides every one as expected, 1 when not.
    Test(test::TestArguments),
    /// Measure what a decision takes: time, fuel and memory.
    Bench(bench::BenchArguments),
}

pub(super) fn run(config: Option<PathBuf>, remote: &Remote, verb: LocalVerb) -> Ending {
    let bench = || Workbench::new(config);
    let ending = match verb {
        LocalVerb::New { dir } => new::run(&dir),
        LocalVerb::Build(build) => build::run(remote, &build),
        LocalVerb::Inspect(subject) => bench().and_then(|b| inspect::run(&b, remote, &subject)),
        LocalVerb::Run(asked) => bench().and_then(|b| run::run(&b, remote, asked)),
        LocalVerb::Test(test) => bench().and_then(|b| test::run(&b, remote, &test)),
        LocalVerb::Bench(measured) => bench().and_then(|b| bench::run(&b, remote, &measured)),
    };
    ending.unwrap_or_else(|early| early)
}
