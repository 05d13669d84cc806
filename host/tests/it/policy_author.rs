//! The policy author's way with nothing but rustup: a policy begun in an empty folder, built, looked at, asked, tested, measured.
//! Cargo runs for real, and without a network: what the SDK stands on is what this workspace stands on.

use crate::app::{App, GUIDE, enlist};
use enlist_artifacts::{KIT, LOCKED, hostile};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a command ended, and what it said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{} {}", self.out, self.error))
    }
}

pub(crate) fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { code: status.code(), out: text(stdout), error: text(stderr) }
}

pub(crate) fn policy(verb: &str) -> Command {
    let mut command = enlist();
    command.args(["policy", verb]).env("CARGO_NET_OFFLINE", "true");
    command
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Where cargo builds: always the same folder, so that what a policy stands on is built once.
pub(crate) fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("policy-author")
}

/// A policy as `new` begins it, for one test at a time.
pub(crate) struct Begun {
    _turn: MutexGuard<'static, bool>,
    pub(crate) dir: PathBuf,
    pub(crate) out: tempfile::TempDir,
}

impl Begun {
    pub(crate) fn new() -> Self {
        static TURN: Mutex<bool> = Mutex::new(false);
        let mut begun = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = place().join("member-rule");
        if !*begun {
            fs::create_dir_all(place()).expect("a folder");
            let _ = fs::remove_dir_all(&dir);
            let new = said(policy("new").arg(&dir));
            assert_eq!(new.code, Some(0), "{}", new.error);
            assert!(new.out.contains("enlist policy test"), "{}", new.out);
            *begun = true;
        }
        let this = Self { _turn: begun, dir, out: tempfile::tempdir().expect("a folder") };
        for path in ["src/lib.rs", "cases.toml"] {
            let text = kit(path).replace("my-policy", "member-rule");
            if this.read(path) != text {
                this.write(path, &text);
            }
        }
        this
    }

    pub(crate) fn policy(&self, verb: &str) -> Command {
        let mut command = policy(verb);
        command.arg(&self.dir).env("CARGO_TARGET_DIR", place().join("target"));
        command
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join(path)).expect(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.dir.join(path), text).expect(path);
    }

    /// The component that `build` leaves when nobody says where.
    pub(crate) fn component(&self) -> PathBuf {
        place().join("target/policy/member-rule.wasm")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.out.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    }
}

fn kit(path: &str) -> &'static str {
    KIT.iter().find(|(name, _)| *name == path).expect(path).1
}

