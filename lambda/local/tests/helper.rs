//! The helper itself, where the trigger's own tests would not show it: what an invocation comes to that no bootstrap answered, and the
//! program.

use axum::body::Bytes;
use enlist_lambda_local::{AsCognito, Function, Lambda};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
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
    let bootstrap = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/never_asks");
    let answer = Lambda::new(function(bootstrap)).invoke(Bytes::from("{}")).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("Sandbox.Timedout"));
}

#[tokio::test]
async fn nobody_waits_for_longer_than_cognito() {
    let bootstrap = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/never_asks");
    let lambda = Lambda::new(function(bootstrap));
    let way = AsCognito { attempts: 3, patience: Duration::from_millis(10), copies: 2 };
    let delivery = way.deliver(&lambda, Bytes::from("{}")).await;
    assert!(delivery.answer.is_none() && delivery.attempts == 3);
    assert_eq!((delivery.copies.len(), lambda.invoked()), (1, 6));
}

#[tokio::test]
async fn lines_are_kept_or_printed() {
    let bootstrap = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/says_so");
    for prints in [false, true] {
        let lambda = Lambda::new(Function { prints, ..function(bootstrap) });
        assert!(lambda.invoke(Bytes::from("{}")).await.is_error);
        if prints {
            assert!(lambda.lines().is_empty());
        } else {
            assert_eq!(lambda.lines_when(|lines| !lines.is_empty()).await, ["so"]);
        }
    }
}

/// The program, ended with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_says_where_it_listens_and_answers_as_lambda_does() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enlist-lambda-local"));
    command.args(["--listen", "127.0.0.1:0", "/bin/true"]).stdout(Stdio::piped());
    let mut program = Program(command.spawn().expect("the program"));
    let mut line = String::new();
    let stdout = program.0.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let address =
        said["listen"].as_str().and_then(|listen| listen.parse().ok()).expect("an address");
    let answer = post(address, "{}");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-amz-function-error: Unhandled"), "{answer}");
    // As Lambda: what is no JSON is turned away, what only some readers mind is not.
    assert!(post(address, "no JSON").starts_with("HTTP/1.1 400"));
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for odd in [r#"{"$serde_json::private::Number":"abc"}"#, r#"{"a":"\ud800"}"#, &deep] {
        assert!(post(address, odd).starts_with("HTTP/1.1 200"), "{odd}");
    }
}

fn post(address: SocketAddr, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: f\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
