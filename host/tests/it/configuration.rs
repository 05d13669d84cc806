//! Settings: where they come from, who beats whom, and how a mistake is told.

use crate::app::enlist;
use enlist_artifacts::LOCALPART;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use toml::Table;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn check(folder: &Path) -> Command {
    let mut command = enlist();
    command.current_dir(folder).args(["serve", "--check"]);
    command
}

fn settings(command: &mut Command) -> Table {
    let Output { status, stdout, stderr } = command.output().expect("an end");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text").parse().expect("TOML")
}

/// The one line that stops a start.
fn refused(command: &mut Command) -> String {
    let Output { status, stderr, stdout } = command.output().expect("an end");
    let line = String::from_utf8(stderr).expect("text");
    assert_eq!((status.code(), stdout.len(), line.lines().count()), (Some(2), 0, 1), "{line}");
    line
}

fn text<'a>(settings: &'a Table, key: &str) -> &'a str {
    settings[key].as_str().expect(key)
}

#[test]
fn without_a_file_the_documented_defaults_hold() {
    let folder = folder();
    let here = folder.path().canonicalize().expect("a path");
    let settings = settings(&mut check(&here));
    assert_eq!(text(&settings, "listen"), "127.0.0.1:27703");
    assert_eq!(Path::new(text(&settings, "data_dir")), here.join("data"));
    assert_eq!(Path::new(text(&settings, "home_root")), here.join("data/collections"));
    assert_eq!(
        text(&settings, "database"),
        format!("sqlite:{}", here.join("data/enlist.db").display())
    );
    let limits = settings["limits"].as_table().expect("limits");
    for (key, value) in [
        ("decision_time", "20ms"),
        ("memory", "2.0 MiB"),
        ("answer", "64.0 KiB"),
        ("component_size", "8.0 MiB"),
        ("body_size", "64.0 KiB"),
    ] {
        assert_eq!(text(limits, key), value);
    }
    assert_eq!(limits["decision_fuel"].as_integer(), Some(10_000_000));
    assert_eq!(fs::read_dir(&here).expect("the folder").count(), 0, "a check makes nothing");
}

#[test]
fn environment_beats_file_and_flags_beat_both() {
    let folder = folder();
    let file = folder.path().join("settings.toml");
    fs::write(
        &file,
        "listen = \"127.0.0.1:1\"\ndata_dir = \"from-file\"\n[log]\nformat = \"json\"\n",
    )
    .expect("a file");
    let mut command = check(folder.path());
    command
        .arg("--config")
        .arg("settings.toml")
        .env("ENLIST_LISTEN", "127.0.0.1:2")
        .env("ENLIST_DATA_DIR", "from-environment");
    let found = settings(&mut command);
    assert_eq!(text(&found, "listen"), "127.0.0.1:2");
    assert!(text(&found, "data_dir").ends_with("/from-environment"));
    assert_eq!(found["log"]["format"].as_str(), Some("json"));
    assert!(
        text(&settings(command.args(["--data-dir", "from-flag"])), "data_dir")
            .ends_with("/from-flag")
    );
    let found =
        settings(check(folder.path()).env("ENLIST_CONFIG", &file).env("STATE_DIRECTORY", "/state"));
    assert_eq!(
        (text(&found, "listen"), text(&found, "data_dir").ends_with("/from-file")),
        ("127.0.0.1:1", true)
    );
}

#[test]
fn a_relative_path_is_relative_to_who_said_it() {
    let (folder, elsewhere) = (folder(), folder());
    let file = elsewhere.path().join("enlist.toml");
    fs::write(&file, "data_dir = \"d\"\ndatabase = \"sqlite:x.db\"\nhome_root = \"h\"\n[bootstrap]\npolicy = \"p.wasm\"\n").expect("a file");
    for place in [&elsewhere, &folder] {
        fs::write(place.path().join("p.wasm"), LOCALPART).expect("a policy");
    }
    let found =
        settings(check(folder.path()).arg("--config").arg(&file).env("ENLIST_HOME_ROOT", "h"));
    let from = |base: &Path, name: &str| base.join(name).display().to_string();
    assert_eq!(text(&found, "data_dir"), from(elsewhere.path(), "d"));
    assert_eq!(text(&found, "database"), format!("sqlite:{}", from(elsewhere.path(), "x.db")));
    assert_eq!(
        text(&found, "home_root"),
        from(&folder.path().canonicalize().expect("a path"), "h")
    );
    assert_eq!(found["bootstrap"]["policy"].as_str(), Some(&*from(elsewhere.path(), "p.wasm")));
    fs::copy(&file, folder.path().join("enlist.toml")).expect("a file here");
    assert!(
        text(&settings(&mut check(folder.path())), "database").ends_with("x.db"),
        "found without being named"
    );
}

