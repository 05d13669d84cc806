//! Verbs that ask a running server: where they find it and their key, what they print, and how they end.

mod reach;

use crate::app::{App, GUIDE, enlist};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// How a verb ended, what it printed, and what it said beside it.
type Ended = (Option<i32>, String, String);

/// A verb at a shell, with nothing to read and nothing said by the environment.
fn verb(app: &App, arguments: &[&str]) -> Command {
    let mut command = enlist();
    command.args(arguments).env("ENLIST_SERVER", &app.url).current_dir(app.folder.path());
    command
}

fn end(command: &mut Command) -> Ended {
    let output = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A verb with the operator's key, that ends well: what it printed.
pub(crate) fn done(app: &App, arguments: &[&str]) -> String {
    let (code, out, error) = end(verb(app, arguments).env("ENLIST_KEY", &app.operator_key));
    assert_eq!(code, Some(0), "{arguments:?}: {out}{error}");
    out
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

#[tokio::test]
async fn a_tenants_life_can_be_led_at_a_shell() {
    let app = App::start();
    let home = app.folder.path().join("acme").display().to_string();
    let made =
        done(&app, &["tenant", "create", "acme", "--home", &home, "--issuer", "https://x.example"]);
    for part in ["acme", home.as_str(), "https://x.example"] {
        assert!(made.contains(part), "{part}: {made}");
    }
    let listed = done(&app, &["tenant", "list"]);
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        lines[0].starts_with("NAME")
            && lines[1].starts_with("acme ")
            && lines[2].starts_with("default "),
        "{listed}"
    );
    let key =
        done(&app, &["key", "create", "-t", "acme", "--note", "the trigger", "--expires", "90d"]);
    let key = key.trim();
    app.keep_secret(key);
    assert_eq!(app.post("/provision-user", key, GUIDE).await.status, 200);
    let keys = done(&app, &["key", "list", "--tenant", "acme"]);
    assert!(
        keys.contains("the trigger") && keys.contains("valid") && !keys.contains(key),
        "{keys}"
    );
    done(&app, &["tenant", "set", "acme", "--issuer", "https://y.example"]);
    let shown = done(&app, &["tenant", "show", "acme"]);
    assert!(shown.contains("https://y.example"), "{shown}");
    let id = key.split('_').nth(2).expect("an id");
    done(&app, &["key", "revoke", id, "-t", "acme", "--yes"]);
    assert_eq!(app.post("/provision-user", key, GUIDE).await.status, 401);
    app.database().execute("UPDATE accounts SET state = 'closed'", []).expect("closed");
    done(&app, &["tenant", "remove", "acme", "--yes"]);
    assert!(!done(&app, &["tenant", "list"]).contains("acme"));
    assert!(fs::exists(format!("{home}/testuser")).expect("an answer"), "its folders stay");

    let operators = done(&app, &["key", "create", "--operator"]);
    app.keep_secret(operators.trim());
    assert!(operators.starts_with("enl_op_"), "{operators}");
    let id = operators.split('_').nth(2).expect("an id");
    assert!(done(&app, &["key", "list", "--operator"]).contains(id));
    done(&app, &["key", "revoke", id, "--operator", "--yes"]);
    assert_eq!(app.ask("GET", "/v1/tenants", operators.trim(), Value::Null).await.status, 401);
}

#[tokio::test]
async fn json_is_what_the_server_answered() {
    let app = App::start();
    let shown = json_of(&done(&app, &["-o", "json", "tenant", "show", "default"]));
    assert_eq!(shown, app.manage("GET", "/v1/tenants/default", Value::Null).await);
    for _ in 0..2 {
        let name = format!("t{}", app.count("SELECT count(*) FROM tenants"));
        done(&app, &["tenant", "create", &name]);
    }
    let listed = json_of(&done(&app, &["tenant", "list", "--output", "json"]));
    assert_eq!(listed, app.manage("GET", "/v1/tenants", Value::Null).await);
    let made = json_of(&done(
        &app,
        &["key", "create", "-t", "default", "-o", "json", "--scope", "read,manage"],
    ));
    app.keep_secret(made["key"].as_str().expect("a key"));
    assert_eq!(made["scopes"], json!(["read", "manage"]));
    let id = made["id"].as_str().expect("an id");
    assert_eq!(done(&app, &["key", "revoke", id, "-t", "default", "--yes", "-o", "json"]), "");
}

#[tokio::test]
async fn a_list_of_many_pages_is_shown_whole() {
    let app = App::start();
    app.database()
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
             INSERT INTO tenants (name, active_revision, created_at) SELECT 't' || i, 1, 0 FROM n;
             INSERT INTO revisions (tenant, number, policy, component, settings, settings_digest, made_at)
                 SELECT t.id, 1, r.policy, r.component, r.settings, r.settings_digest, 0
                 FROM tenants t JOIN revisions r ON r.tenant = 1 WHERE t.id > 1",
        )
        .expect("many tenants");
    let listed = json_of(&done(&app, &["tenant", "list", "-o", "json"]));
    assert_eq!(
        (listed["items"].as_array().map(Vec::len), &listed["next"]),
        (Some(121), &Value::Null)
    );
}

