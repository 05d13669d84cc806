//! What is told, how it is signed, in which order, and who waits for whom.

use super::receiver::{Receiver, Reply};
use super::{PATIENCE, act, all_is_told, becomes, counted, hook, look, open, path, start};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::UNIX_EPOCH;

#[tokio::test]
async fn what_happens_is_told_once_and_signed_as_the_standard_has_it() {
    let app = start();
    let receiver = Receiver::willing();
    let before = UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    let secret = hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    act(&app, "default", "anna", "close").await;
    act(&app, "default", "anna", "reopen").await;
    let settings = json!({"policy": "builtin:precis", "settings": {}});
    let made = app.manage("POST", "/v1/tenants/default/revisions", settings).await;
    let activate = format!("/v1/tenants/default/revisions/{}/activate", made["revision"]);
    app.manage("POST", &activate, Value::Null).await;
    app.manage("POST", "/v1/tenants/default/rollback", Value::Null).await;
    receiver.wait_for(4).await;
    all_is_told(&app, "default").await;
    let mut got = receiver.got();
    // What is about the tenant waits for nothing that is about an account.
    got.sort_by_key(|received| received.json()["timestamp"].to_string());
    let person = json!({"tenant": "default", "name": "anna", "issuer": "", "subject": "sub-anna", "username": "anna@x.example",
        "email": "anna@x.example"});
    let told: Vec<_> =
        got.iter().map(|received| (received.about().0, received.json()["data"].clone())).collect();
    assert_eq!(
        told,
        [
            ("account.opened".to_owned(), person.clone()),
            ("account.closed".to_owned(), person.clone()),
            ("account.reopened".to_owned(), person),
            (
                "revision.rolled_back".to_owned(),
                json!({"tenant": "default", "from": 2, "to": 1, "why": "rolled_back"})
            ),
        ]
    );
    let version = env!("CARGO_PKG_VERSION");
    let ids: BTreeSet<_> = got.iter().map(|received| received.id().to_owned()).collect();
    assert_eq!(ids.len(), 4, "each has its own");
    for received in &got {
        assert_eq!(received.line, "POST /hook HTTP/1.1");
        assert_eq!(received.header("content-type"), "application/json");
        assert_eq!(received.header("user-agent"), format!("Enlist/{version}"));
        assert!(received.id().starts_with("msg_") && !received.id().contains('.'), "{received:?}");
        let at: u64 = received.header("webhook-timestamp").parse().expect("seconds");
        assert!((before..before + 600).contains(&at), "{at}");
        let body = received.json();
        let members: Vec<_> = body.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["type", "timestamp", "data"]);
        humantime::parse_rfc3339(body["timestamp"].as_str().expect("a moment")).expect("RFC 3339");
        assert_eq!((received.signatures(), received.signed_with(&secret)), (1, 1), "{received:?}");
    }
    assert_eq!(receiver.got().len(), 4, "once");
    assert_eq!(counted(&app, "default", "delivered").await.as_deref(), Some("4"));
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0);
}

#[tokio::test]
async fn every_secret_signs_until_it_is_revoked() {
    let app = start();
    let receiver = Receiver::willing();
    let old = hook(&app, "default", &receiver).await;
    let made = app.manage("POST", &path("default", "/secrets"), Value::Null).await;
    let new = made["secret"].as_str().expect("a secret");
    app.keep_secret(new);
    open(&app, "default", "anna").await;
    let both = receiver.wait_for(1).await.remove(0);
    assert_eq!((both.signatures(), both.signed_with(&old), both.signed_with(new)), (2, 1, 1));
    let first = look(&app, "default").await["secrets"][0]["id"].as_str().expect("an id").to_owned();
    app.manage("DELETE", &path("default", &format!("/secrets/{first}")), Value::Null).await;
    open(&app, "default", "berta").await;
    let one = receiver.wait_for(2).await.remove(1);
    assert_eq!((one.signatures(), one.signed_with(&old), one.signed_with(new)), (1, 0, 1));
}

#[tokio::test]
async fn one_name_is_told_in_order_and_others_do_not_wait_for_it() {
    let app = start();
    let willing = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&willing);
    let receiver = Receiver::start(move |received, _| {
        let refused = received.about().1 == "anna" && !seen.load(Ordering::SeqCst);
        Reply::Status(if refused { 500 } else { 200 }, "")
    });
    hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    act(&app, "default", "anna", "close").await;
    receiver.wait_for(1).await;
    open(&app, "default", "berta").await;
    while !receiver.got().iter().any(|received| received.about().1 == "berta") {
        tokio::task::yield_now().await;
    }
    // Both of anna's.
    becomes(&app, "default", |webhook| webhook["waiting"] == 2).await;
    willing.store(true, Ordering::SeqCst);
    // Whoever sets it again does not want to wait.
    app.manage("PUT", &path("default", ""), json!({"url": receiver.url})).await;
    all_is_told(&app, "default").await;
    let annas = receiver.got().into_iter().map(|received| received.about());
    let annas: Vec<_> = annas.filter(|(_, name)| name == "anna").map(|(what, _)| what).collect();
    let (closed, opened) = annas.split_last().expect("some");
    assert_eq!(closed, "account.closed");
    assert!(opened.len() >= 2 && opened.iter().all(|what| what == "account.opened"), "{annas:?}");
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_up_nobody_elses() {
    let app = start();
    app.manage("POST", "/v1/tenants", json!({"name": "acme"})).await;
    let (stuck, receiver) = (Receiver::start(|_, _| Reply::Held(200, "")), Receiver::willing());
    hook(&app, "acme", &stuck).await;
    hook(&app, "default", &receiver).await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        open(&app, "acme", &format!("{name}-person")).await;
    }
    stuck.wait_for(4).await;
    open(&app, "default", "anna").await;
    receiver.wait_for(1).await;
    all_is_told(&app, "default").await;
    assert_eq!(look(&app, "acme").await["waiting"], 6);
    assert_eq!(stuck.got().len(), 4, "no more of one tenant's at once");
    stuck.go_on();
    all_is_told(&app, "acme").await;
    let ids: BTreeSet<_> = stuck.got().iter().map(|received| received.id().to_owned()).collect();
    assert_eq!(ids.len(), 6);
}

