//! What does not arrive: tried again, the same each time, for as long as it is tried; and what a crash leaves of it.

use super::receiver::{Receiver, Reply};
use super::{act, all_is_told, becomes, counted, hook, look, open, path, start};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::time::UNIX_EPOCH;

#[tokio::test]
async fn a_message_is_tried_again_the_same_each_time_and_follows_no_redirect() {
    let app = start();
    let receiver = Receiver::start(|_, before| match before {
        0 => Reply::Status(307, "Location: /elsewhere\r\n"),
        _ => Reply::Status(200, ""),
    });
    let secret = hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    receiver.wait_for(1).await;
    let waits = becomes(&app, "default", |webhook| webhook["trouble"] == "status").await;
    assert_eq!((&waits["waiting"], &waits["state"]), (&json!(1), &json!("active")), "{waits}");
    let got = receiver.wait_for(2).await;
    all_is_told(&app, "default").await;
    assert!(got.iter().all(|received| received.line == "POST /hook HTTP/1.1"), "{got:#?}");
    assert_eq!((got[0].id(), &got[0].body), (got[1].id(), &got[1].body));
    let at = |place: usize| got[place].header("webhook-timestamp").parse::<u64>().expect("seconds");
    assert!(at(0) < at(1), "the moment is the attempt's");
    assert!(got.iter().all(|received| received.signed_with(&secret) == 1), "{got:#?}");
    assert_eq!(receiver.got().len(), 2);
    assert_eq!(counted(&app, "default", "retried").await.as_deref(), Some("1"));
    assert_eq!(counted(&app, "default", "delivered").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn an_endpoint_that_asks_to_be_left_alone_is() {
    let app = start();
    let receiver = Receiver::start(|_, _| Reply::Status(503, "Retry-After: 3000\r\n"));
    hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    becomes(&app, "default", |webhook| webhook["trouble"] == "status").await;
    let sql = "SELECT count(*) FROM outbox WHERE next_at - at BETWEEN 3000000 AND 3600000";
    assert_eq!(app.count(sql), 1);
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_it() {
    let app = start();
    let receiver = Receiver::start(|_, _| Reply::Endless);
    hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    // More than 64 KiB is what the sockets between hold.
    let written = receiver.left_after().await;
    assert!(written < 32 << 20, "{written}");
    all_is_told(&app, "default").await;
    assert_eq!(receiver.got().len(), 1, "200 is an arrival, whatever follows");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_nothing_until_its_url_is_set_again() {
    let mut app = start();
    let gone = Receiver::start(|_, _| Reply::Status(410, ""));
    let secret = hook(&app, "default", &gone).await;
    open(&app, "default", "anna").await;
    let stopped = becomes(&app, "default", |webhook| webhook["state"] == "gone").await;
    assert!(stopped["gone_since"].is_string(), "{stopped}");
    open(&app, "default", "berta").await;
    app.restart();
    open(&app, "default", "carla").await;
    assert!(app.log().contains("ERROR") && app.log().contains("410"), "{}", app.log());
    assert_eq!((&look(&app, "default").await["waiting"], gone.got().len()), (&json!(3), 1));
    // What is too old is given up all the same; the rest waits.
    app.kill();
    let old = "UPDATE outbox SET at = at - 259200000 WHERE name = 'berta'";
    app.database().execute(old, []).expect("an old one");
    app.restart();
    becomes(&app, "default", |webhook| webhook["given_up"] == 1).await;
    let receiver = Receiver::willing();
    let set = app.manage("PUT", &path("default", ""), json!({"url": receiver.url})).await;
    assert_eq!((&set["state"], &set["secret"]), (&json!("active"), &Value::Null));
    all_is_told(&app, "default").await;
    let mut names: Vec<_> = receiver.got().iter().map(|received| received.about().1).collect();
    names.sort();
    assert_eq!(names, ["anna", "carla"]);
    assert!(receiver.got().iter().all(|received| received.signed_with(&secret) == 1));
    assert_eq!(gone.got().len(), 1);
}

#[tokio::test]
async fn an_attempt_that_began_before_the_url_was_set_writes_nothing_over_it() {
    // It asks to be left alone, it is gone, and it was tried for days.
    for (status, rest, old) in
        [(503, "Retry-After: 3000\r\n", false), (410, "", false), (500, "", true)]
    {
        let mut app = start();
        let receiver = Receiver::start(move |_, before| match before {
            0 => Reply::Held(status, rest),
            _ => Reply::Status(200, ""),
        });
        hook(&app, "default", &receiver).await;
        app.kill();
        let now = UNIX_EPOCH.elapsed().expect("a clock").as_millis() as i64;
        let (at, attempts) = if old { (now - 259_200_000, 5) } else { (now, 0) };
        let sql = "INSERT INTO outbox (tenant, sink, name, event, message, content, at, next_at, attempts)
            VALUES (1, 'webhook', 'anna', 'account.opened', 'msg_1', '{}', ?1, 0, ?2)";
        app.database().execute(sql, (at, attempts)).expect("a message");
        app.restart();
        receiver.wait_for(1).await;
        // The same one: whoever sets it wants to be told now.
        app.manage("PUT", &path("default", ""), json!({"url": receiver.url})).await;
        receiver.go_on();
        receiver.wait_for(2).await;
        all_is_told(&app, "default").await;
        let shown = look(&app, "default").await;
        let found = (&shown["state"], &shown["given_up"]);
        assert_eq!(found, (&json!("active"), &json!(0)), "{status}: {shown}");
    }
}

#[tokio::test]
async fn what_was_tried_for_days_is_given_up_and_what_comes_after_it_is_told() {
    let mut app = start();
    let receiver = Receiver::start(|received, _| {
        Reply::Status(if received.about().0 == "account.opened" { 500 } else { 200 }, "")
    });
    hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    act(&app, "default", "anna", "close").await;
    becomes(&app, "default", |webhook| webhook["trouble"] == "status").await;
    app.kill();
    let old = "UPDATE outbox SET at = at - 259200000, next_at = 0, attempts = 5 WHERE event = 'account.opened'";
    app.database().execute(old, []).expect("an old one");
    app.restart();
    all_is_told(&app, "default").await;
    assert_eq!(look(&app, "default").await["given_up"], 1);
    assert_eq!(receiver.got().last().map(|last| last.about().0).as_deref(), Some("account.closed"));
    assert_eq!(counted(&app, "default", "given_up").await.as_deref(), Some("1"));
    let log = app.log();
    assert!(log.contains("ERROR") && log.contains("given up"), "{log}");
    assert!(!log.contains("anna@x.example"), "nobody's address in the log: {log}");
}

#[tokio::test]
async fn killed_after_the_change_the_message_goes_out_at_the_next_start() {
    let mut app = start();
    let receiver = Receiver::willing();
    let secret = hook(&app, "default", &receiver).await;
    app.kill();
    app.run_with(&[("ENLIST_KILL_AT", "after_commit")]);
    let body = r#"{"username":"anna@x.example","subject":"s"}"#;
    let request = app.client().post(format!("{}/v1/accounts", app.url)).body(body);
    assert!(request.header("X-API-Key", &app.tenant_key).send().await.is_err());
    assert_eq!(app.wait().signal(), Some(9));
    app.restart();
    all_is_told(&app, "default").await;
    let got = receiver.wait_for(1).await;
    assert!(got.iter().all(|one| one.about().1 == "anna" && one.signed_with(&secret) == 1));
}

#[tokio::test]
async fn killed_while_the_receiver_thinks_or_after_it_answered_the_same_message_comes_again() {
    let mut app = start();
    let receiver = Receiver::start(|_, before| match before {
        0 | 1 => Reply::Held(200, ""),
        _ => Reply::Status(200, ""),
    });
    hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    receiver.wait_for(1).await;
    app.kill();
    app.run_with(&[("ENLIST_KILL_AT", "webhook_arrived")]);
    receiver.wait_for(2).await;
    receiver.go_on();
    assert_eq!(app.wait().signal(), Some(9), "it was answered, and nobody wrote that down");
    app.restart();
    let got = receiver.wait_for(3).await;
    all_is_told(&app, "default").await;
    assert!(got.iter().all(|one| one.id() == got[0].id() && one.body == got[0].body), "{got:#?}");
    assert_eq!(receiver.got().len(), 3);
}
