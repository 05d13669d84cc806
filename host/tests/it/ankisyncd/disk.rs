//! The disk of an `auth.db` in trouble, and its folder full: what is to be told waits, and nobody else does.

use crate::ankisyncd::{AuthFile, SHUT, act, beside, enlist, eventually, passwd, told};
use crate::app::App;
use crate::disk::mounts::{Hanging, Small, state};
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

/// Threads of the server's that have this name.
fn threads(app: &App, name: &str) -> usize {
    let tasks = format!("/proc/{}/task", app.pid().as_raw_nonzero());
    let tasks = fs::read_dir(tasks).expect("threads").filter_map(Result::ok);
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

#[tokio::test]
async fn a_file_that_does_not_open_holds_no_thread_for_each_who_comes() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    let away = file.path.with_extension("away");
    fs::rename(&file.path, &away).expect("a move");
    // Opening one waits until somebody writes to it, as it does on a disk that hangs.
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &file.path, fifo, 0o600.into(), 0).expect("a fifo");
    let bodies: Vec<_> =
        (0..40).map(|i| json!({"username": format!("n{i}")}).to_string()).collect();
    for _ in 0..2 {
        let answers = bodies.iter().map(|body| app.provision(body));
        for answer in futures_util::future::join_all(answers).await {
            // On a machine with much to do one may wait for its turn for as long: then it is `busy`.
            assert_eq!(answer.status, 503, "{answer:?}");
        }
        assert_eq!(threads(&app, "auth-db"), 1);
        assert!(threads(&app, "home-root") <= 1, "a look at all of it");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1);
    let writer = fs::File::options().read(true).write(true).open(&file.path).expect("an end");
    fs::rename(&away, &file.path).expect("a move back");
    eventually(&app, "nobody waits for it", || threads(&app, "auth-db") == 0);
    drop(writer);
    for body in &bodies {
        app.enlist(body).await;
    }
    told(&app);
    assert_eq!(file.rows().len(), 41);
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace, and bindfs"]
async fn a_password_of_which_nobody_knows_whether_it_holds_has_both_rows_in_the_record() {
    let disk = Hanging::mount();
    let file = AuthFile::at(disk.path().join("auth.db"));
    let mut app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    app.kill();
    app.run_with(&[("ENLIST_HOLD_AT", "password_recorded")]);
    let hung = async {
        while state(app.pid()) != 'T' {
            tokio::task::yield_now().await;
        }
        disk.hang();
        rustix::process::kill_process(app.pid(), rustix::process::Signal::CONT).expect("a signal");
    };
    let (answer, ()) = tokio::join!(passwd(&app, "anna", "wonderland"), hung);
    assert_eq!((answer.status, answer.code().as_str()), (503, "downstream_busy"));
    assert!(answer.text.contains("no_answer"), "{answer:?}");
    let sql = "SELECT outcome FROM decisions WHERE occasion = 'account_passwd' ORDER BY id";
    assert_eq!(app.rows(sql), [["granted"], ["refused"]]);
    disk.go_on();
    eventually(&app, "it took effect later", || file.opens("anna", "wonderland"));
}
