//! What a person types: verbs, their arguments, and exit statuses that scripts can rely on.
//! Refuses to do a verb's work: local verbs use the sandbox, remote ones the HTTP API, `serve` the app.

mod health;
mod own_certificate;
mod policy;
mod serve;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Decides by your own sandboxed rules who gets an account, then makes it, once.
#[derive(Debug, Parser)]
#[command(name = "enlist", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// Settings file [default: ./enlist.toml, else /etc/enlist/enlist.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    serve: serve::ServeArguments,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server (also without a verb).
    Serve(serve::ServeArguments),
    /// Ask a running server whether it is ready.
    Health(health::HealthArguments),
    /// Look at policies and try them, without a server.
    #[command(subcommand)]
    Policy(policy::PolicyVerb),
}

const EXAMPLES: &str = "Examples:
  enlist                                              start the server; data in ./data
  enlist serve --data-dir /var/lib/enlist --check     show the settings that would hold
  enlist health                                       0 when it is ready, 3 when not
  enlist policy inspect builtin:localpart             what a policy is
  enlist policy run ./mine.wasm < applicant.json      what it would decide";

/// How a verb ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Yes.
    Yes,
    /// A refusal, or a failed check.
    No,
    /// Wrong use, or a setting.
    WrongUse,
    /// Not reachable, or it failed.
    Failed,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Yes => 0,
            Ending::No => 1,
            Ending::WrongUse => 2,
            Ending::Failed => 3,
        })
    }
}

/// Runs what was typed.
pub fn run(arguments: Arguments) -> ExitCode {
    // For every client that a verb makes. It is there already when somebody else in this process needed it first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = arguments.config;
    let ending = match arguments.verb {
        None => serve::run(config, arguments.serve),
        Some(Verb::Serve(mut later)) => {
            later.take_earlier(arguments.serve);
            serve::run(config, later)
        }
        Some(Verb::Health(health)) => health::run(config, health),
        Some(Verb::Policy(verb)) => policy::run(config, verb),
    };
    ending.into()
}

/// Says what went wrong on standard error, with every cause, and how it ends.
pub(crate) fn fail(error: &dyn std::error::Error, ending: Ending) -> Ending {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    eprintln!("enlist: {line}");
    ending
}
