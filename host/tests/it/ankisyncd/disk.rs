//! The disk of an `auth.db` in trouble, and its folder full: what is to be told waits, and nobody else does.

use crate::ankisyncd::{AuthFile, SHUT, act, beside, enlist, eventually, passwd, told};
use crate::disk::mounts::{Hanging, Small};
use serde_json::json;
use std::fs;

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace"]
async fn a_full_disk_is_waited_for() {
    let disk = Small::mount("size=64k");
    let file = AuthFile::at(disk.path().join("auth.db"));
    let app = beside(&file);
    enlist(&app, "anna").await;
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    let ballast = disk.use_up_room();
    enlist(&app, "berta").await;
    eventually(&app, "an attempt failed", || {
        app.count("SELECT count(*) FROM outbox WHERE trouble = 'disk_full'") > 0
    });
    let answer = act(&app, "anna", "close").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "downstream_busy"));
    assert!(file.opens("anna", "wonderland"));
    fs::remove_file(ballast).expect("room");
    assert_eq!(act(&app, "anna", "close").await.status, 200);
    told(&app);
    assert_eq!(file.rows(), [["anna", SHUT], ["berta", SHUT]]);
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace, and bindfs"]
async fn a_disk_that_hangs_keeps_its_own_tenant_waiting_and_nobody_else() {
    let disk = Hanging::mount();
    let (hanging, sound) = (AuthFile::at(disk.path().join("auth.db")), AuthFile::made());
    let app = beside(&hanging);
    let wanted = json!({"name": "other", "ankisyncd_auth_db": sound.text()});
    app.manage("POST", "/v1/tenants", wanted).await;
    enlist(&app, "anna").await;
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    disk.hang();
    // Whose name is free nobody knows there.
    let answer = app.provision(r#"{"username":"berta"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"));
    for i in 0..8 {
        let path = format!("/v1/tenants/other/accounts/n{i}");
        app.manage("PUT", &path, json!({"username": i.to_string()})).await;
    }
    eventually(&app, "the other's rows", || sound.rows().len() == 8);
    let answer = passwd(&app, "anna", "looking glass").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "downstream_busy"));
    assert!(answer.text.contains("no_answer"), "{answer:?}");
    assert_eq!(act(&app, "anna", "close").await.code(), "downstream_busy");
    disk.go_on();
    told(&app);
    assert_eq!(hanging.rows(), [["anna", SHUT]]);
    enlist(&app, "berta").await;
    assert_eq!(act(&app, "anna", "reopen").await.status, 200);
    assert!(hanging.opens("anna", "wonderland"));
}
