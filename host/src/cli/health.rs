//! `enlist health`: asks `/readyz`; for a process supervisor or a container's health check.

use crate::cli::client::{Remote, Server};
use crate::cli::{Ending, say};
use reqwest::Method;
use std::path::PathBuf;
use std::time::Duration;

/// How long the server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn run(config: Option<PathBuf>, remote: &Remote) -> Result<Ending, Ending> {
    let server = Server::find(config, remote)?;
    let request = server.request(Method::GET, server.url(&["readyz"])?).timeout(ANSWER_WITHIN);
    let (status, _) = server.exchange(request)?;
    if status.is_success() {
        return Ok(say("ready\n"));
    }
    say("not ready\n");
    Ok(Ending::Failed)
}
