//! Killed at each point between decision and answer: what is left is nothing, or an empty folder that the next attempt adopts,
//! or the whole account; never half of one.

use crate::app::{App, GUIDE};
use std::os::unix::process::ExitStatusExt;

/// Kills the server at `point` while it provisions the guide's person; what stands there then, and the next answer's `created`.
async fn killed_at(point: &str) -> (Vec<String>, i64, bool) {
    let mut app = App::start();
    app.enlist(r#"{"username":"before@example.com"}"#).await;
    app.kill();
    app.run_with(&[("ENLIST_KILL_AT", point)]);
    let request = app.client().post(format!("{}/provision-user", app.url)).body(GUIDE);
    let answer = request.header("X-API-Key", &app.tenant_key).send().await;
    assert!(answer.is_err(), "{point} was never reached: {answer:?}");
    assert_eq!(app.wait().signal(), Some(9));
    let left = (app.folders(), app.count("SELECT count(*) FROM accounts"));
    app.restart();
    assert_eq!(
        app.enlist(r#"{"username":"before@example.com"}"#).await,
        "before",
        "what was answered stays"
    );
    let again = app.provision(GUIDE).await;
    assert_eq!((again.status, &again.json()["username"]), (200, &"testuser".into()));
    assert_eq!(app.folders(), ["before", "testuser"]);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 2);
    (left.0, left.1, again.json()["created"] == true)
}

#[tokio::test]
async fn before_the_folder_there_is_nothing() {
    assert_eq!(killed_at("before_mkdir").await, (vec!["before".to_owned()], 1, true));
}

#[tokio::test]
async fn after_the_folder_and_before_the_commit_there_is_an_empty_folder_that_is_adopted() {
    for point in ["after_mkdir", "after_fsync", "before_commit"] {
        let left = vec!["before".to_owned(), "testuser".to_owned()];
        assert_eq!(killed_at(point).await, (left, 1, true), "{point}");
    }
}

#[tokio::test]
async fn after_the_commit_the_account_is_there_although_nobody_was_told() {
    let left = vec!["before".to_owned(), "testuser".to_owned()];
    assert_eq!(killed_at("after_commit").await, (left, 2, false));
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let mut app = App::start();
    for i in 0..8 {
        let body = format!(r#"{{"username":"person{i}@example.com"}}"#);
        assert_eq!(app.provision(&body).await.json()["created"], true);
        app.restart();
        assert_eq!(app.provision(&body).await.json()["created"], false);
    }
}
