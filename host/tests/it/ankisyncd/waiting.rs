//! What an ankisyncd is to be told while its file cannot be written: it waits, in order, is told of in words that show no path, and
//! arrives.

use crate::ankisyncd::{AuthFile, SHUT, beside, enlist, eventually, told};
use crate::app::App;
use serde_json::{Value, json};
use std::fs;

async fn outbox(app: &App, key: &str) -> Value {
    app.ask("GET", "/v1/status", key, Value::Null).await.json()["items"][0]["outbox"].clone()
}

#[tokio::test]
async fn a_locked_file_is_waited_for_and_nobody_who_signs_up_notices() {
    let file = AuthFile::made();
    let app = beside(&file);
    let other = file.lock();
    for name in ["anna", "berta", "clara"] {
        enlist(&app, name).await;
    }
    eventually(&app, "an attempt failed", || {
        app.count("SELECT count(*) FROM outbox WHERE trouble = 'locked' AND attempts > 1") > 0
    });
    for key in [&app.operator_key, &app.tenant_key] {
        let outbox = outbox(&app, key).await;
        assert_eq!((&outbox[0]["sink"], &outbox[0]["waiting"]), (&json!("ankisyncd"), &json!(3)));
        assert_eq!(outbox[0]["trouble"], "locked");
        assert!(outbox[0]["oldest"].as_str().is_some_and(|at| at.ends_with('Z')), "{outbox}");
        assert!(!outbox.to_string().contains("auth.db"), "no path: {outbox}");
    }
    let metrics = |text: String, line: &str| text.lines().any(|found| found.starts_with(line));
    let numbers = app.ask("GET", "/metrics", &app.operator_key, Value::Null).await.text;
    let waiting = "enlist_outbox_waiting{tenant=\"default\",sink=\"ankisyncd\"} ";
    assert!(metrics(numbers.clone(), &format!("{waiting}3")), "{numbers}");
    let failed =
        "enlist_deliveries_total{tenant=\"default\",sink=\"ankisyncd\",outcome=\"retried\"}";
    assert!(metrics(numbers.clone(), failed), "{numbers}");
    assert!(app.log().contains(file.text()), "the log has the path");
    drop(other);
    told(&app);
    let names: Vec<_> = file.rows().into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, ["anna", "berta", "clara"]);
    assert_eq!(outbox(&app, &app.operator_key).await, json!([]));
    let numbers = app.ask("GET", "/metrics", &app.operator_key, Value::Null).await.text;
    assert!(metrics(numbers.clone(), &format!("{waiting}0")), "{numbers}");
    let delivered =
        "enlist_deliveries_total{tenant=\"default\",sink=\"ankisyncd\",outcome=\"delivered\"} 3";
    assert!(metrics(numbers.clone(), delivered), "{numbers}");
    assert!(!numbers.contains("anna"), "nobody is named");
}

#[tokio::test]
async fn a_file_that_is_gone_with_its_folder_is_waited_for_and_not_made_elsewhere() {
    let file = AuthFile::made();
    let app = beside(&file);
    let other = file.lock();
    enlist(&app, "anna").await;
    let away = file.folder.path().with_extension("away");
    fs::rename(file.folder.path(), &away).expect("a move");
    other.execute_batch("ROLLBACK").expect("the lock back");
    drop(other);
    eventually(&app, "an attempt failed", || {
        app.count("SELECT count(*) FROM outbox WHERE trouble IN ('unreadable', 'gone')") > 0
    });
    assert!(!crate::ankisyncd::exists(file.folder.path()));
    fs::rename(&away, file.folder.path()).expect("a move back");
    told(&app);
    assert_eq!(file.rows(), [["anna", SHUT]]);
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_made_anew_before_or_after_a_restart() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    let away = file.path.with_extension("away");
    fs::rename(&file.path, &away).expect("a move");
    let waits = |app: &App, many: i64| {
        eventually(app, "it waits", || {
            app.count("SELECT count(*) FROM outbox WHERE trouble = 'gone'") == many
        });
        assert!(!crate::ankisyncd::exists(&file.path));
    };
    let path = "/v1/tenants/default/accounts";
    for (name, many) in [("berta", 1), ("clara", 2)] {
        let sql = format!(
            "INSERT INTO outbox (tenant, sink, name, event, message, content, at, next_at)
             VALUES (1, 'ankisyncd', '{name}', 'account.opened', '{name}', '{{}}', 0, 0)"
        );
        app.database().execute_batch(&sql).expect("a row");
        app.restart();
        waits(&app, many);
    }
    let passwd = format!("{path}/anna/password");
    let answer = app.ask("PUT", &passwd, &app.operator_key, json!({"password": "x"})).await;
    assert_eq!(answer.code(), "downstream_busy", "{answer:?}");
    assert!(!crate::ankisyncd::exists(&file.path));
    fs::rename(&away, &file.path).expect("a move back");
    told(&app);
    assert_eq!(file.rows().len(), 3);
}

