//! Disk trouble: full, read-only, hanging; under the homes and under the database. A clear 503, nothing half done, and all well
//! again without a restart once the disk is.

pub(crate) mod mounts;

use crate::app::{App, GUIDE, is_folder};
use futures_util::future::join_all;
use mounts::{Failing, Hanging, Small};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

const BEFORE: &str = r#"{"username":"before@example.com"}"#;

/// What a failed attempt may leave of itself.
enum Leaves {
    Nothing,
    /// Nobody knows what a disk has that failed in the middle of a commit: an empty folder, which the next attempt adopts.
    AnEmptyFolder,
}

/// What must hold while a disk cannot be written: nobody new gets in, and everybody known is known.
async fn nobody_gets_in(app: &App, leaves: Leaves) {
    let answer = app.provision(GUIDE).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "storage_unavailable"), "{answer:?}");
    assert_eq!(answer.json()["error"], "Try again later");
    assert_eq!(answer.header("retry-after"), Some("1"));
    for word in ["collections", "enlist.db", "/tmp", "os error"] {
        assert!(!answer.text.contains(word), "nothing for strangers: {answer:?}");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 1, "no account");
    match leaves {
        Leaves::Nothing => assert_eq!(app.folders(), ["before"]),
        Leaves::AnEmptyFolder => {
            assert_eq!(app.folders(), ["before", "testuser"]);
            fs::remove_dir(app.homes().join("testuser")).expect("an empty folder");
            fs::create_dir(app.homes().join("testuser")).expect("and here it is again");
        }
    }
    app.readyz_becomes(503).await;
    assert_eq!(app.get("/healthz").await.status, 200);
    somebody_known_is_known(app).await;
}

/// Without the harness: the record may miss what is answered while it cannot be written. The log then has it.
async fn somebody_known_is_known(app: &App) {
    let request = app.client().post(format!("{}/provision-user", app.url)).body(BEFORE);
    let answer = request.header("X-API-Key", &app.tenant_key).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.expect("a body").contains(r#""created":false"#));
}

/// What must hold once it can be written again, by the same process.
async fn the_next_attempt_gets_in(app: &App) {
    app.readyz_becomes(200).await;
    let answer = app.provision(GUIDE).await;
    assert_eq!((answer.status, &answer.json()["created"]), (200, &true.into()), "{answer:?}");
    assert_eq!(app.folders(), ["before", "testuser"]);
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 2);
}

/// The harness looks for it in the data folder.
fn show(app: &App, real: &Path, name: &str) {
    symlink(real, app.data().join(name)).expect("a link");
}

