//! `enlist health`: asks `/readyz`; for a process supervisor or a container's health check.

use crate::cli::Ending;
use crate::cli::client::{Remote, Server};
use reqwest::Method;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// How long the server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn run(config: Option<PathBuf>, remote: &Remote) -> Result<Ending, Ending> {
    let server = Server::find(config, remote)?;
    let request = server.request(Method::GET, server.url(&["readyz"])?).timeout(ANSWER_WITHIN);
    let (status, _) = server.exchange(request)?;
    let ready = status.is_success();
    let said = remote.show(&json!({ "ready": ready }), |_| {
        if ready { "ready\n" } else { "not ready\n" }.to_owned()
    });
    Ok(if ready { said } else { Ending::Failed })
}
