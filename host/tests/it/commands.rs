//! Verbs at a shell: what they print, and how they end.

use crate::app::{App, GUIDE, enlist};
use enlist_artifacts::{LOCALPART, honest::CANDIDATES, hostile};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::process::{Output, Stdio};
use tempfile::TempDir;

struct Shell(TempDir);

impl Shell {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("a file");
        path.display().to_string()
    }

    fn run(
        &self,
        arguments: &[&str],
        input: &str,
        settings: &[(&str, &str)],
    ) -> (Option<i32>, String, String) {
        let input = File::open(self.file("stdin", input.as_bytes())).expect("the input");
        let mut command = enlist();
        command
            .args(arguments)
            .envs(settings.iter().copied())
            .current_dir(self.0.path())
            .stdin(Stdio::from(input));
        let Output { status, stdout, stderr } = command.output().expect("an end");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status.code(), text(stdout), text(stderr))
    }

    fn decide(
        &self,
        component: &[u8],
        input: &str,
        settings: &[(&str, &str)],
    ) -> (Option<i32>, String, String) {
        let policy = self.file("policy.wasm", component);
        self.run(&["policy", "run", &policy], input, settings)
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

#[test]
fn a_policy_run_prints_the_decision_and_ends_with_it() {
    let shell = Shell::new();
    let (code, out, _) = shell.run(&["policy", "run", "builtin:localpart"], GUIDE, &[]);
    assert_eq!((code, &json_of(&out)["username"]), (Some(0), &json!("testuser")));
    assert_eq!(json_of(&out)["decision"], "grant");
    let (code, out, _) =
        shell.run(&["policy", "run", "builtin:localpart"], r#"{"username":"a b"}"#, &[]);
    assert_eq!((code, &json_of(&out)["code"]), (Some(1), &json!("charset")));
    let (code, out, error) =
        shell.decide(CANDIDATES, r#"{"username":"x","user_attributes":{"names":"con"}}"#, &[]);
    assert_eq!((code, &json_of(&out)["code"]), (Some(1), &json!("name_unusable")));
    assert!(error.contains("note: derive") && error.contains("reserved"), "{error}");
    let (code, out, error) = shell.decide(hostile::TRAP, GUIDE, &[]);
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(error.contains("policy_failed") && error.contains("Trapped"), "{error}");
    assert_eq!(
        fs::read_dir(shell.0.path()).expect("the folder").count(),
        2,
        "nothing but the test's own files"
    );
}

#[test]
fn a_policy_run_takes_a_cognito_event_too() {
    let event = r#"{"version":"1","triggerSource":"PostConfirmation_ConfirmSignUp","region":"eu-west-1","userPoolId":"eu-west-1_x",
        "userName":"ef602707-5cfd-4d18-b4f1-2182fcadbef5","request":{"userAttributes":{"sub":"ef602707-5cfd-4d18-b4f1-2182fcadbef5",
        "email":"alice@example.com"}},"response":{}}"#;
    let (code, out, _) = Shell::new().run(&["policy", "run", "builtin:localpart"], event, &[]);
    assert_eq!((code, &json_of(&out)["username"]), (Some(0), &json!("alice")));
}

#[test]
fn wrong_use_ends_with_2() {
    let shell = Shell::new();
    for (arguments, input) in [
        (&["nonsense"][..], ""),
        (&["policy", "run"], ""),
        (&["policy", "run", "missing.wasm"], GUIDE),
        (&["policy", "run", "builtin:nothing"], GUIDE),
        (&["policy", "run", "builtin:localpart"], "{}"),
        (&["policy", "run", "builtin:localpart"], r#"{"username":"a","email":1}"#),
        (&["policy", "inspect", "missing.wasm"], ""),
    ] {
        let (code, out, error) = shell.run(arguments, input, &[]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {error}");
        assert!(!error.is_empty());
    }
}

#[test]
fn every_limit_of_a_decision_bites_where_it_is_set_and_not_before() {
    let shell = Shell::new();
    let one_name = r#"{"username":"x","user_attributes":{"names":"four"}}"#;
    for (setting, enough, too_little, component) in [
        ("ENLIST_LIMITS__DECISION_FUEL", "1000000", "100", LOCALPART),
        ("ENLIST_LIMITS__ANSWER", "4B", "3B", CANDIDATES),
        ("ENLIST_LIMITS__COMPONENT_SIZE", "8MiB", "1KiB", LOCALPART),
    ] {
        let (code, _, error) = shell.decide(component, one_name, &[(setting, enough)]);
        assert_eq!(code, Some(0), "{setting}={enough}: {error}");
        let (code, _, error) = shell.decide(component, one_name, &[(setting, too_little)]);
        assert_eq!(code, Some(3), "{setting}={too_little}: {error}");
    }
    // More than a policy keeps at hand, so that it has to grow its memory.
    let large =
        format!(r#"{{"username":"x","user_attributes":{{"pad":"{}"}}}}"#, "x".repeat(400_000));
    for (limit, expected) in [("2MiB", Some(0)), ("64KiB", Some(3))] {
        let (code, _, error) =
            shell.decide(CANDIDATES, &large, &[("ENLIST_LIMITS__MEMORY", limit)]);
        assert_eq!(code, expected, "{limit}: {error}");
        assert!(expected == Some(0) || error.contains("limits.memory"), "{error}");
    }
    let endless = [
        ("ENLIST_LIMITS__DECISION_FUEL", "1000000000000"),
        ("ENLIST_LIMITS__DECISION_TIME", "7ms"),
    ];
    let (code, _, error) = shell.decide(hostile::SPIN_ADMIT, GUIDE, &endless);
    assert!(
        code == Some(3) && error.contains("policy_timeout") && error.contains("7ms"),
        "{error}"
    );
}

#[test]
fn inspect_says_what_a_component_is_and_whether_it_would_be_loaded() {
    let shell = Shell::new();
    let (code, out, _) = shell.run(&["policy", "inspect", "builtin:localpart"], "", &[]);
    assert_eq!(code, Some(0));
    for part in [
        "sha256:",
        "enlist:policy@1.0.0",
        "enlist:policy/username@1.0.0",
        &LOCALPART.len().to_string(),
        "would be loaded",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    for (component, why) in [
        (hostile::IMPORTS_SOMETHING, "imports"),
        (hostile::MISSING_EXPORT, "does not export"),
        (&b"text"[..], "not a component"),
        (hostile::SPIN_ADMIT, "sample_failed"),
    ] {
        let policy = shell.file("policy.wasm", component);
        let (code, out, _) = shell.run(&["policy", "inspect", &policy], "", &[]);
        assert_eq!(code, Some(1));
        assert!(out.contains("turned away") && out.contains(why), "{out}");
    }
    let policy = shell.file("policy.wasm", hostile::REFUSES_SETTINGS);
    let (code, out, _) = shell.run(&["policy", "inspect", &policy], "", &[]);
    assert_eq!(code, Some(0), "settings are not the component");
    assert!(out.contains("with settings; without: settings_refused"), "{out}");
}

#[test]
fn health_is_0_when_the_server_is_ready_and_3_when_it_is_not() {
    let app = App::start();
    let shell = Shell::new();
    let health =
        |arguments: &[&str], settings: &[(&str, &str)]| shell.run(arguments, "", settings).0;
    assert_eq!(health(&["health", "--server", &app.url], &[]), Some(0));
    assert_eq!(health(&["health"], &[("ENLIST_SERVER", &app.url)]), Some(0));
    let listen = app.line["listen"].as_str().expect("listen").to_owned();
    assert_eq!(
        health(&["health"], &[("ENLIST_LISTEN", &listen)]),
        Some(0),
        "where the settings say"
    );
    let json = ["health", "-o", "json", "--server", &app.url];
    let said = |ready: bool| {
        let (code, out, _) = shell.run(&json, "", &[]);
        let out: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!((out, code), (json!({ "ready": ready }), Some(if ready { 0 } else { 3 })));
    };
    said(true);
    fs::remove_dir(app.homes()).expect("no home root");
    // What was found holds for a moment.
    while health(&["health", "--server", &app.url], &[]) != Some(3) {}
    said(false);
    drop(app);
    assert_eq!(health(&["health"], &[("ENLIST_LISTEN", &listen)]), Some(3));
}

#[test]
fn help_has_examples_and_a_version_is_said() {
    let shell = Shell::new();
    let (code, out, _) = shell.run(&["--help"], "", &[]);
    assert!(
        code == Some(0) && out.contains("Examples:") && out.contains("enlist policy run"),
        "{out}"
    );
    let (code, out, _) = shell.run(&["--version"], "", &[]);
    assert_eq!((code, out.trim()), (Some(0), concat!("enlist ", env!("CARGO_PKG_VERSION"))));
}
