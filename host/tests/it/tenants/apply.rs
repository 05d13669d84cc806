//! `enlist tenant apply`: what folders say of tenants, compared with a server and made so; and what a mistake leaves: nothing.

use crate::app::{App, enlist};
use crate::policy_author::{Begun, place};
use crate::remote::{at_a_terminal, done};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// How a command ended, what it printed, and what it said beside it.
type Ended = (Option<i32>, String, String);

fn folder(app: &App, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = app.folder.path().join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file");
    }
    folder
}

fn apply_with(app: &App, key: &str, arguments: &[&str]) -> Ended {
    let mut command = enlist();
    command.args(["tenant", "apply"]).args(arguments).current_dir(app.folder.path());
    command.env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", key);
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", place().join("target"));
    let output = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn apply(app: &App, arguments: &[&str]) -> Ended {
    apply_with(app, &app.operator_key, arguments)
}

/// The same, where it must end well: what it printed.
fn applied(app: &App, arguments: &[&str]) -> String {
    let (code, out, error) = apply(app, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {out}{error}");
    out
}

/// Everything that could have been made, and how often.
fn there(app: &App) -> [i64; 4] {
    [
        "SELECT count(*) FROM tenants",
        "SELECT count(*) FROM revisions",
        "SELECT count(*) FROM components",
        "SELECT count(*) FROM decisions",
    ]
    .map(|sql| app.count(sql))
}

/// The rows of the table, each as its words.
fn rows(out: &str) -> Vec<Vec<&str>> {
    let table = out.lines().skip_while(|line| !line.starts_with("TENANT")).skip(1);
    table
        .take_while(|line| !line.is_empty() && !line.ends_with(": done"))
        .map(|line| line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect())
        .collect()
}

const TERMS: &str = "issuer = \"https://issuer.example\"\npolicy = \"ours.wasm\"\n";

const CASES: &str = "[[case]]\nname = \"names are marked\"\napplicant = { username = \"ann\" }\nexpect.username = \"a-ann\"\n";

/// A tenant `acme` whose names begin with `a-`.
fn acme(app: &App) -> PathBuf {
    let files =
        [("tenant.toml", TERMS), ("settings.toml", "prefix = \"a-\"\n"), ("cases.toml", CASES)];
    let folder = folder(app, "acme", &files);
    fs::write(folder.join("ours.wasm"), CANDIDATES).expect("a component");
    folder
}

async fn tenant(app: &App, name: &str) -> Value {
    app.manage("GET", &format!("/v1/tenants/{name}"), Value::Null).await
}

async fn decides(app: &App, tenant: &str) -> Value {
    let path = format!("/v1/tenants/{tenant}/decisions");
    app.manage("POST", &path, json!({"username": "ann"})).await
}

#[tokio::test]
async fn a_folder_becomes_a_tenant_and_a_second_time_nothing_changes() {
    let app = App::start();
    acme(&app);
    let before = there(&app);
    let new = vec![
        vec!["acme", "tenant", "-", "created"],
        vec!["acme", "issuer", "-", "https://issuer.example"],
        vec!["acme", "policy", "-", "ours.wasm"],
    ];
    let dry = applied(&app, &["acme", "--dry-run"]);
    assert!(dry.starts_with("acme: 1 cases hold\n"), "{dry}");
    assert_eq!((rows(&dry), there(&app)), (new.clone(), before), "a dry run makes nothing");

    let out = applied(&app, &["acme"]);
    assert_eq!((rows(&out), out.ends_with("acme: done\n")), (new, true), "{out}");
    let made = tenant(&app, "acme").await;
    assert_eq!((&made["issuer"], &made["revision"]), (&json!("https://issuer.example"), &json!(2)));
    assert_eq!(decides(&app, "acme").await["username"], "a-ann");
    let revision = app.manage("GET", "/v1/tenants/acme/revisions/2", Value::Null).await;
    assert_eq!(
        (&revision["policy"], &revision["note"]),
        (&json!("ours.wasm"), &json!("tenant apply"))
    );
    let sent = app.send(
        app.client()
            .get(format!("{}/v1/tenants/acme/revisions/2/settings", app.url))
            .header("X-API-Key", &app.operator_key),
    );
    assert_eq!(sent.await.text, "prefix = \"a-\"\n", "as they were written");

    let after = there(&app);
    for arguments in [&["acme"][..], &["acme", "--dry-run"], &["acme/."]] {
        let out = applied(&app, arguments);
        assert_eq!(rows(&out), [["acme", "-", "nothing changes"]], "{arguments:?}");
        assert!(!out.contains("done"), "{out}");
    }
    assert_eq!(there(&app), after);
}

#[tokio::test]
async fn what_differs_is_shown_before_it_is_made_so_and_a_revision_that_is_there_is_used_again() {
    let app = App::start();
    let folder = acme(&app);
    applied(&app, &["acme"]);
    fs::write(folder.join("settings.toml"), "prefix = \"b-\"\n").expect("settings");
    fs::write(folder.join("cases.toml"), CASES.replace("a-ann", "b-ann")).expect("cases");
    fs::write(folder.join("tenant.toml"), TERMS.replace("issuer.ex", "other.ex")).expect("terms");
    let changes = vec![
        vec!["acme", "issuer", "https://issuer.example", "https://other.example"],
        vec!["acme", "revision", "2", "3"],
    ];
    let before = there(&app);
    let dry = applied(&app, &["acme", "--dry-run"]);
    assert_eq!((rows(&dry), there(&app)), (changes.clone(), before));
    for line in ["acme: settings", "-  \"prefix\": \"a-\"", "+  \"prefix\": \"b-\""] {
        assert!(dry.lines().any(|found| found == line), "{line}: {dry}");
    }
    assert_eq!(decides(&app, "acme").await["username"], "a-ann");
    assert_eq!(rows(&applied(&app, &["acme"])), changes);
    assert_eq!(decides(&app, "acme").await["username"], "b-ann");
    assert_eq!(tenant(&app, "acme").await["issuer"], "https://other.example");

    fs::write(folder.join("settings.toml"), "prefix = \"a-\" # again\n").expect("settings");
    fs::write(folder.join("cases.toml"), CASES).expect("cases");
    let out = applied(&app, &["acme", "-o", "json"]);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    let one = &told["tenants"][0];
    assert_eq!(one["changes"], json!([{"what": "revision", "now": 3, "then": 2}]));
    assert_eq!(
        (&one["applied"], &one["revision"], &one["cases"]),
        (&json!(true), &json!(2), &json!(1))
    );
    assert_eq!(decides(&app, "acme").await["revision"], 2);

    // What a folder does not name stays as it is.
    fs::write(folder.join("tenant.toml"), "name = \"acme\"\n").expect("terms");
    fs::remove_file(folder.join("settings.toml")).expect("no settings");
    fs::remove_file(folder.join("cases.toml")).expect("no cases");
    assert_eq!(rows(&applied(&app, &["acme"])), [["acme", "-", "nothing changes"]]);
}

#[tokio::test]
async fn at_a_terminal_somebody_is_asked_and_what_became_active_meanwhile_stays() {
    let app = App::start();
    let folder = acme(&app);
    applied(&app, &["acme"]);
    fs::write(folder.join("settings.toml"), "prefix = \"b-\"\n").expect("settings");
    fs::write(folder.join("cases.toml"), CASES.replace("a-ann", "b-ann")).expect("cases");
    let before = there(&app);
    let verb = ["tenant", "apply", "acme"];
    assert_eq!(at_a_terminal(&app, &verb, "n", || ()), Some(1));
    assert_eq!(there(&app), before);
    let meanwhile = || {
        done(&app, &["-t", "acme", "policy", "activate", "1"]);
    };
    assert_eq!(at_a_terminal(&app, &verb, "y", meanwhile), Some(1));
    assert_eq!(decides(&app, "acme").await["revision"], 1);
    assert_eq!(at_a_terminal(&app, &verb, "y", || ()), Some(0));
    assert_eq!(decides(&app, "acme").await["username"], "b-ann");
}

#[tokio::test]
async fn every_mistake_is_named_with_its_file_and_place_and_nothing_is_made() {
    let app = App::start();
    let before = there(&app);
    let cases =
        "[[case]]\nname = \"a\"\napplicant = {}\nexpect.username = \"a\"\n[[case]]\nname = \"b\"\n";
    for (name, files, code, says) in [
        (
            "all",
            &[
                ("tenant.toml", "name = \"No\"\nissuer = 3\nhome = \"here\"\nauth_db = \"x\"\n"),
                ("settings.toml", "a = \n"),
                ("cases.toml", cases),
            ][..],
            2,
            &[
                "tenant.toml: /name: ",
                "tenant.toml: /issuer: ",
                "tenant.toml: /home: ",
                "tenant.toml: /auth_db: unknown",
                "settings.toml: ",
                "cases.toml: /case/0/applicant: ",
                "cases.toml: /case/1/",
            ][..],
        ),
        (
            "refused",
            &[
                ("tenant.toml", "policy = \"builtin:localpart\""),
                ("settings.json", r#"{"lower":1}"#),
            ],
            2,
            &["settings.json: the policy refuses its settings", "/lower: unknown field"],
        ),
        (
            "none",
            &[("tenant.toml", "policy = \"builtin:none\"")],
            2,
            &["builtin:none is not built in"],
        ),
        ("missing", &[("tenant.toml", "policy = \"not-there.wasm\"")], 2, &["not-there.wasm: "]),
        ("junk", &[("tenant.toml", "policy = \"tenant.toml\"")], 1, &["component_invalid"]),
        (
            "no-policy",
            &[("tenant.toml", ""), ("settings.toml", "")],
            2,
            &["tenant.toml: /policy: missing"],
        ),
        (
            "twice",
            &[("tenant.toml", ""), ("settings.toml", ""), ("settings.json", "{}")],
            2,
            &["settings.toml and ", "which?"],
        ),
        (
            "cases",
            &[("tenant.toml", "policy = \"builtin:localpart\""), ("cases.toml", CASES)],
            1,
            &["FAIL  names are marked", "- username: \"a-ann\"", "1 of 1 cases do not hold"],
        ),
        ("empty", &[], 2, &["no tenant.toml"]),
    ] {
        folder(&app, name, files);
        let (ended, out, error) = apply(&app, &[name]);
        assert_eq!(ended, Some(code), "{name}: {out}{error}");
        for part in says {
            assert!(error.contains(part), "{name}: {part}: {error}");
        }
        assert!(rows(&out).is_empty(), "{name}: {out}");
        assert_eq!(there(&app), before, "{name}");
    }
}

#[tokio::test]
async fn of_several_folders_each_has_its_turn_by_name_and_one_that_fails_stops_no_other() {
    let app = App::start();
    let localpart = "policy = \"builtin:localpart\"\n";
    folder(&app, "all/b", &[("tenant.toml", localpart), ("cases.toml", CASES)]);
    folder(
        &app,
        "all/c",
        &[
            ("tenant.toml", "policy = \"builtin:precis\"\n"),
            ("settings.toml", "reserved = [\"boss\"]\n"),
        ],
    );
    folder(&app, "all/a", &[("tenant.toml", localpart)]);
    folder(&app, "all/d", &[("tenant.toml", "name = \"a\"\nissuer = \"https://x.example\"\n")]);
    folder(&app, "all/notes", &[("README", "no tenant")]);
    folder(&app, "all/.git", &[]);
    let (code, out, error) = apply(&app, &["all"]);
    assert_eq!(code, Some(1), "{out}{error}");
    let expected = [
        vec!["a", "tenant", "-", "created"],
        vec!["a", "policy", "-", "builtin:localpart"],
        vec!["c", "tenant", "-", "created"],
        vec!["c", "policy", "-", "builtin:precis"],
    ];
    assert_eq!(rows(&out), expected, "{error}");
    for part in [
        "b: 1 of 1 cases",
        "all/d/tenant.toml: /name: a is all/a/tenant.toml's",
        "all/notes: no tenant.toml",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains(".git"), "{error}");
    let names = app.rows("SELECT name FROM tenants ORDER BY name");
    assert_eq!(names, [["a"], ["c"], ["default"]]);
    assert_eq!(tenant(&app, "a").await["revision"], 1, "the default policy is there already");
    let boss = json!({"username": "boss"});
    let refused = app.manage("POST", "/v1/tenants/c/decisions", boss).await;
    assert_eq!(refused["code"], "reserved");
    assert_eq!(app.count("SELECT count(*) FROM tenants WHERE issuer <> ''"), 0);
}

#[tokio::test]
async fn a_server_that_refuses_or_is_not_there_and_a_key_without_the_right_end_as_everywhere() {
    let app = App::start();
    let taken = app.homes().join("inside").display().to_string();
    folder(&app, "overlaps", &[("tenant.toml", &format!("home = {taken:?}\n"))]);
    let before = there(&app);
    let (code, out, error) = apply(&app, &["overlaps"]);
    assert_eq!((code, error.contains("home_overlaps")), (Some(1), true), "{out}{error}");
    assert_eq!(there(&app), before);

    let own = folder(
        &app,
        "own",
        &[("tenant.toml", "name = \"default\"\npolicy = \"builtin:precis\"\n")],
    );
    let limited = app.key_of("default", json!({"scopes": ["read", "policy"]})).await;
    assert_eq!(apply_with(&app, &limited, &["own"]).0, Some(0), "rules are this key's to change");
    assert_eq!(tenant(&app, "default").await["revision"], 2);
    fs::write(own.join("tenant.toml"), "name = \"default\"\nissuer = \"https://x.example\"\n")
        .expect("terms");
    let (code, out, error) = apply_with(&app, &limited, &["own"]);
    assert_eq!((code, error.contains("scope_missing")), (Some(4), true), "{out}{error}");
    assert!(error.contains("not all of it was done"), "{error}");
    assert_eq!(tenant(&app, "default").await["issuer"], Value::Null);
    let provisions = app.key_of("default", json!({"scopes": ["provision"]})).await;
    assert_eq!(apply_with(&app, &provisions, &["own"]).0, Some(4));
    let (code, _, _) = apply(&app, &["own", "--server", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(3));
    let (code, _, _) = apply(&app, &[".", "--server", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(3), "of several too, when that is all");
}

#[tokio::test]
async fn a_policys_source_is_built_and_held_to_the_tenants_cases() {
    let begun = Begun::new();
    let app = App::start();
    let terms = format!("policy = {:?}\n", begun.dir.display().to_string());
    let settings = "domains = [\"example.com\"]\n";
    let cases = "[[case]]\nname = \"a stranger is refused\"\napplicant = { username = \"eve@example.org\" }\nexpect.refuse = \"not_a_member\"\n";
    folder(
        &app,
        "club",
        &[("tenant.toml", &terms), ("settings.toml", settings), ("cases.toml", cases)],
    );
    let out = applied(&app, &["club"]);
    assert!(out.starts_with("club: 1 cases hold\n"), "{out}");
    let revision = app.manage("GET", "/v1/tenants/club/revisions/2", Value::Null).await;
    assert_eq!(revision["policy"], "member-rule.wasm");
    assert_eq!(rows(&applied(&app, &["club"])), [["club", "-", "nothing changes"]]);
}
