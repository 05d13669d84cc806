//! Closing and opening again: at the ankisyncd too, with the old password, when it is answered.

use crate::ankisyncd::{AuthFile, SHUT, act, beside, enlist, eventually, passwd, told};
use crate::app::App;
use serde_json::json;

/// Somebody with an account and a password.
async fn anna(file: &AuthFile) -> App {
    let app = beside(file);
    enlist(&app, "anna").await;
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    assert!(file.opens("anna", "wonderland"));
    app
}

fn kept(app: &App) -> Vec<Vec<String>> {
    app.rows("SELECT name, kept_hash FROM accounts WHERE kept_hash IS NOT NULL")
}

#[tokio::test]
async fn who_is_closed_gets_in_no_more_and_who_is_reopened_does_with_the_old_password() {
    let file = AuthFile::made();
    let app = anna(&file).await;
    let hash = file.hash_of("anna").expect("a hash");
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT), "when it is answered");
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    assert_eq!(kept(&app), [["anna".to_owned(), hash.clone()]]);
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert_eq!(file.hash_of("anna"), Some(hash));
    assert!(file.opens("anna", "wonderland"));
    assert_eq!(kept(&app), Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn somebody_without_a_password_and_somebody_without_a_row_stay_shut_out() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    enlist(&app, "berta").await;
    told(&app);
    file.open().execute("DELETE FROM auth WHERE username = 'berta'", []).expect("no row");
    for name in ["anna", "berta"] {
        assert_eq!(act(&app, name, "close").await.status, 200);
    }
    assert_eq!(file.rows(), [["anna", SHUT]], "nobody gets a row by being closed");
    for name in ["anna", "berta"] {
        assert_eq!(act(&app, name, "reopen").await.status, 200);
    }
    assert_eq!(file.rows(), [["anna", SHUT], ["berta", SHUT]]);
    assert_eq!(kept(&app), Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn a_closing_that_cannot_be_told_says_so_and_is_told_when_it_can_be() {
    let file = AuthFile::made();
    let app = anna(&file).await;
    let other = file.lock();
    for _ in 0..2 {
        let answer = act(&app, "anna", "close").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "downstream_busy"));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.text.contains("Try again later") && answer.text.contains("locked"));
        assert!(!answer.text.contains("auth.db"), "no path: {answer:?}");
    }
    assert_eq!(app.rows("SELECT state FROM accounts"), [["closed"]], "closed here already");
    assert!(file.opens("anna", "wonderland"));
    assert_eq!(passwd(&app, "anna", "another one").await.code(), "account_closed");
    drop(other);
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT));

    let other = file.lock();
    assert_eq!(act(&app, "anna", "reopen").await.code(), "downstream_busy");
    drop(other);
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert!(file.opens("anna", "wonderland"));
}

#[tokio::test]
async fn what_happened_to_an_account_arrives_in_its_order() {
    let file = AuthFile::made();
    let app = anna(&file).await;
    let other = file.lock();
    enlist(&app, "berta").await;
    for verb in ["close", "reopen", "close", "reopen"] {
        assert_eq!(act(&app, "anna", verb).await.code(), "downstream_busy", "{verb}");
        assert_eq!(act(&app, "berta", verb).await.code(), "downstream_busy", "{verb}");
    }
    assert_eq!(act(&app, "berta", "close").await.code(), "downstream_busy");
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 4 + 6);
    drop(other);
    told(&app);
    assert!(file.opens("anna", "wonderland"), "open last");
    assert_eq!(file.hash_of("berta").as_deref(), Some(SHUT));
}

