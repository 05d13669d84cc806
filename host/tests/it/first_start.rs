//! The first start in each of its forms, the second, and the ones that must not happen.

use crate::app::{self, App, GUIDE, enlist};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A server on a free port with its data in `folder/data`.
fn server(folder: &Path) -> Command {
    let mut command = enlist();
    command.env("ENLIST_LISTEN", "127.0.0.1:0").arg("serve");
    command.arg("--data-dir").arg(folder.join("data")).current_dir(folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts it and reads the line it says.
fn say(command: &mut Command) -> (Child, Value) {
    let mut child = command.spawn().expect("the server");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("standard output"))
        .read_line(&mut line)
        .expect("a line");
    let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
    (child, line)
}

fn stop(mut child: Child) -> String {
    let _ = child.kill();
    let mut log = String::new();
    child.stderr.take().expect("standard error").read_to_string(&mut log).expect("the log");
    child.wait().expect("the end");
    log
}

async fn status(line: &Value, key: &str) -> u16 {
    let url = format!("http://{}/provision-user", line["listen"].as_str().expect("listen"));
    let client = app::client();
    let answer =
        client.post(url).header("X-API-Key", key).body(GUIDE).send().await.expect("an answer");
    answer.status().as_u16()
}

fn refused(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().expect("an end");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[tokio::test]
async fn without_a_terminal_the_keys_go_to_a_private_file_and_the_line_has_none() {
    let folder = folder();
    let (child, line) = say(&mut server(folder.path()));
    assert_eq!(line["event"], "first_start");
    let file = folder.path().join("data/first-keys.json");
    assert_eq!(line["keys_file"].as_str(), file.to_str());
    assert_eq!(line["data_dir"].as_str(), folder.path().join("data").to_str());
    assert!(!line.to_string().contains("enl_"), "{line}");
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let keys: Value = serde_json::from_slice(&fs::read(&file).expect("the file")).expect("JSON");
    for field in ["event", "keys_file", "listen", "data_dir"] {
        assert_eq!(keys[field], line[field], "{field}");
    }
    let tenant_key = keys["tenant_key"].as_str().expect("a key");
    assert!(keys["operator_key"].as_str().is_some_and(|key| key.starts_with("enl_op_")));
    assert_eq!(status(&line, tenant_key).await, 200);
    let log = stop(child);
    assert!(!log.contains("enl_"), "{log}");

    let (child, line) = say(&mut server(folder.path()));
    assert_eq!(line["event"], "start");
    assert!(!line.to_string().contains("enl_"));
    assert_eq!(status(&line, tenant_key).await, 200, "the key of the first start");
    stop(child);
}

#[tokio::test]
async fn keys_of_a_start_that_died_are_taken_over() {
    let folder = folder();
    let (child, _) = say(&mut server(folder.path()));
    stop(child);
    let data = folder.path().join("data");
    let kept: Value =
        serde_json::from_slice(&fs::read(data.join("first-keys.json")).expect("keys"))
            .expect("JSON");
    for file in ["enlist.db", "enlist.db-wal", "enlist.db-shm"] {
        let _ = fs::remove_file(data.join(file));
    }
    let (child, line) = say(&mut server(folder.path()));
    assert_eq!(line["event"], "first_start");
    let again: Value =
        serde_json::from_slice(&fs::read(data.join("first-keys.json")).expect("keys"))
            .expect("JSON");
    assert_eq!(
        (&again["operator_key"], &again["tenant_key"]),
        (&kept["operator_key"], &kept["tenant_key"])
    );
    assert_eq!(status(&line, kept["tenant_key"].as_str().expect("a key")).await, 200);
    stop(child);
}

#[tokio::test]
async fn a_keys_file_that_was_cut_off_is_replaced() {
    let folder = folder();
    fs::create_dir(folder.path().join("data")).expect("a folder");
    fs::write(folder.path().join("data/first-keys.json"), "{\"event\":\"fir").expect("a cut file");
    let (child, line) = say(&mut server(folder.path()));
    let keys = fs::read(folder.path().join("data/first-keys.json")).expect("keys");
    let keys: Value = serde_json::from_slice(&keys).expect("JSON");
    assert_eq!(status(&line, keys["tenant_key"].as_str().expect("a key")).await, 200);
    stop(child);
}

#[tokio::test]
async fn keys_from_outside_are_taken_and_nothing_is_printed_or_written() {
    let folder = folder();
    let (operator, tenant) = (folder.path().join("operator"), folder.path().join("tenant"));
    fs::write(&operator, "an-operators-own-key\n").expect("a key");
    fs::write(&tenant, "a-tenants-own-key-1\n").expect("a key");
    let port = free_port();
    let mut command = server(folder.path());
    command.env("ENLIST_LISTEN", format!("127.0.0.1:{port}"));
    command
        .env("ENLIST_BOOTSTRAP__OPERATOR_KEY_FILE", &operator)
        .env("ENLIST_BOOTSTRAP__TENANT_KEY_FILE", "tenant");
    let mut child = command.spawn().expect("the server");
    let line = serde_json::json!({"listen": format!("127.0.0.1:{port}")});
    wait_until_it_answers(&line).await;
    assert_eq!(status(&line, "a-tenants-own-key-1").await, 200);
    assert_eq!(status(&line, "a-tenants-own-key-2").await, 401);
    assert_eq!(status(&line, "an-operators-own-key").await, 401);
    let _ = child.kill();
    let mut said = String::new();
    child.stdout.take().expect("standard output").read_to_string(&mut said).expect("nothing");
    assert_eq!(said, "");
    assert!(!stop(child).contains("own-key"));
    assert!(!folder.path().join("data/first-keys.json").exists());
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

async fn wait_until_it_answers(line: &Value) {
    let address = line["listen"].as_str().expect("listen");
    while tokio::net::TcpStream::connect(address).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_weak_or_mistyped_key_from_outside_stops_the_first_start() {
    for (text, told) in [("short", "16"), ("enl_tk_00000000_x", "mistyped")] {
        let folder = folder();
        fs::write(folder.path().join("key"), text).expect("a key");
        let (code, log) =
            refused(server(folder.path()).env("ENLIST_BOOTSTRAP__TENANT_KEY_FILE", "key"));
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains("bootstrap.tenant_key_file") && log.contains(told), "{log}");
        assert!(!log.contains(text), "the key is not repeated: {log}");
    }
}

#[test]
fn a_policy_that_cannot_be_loaded_stops_the_first_start_and_names_it() {
    for policy in ["missing.wasm", "builtin:nothing", "key"] {
        let folder = folder();
        fs::write(folder.path().join("key"), "no component").expect("a file");
        let (code, log) = refused(server(folder.path()).env("ENLIST_BOOTSTRAP__POLICY", policy));
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains("bootstrap.policy") && log.contains(policy), "{log}");
        let (child, line) = say(&mut server(folder.path()));
        assert_eq!(line["event"], "first_start", "and the next start is still the first");
        stop(child);
    }
}

#[test]
fn without_a_terminal_and_a_data_folder_nothing_is_made() {
    let folder = folder();
    let mut command = enlist();
    command.current_dir(folder.path()).env("ENLIST_LISTEN", "127.0.0.1:0");
    let (code, log) = refused(&mut command);
    assert_eq!(code, Some(2));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("--data-dir"), "{log}");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn systemds_state_directory_says_where_the_data_is() {
    let folder = folder();
    let state = folder.path().join("state");
    let mut command = enlist();
    command
        .env("STATE_DIRECTORY", &state)
        .env("ENLIST_LISTEN", "127.0.0.1:0")
        .current_dir(folder.path());
    let (child, line) = say(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    assert_eq!(line["data_dir"].as_str(), state.to_str());
    stop(child);
}

#[test]
fn a_second_server_on_the_same_folder_or_port_ends_with_1() {
    let app = App::start();
    let mut command = enlist();
    command.arg("serve").arg("--data-dir").arg(app.data()).env("ENLIST_LISTEN", "127.0.0.1:0");
    let (code, log) = refused(&mut command);
    assert_eq!(code, Some(1));
    assert!(log.contains("another Enlist"), "{log}");

    let other = folder();
    let listen = app.line["listen"].as_str().expect("listen");
    let (code, log) = refused(server(other.path()).env("ENLIST_LISTEN", listen));
    assert_eq!(code, Some(1));
    assert!(log.contains(listen), "{log}");
    let (child, line) = say(&mut server(other.path()));
    assert_eq!(
        line["event"], "first_start",
        "a first start that could not listen has not happened"
    );
    stop(child);
}

#[test]
fn a_second_server_on_the_same_database_or_home_root_ends_with_1() {
    let app = App::start();
    let database = format!("sqlite:{}", app.data().join("enlist.db").display());
    let homes = app.homes();
    for (setting, value) in [
        ("ENLIST_DATABASE", database.as_str()),
        ("ENLIST_HOME_ROOT", homes.to_str().expect("a path")),
    ] {
        let other = folder();
        let (code, log) = refused(server(other.path()).env(setting, value));
        assert_eq!(code, Some(1), "{setting}: {log}");
        assert!(log.contains("another Enlist"), "{setting}: {log}");
        assert!(
            !other.path().join("data/first-keys.json").exists(),
            "{setting}: no keys were made"
        );
    }
}

#[test]
fn a_first_start_that_cannot_make_homes_or_show_its_keys_has_not_happened() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").expect("a file");
    let (code, log) = refused(
        server(folder.path()).arg("--print-first-keys").env("ENLIST_HOME_ROOT", "file/homes"),
    );
    assert_eq!(code, Some(1), "{log}");
    let full = File::options().write(true).open("/dev/full").expect("a full disk");
    let mut command = server(folder.path());
    let mut child = command.arg("--print-first-keys").stdout(full).spawn().expect("the server");
    assert_eq!(child.wait().expect("the end").code(), Some(1), "keys that nobody can read");
    let (child, line) = say(server(folder.path()).arg("--print-first-keys"));
    assert_eq!(line["event"], "first_start");
    assert!(line["tenant_key"].is_string());
    stop(child);
}

#[test]
fn one_key_for_operator_and_tenant_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("key"), "one-key-for-everything").expect("a key");
    let mut command = server(folder.path());
    command
        .env("ENLIST_BOOTSTRAP__OPERATOR_KEY_FILE", "key")
        .env("ENLIST_BOOTSTRAP__TENANT_KEY_FILE", "key");
    let (code, log) = refused(&mut command);
    assert_eq!(code, Some(2));
    assert!(log.contains("bootstrap.tenant_key_file") && log.contains("the same key"), "{log}");
}

