//! The trigger that a Cognito user pool calls, as AWS Lambda runs it (`bootstrap` in its zip): reads its settings, then answers one event
//! after the other. Refuses to begin with settings that make no sense, and decides nothing itself: the server does.

mod answer;
mod budget;
mod config;
mod event;
mod journal;
mod key;
mod members;
mod server;
mod trigger;

use config::Config;
use event::Payload;
use journal::Level;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::json;
use serde_json::value::RawValue;
use server::Server;
use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use trigger::{No, Trigger};

/// How long the key is asked for before the first event, while Lambda starts what reads it.
const PREPARED_WITHIN: Duration = Duration::from_secs(2);

/// All that anybody in front of Cognito learns of settings that make no sense.
const NOT_READY: &str = "This service is not ready, please try again later";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Ok(runtime_api) = env::var("AWS_LAMBDA_RUNTIME_API") else {
        eprintln!(
            "enlist-lambda: AWS Lambda runs this program; there is no AWS_LAMBDA_RUNTIME_API here"
        );
        return ExitCode::from(2);
    };
    // Where, and not what: a panic may hold anything.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
        journal::say(Level::Error, &format!("a panic{place}"));
    }));
    let trigger = match prepare() {
        Ok(trigger) => trigger,
        Err(error) => {
            journal::say(Level::Error, &format!("the trigger cannot begin: {}", chain(&*error)));
            report(&runtime_api).await;
            return ExitCode::FAILURE;
        }
    };
    let server = Arc::clone(&trigger.server);
    tokio::spawn(async move { server.prepare(Instant::now() + PREPARED_WITHIN).await });
    let answering = service_fn(move |event: LambdaEvent<Payload>| {
        let trigger = trigger.clone();
        async move {
            let answer: Result<Box<RawValue>, No> =
                trigger.answer(event.payload, event.context).await;
            answer
        }
    });
    if let Err(error) = lambda_runtime::run(answering).await {
        journal::say(Level::Error, &format!("Lambda's runtime API: {}", chain(&*error)));
    }
    ExitCode::FAILURE
}

fn prepare() -> Result<Trigger, Box<dyn Error>> {
    let config = Config::read(|name| env::var(name).ok())?;
    for remark in &config.remarks {
        journal::say(Level::Warn, remark);
    }
    let server = Server::new(config.server, config.key)?;
    Ok(Trigger { server: Arc::new(server), on_error: config.on_error })
}

/// Tells Lambda that there will be no trigger, in words that anybody may read.
async fn report(runtime_api: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Ok(http) = reqwest::Client::builder().no_proxy().tls_certs_only([]).build() else { return };
    let url = format!("http://{runtime_api}/2018-06-01/runtime/init/error");
    let said = json!({"errorType": "NotReady", "errorMessage": NOT_READY});
    let request =
        http.post(url).header("Lambda-Runtime-Function-Error-Type", "NotReady").json(&said);
    if request.timeout(Duration::from_secs(1)).send().await.is_err() {
        journal::say(Level::Error, "Lambda's runtime API could not be told");
    }
}

/// An error and what caused it; not where it was going to.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}
