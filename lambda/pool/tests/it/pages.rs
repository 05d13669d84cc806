//! The commands that the pages show: each of them is one that this program takes.

use crate::tool::command;
use std::fs;
use std::path::Path;

/// Lines that continue are one.
fn commands(page: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    let text =
        fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter(|line| line.starts_with("    "));
    let lines = lines.map(|line| line.trim().trim_start_matches("$ "));
    lines.filter(|line| line.starts_with("enlist-cognito ")).map(str::to_owned).collect()
}

/// With what the reader has filled in by then.
fn arguments(line: &str, key: &str) -> Vec<String> {
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    let words = line.split_whitespace().skip(1).take_while(|word| !word.starts_with('#'));
    let filled = |word: &str| match word {
        "$POOL" | "${USER_POOL_ID}" => "eu-west-1_x".to_owned(),
        "$FUNCTION" | "$OLD" => function.to_owned(),
        "$TENANT" => "people".to_owned(),
        "backfill.key" | "%d/key" => key.to_owned(),
        other => other.to_owned(),
    };
    words.map(filled).collect()
}

#[test]
fn every_command_of_the_pages_is_one_that_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    fs::write(&key, "enl_tk_00000000_nobodys\n").expect("a file");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
    let nobody = format!("http://{}", nobody.expect("a port"));
    let mut seen = 0;
    for page in ["lambda/pool/README.md", "examples/cognito/README.md", "docs/cognito.md"] {
        for line in commands(page) {
            let arguments = arguments(&line, &key.display().to_string());
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let mut command = command(&nobody, &arguments);
            command.env("ENLIST_SERVER", "https://enlist.example.com").current_dir(&folder);
            let output = command.env("ENLIST_KEY", "enl_tk_00000000_nobodys").output();
            // Nobody answers for AWS, and that is as far as it has to come.
            let output = output.expect("the command");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(3), "{page}: {line}\n{said}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}: the pages are read");
}

#[test]
fn the_unit_runs_a_command_that_is_taken() {
    let unit =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cognito/backfill.service");
    let unit = fs::read_to_string(unit).expect("the unit");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/"));
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    fs::write(&key, "enl_tk_00000000_nobodys\n").expect("a file");
    let state = folder.path().display().to_string();
    let line = line.expect("a command").replace("%S/enlist-backfill", &state);
    let arguments = arguments(&line, &key.display().to_string());
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut command = command("http://127.0.0.1:1", &arguments);
    let output = command.env("ENLIST_SERVER", "https://enlist.example.com").output();
    let output = output.expect("the command");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
