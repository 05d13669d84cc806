//! `enlist decide`: an applicant in any form, what is printed, and how it ends; and that `policy run` says it in the same words.

use crate::app::{App, GUIDE, enlist};
use enlist_artifacts::honest::{CANDIDATES, STEERED};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::process::{Command, Stdio};

/// How a command ended, what it printed, and what it said beside it.
type Ended = (Option<i32>, String, String);

fn end(command: &mut Command) -> Ended {
    let output = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn verb(app: &App, arguments: &[&str], applicant: &str) -> Command {
    let file = app.folder.path().join("applicant.json");
    fs::write(&file, applicant).expect("an applicant");
    let mut command = enlist();
    command.args(arguments).current_dir(app.folder.path());
    command.env("ENLIST_SERVER", &app.url).env("ENLIST_TENANT", "default");
    command.stdin(Stdio::from(File::open(file).expect("it")));
    command
}

fn decide(app: &App, arguments: &[&str], applicant: &str) -> Ended {
    let arguments = [&["decide"], arguments].concat();
    end(verb(app, &arguments, applicant).env("ENLIST_KEY", &app.tenant_key))
}

/// The request that the record has as its `number`th: nobody who is answered waits for its row.
fn request(app: &App, number: i64) -> Value {
    while app.count("SELECT count(*) FROM decisions") < number {
        std::thread::yield_now();
    }
    let rows = app.rows("SELECT request FROM decisions ORDER BY id DESC LIMIT 1");
    serde_json::from_str(&rows[0][0]).expect("JSON")
}

#[tokio::test]
async fn an_applicant_comes_as_a_body_as_an_event_or_by_flags() {
    let app = App::start();
    let (code, out, error) = decide(&app, &["-o", "json"], GUIDE);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let decision: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&decision["username"], &decision["revision"]), (&json!("testuser"), &json!(1)));
    let source = "SELECT source FROM decisions";
    request(&app, 1);
    assert_eq!(app.rows(source), [["api"]]);

    let event = r#"{"version":"1","triggerSource":"PreSignUp_SignUp","region":"eu-west-1","userPoolId":"eu-west-1_x","userName":"u",
        "request":{"userAttributes":{"email":"ann@example.com"},"clientMetadata":{"k":"v"}},"response":{}}"#;
    let (code, out, _) = decide(&app, &[], event);
    assert_eq!((code, out.contains("grant      ann, by revision 1")), (Some(0), true), "{out}");
    let asked = request(&app, 2).to_string();
    for part in ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", "client:k", "pending"] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    let row = app.last_decision();
    assert_eq!((row["occasion"].as_str(), row["source"].as_str()), ("sign_up", "cognito"));

    for (number, (flags, username, assurance)) in (3..).zip([
        (&["--username", "bob"][..], "bob", ""),
        (&["--email", "bob@example.com"], "bob@example.com", "unverified"),
        (&["--username", "u", "--email", "b@example.com", "--verified"], "u", "verified"),
        (&["--email", "c@example.com", "--sign-up"], "c@example.com", "pending"),
    ]) {
        let (code, out, error) = decide(&app, flags, "not looked at");
        assert_eq!(code, Some(0), "{flags:?}: {out}{error}");
        let asked = request(&app, number).to_string();
        assert!(asked.contains(&format!("{username:?}")), "{asked}");
        assert_eq!(asked.contains(r#""assurance""#), !assurance.is_empty(), "{asked}");
        assert!(asked.contains(assurance), "{asked}");
    }
}

#[tokio::test]
async fn a_decision_is_printed_stage_by_stage_and_ends_as_it_was() {
    let app = App::with_policy(CANDIDATES, &[]);
    app.enlist(r#"{"username":"held"}"#).await;
    let ask = |attributes: Value| {
        decide(&app, &[], &json!({"username": "ann", "user_attributes": attributes}).to_string())
    };
    let (code, out, error) =
        ask(json!({"names": "con,held,ann", "storage_bytes": 5, "plan": "pro"}));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let expected = "recognise  nobody who is known\n\
        admit      admitted\n\
        derive     proposed names\n\
        pick       chosen\n           \
        con  cannot be used: it is reserved\n           \
        held  is taken\n           \
        ann  chosen\n\
        allow      allowed\n\
        seats      there is room; 1 accounts in use, 0 of the domain\n\
        note: admit\nnote: derive\nnote: allow ann 1 0\n\
        grant      ann, by revision 1\n  storage_bytes 5\n  plan = pro\n";
    assert_eq!(out, expected);
    let (code, out, _) = ask(json!({"refuse": "no_way"}));
    let expected = "recognise  nobody who is known\nadmit      refused: no_way\nnote: admit\n\
        refuse     no_way: Refused as the test wished, by revision 1\n";
    assert_eq!((code, out.as_str()), (Some(1), expected));
}

#[tokio::test]
async fn every_ending_of_decide_has_its_number() {
    let app = App::with_policy(STEERED, &[]);
    let provisions = app.key_of("default", json!({"scopes": ["provision"]})).await;
    let reads = app.key_of("default", json!({"scopes": ["read"]})).await;
    let wrong = "enl_tk_00000000_wrong".to_owned();
    app.keep_secret(&wrong);
    for (arguments, applicant, key, code, says) in [
        (&["decide"][..], GUIDE, &provisions, 0, "grant"),
        (&["decide"], GUIDE, &reads, 4, "scope_missing"),
        (&["decide"], GUIDE, &wrong, 4, "key_invalid"),
        (
            &["decide"],
            r#"{"username":"a","user_attributes":{"does":"spin"}}"#,
            &provisions,
            3,
            "policy_failed",
        ),
        (&["decide"], "", &provisions, 2, "a JSON object is required"),
        (&["decide"], r#"{"username":""}"#, &provisions, 2, "username is required"),
        (&["decide"], r#"{"username":"a","occasion":"later"}"#, &provisions, 2, "occasion"),
        (&["decide", "--verified"], "", &provisions, 2, "--email"),
        (&["decide", "--sign-up"], GUIDE, &provisions, 2, "--username"),
        (&["decide", "--server", "http://127.0.0.1:1"], GUIDE, &provisions, 3, ""),
    ] {
        let (ended, out, error) = end(verb(&app, arguments, applicant).env("ENLIST_KEY", key));
        assert_eq!(ended, Some(code), "{arguments:?} {applicant}: {out}{error}");
        assert!(format!("{out}{error}").contains(says), "{says}: {out}{error}");
    }
    let (_, out, _) = end(verb(&app, &["decide"], GUIDE).env("ENLIST_KEY", &provisions));
    assert!(!out.contains("recognise"), "the stages are not this key's: {out}");
}

#[tokio::test]
async fn a_policy_that_is_tried_here_says_it_in_the_same_words() {
    let app = App::start();
    fs::write(app.folder.path().join("ours.wasm"), CANDIDATES).expect("a component");
    let applicant = r#"{"username":"a","user_attributes":{"names":"con,ann,b"}}"#;
    let (code, out, error) = end(&mut verb(&app, &["policy", "run", "ours.wasm"], applicant));
    let stages = "admit      admitted\nderive     proposed names\npick       chosen\n           \
        con  cannot be used: it is reserved\n           ann  chosen\n           b  not needed\n\
        allow      allowed\nnote: admit\nnote: derive\nnote: allow ann 0 0\n";
    assert_eq!((code, error.as_str()), (Some(0), stages));
    assert!(out.ends_with(",\"revision\":null}\n") && !out.contains("stages"), "{out}");
    let (code, out, error) = end(&mut verb(
        &app,
        &["policy", "run", "ours.wasm", "-o", "json", "--username", "con"],
        "",
    ));
    let decision: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, error.as_str()), (Some(1), ""));
    assert_eq!(decision["stages"][2]["candidates"][0]["fate"], "unusable");
    assert_eq!(decision["code"], "name_unusable");
}
