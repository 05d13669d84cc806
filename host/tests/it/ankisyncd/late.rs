//! A message to a webhook that ends late, beside what waits for an ankisyncd: each is taken out of the outbox for itself alone.

use crate::ankisyncd::{AuthFile, SHUT, act, enlist, eventually, passwd, told};
use crate::app::App;
use crate::webhooks::receiver::{Receiver, Reply};
use crate::webhooks::{LOOPBACK, hook, path};
use serde_json::Value;

#[tokio::test]
async fn an_answer_to_a_webhook_that_was_removed_meanwhile_ticks_off_nothing_else() {
    let file = AuthFile::made();
    let app = App::start_with(&[LOOPBACK, ("ENLIST_ANKISYNCD__AUTH_DB", file.text())]);
    enlist(&app, "clara").await;
    assert_eq!(passwd(&app, "clara", "wonderland").await.status, 204);
    told(&app);
    let receiver = Receiver::start(|_, _| Reply::Held(200, ""));
    hook(&app, "default", &receiver).await;
    enlist(&app, "anna").await;
    receiver.wait_for(1).await;
    told(&app);
    app.manage("DELETE", &path("default", ""), Value::Null).await;
    let other = file.lock();
    enlist(&app, "bert").await;
    assert_eq!(act(&app, "clara", "close").await.code(), "downstream_busy");
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 2);
    receiver.go_on();
    let arrived = |times| app.log().matches("a message arrived at the webhook").count() == times;
    eventually(&app, "it arrived", || arrived(1));
    // What comes of another is written after what came of the first.
    hook(&app, "default", &receiver).await;
    enlist(&app, "dora").await;
    let waiting = "SELECT count(*) FROM outbox WHERE sink = 'webhook'";
    eventually(&app, "all is told", || arrived(2) && app.count(waiting) == 0);
    drop(other);
    told(&app);
    assert_eq!(file.hash_of("clara").as_deref(), Some(SHUT));
    assert_eq!(file.rows().len(), 4, "and the others are there");
}
