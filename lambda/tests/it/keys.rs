//! Keys that Secrets Manager or Parameter Store keep, read through the extension's local door.

use crate::app::{CONFIRMED, KEY, REPAIRS, Reply, Server, TOKEN, Trigger, event, opened};
use axum::http::StatusCode;
use serde_json::json;
use std::time::Duration;

/// The trigger, a server, and an extension with a script.
fn trigger(server: &Server, extension: &Server, named: (&str, &str)) -> Trigger {
    let port = extension.url.rsplit_once(':').expect("a port").1;
    let set = vec![
        ("ENLIST_SERVER", server.url.as_str()),
        named,
        ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port),
        ("AWS_SESSION_TOKEN", TOKEN),
    ];
    Trigger::with(set, Duration::from_secs(5))
}

#[tokio::test]
async fn a_secret_is_read_once() {
    let server = Server::says(200, opened()).await;
    let extension = Server::says(200, json!({"Name": "enlist", "SecretString": KEY})).await;
    let trigger = trigger(&server, &extension, ("ENLIST_KEY_SECRET", "enlist/key"));
    for _ in 0..3 {
        trigger.echoes(&event(CONFIRMED)).await;
    }
    let asked = extension.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/secretsmanager/get?secretId=enlist%2Fkey");
    assert_eq!(asked[0].headers["x-aws-parameters-secrets-token"], TOKEN);
    assert!(server.requests().iter().all(|request| request.headers["x-api-key"] == KEY));
}

#[tokio::test]
async fn a_parameter_is_read_with_decryption() {
    let server = Server::says(200, opened()).await;
    let extension = Server::says(200, json!({"Parameter": {"Value": KEY}})).await;
    let trigger = trigger(&server, &extension, ("ENLIST_KEY_PARAMETER", "/enlist/key"));
    trigger.echoes(&event(CONFIRMED)).await;
    let path = &extension.requests()[0].path;
    assert_eq!(path, "/systemsmanager/parameters/get?name=%2Fenlist%2Fkey&withDecryption=true");
    assert_eq!(server.requests()[0].headers["x-api-key"], KEY);
}

#[tokio::test]
async fn an_extension_that_is_still_starting_is_waited_for() {
    let server = Server::says(200, opened()).await;
    let extension = Server::new(|number| match number {
        0..3 => Reply::Page(StatusCode::BAD_REQUEST, "not ready to serve traffic, please wait"),
        _ => Reply::Says(StatusCode::OK, json!({"SecretString": KEY})),
    })
    .await;
    let trigger = trigger(&server, &extension, ("ENLIST_KEY_SECRET", "enlist"));
    trigger.echoes(&event(CONFIRMED)).await;
    assert_eq!(trigger.line().await["outcome"], "provisioned");
    assert_eq!(extension.requests().len(), 4);
}

#[tokio::test]
async fn a_key_that_may_not_be_read_is_a_failure_like_any_other() {
    let server = Server::says(200, opened()).await;
    let extension = Server::new(|_| {
        Reply::Page(StatusCode::BAD_REQUEST, "AccessDeniedException: arn:aws:iam::S3CRET")
    })
    .await;
    let trigger = trigger(&server, &extension, ("ENLIST_KEY_SECRET", "enlist"));
    trigger.echoes(&event(CONFIRMED)).await;
    let line = trigger.line().await;
    assert_eq!(line["code"], "key_unavailable");
    assert!(line["detail"].as_str().expect("why").contains("400"), "{line}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn why_there_is_no_key_is_said_of_each_reason() {
    let server = Server::says(200, opened()).await;
    let starting =
        |_| Reply::Page(StatusCode::BAD_REQUEST, "not ready to serve traffic, please wait");
    let starting = Server::new(starting).await;
    let silent = Server::new(|_| Reply::Never).await;
    // As in a network without a way out: it starts, takes the question and waits itself.
    let then_silent = Server::new(|number| match number {
        0..3 => Reply::Page(StatusCode::BAD_REQUEST, "not ready to serve traffic, please wait"),
        _ => Reply::Never,
    })
    .await;
    for (extension, why) in [
        (&starting, "still starting"),
        (&silent, "may the function reach"),
        (&then_silent, "may the function reach"),
    ] {
        let trigger = trigger(&server, extension, ("ENLIST_KEY_SECRET", "enlist"));
        // The login waits for what the start began to ask; the confirmation asks itself.
        for source in [REPAIRS[0], CONFIRMED] {
            trigger.echoes(&event(source)).await;
            let line = trigger.line().await;
            assert_eq!(line["code"], "key_unavailable");
            assert!(line["detail"].as_str().expect("why").contains(why), "{source}: {line}");
        }
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn without_the_extension_nobody_waits_longer_than_cognito() {
    let server = Server::says(200, opened()).await;
    let set = vec![
        ("ENLIST_SERVER", server.url.as_str()),
        ("ENLIST_KEY_SECRET", "enlist"),
        ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "9"),
        ("AWS_SESSION_TOKEN", TOKEN),
    ];
    let trigger = Trigger::with(set, Duration::from_secs(1));
    trigger.echoes(&event(CONFIRMED)).await;
    let line = trigger.line().await;
    assert_eq!(line["code"], "key_unavailable");
    assert!(line["detail"].as_str().expect("why").contains("is its layer there"), "{line}");
}
