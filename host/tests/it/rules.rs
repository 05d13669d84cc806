//! The policy `builtin:rules` through the doors and at a shell: settings in either form, everything that is wrong with them, what it
//! warns of, and that it is the same policy in the sandbox. Its rules themselves are tested beside its source.

use crate::app::{App, enlist};
use crate::names::vectors::rows;
use enlist::domain::{HostCode, Name};
use enlist_policy::{Policy, Request, configured};
use enlist_rules::Rules;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn body(email: &str, verified: bool) -> String {
    let attributes = json!({"sub": email, "email": email, "email_verified": verified});
    json!({"username": "somebody", "user_attributes": attributes}).to_string()
}

/// The settings in force, from one document.
async fn with(app: &App, settings: Value) -> Value {
    let sent = json!({"policy": "builtin:rules", "settings": settings});
    let made = app.ask("POST", "/v1/revisions", &app.tenant_key, sent).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let path = format!("/v1/revisions/{}/activate", made["revision"]);
    assert_eq!(app.ask("POST", &path, &app.tenant_key, Value::Null).await.status, 200);
    made
}

#[tokio::test]
async fn settings_say_who_may_come_in_under_what_name_and_with_how_much() {
    let app = App::start();
    with(
        &app,
        json!({
            "version": 1,
            "unicode": "precis",
            "allow": {"domains": ["example.com", "bücher.example"]},
            "deny": {"emails": ["eve@example.com"]},
            "collision": "hash_suffix",
            "max_accounts_in_domain": 3,
            "plans": {"pro": {"match": {"attr": "groups", "op": "exists"}, "storage_bytes": "1 GiB"}},
        }),
    )
    .await;
    assert_eq!(app.enlist(&body("Ann@example.com", true)).await, "ann");
    assert_eq!(app.enlist(&body("Σίσυφος@bücher.example", true)).await, "σίσυφος");
    let second = app.enlist(&body("ann@bücher.example", true)).await;
    assert!(second.starts_with("ann-") && second.len() == 14, "{second}");
    for (email, verified, code) in [
        ("ann@else.example", true, "not_allowed"),
        ("EVE@example.com", true, "denied"),
        ("bob@example.com", false, "email_unverified"),
        ("admin@example.com", true, "reserved"),
        ("p\u{430}ypal@example.com", true, "mixed_script"),
    ] {
        let answer = app.provision(&body(email, verified)).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, code), "{email}");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts"), 3);
    assert_eq!(app.folders().len(), 3);
    // Before the provider could verify it, an address is judged as if it will be.
    let mut early: Value = serde_json::from_str(&body("bob@example.com", false)).expect("JSON");
    early["occasion"] = json!("sign_up");
    let early = app.decide(&early.to_string()).await.json();
    assert_eq!(
        (&early["username"], &early["allowance"]["max_accounts_in_domain"]),
        (&json!("bob"), &json!(3))
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_answered_together_and_leaves_nothing() {
    let app = App::start();
    let wrong =
        json!({"version": 1, "colour": 1, "case": "upper", "allow": {"domains": ["*.com", "a b"]}});
    let sent = json!({"policy": "builtin:rules", "settings": wrong});
    let refused = app.ask("POST", "/v1/revisions", &app.tenant_key, sent).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "settings_refused"));
    let refused = refused.json();
    let pointers: BTreeSet<_> = refused["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["pointer"].as_str().expect("a pointer"))
        .collect();
    assert_eq!(
        pointers,
        BTreeSet::from(["/allow/domains/0", "/allow/domains/1", "/case", "/colour"])
    );
    assert_eq!(app.count("SELECT count(*) FROM revisions"), 1);
}