#[tokio::test]
async fn a_database_whose_files_cannot_grow_is_a_503_and_all_is_well_once_they_can() {
    // Without the signal that would end the process, the system says it as it says that a disk is full.
    let app = App::start_through(r#"trap "" XFSZ; exec "$@""#, &[]);
    app.enlist(BEFORE).await;
    app.limit_files(Some(1));
    nobody_gets_in(&app, Leaves::AnEmptyFolder).await;
    app.limit_files(None);
    the_next_attempt_gets_in(&app).await;
}

#[tokio::test]
async fn a_log_that_cannot_be_written_keeps_nobody_out() {
    let app = App::start_through(r#"exec "$@" 2> /dev/full"#, &[]);
    app.enlist(GUIDE).await;
    // The writer has something to say about this, too.
    let other = app.database();
    other.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    assert_eq!(app.provision(BEFORE).await.status, 503);
    other.execute_batch("ROLLBACK").expect("the lock back");
    app.enlist(BEFORE).await;
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace"]
async fn a_full_home_file_system_is_a_503_and_all_is_well_once_there_is_room() {
    let disk = Small::mount("nr_inodes=64");
    let root = disk.path().join("homes");
    let app = App::start_with(&[("ENLIST_HOME_ROOT", root.to_str().expect("a path"))]);
    show(&app, &root, "collections");
    app.enlist(BEFORE).await;
    let ballast = disk.use_up_inodes();
    nobody_gets_in(&app, Leaves::Nothing).await;
    fs::remove_dir_all(ballast).expect("room");
    the_next_attempt_gets_in(&app).await;
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace"]
async fn a_read_only_home_file_system_is_a_503_and_all_is_well_once_it_can_be_written() {
    let disk = Small::mount("size=1m");
    let root = disk.path().join("homes");
    let app = App::start_with(&[("ENLIST_HOME_ROOT", root.to_str().expect("a path"))]);
    show(&app, &root, "collections");
    app.enlist(BEFORE).await;
    disk.remount("ro");
    nobody_gets_in(&app, Leaves::Nothing).await;
    disk.remount("rw");
    the_next_attempt_gets_in(&app).await;
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace"]
async fn a_full_database_file_system_is_a_503_and_all_is_well_once_there_is_room() {
    let disk = Small::mount("size=16m");
    let database = disk.path().join("enlist.db");
    let app = App::start_with(&[("ENLIST_DATABASE", &format!("sqlite:{}", database.display()))]);
    show(&app, &database, "enlist.db");
    app.enlist(BEFORE).await;
    let ballast = disk.use_up_room();
    nobody_gets_in(&app, Leaves::Nothing).await;
    fs::remove_file(ballast).expect("room");
    the_next_attempt_gets_in(&app).await;
}

#[tokio::test]
#[ignore = "needs strace; .ci/run installs it"]
async fn a_read_only_database_file_system_is_a_503_and_all_is_well_once_it_can_be_written() {
    let app = App::start();
    app.enlist(BEFORE).await;
    // Nothing that has a file open for writing can be made read-only but by an error of the disk's.
    let wal = app.data().join("enlist.db-wal");
    let failing = Failing::start(app.pid(), "pwrite64,fsync,fdatasync,ftruncate", &wal, "EROFS");
    nobody_gets_in(&app, Leaves::AnEmptyFolder).await;
    drop(failing);
    the_next_attempt_gets_in(&app).await;
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace, and bindfs"]
async fn a_home_file_system_that_hangs_is_a_503_and_all_is_well_once_it_goes_on() {
    let disk = Hanging::mount();
    let root = disk.path().join("homes");
    let app = App::start_with(&[("ENLIST_HOME_ROOT", root.to_str().expect("a path"))]);
    show(&app, &root, "collections");
    app.enlist(BEFORE).await;
    disk.hang();
    let answer = app.provision(GUIDE).await;
    assert_eq!(answer.status, 503);
    assert!(["busy", "storage_unavailable"].contains(&&*answer.code()), "{answer:?}");
    app.readyz_becomes(503).await;
    assert_eq!(app.get("/healthz").await.status, 200);
    somebody_known_is_known(&app).await;
    disk.go_on();
    the_next_attempt_gets_in(&app).await;
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace, and bindfs"]
async fn a_home_file_system_that_hangs_stops_its_tenant_and_nobody_else() {
    let (hanging, well) = (Hanging::mount(), tempfile::tempdir().expect("a folder"));
    let app = App::start();
    let mut keys = Vec::new();
    for (name, home) in [("hangs", hanging.path()), ("well", well.path().to_owned())] {
        let home = home.join("homes");
        app.manage("POST", "/v1/tenants", json!({"name": name, "home": home})).await;
        keys.push(app.key_of(name, json!({})).await);
    }
    let (hangs, lives) = (keys.remove(0), keys.remove(0));
    let ask = |key: String, i: u32| {
        let body = format!(r#"{{"username":"person{i}@example.com"}}"#);
        let app = &app;
        async move { app.post("/provision-user", &key, &body).await }
    };
    assert_eq!(ask(hangs.clone(), 0).await.status, 200);

    hanging.hang();
    // More than the tenant's share of anything that both of them use; each of them an answer in time.
    let waiting = join_all((1..300).map(|i| ask(hangs.clone(), i)));
    let others = async {
        let began = Instant::now();
        for i in 0..20 {
            assert_eq!(ask(lives.clone(), i).await.status, 200);
            assert_eq!(ask(app.tenant_key.clone(), i).await.status, 200);
        }
        began.elapsed()
    };
    let began = Instant::now();
    let (waited, others) = tokio::join!(async { (waiting.await, began.elapsed()) }, others);
    let (answers, waited) = waited;
    for answer in answers {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(["busy", "storage_unavailable"].contains(&&*answer.code()), "{answer:?}");
    }
    assert!(
        waited < Duration::from_secs(10),
        "{waited:?}: the provider gives up after five seconds"
    );
    assert!(others < waited, "{others:?}: the others waited for the one that hangs ({waited:?})");
    assert_eq!(ask(hangs.clone(), 0).await.json()["created"], false, "known people are known");
    let rows =
        "SELECT count(*) FROM accounts JOIN tenants t ON t.id = tenant WHERE t.name = 'hangs'";
    assert_eq!(app.count(rows), 1);

    hanging.go_on();
    while ask(hangs.clone(), 1).await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert!(is_folder(&hanging.path().join("homes/person1")));
}

#[tokio::test]
#[ignore = "mounts file systems: needs root, if only of a user namespace, and bindfs"]
async fn a_server_whose_home_file_system_hangs_can_be_stopped() {
    let disk = Hanging::mount();
    let root = disk.path().join("homes");
    let mut app = App::start_with(&[("ENLIST_HOME_ROOT", root.to_str().expect("a path"))]);
    show(&app, &root, "collections");
    app.enlist(BEFORE).await;
    disk.hang();
    assert_eq!(app.provision(GUIDE).await.status, 503);
    app.terminate();
    let ended = app.wait_at_most(Duration::from_secs(20));
    disk.go_on();
    assert!(ended.expect("an end").success());
}
