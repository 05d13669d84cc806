//! Who asks, how often and how much: whose word is taken for the address, who has to wait, who is heard out.

use crate::app::{Answer, App, GUIDE};
use futures_util::future::join_all;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const FORWARDED: &str = "X-Forwarded-For";

/// This many of one request at once, until somebody has to wait: a second may pass between any two of them.
async fn until_limited(
    app: &App,
    request: impl Fn(usize) -> reqwest::RequestBuilder,
) -> Vec<Answer> {
    const AT_ONCE: usize = 16;
    const PATIENCE: usize = 64 * AT_ONCE;
    let mut answers = Vec::new();
    while !answers.iter().any(|answer: &Answer| answer.status == 429) {
        assert!(answers.len() < PATIENCE, "nobody has to wait");
        let asked =
            (answers.len()..answers.len() + AT_ONCE).map(|number| app.send(request(number)));
        answers.extend(join_all(asked).await);
    }
    answers
}

/// Somebody behind a proxy.
fn ask(app: &App, path: &str, key: &str, from: &str) -> reqwest::RequestBuilder {
    let request = app.client().post(format!("{}{path}", app.url)).body(GUIDE);
    request.header("X-API-Key", key).header(FORWARDED, from)
}

fn guess(app: &App, path: &str, from: &str) -> reqwest::RequestBuilder {
    ask(app, path, "a-key-of-nobodys", from)
}

#[tokio::test]
async fn the_log_has_the_address_that_a_trusted_proxy_speaks_for() {
    let app = App::start_with(&[("ENLIST_TRUSTED_PROXIES", "192.0.2.1, 127.0.0.0/8")]);
    let ask = app.client().get(format!("{}/healthz", app.url));
    let ask = ask.header(FORWARDED, "203.0.113.9").header(FORWARDED, "198.51.100.7, 192.0.2.1");
    assert_eq!(app.send(ask).await.status, 200);
    let log = app.log();
    assert!(log.contains("client=198.51.100.7 ") && !log.contains("203.0.113.9"), "{log}");
}

#[tokio::test]
async fn nobodys_word_is_taken_without_that() {
    let app = App::start();
    let ask = app.client().get(format!("{}/healthz", app.url));
    assert_eq!(app.send(ask.header(FORWARDED, "198.51.100.7")).await.status, 200);
    let log = app.log();
    assert!(log.contains("client=127.0.0.1 ") && !log.contains("198.51.100.7"), "{log}");
}

#[tokio::test]
async fn a_key_that_asks_too_often_has_to_wait_and_nothing_comes_of_it() {
    let app = App::start_with(&[("ENLIST_LIMITS__REQUESTS_PER_SECOND", "1")]);
    let post = |path: &str, body: String| {
        let request = app.client().post(format!("{}{path}", app.url)).body(body);
        request.header("X-API-Key", &app.tenant_key)
    };
    let body = |number: usize| format!(r#"{{"username":"u{number}"}}"#);
    let answers = until_limited(&app, |number| post("/provision-user", body(number))).await;
    let opened = answers.iter().filter(|answer| answer.status == 200).count();
    let limited: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    for answer in &limited {
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")), "{answer:?}");
        let json = answer.json();
        assert_eq!((&json["success"], &json["code"]), (&false.into(), &"rate_limited".into()));
        assert_eq!(json["error"], "Too many requests");
    }
    assert_eq!(app.folders().len(), opened);
    assert_eq!(app.count("SELECT count(*) FROM decisions"), i64::try_from(opened).expect("few"));

    let answers = until_limited(&app, |number| post("/v1/decisions", body(number))).await;
    let limited = answers.iter().find(|answer| answer.status == 429).expect("a limit");
    assert_eq!(limited.header("content-type"), Some("application/problem+json"));
    assert_eq!((limited.code(), limited.header("retry-after")), ("rate_limited".into(), Some("1")));
    let operator = app.post("/v1/tenants/default/decisions", &app.operator_key, GUIDE).await;
    assert_eq!(operator.status, 200, "another key counts apart: {operator:?}");
}

#[tokio::test]
async fn an_address_that_guesses_keys_has_to_wait_and_nobody_else_does() {
    let app = App::start_with(&[
        ("ENLIST_LIMITS__REQUESTS_PER_SECOND", "1"),
        ("ENLIST_TRUSTED_PROXIES", "127.0.0.1"),
    ]);
    let guesser = "198.51.100.7";
    let answers = until_limited(&app, |_| guess(&app, "/provision-user", guesser)).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)), "{answers:?}");
    let limited = answers.iter().find(|answer| answer.status == 429).expect("a limit");
    assert_eq!((limited.code(), limited.header("retry-after")), ("rate_limited".into(), Some("1")));
    assert_eq!(limited.json()["success"], false);
    let answers = until_limited(&app, |_| guess(&app, "/v1/decisions", guesser)).await;
    let limited = answers.iter().find(|answer| answer.status == 429).expect("a limit");
    assert_eq!(limited.header("content-type"), Some("application/problem+json"));

    let elsewhere = app.send(guess(&app, "/provision-user", "198.51.100.8")).await;
    assert_eq!(elsewhere.status, 401);
    let beside = app.send(ask(&app, "/provision-user", &app.tenant_key, guesser)).await;
    assert_eq!(beside.status, 200, "a key behind the same address is let in");
    assert_eq!(app.count("SELECT count(*) FROM decisions"), 1);
}

#[tokio::test]
async fn without_the_setting_nobody_has_to_wait() {
    let app = App::start();
    for _ in 0..200 {
        assert_eq!(app.send(guess(&app, "/provision-user", "x")).await.status, 401);
    }
}

#[test]
fn a_client_that_sends_too_much_is_heard_out_and_gets_its_answer() {
    let app = App::start();
    let listen = app.line["listen"].as_str().expect("listen");
    let mut stream = TcpStream::connect(listen).expect("a connection");
    let slices = [[b'x'; 100_000]; 9];
    let (key, length) = (&app.tenant_key, slices.as_flattened().len());
    let head = format!("Host: x\r\nX-API-Key: {key}\r\nContent-Length: {length}\r\n\r\n");
    write!(stream, "POST /provision-user HTTP/1.1\r\n{head}").expect("the head");
    stream.write_all(&slices[0]).expect("more than the limit");
    // An answer now would be one that nobody reads who is still sending.
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a limit");
    assert!(stream.peek(&mut [0]).is_err(), "no answer yet");
    for slice in &slices[1..] {
        stream.write_all(slice).expect("the rest");
    }
    stream.set_read_timeout(None).expect("no limit");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
}
