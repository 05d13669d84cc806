//! The command `enlist-cognito`: what whoever operates an Amazon Cognito user pool does to have Enlist behind it.
//! Refuses to decide who gets an account, which the server does, and to change a setting of a pool that is not a trigger.

mod arguments;
mod arn;
mod attach;
mod aws;
mod backfill;
mod check;
mod ending;
mod function;
mod permission;
mod pool;
mod print;
mod server;
mod settings;
mod slots;

use arguments::{Arguments, Verb};
use clap::Parser;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { common, verb } = Arguments::parse();
    // One provider for AWS's door and Enlist's.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ended = match verb {
        Verb::Attach(asked) => attach::attach(&common, asked).await,
        Verb::Detach(asked) => attach::detach(&common, asked).await,
        Verb::Backfill(asked) => backfill::run(&common, asked).await,
        Verb::Check(asked) => check::run(&common, asked).await,
    };
    match ended {
        Ok(ending) => ending.into(),
        Err(failure) => {
            eprintln!("enlist-cognito: {}", failure.says);
            failure.ending.into()
        }
    }
}
