//! How often the server is asked, and for how long: less than Cognito waits, whatever the server does.

use crate::app::{
    CONFIRMED, KEY, REPAIRS, Reply, SIGN_UPS, Server, Trigger, event, opened, refusal,
};
use axum::body::Bytes;
use axum::http::StatusCode;
use enlist_lambda_local::AsCognito;
use serde_json::Value;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn busy() -> Value {
    refusal("busy", "Try again later")
}

/// A first answer, and an account at the second.
async fn then_opened(first: fn() -> Reply) -> Server {
    Server::new(
        move |number| if number == 0 { first() } else { Reply::Says(StatusCode::OK, opened()) },
    )
    .await
}

#[tokio::test]
async fn what_may_be_answered_otherwise_is_asked_once_more() {
    let firsts: [fn() -> Reply; 3] = [
        || {
            Reply::Says(
                StatusCode::INTERNAL_SERVER_ERROR,
                refusal("internal_error", "Try again later"),
            )
        },
        || Reply::Page(StatusCode::BAD_GATEWAY, "<html>"),
        || Reply::SaysLater(StatusCode::SERVICE_UNAVAILABLE, busy(), "1"),
    ];
    for first in firsts {
        let server = then_opened(first).await;
        let trigger = Trigger::of(&server, &[]);
        trigger.echoes(&event(CONFIRMED)).await;
        assert_eq!(server.requests().len(), 2);
        let line = trigger.line().await;
        assert_eq!(
            (line["outcome"].as_str(), line["attempts"].as_u64()),
            (Some("provisioned"), Some(2))
        );
    }
}

