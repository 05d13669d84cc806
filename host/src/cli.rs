//! What a person types: verbs, their arguments, and exit statuses that scripts can rely on.
//! Refuses to do a verb's work: local verbs use the sandbox, remote ones the HTTP API, `serve` the app.

mod account;
mod applicant;
mod cases;
mod client;
mod decide;
mod decisions;
mod health;
mod import;
mod key;
mod own_certificate;
mod policy;
mod reviews;
mod revisions;
mod serve;
mod stages;
mod status;
mod tenant;
mod upkeep;
mod webhook;

use crate::sandbox::{Allotment, CHILD_VERB, make_for_the_parent};
use client::{Client, Remote};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::io::Write;
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
    remote: Remote,
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
    Health,
    /// Policies: written and tried here, sent to a server, activated and rolled back there.
    #[command(subcommand)]
    Policy(policy::PolicyVerb),
    /// Tenants: people of one organisation, under one policy.
    #[command(subcommand)]
    Tenant(tenant::TenantVerb),
    /// Keys: who may ask, for what, and how long.
    #[command(subcommand)]
    Key(key::KeyVerb),
    /// Accounts: opened by hand, looked at, linked, closed, reopened, erased.
    #[command(subcommand)]
    Account(account::AccountVerb),
    /// Ask a server what it would decide about somebody, and how it comes to that: 0 grant, 1 refuse, 3 failed.
    Decide(applicant::ApplicantArguments),
    /// The record: every request that reached a tenant, what it came to, and what was done by hand.
    #[command(subcommand)]
    Decisions(decisions::DecisionsVerb),
    /// Bring many people, with their names or without: from a file, a Cognito pool, or an ankisyncd that is being left.
    Import(import::ImportArguments),
    /// How the tenants are doing that the key may see.
    Status,
    /// Webhooks: a tenant's own endpoint is told, signed, what happens to its accounts.
    #[command(subcommand)]
    Webhook(webhook::WebhookVerb),
    /// Print what makes a shell complete these verbs.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Copy the database to a file, also while the server runs.
    Backup(upkeep::BackupArguments),
    /// Put a copy in the database's place; the server must be stopped.
    Restore(upkeep::RestoreArguments),
    /// Look whether database and folders belong together.
    Doctor(upkeep::DoctorArguments),
    /// What the server starts to make one policy: from standard input to standard output, within these limits.
    #[command(name = CHILD_VERB, hide = true)]
    MakeRevision {
        /// Address space.
        address_space_bytes: u64,
        /// Processor time.
        cpu_seconds: u64,
    },
}

const EXAMPLES: &str = "Examples:
  enlist                                              start the server; data in ./data
  enlist serve --data-dir /var/lib/enlist --check     show the settings that would hold
  enlist health                                       0 when it is ready, 3 when not
  enlist tenant create acme                           a tenant of its own
  enlist tenant apply tenants --dry-run               what folders say of tenants, and what would change
  enlist key create -t acme --expires 90d             a key for it, on standard output
  enlist key create --local --operator                another operator key, on the machine itself
  enlist status                                       how the tenants are doing
  enlist -t default decide --username ann@example.com what a request would come to, and why
  enlist -t default decisions list --since 2h         what requests came to
  enlist -t default import --dry-run < people.ndjson  what would come of many people at once
  enlist -t acme webhook set https://x.example/hook   tell it, signed, what happens
  enlist backup /mnt/copies/monday.db                 the database; copy the folders after it
  enlist doctor                                       whether database and folders belong together
  enlist policy new club                              a policy of your own, in a new folder
  enlist policy test club --watch                     its cases, again whenever a file changes
  enlist policy run club < applicant.json             what it would decide
  enlist -t acme policy preview 2                     whom revision 2 would turn away or name otherwise
  enlist -t acme policy push club --activate          and it decides for acme
  enlist -t acme policy rollback                      back to what decided before";

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
    /// No key, a wrong one, or one without the right.
    Locked,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Yes => 0,
            Ending::No => 1,
            Ending::WrongUse => 2,
            Ending::Failed => 3,
            Ending::Locked => 4,
        })
    }
}

/// Runs what was typed.
pub fn run(arguments: Arguments) -> ExitCode {
    let (config, remote) = (arguments.config, arguments.remote);
    let data_dir = arguments.serve.data_dir().cloned();
    let earlier = arguments.serve.flags(config.clone());
    let ending = match arguments.verb {
        None => serve::run(config, arguments.serve),
        Some(Verb::Serve(mut later)) => {
            later.take_earlier(arguments.serve);
            serve::run(config, later)
        }
        Some(Verb::Health) => health::run(config, &remote).unwrap_or_else(|early| early),
        Some(Verb::Policy(policy::PolicyVerb::Remote(verb))) => {
            ask(config, remote, |client| revisions::run(client, verb))
        }
        Some(Verb::Policy(policy::PolicyVerb::Local(verb))) => policy::run(config, &remote, verb),
        Some(Verb::Tenant(verb)) => {
            let local = config.clone();
            ask(config, remote, |client| tenant::run(client, local, verb))
        }
        Some(Verb::Key(verb)) => {
            key::run(config, data_dir, remote, verb).unwrap_or_else(|early| early)
        }
        Some(Verb::Account(verb)) => ask(config, remote, |client| account::run(client, verb)),
        Some(Verb::Decide(asked)) => ask(config, remote, |client| decide::run(client, asked)),
        Some(Verb::Decisions(verb)) => ask(config, remote, |client| decisions::run(client, verb)),
        Some(Verb::Import(import)) => ask(config, remote, |client| import::run(client, import)),
        Some(Verb::Status) => ask(config, remote, status::run),
        Some(Verb::Webhook(verb)) => ask(config, remote, |client| webhook::run(client, verb)),
        Some(Verb::Completions { shell }) => completions(shell),
        Some(Verb::Backup(backup)) => {
            upkeep::backup(earlier, &remote, backup).unwrap_or_else(|early| early)
        }
        Some(Verb::Restore(restore)) => {
            upkeep::restore(earlier, &remote, restore).unwrap_or_else(|early| early)
        }
        Some(Verb::Doctor(doctor)) => {
            upkeep::doctor(earlier, &remote, doctor).unwrap_or_else(|early| early)
        }
        Some(Verb::MakeRevision { address_space_bytes, cpu_seconds }) => {
            match make_for_the_parent(&Allotment { address_space_bytes, cpu_seconds }) {
                Ok(()) => Ending::Yes,
                Err(error) => fail(&error, Ending::No),
            }
        }
    };
    ending.into()
}

/// Runs a verb that asks a server with a key.
fn ask(
    config: Option<PathBuf>,
    remote: Remote,
    verb: impl FnOnce(&Client) -> Result<Ending, Ending>,
) -> Ending {
    Client::new(config, remote).and_then(|client| verb(&client)).unwrap_or_else(|early| early)
}

fn completions(shell: Shell) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "enlist", &mut script);
    say(&String::from_utf8_lossy(&script))
}

impl Ending {
    /// This one, unless what came before it ended otherwise than well.
    pub(crate) fn after(self, before: Self) -> Self {
        if before == Self::Yes { self } else { before }
    }
}

/// Prints on standard output. Whoever stops reading has read enough.
pub(crate) fn say(text: &str) -> Ending {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ending::Yes,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ending::Yes,
        Err(error) => fail(&error, Ending::No),
    }
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