#[tokio::test]
async fn a_file_that_the_settings_name_later_gets_everybody_who_is_there() {
    let mut app = App::start();
    for name in ["anna", "berta"] {
        enlist(&app, name).await;
    }
    let (one, two) = (AuthFile::made(), AuthFile::made());
    app.kill();
    let other = one.lock();
    for _ in 0..3 {
        app.run_with(&[("ENLIST_ANKISYNCD__AUTH_DB", one.text())]);
        assert_eq!(app.count("SELECT count(*) FROM outbox"), 2, "once, however often it is tried");
        app.kill();
    }
    drop(other);
    app.run_with(&[("ENLIST_ANKISYNCD__AUTH_DB", one.text())]);
    told(&app);
    app.kill();
    app.run_with(&[("ENLIST_ANKISYNCD__AUTH_DB", two.text())]);
    told(&app);
    for file in [&one, &two] {
        assert_eq!(file.rows(), [["anna", SHUT], ["berta", SHUT]]);
    }
    two.open().execute("DELETE FROM auth", []).expect("no rows");
    app.kill();
    app.run_with(&[("ENLIST_ANKISYNCD__AUTH_DB", two.text())]);
    enlist(&app, "clara").await;
    told(&app);
    assert_eq!(two.rows(), [["clara", SHUT]], "a start with the same file tells nothing again");
}

#[tokio::test]
async fn one_tenants_locked_file_does_not_stand_before_anothers() {
    let (locked, free) = (AuthFile::made(), AuthFile::made());
    let app = beside(&locked);
    let wanted = json!({"name": "other", "ankisyncd_auth_db": free.text()});
    app.manage("POST", "/v1/tenants", wanted).await;
    let _other = locked.lock();
    enlist(&app, "anna").await;
    let path = "/v1/tenants/other/accounts/berta";
    app.manage("PUT", path, json!({"username": "b@x.example"})).await;
    eventually(&app, "the other one's row", || free.hash_of("berta").is_some());
    assert_eq!(free.rows().len(), 1);
    eventually(&app, "it is ticked off", || app.count("SELECT count(*) FROM outbox") == 1);
    assert_eq!(locked.rows().len(), 0);
}

#[tokio::test]
async fn what_waits_survives_the_end_of_the_server() {
    let file = AuthFile::made();
    let mut app = beside(&file);
    let other = file.lock();
    enlist(&app, "anna").await;
    app.kill();
    assert_eq!(file.rows().len(), 0);
    drop(other);
    app.restart();
    told(&app);
    assert_eq!(file.rows(), [["anna", SHUT]]);
}

#[tokio::test]
async fn everybody_who_is_there_is_told_of_when_a_tenant_gets_an_ankisyncd() {
    let app = App::start();
    let rows = (0..600).map(|i| {
        let state = if i % 100 == 7 { "closed" } else { "active" };
        format!("(1, '', 'u{i}', 'n{i:03}', 'n{i:03}', '{state}', '{{\"labels\":[]}}', 1, {i})")
    });
    let sql = format!(
        "INSERT INTO accounts (tenant, issuer, username, name, name_key, state, allowance, revision, created_at) VALUES {}",
        rows.collect::<Vec<_>>().join(", ")
    );
    app.database().execute_batch(&sql).expect("accounts");
    for i in 0..600 {
        fs::create_dir(app.homes().join(format!("n{i:03}"))).expect("a home");
    }
    let file = AuthFile::made();
    let hers = file.add_user("n001", "hers");
    file.add_user("n007", "his");
    app.manage("PATCH", "/v1/tenants/default", json!({"ankisyncd_auth_db": file.text()})).await;
    told(&app);
    assert_eq!(file.rows().len(), 600 - 6 + 1);
    assert_eq!(file.hash_of("n001"), Some(hers), "a row that was there");
    assert_eq!(file.hash_of("n000").as_deref(), Some(SHUT));
    assert_eq!(file.hash_of("n007").as_deref(), Some(SHUT), "closed, and shut out there too");
    assert_eq!(file.hash_of("n107"), None);
}
