//! `enlist decisions export --cases`: what really happened is what the same revision is held to.

use crate::app::App;
use crate::reviews::{person, push, run, some};
use enlist_artifacts::honest::CANDIDATES;
use serde_json::{Value, json};
use std::fs;

#[tokio::test]
async fn what_really_happened_is_a_file_of_cases_that_the_same_revision_passes_and_another_does_not()
 {
    let app = App::with_policy(CANDIDATES, &[]);
    some(&app).await;
    assert_eq!(
        app.provision(&person("cyd", json!({"refuse": "not_here"}))).await.code(),
        "not_here"
    );
    let native = json!({"username": "kim", "subject": "s", "email": "kim@x.example", "email_verified": true, "groups": ["g"],
        "attributes": {"names": "kim-n"}});
    let opened = app.ask("POST", "/v1/accounts", &app.tenant_key, native).await;
    assert_eq!(opened.status, 201);
    let twice = json!({"username": "leo", "attributes": {"team": ["a", "b"]}});
    assert_eq!(app.ask("POST", "/v1/accounts", &app.tenant_key, twice).await.status, 201);
    app.await_record();
    let (code, out, error) = run(&app, &["decisions", "export", "--cases"]);
    // ann, kim, cyd (who came twice), dan, eve, gil. Where others mattered (bob, fay, hal) it is no case, nor is leo.
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(error, "enlist: 6 cases of revision 1; 4 decisions are none, 0 are about nobody\n");
    assert_eq!(out.matches("[[case]]").count(), 6, "{out}");
    let write =
        |name: &str, bytes: &[u8]| fs::write(app.folder.path().join(name), bytes).expect("a file");
    write("cases.toml", out.as_bytes());
    write("same.wasm", CANDIDATES);
    let (code, out, _) = run(&app, &["policy", "test", "same.wasm", "--cases", "cases.toml"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.ends_with("6 passed, 0 failed\n"), "{out}");
    let (code, out, _) =
        run(&app, &["policy", "test", "builtin:localpart", "--cases", "cases.toml"]);
    assert_eq!(code, Some(1), "{out}");
    let (_, as_json, _) = run(&app, &["-o", "json", "decisions", "export", "--cases"]);
    write("cases.json", as_json.as_bytes());
    let (code, out, _) = run(&app, &["policy", "test", "same.wasm", "--cases", "cases.json"]);
    assert_eq!(code, Some(0), "{out}");

    let other = push(&app, enlist_artifacts::LOCALPART).await.to_string();
    let (code, out, error) = run(&app, &["decisions", "export", "--cases", "--revision", &other]);
    assert_eq!((code, out.matches("[[case]]").count()), (Some(0), 0), "{error}");
    let (code, _, _) = run(&app, &["decisions", "export"]);
    assert_eq!(code, Some(2), "there is nothing else to export");
    let rules = app.key_of("default", json!({"scopes": ["policy"]})).await;
    let answer = app.ask("GET", "/v1/cases", &rules, Value::Null).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "scope_missing"));
}
