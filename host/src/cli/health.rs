//! `enlist health`: asks `/readyz`; for a process supervisor or a container's health check.

use crate::cli::{Ending, fail};
use crate::config::{Config, Flags};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// What `enlist health` takes.
#[derive(Debug, Args)]
pub(super) struct HealthArguments {
    /// The server [default: where the settings say that one listens].
    #[arg(long, env = "ENLIST_SERVER", value_name = "URL")]
    server: Option<String>,
}

/// How long the server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn run(config: Option<PathBuf>, arguments: HealthArguments) -> Ending {
    let server = match arguments.server {
        Some(server) => server,
        None => match Config::load(&Flags { config, data_dir: None }) {
            Ok(loaded) => format!("http://{}", loaded.config.listen),
            Err(error) => return fail(&error, Ending::WrongUse),
        },
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, Ending::Failed),
    };
    match runtime.block_on(ask(&server)) {
        Ok(true) => {
            println!("ready");
            Ending::Yes
        }
        Ok(false) => {
            println!("not ready");
            Ending::Failed
        }
        Err(error) => fail(&error, Ending::Failed),
    }
}

async fn ask(server: &str) -> Result<bool, reqwest::Error> {
    let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).no_proxy().build()?;
    let url = format!("{}/readyz", server.trim_end_matches('/'));
    Ok(client.get(url).send().await?.status().is_success())
}