/// What was told, in the order of facts: how many of the slow ones' messages came, and how many had when the other one's did.
#[derive(Default)]
struct Told {
    slow: usize,
    before_the_other: Option<usize>,
}

#[tokio::test]
async fn endpoints_that_take_everything_but_slowly_do_not_take_each_place_again() {
    let mut app = start();
    let told = Arc::new((Mutex::new(Told::default()), Condvar::new()));
    let wait = |told: &(Mutex<Told>, Condvar), until: fn(&Told) -> bool| {
        let (seen, more) = (told.0.lock().expect("a lock"), &told.1);
        let waited = more.wait_timeout_while(seen, PATIENCE, |told| !until(told));
        assert!(!waited.expect("a lock").1.timed_out(), "it waits on");
    };
    // The first is answered when every place is taken, the others when the other tenant was told.
    let seen = Arc::clone(&told);
    let slow = Receiver::start(move |_, before| {
        seen.0.lock().expect("a lock").slow += 1;
        seen.1.notify_all();
        match before {
            0 => wait(&seen, |told| told.slow >= 64),
            _ => wait(&seen, |told| told.before_the_other.is_some()),
        }
        Reply::Status(200, "")
    });
    let seen = Arc::clone(&told);
    let other = Receiver::start(move |_, _| {
        let mut told = seen.0.lock().expect("a lock");
        told.before_the_other = Some(told.slow);
        seen.1.notify_all();
        Reply::Status(200, "")
    });
    for number in 0..16 {
        let tenant = format!("slow{number}");
        app.manage("POST", "/v1/tenants", json!({"name": tenant})).await;
        hook(&app, &tenant, &slow).await;
    }
    hook(&app, "default", &other).await;
    app.kill();
    // Each has more to hear than it has places, and the other has waited least.
    let waiting = "WITH RECURSIVE five (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM five WHERE n < 5)
        INSERT INTO outbox (tenant, sink, name, event, message, content, at, next_at)
        SELECT t.id, 'webhook', 'n' || n, 'account.opened', 'msg_' || t.id || '_' || n, json_object('name', 'n' || n), 0, t.name = 'default'
        FROM tenants t JOIN five ON t.name <> 'default' OR n = 1";
    app.database().execute(waiting, []).expect("messages");
    app.restart();
    other.wait_for(1).await;
    let before = told.0.lock().expect("a lock").before_the_other;
    assert!(before <= Some(64), "{before:?}");
    all_is_told(&app, "default").await;
    let all = slow.wait_for(16 * 5).await;
    let ids: BTreeSet<_> = all.iter().map(|received| received.id().to_owned()).collect();
    assert_eq!(ids.len(), 16 * 5);
}

#[tokio::test]
async fn another_tenants_receiver_hears_nothing_and_one_without_a_webhook_keeps_nothing() {
    let app = start();
    for name in ["acme", "globex"] {
        app.manage("POST", "/v1/tenants", json!({"name": name})).await;
    }
    let receivers = [Receiver::willing(), Receiver::willing()];
    let secret = hook(&app, "acme", &receivers[0]).await;
    hook(&app, "default", &receivers[1]).await;
    for tenant in ["globex", "acme", "default"] {
        open(&app, tenant, "anna").await;
    }
    for (receiver, tenant) in receivers.iter().zip(["acme", "default"]) {
        let got = receiver.wait_for(1).await;
        all_is_told(&app, tenant).await;
        assert_eq!((got.len(), &got[0].json()["data"]["tenant"]), (1, &json!(tenant)));
        assert_eq!(got[0].signed_with(&secret), usize::from(tenant == "acme"));
    }
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0);
}

#[tokio::test]
async fn what_is_told_of_somebody_ends_when_they_are_forgotten() {
    let app = start();
    let willing = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&willing);
    let receiver = Receiver::start(move |_, _| {
        Reply::Status(if seen.load(Ordering::SeqCst) { 200 } else { 500 }, "")
    });
    hook(&app, "default", &receiver).await;
    open(&app, "default", "anna").await;
    let first = receiver.wait_for(1).await.remove(0);
    assert!(first.body.contains("anna@x.example"), "{first:?}");
    act(&app, "default", "anna", "close").await;
    // What is on its way when somebody is forgotten goes out as it is.
    while app.count("SELECT count(*) FROM outbox WHERE attempts > 1") == 0 {
        tokio::task::yield_now().await;
    }
    act(&app, "default", "anna", "erase").await;
    let before = receiver.got().len();
    willing.store(true, Ordering::SeqCst);
    app.manage("PUT", &path("default", ""), json!({"url": receiver.url})).await;
    all_is_told(&app, "default").await;
    let after = receiver.got().split_off(before);
    assert_eq!(after.len(), 2, "{after:?}");
    for (received, what) in after.iter().zip(["account.opened", "account.closed"]) {
        assert_eq!(received.json()["type"], what);
        assert_eq!(received.json()["data"], json!({"tenant": "default", "name": "anna"}));
    }
}