#[tokio::test]
async fn a_row_that_somebody_changed_meanwhile_is_left_alone() {
    let file = AuthFile::made();
    let app = anna(&file).await;
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    let theirs = file.add_user("anna", "by hand");
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert_eq!(file.hash_of("anna"), Some(theirs));
    assert!(app.log().contains("left alone"), "{}", app.log());
    assert_eq!(kept(&app), Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn nothing_is_kept_of_somebody_who_is_forgotten() {
    let file = AuthFile::made();
    let app = anna(&file).await;
    let other = file.lock();
    assert_eq!(act(&app, "anna", "close").await.code(), "downstream_busy");
    assert_eq!(act(&app, "anna", "erase").await.status, 200);
    drop(other);
    told(&app);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT));
    assert_eq!(kept(&app), Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn a_removed_tenants_closed_people_are_shut_out_all_the_same() {
    let file = AuthFile::made();
    let mut app = App::start();
    let wanted = json!({"name": "other", "ankisyncd_auth_db": file.text()});
    app.manage("POST", "/v1/tenants", wanted).await;
    let path = "/v1/tenants/other/accounts/anna";
    app.manage("PUT", path, json!({"username": "a@x.example"})).await;
    told(&app);
    file.add_user("anna", "wonderland");
    let other = file.lock();
    let close = format!("{path}/close");
    let answer = app.ask("POST", &close, &app.operator_key, serde_json::Value::Null).await;
    assert_eq!(answer.code(), "downstream_busy");
    app.manage("DELETE", "/v1/tenants/other", serde_json::Value::Null).await;
    app.restart();
    drop(other);
    eventually(&app, "shut out", || file.hash_of("anna").as_deref() == Some(SHUT));
}

/// A start of the same server whose settings name no ankisyncd.
fn without(app: &mut App) {
    app.kill();
    app.run_with(&[("ENLIST_ANKISYNCD__AUTH_DB", "")]);
}

#[tokio::test]
async fn who_was_closed_while_the_file_was_not_named_is_shut_out_when_it_is() {
    let file = AuthFile::made();
    let mut app = anna(&file).await;
    without(&mut app);
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    assert!(file.opens("anna", "wonderland"), "nobody is there to be told");
    app.restart();
    told(&app);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT));
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert!(file.opens("anna", "wonderland"));
}

#[tokio::test]
async fn who_was_reopened_while_the_file_was_not_named_has_the_old_password_when_it_is() {
    let file = AuthFile::made();
    let mut app = anna(&file).await;
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    without(&mut app);
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT));
    app.restart();
    told(&app);
    assert!(file.opens("anna", "wonderland"));
    assert_eq!(kept(&app), Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn who_was_reopened_while_a_tenant_had_no_file_has_the_old_password_when_it_has() {
    let file = AuthFile::made();
    let app = App::start();
    let set = async |path: &str| {
        app.manage("PATCH", "/v1/tenants/default", json!({"ankisyncd_auth_db": path})).await;
        told(&app);
    };
    enlist(&app, "anna").await;
    set(file.text()).await;
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    set("").await;
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    set(file.text()).await;
    assert!(file.opens("anna", "wonderland"));
    assert_eq!(kept(&app), Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn closing_and_reopening_again_tell_an_ankisyncd_that_does_not_know() {
    let file = AuthFile::made();
    let app = anna(&file).await;
    let hash = file.hash_of("anna").expect("a hash");
    let acts = |what: &str| {
        let sql = "SELECT count(*) FROM decisions WHERE occasion = ";
        app.count(&format!("{sql}'account_{what}'"))
    };
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    // As a backup of it has it that is put back.
    file.put("anna", &hash);
    let other = file.lock();
    for _ in 0..3 {
        assert_eq!(act(&app, "anna", "close").await.code(), "downstream_busy");
    }
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 1, "it waits once");
    drop(other);
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    assert_eq!(file.hash_of("anna").as_deref(), Some(SHUT), "when it is answered");
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert_eq!(file.hash_of("anna").as_ref(), Some(&hash));

    assert_eq!(act(&app, "anna", "close").await.status, 200);
    app.database().execute("UPDATE accounts SET state = 'active'", []).expect("open here alone");
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert_eq!(file.hash_of("anna"), Some(hash));
    assert_eq!((acts("close"), acts("reopen")), (2, 1), "what is so already is no act");
}
