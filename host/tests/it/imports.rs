//! Many people at once: the door that takes them, the files they come in, names that were there before, and what a crash half way leaves.

mod broken;
mod crash;
mod door;
mod files;
mod identity;
mod moving;

use crate::app::{App, enlist};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::process::{Command, Stdio};

/// How a verb ended, what it printed, and what it said beside it.
type Ended = (Option<i32>, String, String);

const DOOR: &str = "/v1/tenants/default/imports";

/// What became of these people, as `outcome`, `outcome name` or `outcome code`.
async fn import(app: &App, items: Value) -> Vec<String> {
    import_with(app, json!({"items": items})).await
}

async fn import_with(app: &App, body: Value) -> Vec<String> {
    let answer = app.ask("POST", DOOR, &app.operator_key, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let items = answer["items"].as_array().expect("items").iter();
    items
        .map(|item| {
            let word = item["name"].as_str().or(item["code"].as_str()).unwrap_or_default();
            format!("{} {word}", item["outcome"].as_str().expect("an outcome"))
        })
        .collect()
}

/// `enlist import`, with this on standard input.
fn verb(app: &App, input: &str, arguments: &[&str]) -> Command {
    let file = app.folder.path().join("input");
    fs::write(&file, input).expect("a file");
    let mut command = enlist();
    command.args(["-t", "default", "import"]).args(arguments).current_dir(app.folder.path());
    command.env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", &app.operator_key);
    command.stdin(File::open(file).expect("a file")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn end(mut command: Command) -> Ended {
    let output = command.output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The report as JSON, of a verb that ended so.
fn report(app: &App, input: &str, arguments: &[&str], code: i32) -> Value {
    let all = [arguments, &["-o", "json"]].concat();
    let (ended, out, error) = end(verb(app, input, &all));
    assert_eq!(ended, Some(code), "{out}{error}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("not JSON: {out}{error}"))
}

/// Everything that an import could change.
fn all_of(app: &App) -> (Vec<Vec<String>>, Vec<String>, i64) {
    let accounts =
        "SELECT name, issuer, subject, username, email, state FROM accounts ORDER BY name";
    (app.rows(accounts), app.folders(), app.count("SELECT count(*) FROM decisions"))
}

/// A folder of before, with something in it.
fn old_folder(app: &App, name: &str) {
    fs::create_dir(app.homes().join(name)).expect("a folder");
    fs::write(app.homes().join(name).join("collection.anki2"), name).expect("a file");
}
