//! `enlist health`: asks `/readyz`; for a process supervisor or a container's health check.

use crate::cli::{Ending, fail, own_certificate};
use crate::config::{Config, Flags};
use clap::Args;
use rustls::ClientConfig;
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
    let (server, tls) = match arguments.server {
        Some(server) => (server, None),
        None => {
            let config = match Config::load(&Flags { config, data_dir: None }) {
                Ok(loaded) => loaded.config,
                Err(error) => return fail(&error, Ending::WrongUse),
            };
            let own = config.tls().map(|tls| own_certificate::only(&tls.cert)).transpose();
            match own {
                Ok(tls) => (config.url(config.listen), tls),
                Err(error) => return fail(&error, Ending::WrongUse),
            }
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, Ending::Failed),
    };
    match runtime.block_on(ask(&server, tls)) {
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

async fn ask(server: &str, tls: Option<ClientConfig>) -> Result<bool, reqwest::Error> {
    let mut client = reqwest::Client::builder().timeout(ANSWER_WITHIN).no_proxy();
    if let Some(tls) = tls {
        client = client.tls_backend_preconfigured(tls);
    }
    let client = client.build()?;
    let url = format!("{}/readyz", server.trim_end_matches('/'));
    Ok(client.get(url).send().await?.status().is_success())
}
