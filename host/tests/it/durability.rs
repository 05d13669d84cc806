//! What is on the disk before anybody is told: the order of the system calls themselves, as `strace` saw them. A kill proves
//! less: what the kernel has in memory survives it.

use crate::app::{self, App, GUIDE, without_settings};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// Where a call that has all of these words begins, after the line `after`.
fn line_of(trace: &str, after: usize, words: &[&str]) -> usize {
    let found = trace
        .lines()
        .enumerate()
        .skip(after + 1)
        .find(|(_, line)| words.iter().all(|word| line.contains(word)));
    found.unwrap_or_else(|| panic!("no {words:?} after line {after} of\n{trace}")).0
}

#[tokio::test]
#[ignore = "needs strace; .ci/run installs it"]
async fn keys_folder_and_account_are_on_the_disk_before_anybody_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, out) = (folder.path().join("data"), folder.path().join("trace"));
    let mut command = without_settings("strace");
    command
        .args([
            "-f",
            "-y",
            "-s",
            "32",
            "-e",
            "trace=mkdirat,fsync,fdatasync,write,writev,sendto",
            "-o",
        ])
        .arg(&out);
    command.arg(env!("CARGO_BIN_EXE_enlist")).args(["serve", "--data-dir"]).arg(&data);
    command
        .env("ENLIST_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().expect("strace");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("standard output"))
        .read_line(&mut line)
        .expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    let keys: Value =
        serde_json::from_slice(&fs::read(data.join("first-keys.json")).expect("keys"))
            .expect("JSON");
    let url = format!("http://{}/provision-user", line["listen"].as_str().expect("listen"));
    let client = app::client();
    let ask = client.post(url).header("X-API-Key", keys["tenant_key"].as_str().expect("a key"));
    assert_eq!(ask.body(GUIDE).send().await.expect("an answer").status().as_u16(), 200);
    let group = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process_group(group, Signal::KILL).expect("the end");
    child.wait().expect("the end");

    let trace = fs::read_to_string(&out).expect("a trace");
    let keys = line_of(&trace, 0, &["fsync(", "first-keys.json>"]);
    let entry = line_of(&trace, keys, &["fsync(", "/data>"]);
    let said = line_of(&trace, entry, &["write(1<", "first_start"]);
    let hashes = line_of(&trace, said, &["fsync(", "enlist.db-wal>"]);
    let made = line_of(&trace, hashes, &["mkdirat(", "\"testuser\""]);
    let folder = line_of(&trace, made, &["fsync(", "/collections>"]);
    let account = line_of(&trace, folder, &["fsync(", "enlist.db-wal>"]);
    line_of(&trace, account, &["HTTP/1.1 200"]);
    let early = trace.lines().take(account).skip(made).any(|line| line.contains("HTTP/1.1"));
    assert!(!early, "an answer before the account was durable:\n{trace}");
}

#[test]
#[ignore = "needs strace; .ci/run installs it"]
fn a_backup_and_a_restore_are_on_the_disk_before_they_have_their_names() {
    let mut app = App::start();
    let copy = app.folder.path().join("copy.db");
    let trace = |app: &App, verb: &str| {
        let out = app.folder.path().join(verb);
        let mut command = without_settings("strace");
        command.args(["-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o"]);
        command.arg(&out).args([env!("CARGO_BIN_EXE_enlist"), verb]).arg(&copy);
        let ended = command.arg("--data-dir").arg(app.data()).output().expect("an end");
        assert!(ended.status.success(), "{ended:?}");
        fs::read_to_string(&out).expect("a trace")
    };
    let backup = trace(&app, "backup");
    let whole = line_of(&backup, 0, &["fsync(", ".part>"]);
    let named = line_of(&backup, whole, &["rename", "copy.db\""]);
    line_of(&backup, named, &["fsync(", &format!("{}>", app.folder.path().display())]);

    app.kill();
    let restore = trace(&app, "restore");
    let next = line_of(&restore, 0, &["fsync(", "enlist.db.restoring>"]);
    let kept = line_of(&restore, next, &["fsync(", "/backups/"]);
    let kept = line_of(&restore, kept, &["fsync(", "/backups>"]);
    let exchanged = line_of(&restore, kept, &["rename", "enlist.db.restoring", "enlist.db\""]);
    line_of(&restore, exchanged, &["fsync(", "/data>"]);
}