#[tokio::test]
async fn every_ending_has_its_number() {
    let app = App::start();
    app.keep_secret("wrong-key-of-nobody");
    let limited = app.key_of("default", json!({})).await;
    for (arguments, key, code, says) in [
        (&["tenant", "show", "default"][..], app.operator_key.as_str(), 0, ""),
        (&["tenant", "show", "nobody"], &app.operator_key, 1, "not_found"),
        (&["tenant", "create", "default"], &app.operator_key, 1, "tenant_exists"),
        (&["tenant", "create", "No"], &app.operator_key, 2, "field_invalid"),
        (&["tenant", "create"], &app.operator_key, 2, "<NAME>"),
        (&["tenant", "set", "default"], &app.operator_key, 2, "--issuer"),
        (&["tenant", "show", ".."], &app.operator_key, 2, "no name"),
        (
            &["key", "create", "-t", "default", "--expires", "soon"],
            &app.operator_key,
            2,
            "--expires",
        ),
        (
            &["key", "create", "-t", "default", "--operator", "--scope", "read"],
            &app.operator_key,
            2,
            "metrics alone",
        ),
        (&["tenant", "list", "-o", "yaml"], &app.operator_key, 2, "yaml"),
        (&["tenant", "list", "--server", "ftp://x"], &app.operator_key, 2, "--server"),
        (&["tenant", "list", "--key", "x"], &app.operator_key, 2, "--key"),
        (
            &["tenant", "list", "--server", "http://127.0.0.1:1"],
            &app.operator_key,
            3,
            "127.0.0.1:1",
        ),
        (&["tenant", "list"], "", 4, "--key-file"),
        (&["tenant", "list"], "wrong-key-of-nobody", 4, "key_invalid"),
        (&["tenant", "list"], "two words", 4, "without spaces"),
        (&["tenant", "list"], &limited, 4, "scope_missing"),
        (&["tenant", "set", "default", "--issuer", "x"], &limited, 4, "scope_missing"),
    ] {
        let (ended, out, error) = end(verb(&app, arguments).env("ENLIST_KEY", key));
        assert_eq!(ended, Some(code), "{arguments:?}: {out}{error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
        assert!(code == 0 || out.is_empty(), "{arguments:?}: {out}");
        assert!(key.is_empty() || !error.contains(key), "{arguments:?}: {error}");
    }
    let (_, _, error) =
        end(verb(&app, &["tenant", "show", "nobody"]).env("ENLIST_KEY", &app.operator_key));
    let id = error.rsplit("request ").next().expect("an id").trim().trim_end_matches(')');
    assert!(app.log().contains(id), "a no can be found in the log: {error}");
    assert_eq!(app.count("SELECT count(*) FROM tenants"), 1);
}

#[tokio::test]
async fn without_a_tenant_a_verb_names_the_ways_to_say_one() {
    let app = App::start();
    for arguments in [
        &["tenant", "show"][..],
        &["tenant", "remove", "--yes"],
        &["tenant", "set", "--issuer", "x"],
        &["key", "create"],
        &["key", "list"],
        &["key", "revoke", "00000000", "--yes"],
    ] {
        for tenant in [None, Some("")] {
            let mut command = verb(&app, arguments);
            if let Some(tenant) = tenant {
                command.env("ENLIST_TENANT", tenant);
            }
            // Found out before a key is missed.
            let (code, out, error) = end(&mut command);
            assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {error}");
            for way in ["-t TENANT", "--tenant", "ENLIST_TENANT"] {
                assert!(error.contains(way), "{arguments:?}: {error}");
            }
        }
    }
    let mut command = verb(&app, &["tenant", "show"]);
    command.env("ENLIST_TENANT", "default").env("ENLIST_KEY", &app.operator_key);
    assert!(end(&mut command).1.contains("default"));
    let (_, out, _) = end(command.args(["-t", "nobody"]));
    assert_eq!(out, "", "what is typed beats the environment");
}

#[tokio::test]
async fn a_key_comes_from_a_file_standard_input_or_the_environment_and_never_from_an_argument() {
    let app = App::start();
    let file = |name: &str, content: &str| {
        let path = app.folder.path().join(name);
        fs::write(&path, content).expect("a file");
        path.display().to_string()
    };
    app.keep_secret("wrong-key-of-nobody");
    let good = file("good", &format!("{}\nthe rest is nobody's\n", app.operator_key));
    let (bad, empty) = (file("bad", "wrong-key-of-nobody\n"), file("empty", "\n"));
    let list = |arguments: &[&str], settings: &[(&str, &str)], input: Option<&str>| {
        let mut command = verb(&app, &["tenant", "list"]);
        command.args(arguments).envs(settings.iter().copied());
        if let Some(input) = input {
            command.stdin(Stdio::from(File::open(input).expect("the input")));
        }
        end(&mut command).0
    };
    let key = app.operator_key.as_str();
    assert_eq!(list(&["--key-file", &good], &[], None), Some(0));
    assert_eq!(list(&["--key-file", "-"], &[], Some(&good)), Some(0));
    assert_eq!(list(&[], &[("ENLIST_KEY_FILE", &good)], None), Some(0));
    assert_eq!(list(&[], &[("ENLIST_KEY", key)], None), Some(0));
    assert_eq!(
        list(&["--key-file", &good], &[("ENLIST_KEY_FILE", &bad), ("ENLIST_KEY", "x")], None),
        Some(0)
    );
    assert_eq!(list(&[], &[("ENLIST_KEY_FILE", &bad), ("ENLIST_KEY", key)], None), Some(4));
    assert_eq!(list(&[], &[("ENLIST_KEY_FILE", ""), ("ENLIST_KEY", key)], None), Some(0));
    for nothing in [empty.as_str(), "/nowhere/at/all"] {
        assert_eq!(
            list(&["--key-file", nothing], &[("ENLIST_KEY", key)], None),
            Some(4),
            "{nothing}"
        );
    }
    assert_eq!(list(&["--key-file", "-"], &[], Some(&empty)), Some(4));
}

#[tokio::test]
async fn what_cannot_be_undone_is_asked_about_at_a_terminal_and_needs_yes_without_one() {
    let app = App::start();
    let key = app.key_of("default", json!({})).await;
    let id = key.split('_').nth(2).expect("an id").to_owned();
    app.manage("POST", "/v1/tenants", json!({"name": "acme"})).await;
    let revoke = ["key", "revoke", id.as_str(), "-t", "default"];
    let remove = ["tenant", "remove", "acme"];
    for arguments in [&revoke[..], &remove] {
        let (code, out, error) = end(verb(&app, arguments).env("ENLIST_KEY", &app.operator_key));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
        assert!(error.contains("--yes"), "{error}");
    }
    for (arguments, answers) in [(&revoke[..], ["n", ""]), (&remove, ["no", "yess"])] {
        for answer in answers {
            assert_eq!(at_a_terminal(&app, arguments, answer, || ()), Some(1), "{answer:?}");
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM keys WHERE revoked_at IS NOT NULL"), 0);
    assert_eq!(app.count("SELECT count(*) FROM tenants"), 2);
    assert_eq!(at_a_terminal(&app, &revoke, "y", || ()), Some(0));
    assert_eq!(at_a_terminal(&app, &remove, "YES", || ()), Some(0));
    assert_eq!(app.post("/provision-user", &key, GUIDE).await.status, 401);
    assert_eq!(app.count("SELECT count(*) FROM tenants"), 1);
}

/// A verb with the operator's key, that asks somebody who answers after something else has happened.
pub(crate) fn at_a_terminal(
    app: &App,
    arguments: &[&str],
    answer: &str,
    meanwhile: impl FnOnce(),
) -> Option<i32> {
    let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).expect("a terminal");
    rustix::pty::grantpt(&terminal).expect("a terminal");
    rustix::pty::unlockpt(&terminal).expect("a terminal");
    let name = rustix::pty::ptsname(&terminal, Vec::new()).expect("its name");
    let side = || {
        let mut side = File::options();
        side.read(true).write(true).open(name.to_str().expect("a path")).expect("its other side")
    };
    let mut command = verb(app, arguments);
    command.env("ENLIST_KEY", &app.operator_key);
    let mut child =
        command.stdin(side()).stderr(side()).stdout(Stdio::null()).spawn().expect("a verb");
    let mut person = File::from(terminal);
    let mut shown = BufReader::new(person.try_clone().expect("an ear"));
    let mut question = Vec::new();
    shown.read_until(b']', &mut question).expect("a question");
    let question = String::from_utf8_lossy(&question).into_owned();
    assert!(question.ends_with("[y/N]"), "{question}");
    meanwhile();
    writeln!(person, "{answer}").expect("an answer");
    child.wait().expect("the end").code()
}

#[test]
fn shells_complete_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = end(enlist().args(["completions", shell]));
        assert_eq!(code, Some(0));
        for part in ["tenant", "revoke", "key-file"] {
            assert!(out.contains(part), "{shell}: {part}");
        }
    }
    assert_eq!(end(enlist().args(["completions", "nonsense"])).0, Some(2));
}