#[test]
fn a_policy_is_begun_built_looked_at_asked_tested_and_measured() {
    let begun = Begun::new();
    let out = begun.out.path().join("rule.wasm");
    let built = said(begun.policy("build").arg("--out").arg(&out).args(["-o", "json"]));
    assert_eq!(built.code, Some(0), "{}", built.error);
    assert!(!built.error.contains("warning"), "{}", built.error);
    assert_eq!(fs::read_dir(begun.out.path()).expect("the folder").count(), 1, "and nothing else");

    let inspected = said(policy("inspect").arg(&out).args(["-o", "json"]));
    assert_eq!((inspected.code, &inspected.json()["loadable"]), (Some(0), &json!(true)));
    let inspected = inspected.json();
    for (member, value) in [
        ("digest", &built.json()["digest"]),
        ("size_bytes", &json!(fs::metadata(&out).expect("it").len())),
        ("limit_bytes", &json!(8 << 20)),
        ("world", &json!("enlist:policy@1.0.0")),
    ] {
        assert_eq!(&inspected[member], value, "{member}");
    }

    let settings = begun.file("settings.toml", "domains = [\"example.com\"]\nmax_accounts = 7\n");
    let ask = |applicant: &str| {
        let input = File::open(begun.file("applicant.json", applicant)).expect("the applicant");
        said(begun.policy("run").arg("--settings").arg(&settings).stdin(Stdio::from(input)))
    };
    let granted = ask(GUIDE);
    assert_eq!((granted.code, &granted.json()["username"]), (Some(0), &json!("testuser")));
    assert_eq!(granted.json()["allowance"]["max_accounts"], 7);
    let refused = ask(r#"{"username":"ann@example.org"}"#);
    assert_eq!((refused.code, &refused.json()["code"]), (Some(1), &json!("not_a_member")));
    assert!(refused.error.contains("note: ann@example.org is of none"), "{}", refused.error);

    let tested = said(&mut begun.policy("test"));
    assert_eq!(tested.code, Some(0), "{}{}", tested.out, tested.error);
    assert!(tested.out.ends_with("4 passed, 0 failed\n"), "{}", tested.out);
    let other = said(begun.policy("test").arg("--settings").arg(&settings).args(["-o", "json"]));
    assert_eq!((other.code, &other.json()["failed"]), (Some(1), &json!(3)), "{}", other.out);

    let measured = said(begun.policy("bench").args(["-o", "json"])).json();
    assert!(measured["decisions_per_second"].as_f64() > Some(0.0), "{measured}");
    let fuel: u64 = ["start", "admit", "derive", "allow", "notes"]
        .into_iter()
        .zip(measured["hooks"].as_array().expect("hooks"))
        .map(|(name, hook)| {
            assert_eq!(hook["hook"], name);
            assert!(hook["calls"].as_u64() > Some(0), "{hook}");
            hook["median_fuel"].as_u64().expect("fuel")
        })
        .sum();
    assert!(fuel > 1000, "{measured}");
    let memory = measured["memory_bytes"].as_u64().expect("bytes");
    assert!((131_072..140_000).contains(&memory), "two pages and a table: {measured}");
    assert_eq!(measured["grown_bytes"], 0);
}

#[test]
fn a_case_that_is_decided_otherwise_is_shown_beside_what_was_expected() {
    let begun = Begun::new();
    let rule = begun.read("src/lib.rs");
    begun.write(
        "src/lib.rs",
        &rule.replace("Ok(vec![name.to_owned()])", "Ok(vec![format!(\"{name}2\")])"),
    );
    let tested = said(&mut begun.policy("test"));
    assert_eq!(tested.code, Some(1), "{}", tested.error);
    for line in [
        "FAIL  the part before the @ is the name",
        "      - username: \"ann\"",
        "      + username: \"ann2\"",
        "ok    a name with a space is refused",
        "2 passed, 2 failed",
    ] {
        assert!(tested.out.lines().any(|other| other == line), "{line}: {}", tested.out);
    }
}

#[test]
fn a_watched_policy_is_built_and_tested_again_when_a_file_changes() {
    let begun = Begun::new();
    let mut command = begun.policy("test");
    command.args(["--watch", "-o", "json"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut watching = command.spawn().expect("a command");
    let mut lines = BufReader::new(watching.stdout.take().expect("its output")).lines();
    let mut failed = || -> Value {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str::<Value>(&line).expect("JSON")["failed"].clone()
    };
    assert_eq!(failed(), 0);
    begun.write("cases.toml", &begun.read("cases.toml").replace("\"ann\"", "\"bob\""));
    assert_eq!(failed(), 1);
    let rule = begun.read("src/lib.rs");
    begun.write(
        "src/lib.rs",
        &rule.replace("Ok(vec![name.to_owned()])", "Ok(vec![\"bob\".to_owned()])"),
    );
    assert_eq!(failed(), 0);
    watching.kill().expect("a signal");
    watching.wait().expect("the end");
}

#[test]
fn what_a_new_policy_stands_on_is_what_this_tree_has() {
    let outside = tempfile::tempdir().expect("a folder");
    let new = said(policy("new").arg("rule").current_dir(outside.path()));
    assert_eq!(new.code, Some(0), "{}", new.error);
    let dir = outside.path().join("rule");
    let read =
        |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let mut files = vec!["enlist/wit/policy.wit".to_owned()];
    for entry in fs::read_dir(root().join("policies/sdk/src")).expect("the SDK") {
        let name = entry.expect("a file").file_name();
        files.push(format!("enlist/policies/sdk/src/{}", name.display()));
    }
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        let own = root().join(file.strip_prefix("enlist/").expect("ours"));
        assert!(read(dir.join(&file)) == read(own), "{file}");
    }
    assert_eq!(read(dir.join("rust-toolchain.toml")), read(root().join("rust-toolchain.toml")));
    let table = |path: PathBuf| read(path).parse::<toml::Table>().expect("TOML");
    let (ours, new) = (table(root().join("Cargo.toml")), table(dir.join("Cargo.toml")));
    assert_eq!(ours["profile"]["guest"], new["profile"]["guest"]);
    let sdk = table(dir.join("enlist/policies/sdk/Cargo.toml"));
    for (name, version) in sdk["dependencies"].as_table().expect("dependencies") {
        assert_eq!(*version, ours["workspace"]["dependencies"][name], "{name}");
    }
    let lock = read(root().join("Cargo.lock"));
    for package in LOCKED.split("\n\n").filter(|part| part.starts_with("[[package]]")) {
        assert!(lock.contains(package.trim_end()), "{package}");
    }
    assert!(
        lock.starts_with(LOCKED.lines().next().expect("a line")) || lock.contains("\nversion = 4")
    );
}

#[test]
fn a_folder_that_holds_something_is_left_alone_and_a_name_that_cargo_cannot_use_is_refused() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::create_dir(outside.path().join("full")).expect("a folder");
    fs::write(outside.path().join("full/.hidden"), "mine").expect("a file");
    fs::write(outside.path().join("file"), "mine").expect("a file");
    for (dir, why) in [
        ("full", "not empty"),
        ("file", "file"),
        ("7days", "a letter first"),
        ("a b", "expected letters"),
        ("serde", "choose another name"),
        ("enlist_policy", "choose another name"),
        ("core", "choose another name"),
    ] {
        let refused = said(policy("new").arg(dir).current_dir(outside.path()));
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{dir}");
        assert!(refused.error.contains(why), "{dir}: {}", refused.error);
    }
    let mut left: Vec<_> = fs::read_dir(outside.path()).expect("the folder").collect();
    left.extend(fs::read_dir(outside.path().join("full")).expect("the folder"));
    assert_eq!(left.len(), 3, "nothing was made");
    fs::create_dir(outside.path().join("here")).expect("a folder");
    let here = said(policy("new").arg(".").current_dir(outside.path().join("here")));
    assert_eq!(here.code, Some(0), "{}", here.error);
    let manifest = fs::read_to_string(outside.path().join("here/Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("name = \"here\""), "{manifest}");
}

#[test]
fn what_is_missing_for_a_build_is_named_with_what_installs_it() {
    let outside = tempfile::tempdir().expect("a folder");
    assert_eq!(said(policy("new").arg("rule").current_dir(outside.path())).code, Some(0));
    let fake = outside.path().join("bin");
    fs::create_dir(&fake).expect("a folder");
    let build = |path: String| {
        said(policy("build").arg("rule").env("PATH", path).current_dir(outside.path()))
    };
    let without = build(fake.display().to_string());
    assert_eq!((without.code, without.out.as_str()), (Some(1), ""));
    assert!(without.error.contains("https://rustup.rs"), "{}", without.error);
    let rustc = fake.join("rustc");
    fs::write(&rustc, "#!/bin/sh\necho /nowhere/lib\n").expect("a script");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&rustc, mode).expect("a mode");
    let path = std::env::var("PATH").expect("PATH");
    let without = build(format!("{}:{path}", fake.display()));
    assert_eq!((without.code, without.out.as_str()), (Some(1), ""));
    let told = "`rustup target add wasm32-unknown-unknown`";
    assert!(without.error.contains(told), "{}", without.error);
    let nothing = said(policy("build").arg("bin").current_dir(outside.path()));
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.error.contains("enlist policy new"), "{}", nothing.error);
}

