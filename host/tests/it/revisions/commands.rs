//! `enlist policy push` and its like at a shell: what they do, what they print, and how they end.

use crate::app::{App, enlist};
use crate::revisions::person;
use enlist_artifacts::honest::CANDIDATES;
use std::fs;

type Ended = (Option<i32>, String, String);

fn run(app: &App, arguments: &[&str]) -> Ended {
    let mut command = enlist();
    command.args(["-t", "default", "policy"]).args(arguments).current_dir(app.folder.path());
    command.env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", &app.tenant_key);
    let output = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A verb that ends well: what it printed.
fn say(app: &App, arguments: &[&str]) -> String {
    let (code, out, error) = run(app, arguments);
    // What the policy wants to say to its settings, and nothing else.
    let notes = error.lines().all(|line| line.starts_with("note: "));
    assert_eq!((code, notes), (Some(0), true), "{arguments:?}: {out}{error}");
    out
}

#[tokio::test]
async fn a_rule_is_pushed_changed_compared_pulled_and_taken_back_at_a_shell() {
    let app = App::start();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(app.folder.path().join(name), bytes).expect("a file");
    };
    write("ours.wasm", CANDIDATES);
    write("a.toml", b"prefix = \"a-\"\n");
    write("b.json", b"{\"prefix\": \"b-\"}");
    let push = ["push", "ours.wasm", "--settings", "a.toml", "-m", "the first"];
    let pushed = "revision 2 is there; enlist policy activate 2 lets it decide\n";
    let note = "note: every name begins with a-\nnote: host: not idempotent: \
        the username \"a-sample@example.com\", a name that it gave, gets \"a-a-sample@example.com\"\n";
    assert_eq!(run(&app, &push), (Some(0), pushed.to_owned(), note.to_owned()));
    assert_eq!(say(&app, &["activate", "2", "--if-active", "1"]), "1 -> 2\n");
    assert_eq!(app.enlist(&person("ann")).await, "a-ann");
    assert_eq!(say(&app, &["settings", "b.json", "-m", "another", "--activate"]), "2 -> 3\n");
    assert_eq!(app.enlist(&person("bob")).await, "b-bob");

    let (code, diff, _) = run(&app, &["diff", "2", "3"]);
    assert_eq!(code, Some(1), "they differ");
    assert!(diff.contains("-prefix = \"a-\"") && diff.contains("+  \"prefix\": \"b-\""), "{diff}");
    assert_eq!(run(&app, &["diff", "2", "2"]), (Some(0), String::new(), String::new()));
    let listed = say(&app, &["list"]);
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[1].starts_with('3') && lines[1].contains("another"), "{listed}");
    assert!(lines[3].contains("builtin:localpart"), "{listed}");
    let shown = say(&app, &["show"]);
    assert!(
        shown.contains("revision        3\n") && shown.contains("\"prefix\": \"b-\""),
        "{shown}"
    );

    assert_eq!(
        say(&app, &["pull", "2", "--out", "pulled"]),
        "pulled: component.wasm, settings.toml\n"
    );
    let pulled = app.folder.path().join("pulled");
    assert_eq!(fs::read(pulled.join("component.wasm")).expect("a component"), CANDIDATES);
    assert_eq!(fs::read(pulled.join("settings.toml")).expect("settings"), b"prefix = \"a-\"\n");
    let (code, _, error) = run(&app, &["pull", "3", "--out", "pulled"]);
    assert_eq!(code, Some(1), "nothing is written over: {error}");

    assert_eq!(say(&app, &["rollback"]), "3 -> 2\n");
    assert_eq!(say(&app, &["rollback"]), "2 -> 1\n");
    let (code, _, error) = run(&app, &["rollback"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("nothing_to_roll_back"), "{error}");
    let again = say(&app, &["activate", "3", "-o", "json"]);
    assert_eq!(again.trim(), r#"{"revision":3,"previous":1}"#);
    let (code, _, error) = run(&app, &["activate", "2", "--if-active", "1"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("revision 3 is active"), "{error}");
}

#[tokio::test]
async fn settings_that_the_policy_refuses_are_told_with_their_places() {
    let app = App::start();
    fs::write(app.folder.path().join("wrong.toml"), "prefix = 3\nsuffix = 1\n").expect("a file");
    fs::write(app.folder.path().join("ours.wasm"), CANDIDATES).expect("a file");
    let (code, out, error) = run(&app, &["push", "ours.wasm", "--settings", "wrong.toml"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("settings_refused") && error.contains("/prefix"), "{error}");
    let (code, _, error) = run(&app, &["push", "nothing.wasm"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("nothing.wasm"), "{error}");
    assert_eq!(say(&app, &["push", "builtin:localpart", "--activate"]), "1 -> 1\n");
    assert_eq!(app.enlist(&person("ann@x.example")).await, "ann");
}
