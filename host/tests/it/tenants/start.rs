//! A start with many tenants: each is opened, and the trouble of one is nobody else's.

use super::{homes_of, make};
use crate::app::{App, GUIDE, is_folder};
use serde_json::{Value, json};
use std::fs;

/// Two tenants beside `default`, each with an account, and their keys.
async fn two(app: &App) -> (String, String) {
    let mut keys = Vec::new();
    for name in ["sick", "well"] {
        make(app, name).await;
        let key = app.key_of(name, json!({})).await;
        assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 200);
        keys.push(key);
    }
    app.enlist(GUIDE).await;
    (keys.remove(0), keys.remove(0))
}

async fn the_others_are_well(app: &App, well: &str) {
    for key in [well, &app.tenant_key] {
        let new = format!(r#"{{"username":"new{}"}}"#, app.count("SELECT count(*) FROM accounts"));
        let answer = app.post("/provision-user", key, &new).await;
        assert_eq!(answer.json()["created"], true, "{answer:?}");
    }
}

#[tokio::test]
async fn a_home_root_that_is_gone_is_not_made_again_and_is_used_when_it_is_back() {
    let mut app = App::start();
    let (sick, well) = two(&app).await;
    let (home, aside) = (homes_of(&app, "sick"), app.folder.path().join("aside"));
    app.kill();
    fs::rename(&home, &aside).expect("a disk that is not mounted");
    app.restart();
    let new = r#"{"username":"new"}"#;
    let answer = app.post("/provision-user", &sick, new).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert!(!answer.text.contains("homes"), "no path for strangers: {answer:?}");
    assert!(app.log().contains(&home.display().to_string()), "but for the operator");
    assert!(!home.exists(), "where homes have been nothing is made");
    the_others_are_well(&app, &well).await;
    app.readyz_becomes(503).await;
    fs::rename(&aside, &home).expect("the disk");
    while app.post("/provision-user", &sick, new).await.status != 200 {
        tokio::task::yield_now().await;
    }
    app.readyz_becomes(200).await;
    assert!(is_folder(&home.join("new")));
}

#[tokio::test]
async fn an_empty_folder_in_the_place_of_a_home_root_is_a_disk_that_is_not_mounted() {
    let mut app = App::start();
    let person = |name: &str| format!(r#"{{"username":"{name}@example.com"}}"#);
    app.enlist(&person("ann")).await;
    app.kill();
    let aside = app.folder.path().join("disk");
    std::fs::rename(app.homes(), &aside).expect("the disk goes");
    std::fs::create_dir(app.homes()).expect("its mount point");
    app.restart();
    let answer = app.provision(&person("bob")).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert!(app.folders().is_empty(), "nothing is made on another disk");
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1);
    assert!(app.log().contains("is the disk mounted?"));
    assert_eq!(app.get("/readyz").await.status, 503);
    std::fs::remove_dir(app.homes()).expect("an empty mount point");
    std::fs::rename(&aside, app.homes()).expect("the disk comes");
    assert_eq!(app.enlist(&person("bob")).await, "bob", "without a restart");
    assert_eq!(app.folders(), ["ann", "bob"]);
}

#[tokio::test]
async fn a_policy_that_does_not_load_any_more_is_its_tenants_trouble_alone() {
    let mut app = App::start();
    let (sick, well) = two(&app).await;
    app.kill();
    app.database()
        .execute_batch(
            "INSERT INTO components VALUES ('sha256:broken', x'00');
             UPDATE revisions SET component = 'sha256:broken' WHERE tenant = 2",
        )
        .expect("a component that is none");
    app.restart();
    let new = r#"{"username":"new"}"#;
    let answer = app.post("/provision-user", &sick, new).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "policy_failed"));
    let known = app.post("/provision-user", &sick, GUIDE).await;
    assert_eq!(known.json()["created"], false, "who is known needs no policy: {known:?}");
    assert_eq!(
        app.rows(
            "SELECT outcome, code, digest FROM decisions WHERE tenant = 2 ORDER BY id DESC LIMIT 2"
        ),
        [["known", "-", "sha256:broken"], ["failed", "policy_failed", "sha256:broken"]]
    );
    assert!(app.log().contains("sha256:broken"), "{}", app.log());
    assert!(!homes_of(&app, "sick").join("new").exists());
    let path = "/v1/tenants/sick/revisions/1/activate";
    let activated = app.ask("POST", path, &app.operator_key, Value::Null).await;
    assert_eq!(activated.code(), "policy_failed");
    let why = activated.json()["detail"].to_string();
    assert!(why.contains("not what its digest says"), "who may change it learns why: {why}");
    the_others_are_well(&app, &well).await;
    app.readyz_becomes(200).await;
    let shown = app.manage("GET", "/v1/tenants/sick", Value::Null).await;
    assert_eq!(shown["accounts"], 1, "and it can be looked at");
}

#[tokio::test]
async fn of_two_home_roots_that_the_settings_brought_together_the_older_stays() {
    let mut app = App::start();
    let (sick, well) = two(&app).await;
    let moved = homes_of(&app, "sick");
    app.kill();
    for folder in fs::read_dir(app.homes()).expect("homes").flatten() {
        let _ = fs::create_dir(moved.join(folder.file_name()));
    }
    app.run_with(&[("ENLIST_HOME_ROOT", &moved.display().to_string())]);
    let answer = app.post("/provision-user", &sick, r#"{"username":"new"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    assert!(!moved.join("new").exists());
    assert!(app.log().contains("overlaps with the home root of tenant default"), "{}", app.log());
    let answer = app.post("/provision-user", &well, r#"{"username":"new"}"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(app.provision(GUIDE).await.json()["created"], false);
}