#[tokio::test]
async fn nothing_is_asked_a_third_time() {
    let server = Server::says(500, refusal("internal_error", "Try again later")).await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event(SIGN_UPS[0])).await;
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_no_is_not_asked_again() {
    for (status, code) in [
        (400, "field_invalid"),
        (401, "key_invalid"),
        (403, "domain"),
        (408, "body_timeout"),
        (409, "username_taken"),
        (413, "body_too_large"),
        (429, "rate_limited"),
        (503, "policy_failed"),
    ] {
        let server = Server::says(status, refusal(code, "No")).await;
        let trigger = Trigger::of(&server, &[]);
        trigger.echoes(&event(CONFIRMED)).await;
        assert_eq!(server.requests().len(), 1, "{status} {code}");
    }
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_made() {
    let server =
        then_opened(|| Reply::SaysLater(StatusCode::SERVICE_UNAVAILABLE, busy(), "1")).await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event(CONFIRMED)).await;
    let requests = server.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_that_does_not_fit_is_not_made() {
    for pause in ["60", "18446744073709551615", "99999999999999999999", "soon"] {
        let server =
            Server::new(move |_| Reply::SaysLater(StatusCode::SERVICE_UNAVAILABLE, busy(), pause));
        let server = server.await;
        let trigger = Trigger::of(&server, &[]);
        trigger.echoes(&event(CONFIRMED)).await;
        assert_eq!(server.requests().len(), 1, "{pause}");
        assert_eq!(trigger.line().await["code"], "busy", "{pause}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let script = tokio::spawn(async move {
        drop(listener.accept().await.expect("a connection"));
        Server::at(listener, |_| Reply::Says(StatusCode::OK, opened()))
    });
    let url = format!("http://{address}");
    let trigger =
        Trigger::with(vec![("ENLIST_SERVER", &url), ("ENLIST_KEY", KEY)], Duration::from_secs(5));
    trigger.echoes(&event(CONFIRMED)).await;
    assert_eq!(script.await.expect("a server").requests().len(), 1);
    assert_eq!(trigger.line().await["outcome"], "provisioned");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let set = vec![("ENLIST_SERVER", url.as_str()), ("ENLIST_KEY", KEY)];
    let trigger = Trigger::with(set, Duration::from_secs(5));
    trigger.echoes(&event(CONFIRMED)).await;
    let line = trigger.line().await;
    assert_eq!((line["code"].as_str(), line["attempts"].as_u64()), (Some("unreachable"), Some(2)));
    assert!(line["detail"].as_str().expect("why").contains("refused"), "{line}");
}

#[tokio::test]
async fn a_server_that_never_answers_keeps_nobody_longer_than_cognito_waits() {
    let server = Server::new(|_| Reply::Never).await;
    let trigger = Trigger::of(&server, &[]);
    let way = AsCognito::default();
    let event = event(CONFIRMED).to_string();
    let delivery = way.deliver(&trigger.lambda, Bytes::from(event.clone())).await;
    let answer = delivery.answer.expect("an answer in time");
    assert_eq!((answer.is_error, answer.body), (false, Bytes::from(event)));
    assert_eq!((delivery.attempts, server.requests().len()), (1, 2));
    assert_eq!(trigger.line().await["code"], "timed_out");
}

#[tokio::test]
async fn the_functions_own_time_limit_is_kept() {
    let server = Server::new(|_| Reply::Never).await;
    let set = vec![("ENLIST_SERVER", server.url.as_str()), ("ENLIST_KEY", KEY)];
    let trigger = Trigger::with(set, Duration::from_secs(1));
    // An invocation that was cut off is an error.
    trigger.echoes(&event(CONFIRMED)).await;
    trigger.echoes(&event(REPAIRS[0])).await;
    assert_eq!(trigger.lambda.started(), 1);
}

#[tokio::test]
async fn a_connection_that_is_not_taken_is_given_up_and_made_again() {
    // One place, and it is taken: the machine answers no further connection.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let listener = socket.listen(0).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let _waits = TcpStream::connect(address).await.expect("the one place");
    let url = format!("http://{address}");
    let set = vec![("ENLIST_SERVER", url.as_str()), ("ENLIST_KEY", KEY)];
    let trigger = Trigger::with(set, Duration::from_secs(15));
    trigger.echoes(&event(CONFIRMED)).await;
    let line = trigger.line().await;
    // Without a limit of its own the first would take all of the time, and end as `timed_out`.
    assert_eq!((line["code"].as_str(), line["attempts"].as_u64()), (Some("unreachable"), Some(2)));
}

#[tokio::test]
async fn who_is_in_already_waits_for_two_seconds_and_no_longer() {
    let server = Server::new(|_| Reply::Never).await;
    for source in REPAIRS {
        let set = vec![("ENLIST_SERVER", server.url.as_str()), ("ENLIST_KEY", KEY)];
        let trigger = Trigger::with(set, Duration::from_secs(15));
        trigger.echoes(&event(source)).await;
        // A sign-up's time would be 4400 at least.
        let took = trigger.line().await["took_ms"].as_u64().expect("a number");
        assert!((2000..4300).contains(&took), "{source}: {took}");
    }
}

#[tokio::test]
async fn what_is_slow_is_not_given_up_for_what_is_asked_beside_it() {
    let server = Server::new(|number| match number {
        0 => Reply::OnceAsked(2, StatusCode::OK, opened()),
        _ => Reply::Never,
    })
    .await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event(CONFIRMED)).await;
    let line = trigger.line().await;
    assert_eq!(
        (line["outcome"].as_str(), line["attempts"].as_u64()),
        (Some("provisioned"), Some(2))
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn of_two_that_come_to_nothing_an_answer_is_reported() {
    let server = Server::new(|number| match number {
        0 => Reply::Never,
        _ => Reply::Says(StatusCode::SERVICE_UNAVAILABLE, busy()),
    })
    .await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event(REPAIRS[0])).await;
    let line = trigger.line().await;
    assert_eq!((line["code"].as_str(), line["attempts"].as_u64()), (Some("busy"), Some(2)));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_hangs_once_is_asked_again() {
    let server = then_opened(|| Reply::Never).await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event(REPAIRS[0])).await;
    let line = trigger.line().await;
    assert_eq!(
        (line["outcome"].as_str(), line["attempts"].as_u64()),
        (Some("provisioned"), Some(2))
    );
}