#[test]
fn settings_that_a_policy_refuses_are_named_with_their_place_in_either_notation() {
    let outside = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = outside.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let cases = file("cases.toml", kit("cases.toml"));
    for settings in [file("s.toml", "lower = true\n"), file("s.json", r#"{"lower":true}"#)] {
        for (verb, code) in [("inspect", 1), ("run", 2), ("test", 2), ("bench", 2)] {
            let mut command = policy(verb);
            command.arg("builtin:localpart").arg("--settings").arg(&settings);
            if verb == "test" {
                command.arg("--cases").arg(&cases);
            }
            let refused = said(&mut command);
            assert_eq!(refused.code, Some(code), "{verb}: {}", refused.error);
            let told = format!("{}{}", refused.out, refused.error);
            assert!(told.contains("/lower: unknown field"), "{verb}: {told}");
        }
    }
    let broken = file("s.toml", "lower = \n");
    let refused = said(policy("run").arg("builtin:localpart").arg("--settings").arg(broken));
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.error.contains("s.toml") && refused.error.contains("line 1"),
        "{}",
        refused.error
    );
}

#[test]
fn a_policy_that_fails_fails_its_case_whatever_was_expected() {
    let outside = tempfile::tempdir().expect("a folder");
    let component = outside.path().join("trap.wasm");
    fs::write(&component, hostile::TRAP).expect("a component");
    let cases = outside.path().join("cases.json");
    let case = json!({"case": [{"name": "a trap", "applicant": {"username": "ann"}, "expect": {"refuse": "policy_failed"}}]});
    fs::write(&cases, case.to_string()).expect("cases");
    let tested =
        said(policy("test").arg(&component).arg("--cases").arg(&cases).args(["-o", "json"]));
    assert_eq!((tested.code, &tested.json()["failed"]), (Some(1), &json!(1)));
    let found = &tested.json()["cases"][0]["found"];
    assert!(found["detail"].as_str().is_some_and(|why| why.contains("Trapped")), "{found}");
    let which = said(policy("test").arg(&component));
    assert_eq!(which.code, Some(2));
    assert!(which.error.contains("--cases"), "{}", which.error);
}

#[test]
fn whoever_stops_reading_has_read_enough() {
    for verb in ["inspect", "bench"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = policy(verb);
        let ended = said(command.arg("builtin:localpart").stdout(writer));
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{verb}");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let outside = tempfile::tempdir().expect("a folder");
    let applicant = outside.path().join("applicant.json");
    fs::write(&applicant, r#"{"username":"a b"}"#).expect("an applicant");
    let mut command = policy("run");
    command.stdin(File::open(applicant).expect("it")).stdout(writer);
    let refused = said(command.arg("builtin:localpart"));
    let stages = "admit      admitted\nderive     refused: charset\n";
    assert_eq!((refused.code, refused.error.as_str()), (Some(1), stages), "a refusal stays one");
}

#[test]
fn health_is_said_in_json_too() {
    let app = App::start();
    let health = |url: &str| said(enlist().args(["health", "-o", "json", "--server", url]));
    assert_eq!(health(&app.url).json(), json!({"ready": true}));
    fs::remove_dir(app.homes()).expect("no home root");
    // What was found holds for a moment.
    while health(&app.url).code == Some(0) {}
    let not = health(&app.url);
    assert_eq!((not.code, not.json()), (Some(3), json!({"ready": false})));
}
