//! The helper itself, where the trigger would not show it: what an invocation comes to that no bootstrap answered.

use axum::body::Bytes;
use enlist_lambda_local::{AsCognito, Function, Lambda};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

fn function(bootstrap: &str) -> Function {
    Function {
        bootstrap: bootstrap.into(),
        environment: Vec::new(),
        time_limit: Duration::from_millis(200),
        init_limit: Duration::from_millis(500),
        prints: false,
    }
}

#[tokio::test]
async fn a_program_that_ends_is_an_error() {
    let answer = Lambda::new(function("/bin/true")).invoke(Bytes::from("{}")).await;
    assert!(answer.is_error);
    assert!(String::from_utf8_lossy(&answer.body).contains("Runtime.ExitError"));
}

#[tokio::test]
async fn a_program_that_never_asks_for_an_event_is_ended() {
    let bootstrap = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/never_asks");
    let answer = Lambda::new(function(bootstrap)).invoke(Bytes::from("{}")).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("Sandbox.Timedout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_marked_as_lambda_marks_it() {
    let lambda = Lambda::new(function("/bin/true"));
    let serving =
        lambda.serve(([127, 0, 0, 1], 0).into(), AsCognito::default()).await.expect("a port");
    let address = serving.address;
    let asked = |body: &'static str| tokio::task::spawn_blocking(move || post(address, body));
    let answer = asked("{}").await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-amz-function-error: Unhandled"), "{answer}");
    assert!(asked("no JSON").await.expect("an answer").starts_with("HTTP/1.1 400"));
}

fn post(address: SocketAddr, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: f\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
