//! The keys that are made of names, under a program with other tables than the one that made them: made anew at the start, which ends
//! where two names would become one.

use crate::app::App;
use crate::names::{by_hand, named};
use enlist::domain::{FoldKey, Skeleton};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::json;
use std::process::Command;

fn stop(app: &mut App) {
    app.terminate();
    assert!(app.wait().success());
}

fn serve(app: &App) -> Command {
    let mut serve = crate::app::enlist();
    serve.args(["serve", "--data-dir"]).arg(app.data()).env("ENLIST_LISTEN", "127.0.0.1:0");
    serve
}

const KEYS: &str = "SELECT name, name_key, skeleton FROM accounts ORDER BY id";

/// A server that stopped, of three accounts and a reserved name.
async fn stopped() -> App {
    let mut app = App::with_policy(CANDIDATES, &[]);
    for (subject, name) in [("s1", "Anna"), ("s2", "straße"), ("s3", "user1")] {
        app.enlist(&named(subject, name)).await;
    }
    stop(&mut app);
    let reserve = "INSERT INTO reserved SELECT id, 'berta', 'Berta', 0 FROM tenants";
    app.database().execute_batch(reserve).expect("a reserved name");
    app
}

#[tokio::test]
async fn the_tables_that_keys_were_made_with_are_kept_beside_them() {
    let app = App::start();
    let kept = app.rows("SELECT name, value FROM meta ORDER BY name");
    assert_eq!(kept, [["fold_version", FoldKey::VERSION], ["skeleton_version", Skeleton::VERSION]]);
}

#[tokio::test]
async fn keys_of_other_tables_are_made_anew_at_the_start() {
    for older in ["fold_version", "skeleton_version"] {
        let mut app = stopped().await;
        let right = (app.rows(KEYS), app.rows("SELECT * FROM reserved"));
        // The keys of two stand in each other's way.
        app.database()
            .execute_batch(&format!(
                "UPDATE meta SET value = 'older' WHERE name = '{older}';
                 UPDATE accounts SET name_key = 'x', skeleton = '';
                 "
            ))
            .expect_err("a key is unique");
        app.database()
            .execute_batch(&format!(
                "UPDATE meta SET value = 'older' WHERE name = '{older}';
                 UPDATE accounts SET name_key = 'x' || id, skeleton = '';
                 UPDATE accounts SET name_key = 'anna' WHERE name = 'user1';
                 UPDATE accounts SET name_key = 'user1' WHERE name = 'Anna';
                 UPDATE reserved SET name_key = 'older';"
            ))
            .expect("other keys");
        app.restart();
        assert_eq!((app.rows(KEYS), app.rows("SELECT * FROM reserved")), right);
        assert_eq!(app.count("SELECT count(*) FROM meta WHERE value = 'older'"), 0);
        assert_eq!(app.provision(&named("s4", "ANNA")).await.code(), "username_taken");
        assert_eq!(app.provision(&named("s4", "uѕer1")).await.code(), "name_unusable");
        assert_eq!(by_hand(&app, "BERTA", json!({"username": "h"})).await.code(), "username_taken");
    }
}

#[tokio::test]
async fn a_start_that_would_make_two_names_one_ends_and_names_both_and_changes_nothing() {
    let planted = "INSERT INTO accounts (tenant, issuer, username, name, name_key, state, allowance, revision, created_at)
        SELECT id, '', 'x', 'STRASSE', 'apart', 'closed', '{}', 1, 0 FROM tenants";
    let reserved = "INSERT INTO reserved SELECT id, 'apart', 'STRASSE', 0 FROM tenants";
    for plant in [planted, reserved] {
        let mut app = stopped().await;
        let older = "UPDATE meta SET value = 'older'; UPDATE accounts SET name_key = 'other' WHERE name = 'Anna'";
        app.database().execute_batch(&format!("{plant}; {older}")).expect("rows");
        let before = (app.rows(KEYS), app.rows("SELECT * FROM meta"));
        let end = serve(&app).output().expect("an end");
        let said = String::from_utf8_lossy(&end.stderr).into_owned();
        assert_eq!(end.status.code(), Some(1), "{said}");
        assert!(said.contains("tenant default") && said.contains("straße"), "{said}");
        assert!(said.contains("STRASSE"), "{said}");
        assert_eq!((app.rows(KEYS), app.rows("SELECT * FROM meta")), before);
        let away = "DELETE FROM accounts WHERE name = 'STRASSE'; DELETE FROM reserved WHERE name = 'STRASSE'";
        app.database().execute_batch(away).expect("nothing planted");
        app.restart();
        assert_eq!(app.provision(&named("s1", "x")).await.json()["username"], "Anna");
    }
}
