//! `enlist-lambda-local`: the helper as a program, for scripts and for emulators of Cognito, which call an Invoke API.

use clap::Parser;
use enlist_lambda_local::{AsCognito, Function, Lambda};
use humantime::parse_duration;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Runs a Lambda bootstrap on this machine: an Invoke API before it, the Runtime API behind. Its environment is this program's.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The program to run, with the Runtime API in its environment.
    bootstrap: PathBuf,
    /// Where the Invoke API listens; port 0 is one that is free.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// The function's time limit.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    time_limit: Duration,
    /// How long a start may take.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    init_limit: Duration,
    /// How often an event is delivered that is not answered; Cognito: 3.
    #[arg(long, default_value_t = 1)]
    attempts: u32,
    /// How long an answer is waited for; Cognito: 5s.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    patience: Duration,
    /// How many copies of an event come at once.
    #[arg(long, default_value_t = 1)]
    copies: u32,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let lambda = Lambda::new(Function {
        bootstrap: arguments.bootstrap,
        environment: std::env::vars_os().collect(),
        time_limit: arguments.time_limit,
        init_limit: arguments.init_limit,
        prints: true,
    });
    let delivered = AsCognito {
        attempts: arguments.attempts,
        patience: arguments.patience,
        copies: arguments.copies,
    };
    let serving = lambda.serve(arguments.listen, delivered).await?;
    println!("{}", json!({"listen": serving.address.to_string()}));
    serving.ended().await
}