#[tokio::test]
async fn toml_and_json_are_one_settings_document_and_warnings_reach_the_operator() {
    let app = App::start();
    let write = |name: &str, text: &str| {
        std::fs::write(app.folder.path().join(name), text).expect("a file")
    };
    write("a.toml", "version = 1\n[allow]\ngroups = [\"staff\"]\n");
    write("a.json", "{\"allow\": {\"groups\": [\"staff\"]}, \"version\": 1}");
    write("bad.toml", "version = 1\ncolour = 1\nsource = [\"fax\"]\n");
    let run = |arguments: &[&str]| {
        let mut command = enlist();
        command.args(["-t", "default", "policy"]).args(arguments).current_dir(app.folder.path());
        command.env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", &app.tenant_key);
        let output = command.output().expect("an end");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, error) = run(&["push", "builtin:rules", "--settings", "a.toml"]);
    assert_eq!((code, out.starts_with("revision 2 is there")), (Some(0), true), "{out}{error}");
    assert!(
        error.starts_with(
            "note: allow.groups: Cognito's PreSignUp and PostConfirmation send no groups"
        ),
        "{error}"
    );
    let (code, out, _) = run(&["push", "builtin:rules", "--settings", "a.json"]);
    assert_eq!((code, out.starts_with("revision 2 is there")), (Some(0), true), "{out}");
    let (code, out, error) = run(&["inspect", "builtin:rules", "--settings", "a.toml"]);
    assert_eq!(
        (code, out.contains("it would be loaded: it can be frozen, and answers")),
        (Some(0), true),
        "{out}"
    );
    assert!(error.starts_with("note: allow.groups: "), "{error}");
    let (code, out, _) = run(&["inspect", "builtin:rules"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("with settings; without: settings_refused")
            && out.contains("/version: is missing"),
        "{out}"
    );
    for verb in ["inspect", "push"] {
        let (code, out, error) = run(&[verb, "builtin:rules", "--settings", "bad.toml"]);
        let said = out + &error;
        assert_eq!(code, Some(1), "{verb}: {said}");
        assert!(said.contains("/colour") && said.contains("/source/0"), "{verb}: {said}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_addresses_are_one_revision() {
    let app = App::start();
    let addresses: Vec<_> =
        (0..100_000).map(|i| format!("person.{i}@customer-{}.example", i % 100)).collect();
    let document = json!({"version": 1, "allow": {"emails": addresses}});
    assert!(document.to_string().len() > 3_000_000);
    with(&app, document).await;
    assert_eq!(app.enlist(&body("person.99999@customer-99.example", true)).await, "person.99999");
    assert_eq!(app.enlist(&body("Person.0@customer-0.example", true)).await, "person.0");
    for email in ["person.100000@customer-0.example", "person.1@customer-0.example"] {
        let answer = app.provision(&body(email, true)).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "not_allowed"), "{email}");
    }
}

#[tokio::test]
async fn the_schema_is_served_to_everybody_and_is_the_policys_own() {
    let app = App::start();
    let served = app.get("/v1/schemas/rules.json").await;
    assert_eq!(
        (served.status, served.header("content-type")),
        (200, Some("application/schema+json"))
    );
    assert_eq!(Rules::schema().as_deref(), Some(served.text.as_str()));
    assert_eq!(served.json()["properties"]["version"]["const"], 1);
}

#[test]
fn a_rule_never_says_what_the_host_alone_says() {
    let mut host: Vec<_> = HostCode::ALL.iter().map(|code| code.as_str()).collect();
    host.sort_unstable();
    assert_eq!(enlist_rules::HOST_CODES.as_slice(), host);
}

/// What becomes of a text as a user name: the policy's name, if the host takes it.
fn granted(rules: &Rules, text: &str) -> Option<String> {
    let names = rules.derive(&Request::by_hand(text)).ok()?;
    names.into_iter().find(|name| Name::try_from(name.clone()).is_ok())
}

#[test]
fn what_is_no_safe_component_is_never_granted_and_near_misses_are() {
    let settings = json!({"version": 1, "case": "preserve", "charset": "a-zA-Z0-9._+@-", "end": "a-zA-Z0-9_+@-", "strip_domain": "never",
        "unicode": "precis", "max_length": 128, "reserved_builtin": false});
    let rules: Rules = configured(&settings.to_string()).expect("settings");
    let (mut agree, mut counted) = (0, 0);
    for (file, ops) in [
        ("path_safety.jsonl", &["host:reject_component", "host:accept_component"][..]),
        ("go_islocal.jsonl", &["islocal:unix", "islocal:windows"]),
        ("sanitize_filename.jsonl", &["host:safe_component"]),
    ] {
        for row in rows(file).iter().filter(|row| ops.iter().any(|op| row["op"] == *op)) {
            let text = row["input"].as_str().expect("input");
            counted += 1;
            match (row["valid"].as_bool().expect("a verdict"), granted(&rules, text)) {
                (false, None) => agree += 1,
                // Local to a folder, or a file's name, and no name for all that.
                (true, None) => assert!(text.contains(['/', '$']) || text == ".", "{row}"),
                (true, Some(name)) => {
                    assert_eq!(name, text, "{row}");
                    agree += 1;
                }
                // The whole of it is no component, and nothing of it is left.
                (false, Some(name)) => panic!("{row}: {name:?}"),
            }
        }
    }
    println!("path_safety, go_islocal, sanitize_filename: {agree} of {counted} agree");
}