#[tokio::test]
async fn one_key_from_outside_leaves_only_the_other_to_be_shown() {
    let folder = folder();
    fs::write(folder.path().join("key"), "a-tenants-own-key-1").expect("a key");
    let mut command = server(folder.path());
    let (child, line) =
        say(command.arg("--print-first-keys").env("ENLIST_BOOTSTRAP__TENANT_KEY_FILE", "key"));
    assert!(line["operator_key"].is_string() && line.get("tenant_key").is_none(), "{line}");
    assert_eq!(status(&line, "a-tenants-own-key-1").await, 200);
    stop(child);
}

/// A server that somebody watches, and what they have seen.
pub(crate) struct OnTerminal {
    child: Child,
    pub(crate) shown: String,
    _terminal: BufReader<fs::File>,
}

impl OnTerminal {
    /// Starts it, and reads until this was shown.
    pub(crate) fn start(command: &mut Command, until: &str) -> Self {
        let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).expect("a terminal");
        rustix::pty::grantpt(&terminal).expect("a terminal");
        rustix::pty::unlockpt(&terminal).expect("a terminal");
        let name = rustix::pty::ptsname(&terminal, Vec::new()).expect("its name");
        let mut side = fs::File::options();
        let side = side.read(true).write(true).open(name.to_str().expect("a path"));
        command.env("ENLIST_LISTEN", "127.0.0.1:0").stderr(Stdio::null());
        let child = command.stdout(side.expect("its other side")).spawn().expect("the server");
        let mut terminal = BufReader::new(fs::File::from(terminal));
        let mut shown = String::new();
        while !shown.contains(until) {
            assert_ne!(terminal.read_line(&mut shown).expect("a line"), 0, "{shown}");
        }
        Self { child, shown, _terminal: terminal }
    }

    pub(crate) fn between(&self, from: &str, to: &str) -> String {
        let (_, rest) = self.shown.split_once(from).expect(from);
        rest.split_once(to).expect(to).0.to_owned()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn on_a_terminal_the_first_start_shows_the_keys_once_and_a_curl_that_works() {
    let folder = folder();
    let start = |until: &str| {
        let mut command = enlist();
        OnTerminal::start(command.current_dir(folder.path()), until)
    };
    let first = start("-d '");
    let text = &first.shown;
    let data = folder.path().join("data").canonicalize().expect("the data folder");
    assert!(text.contains(data.to_str().expect("a path")), "{text}");
    assert!(text.contains("enl_op_"), "{text}");
    assert!(!data.join("first-keys.json").exists(), "what was shown is not written");
    let client = app::client();
    let post = client
        .post(first.between("curl -X POST ", " "))
        .header("X-API-Key", first.between("X-API-Key: ", "\""));
    let answer = post
        .body(first.between("-d '", "'"))
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["created"], true);
    drop(first);

    let text = &start("Homes:").shown;
    assert!(text.contains(data.to_str().expect("a path")) && !text.contains("enl_"), "{text}");
}