#[test]
fn a_mistake_is_one_line_that_names_file_key_and_what_was_expected() {
    let folder = folder();
    let file = folder.path().join("enlist.toml");
    for (content, told) in [
        ("nonsense = 1", &["enlist.toml", "nonsense", "expected one of"][..]),
        ("[limits]\nfuel = 1", &["enlist.toml", "limits", "fuel", "decision_fuel"]),
        ("[limits]\nanswer = \"many\"", &["enlist.toml", "limits.answer", "size such as"]),
        ("[limits]\nanswer = 65536", &["limits.answer", "size such as"]),
        ("[limits]\ndecision_time = \"20\"", &["limits.decision_time", "20ms"]),
        ("[limits]\ndecision_time = \"1us\"", &["limits.decision_time", "whole milliseconds"]),
        ("[limits]\ndecision_fuel = -1", &["limits.decision_fuel", "whole number"]),
        ("[limits]\ndecision_fuel = 0", &["limits.decision_fuel", "1 or more"]),
        ("[limits]\nbody_size = \"0B\"", &["limits.body_size", "1 or more"]),
        ("[limits]\ndecisions_at_once = 9999", &["limits.decisions_at_once", "1024"]),
        ("[homes]\nmode = \"rwx\"", &["homes.mode", "octal"]),
        ("[homes]\nmode = \"0070\"", &["homes.mode", "owner"]),
        ("[homes]\ngroup = \"staff\"", &["homes.group", "number"]),
        ("[log]\nlevel = \"loud\"", &["log.level", "debug"]),
        ("[bootstrap]\npolicy = \"missing.wasm\"", &["bootstrap.policy", "missing.wasm"]),
        ("[bootstrap]\ntenant_key_file = \"missing\"", &["bootstrap.tenant_key_file", "missing"]),
        ("[log]\nlevel = \"loud\"", &["log.level", "debug"]),
        ("[bootstrap]\npolicy = \"missing.wasm\"", &["bootstrap.policy", "missing.wasm"]),
        ("[bootstrap]\ntenant_key_file = \"none\"", &["bootstrap.tenant_key_file", "none"]),
        ("[log]\nformat = \"xml\"", &["log.format", "text", "json"]),
        ("listen = \"27703\"", &["listen", "socket address"]),
        ("database = \"postgres://x\"", &["database", "sqlite:PATH"]),
        ("listen = ", &["enlist.toml:1"]),
    ] {
        fs::write(&file, content).expect("a file");
        let line = refused(&mut check(folder.path()));
        for part in told {
            assert!(line.contains(part), "{content}: {part}: {line}");
        }
    }
    fs::remove_file(&file).expect("no file");
    let line = refused(check(folder.path()).env("ENLIST_LIMITS__ANSWER", "many"));
    assert!(line.contains("ENLIST_LIMITS__ANSWER") && line.contains("size such as"), "{line}");
    let line = refused(check(folder.path()).arg("--config").arg("missing.toml"));
    assert!(line.contains("missing.toml"), "{line}");
}

#[test]
fn a_variable_that_is_set_to_nothing_says_nothing() {
    let folder = folder();
    let mut command = check(folder.path());
    command.env("ENLIST_DATA_DIR", "").env("ENLIST_CONFIG", "").env("ENLIST_LIMITS__ANSWER", "");
    let found = settings(&mut command);
    assert!(text(&found, "data_dir").ends_with("/data"), "not the working directory itself");
    let mut command = enlist();
    command.current_dir(folder.path()).env("ENLIST_DATA_DIR", "");
    assert!(refused(&mut command).contains("--data-dir"));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn an_unknown_variable_is_a_warning_and_no_more() {
    let folder = folder();
    let output = check(folder.path())
        .env("ENLIST_NONSENSE", "1")
        .env("ENLIST_TENANT", "t")
        .output()
        .expect("an end");
    assert!(output.status.success());
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("ENLIST_NONSENSE") && !log.contains("ENLIST_TENANT"), "{log}");
}
