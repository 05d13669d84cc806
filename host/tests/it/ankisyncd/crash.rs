//! A server that dies between its database and an ankisyncd's: the next one goes on where it ended, and every step taken twice is one.

use crate::ankisyncd::{AuthFile, SHUT, act, beside, enlist, passwd, told};
use crate::app::App;
use serde_json::Value;
use std::time::Duration;

/// Asks for something during which the server dies.
async fn dies(app: &mut App, method: &str, path: &str, body: Value) {
    let method = method.parse().expect("a method");
    let url = format!("{}/v1/tenants/default/accounts/{path}", app.url);
    let request = app.client().request(method, url).header("X-API-Key", &app.operator_key);
    let request = if body.is_null() { request } else { request.json(&body) };
    assert!(request.send().await.is_err(), "it died");
    let ended = app.wait_at_most(Duration::from_secs(20)).expect("it died");
    assert!(!ended.success());
}

fn again(app: &mut App, point: &str) {
    app.kill();
    app.run_with(&[("ENLIST_KILL_AT", point)]);
}

#[tokio::test]
async fn a_row_that_was_written_and_not_ticked_off_is_written_once() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    again(&mut app, "auth_db_written");
    // The answer may be out already or not.
    let _ = app
        .client()
        .post(format!("{}/provision-user", app.url))
        .header("X-API-Key", &app.tenant_key)
        .body(r#"{"username":"anna"}"#)
        .send()
        .await;
    app.wait_at_most(Duration::from_secs(20)).expect("it died");
    assert_eq!(file.rows(), [["anna", SHUT]]);
    assert_eq!(
        app.database().query_row("SELECT count(*) FROM outbox", [], |r| r.get::<_, i64>(0)),
        Ok(1)
    );
    let hers = file.add_user("anna", "hers");
    app.restart();
    told(&app);
    assert_eq!(file.hash_of("anna"), Some(hers), "not a second time");
}

#[tokio::test]
async fn a_closing_is_whole_wherever_the_server_died() {
    for point in ["hash_kept", "auth_db_written"] {
        let file = AuthFile::made();
        let mut app = beside(&file);
        enlist(&app, "anna").await;
        assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
        again(&mut app, point);
        dies(&mut app, "POST", "anna/close", Value::Null).await;
        let shut = file.hash_of("anna").as_deref() == Some(SHUT);
        assert_eq!(shut, point == "auth_db_written", "{point}");
        app.restart();
        told(&app);
        assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT), "{point}");
        assert_eq!(act(&app, "anna", "reopen").await.status, 200);
        assert!(file.opens("anna", "wonderland"), "{point}: the hash was kept first");
    }
}

#[tokio::test]
async fn an_opening_again_is_whole_wherever_the_server_died() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    enlist(&app, "anna").await;
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    again(&mut app, "auth_db_written");
    dies(&mut app, "POST", "anna/reopen", Value::Null).await;
    assert!(file.opens("anna", "wonderland"));
    app.restart();
    told(&app);
    assert!(file.opens("anna", "wonderland"));
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE kept_hash IS NOT NULL"), 0);
    assert!(!app.log().contains("left alone"), "it knows its own work again");
}

#[tokio::test]
async fn a_password_that_did_not_arrive_is_the_old_one() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    enlist(&app, "anna").await;
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    again(&mut app, "password_recorded");
    let body = serde_json::json!({"password": "looking glass"});
    dies(&mut app, "PUT", "anna/password", body).await;
    assert!(file.opens("anna", "wonderland"));
    app.restart();
    assert_eq!(passwd(&app, "anna", "looking glass").await.status, 204);
    assert!(file.opens("anna", "looking glass"));
}
