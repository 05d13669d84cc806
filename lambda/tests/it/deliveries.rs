//! Cognito's own way to deliver: overlapping, up to three times, and now and then twice. And the helper that does it.

use crate::app::{CONFIRMED, Reply, Server, Trigger, event, opened};
use axum::body::Bytes;
use axum::http::StatusCode;
use enlist_lambda_local::AsCognito;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn three_attempts_overlap_each_with_an_id_of_its_own() {
    let server = Server::new(|_| Reply::Never).await;
    let trigger = Trigger::of(&server, &[]);
    let way = AsCognito { attempts: 3, patience: Duration::from_millis(300), copies: 1 };
    let event = Bytes::from(event(CONFIRMED).to_string());
    let delivery = way.deliver(&trigger.lambda, event).await;
    assert_eq!((delivery.answer.is_some(), delivery.attempts), (false, 3));
    assert_eq!((trigger.lambda.invoked(), trigger.lambda.started()), (3, 3));
}

#[tokio::test]
async fn copies_that_come_at_once_are_all_answered() {
    let server = Server::says(200, opened()).await;
    let trigger = Trigger::of(&server, &[]);
    let way = AsCognito { copies: 4, ..AsCognito::default() };
    let event = Bytes::from(event(CONFIRMED).to_string());
    let delivery = way.deliver(&trigger.lambda, event.clone()).await;
    let answers = delivery.copies.into_iter().chain([delivery.answer]).flatten();
    assert_eq!(answers.filter(|answer| !answer.is_error && answer.body == event).count(), 4);
    let requests = server.requests();
    let ids: BTreeSet<_> =
        requests.iter().map(|request| request.headers["x-request-id"].as_bytes()).collect();
    assert_eq!((requests.len(), ids.len()), (4, 4));
}

#[tokio::test]
async fn the_attempt_that_is_answered_is_the_last() {
    let server =
        Server::new(
            |number| {
                if number == 0 { Reply::Never } else { Reply::Says(StatusCode::OK, opened()) }
            },
        )
        .await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event("TokenGeneration_Authentication")).await;
    let way = AsCognito { attempts: 3, patience: Duration::from_secs(2), copies: 1 };
    let event = Bytes::from(event(CONFIRMED).to_string());
    let delivery = way.deliver(&trigger.lambda, event.clone()).await;
    assert_eq!((delivery.answer.expect("an answer").body, delivery.attempts), (event, 2));
}
