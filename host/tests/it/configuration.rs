//! Settings: where they come from, who beats whom, and how a mistake is told.

use crate::app::enlist;
use enlist_artifacts::LOCALPART;
use std::collections::BTreeSet;
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
    assert_eq!(text(limits, "requests_per_second"), "", "no limit");
    assert_eq!(settings["trusted_proxies"].as_array().map(Vec::len), Some(0));
    for (table, key) in [("tls", "cert"), ("tls", "key"), ("metrics", "listen"), ("homes", "group")]
    {
        assert_eq!(settings[table][key].as_str(), Some(""), "{table}.{key}");
    }
    assert_eq!(settings["record"]["keep"].as_str(), Some("30days"));
    assert_eq!(settings["record"]["mask"].as_bool(), Some(false));
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
        ("[homes]\ngroup = \"no-such-group\"", &["enlist.toml", "homes.group", "no-such-group"]),
        ("[homes]\ngroup = 4294967295", &["homes.group", "name or the number of a group"]),
        ("[homes]\ngroup = -1", &["homes.group", "name or the number of a group"]),
        ("trusted_proxies = [\"10.0.0.0/33\"]", &["enlist.toml", "trusted_proxies", "10.0.0.0/8"]),
        ("trusted_proxies = [\"proxy\"]", &["trusted_proxies", "\"proxy\"", "networks such as"]),
        ("trusted_proxies = 1", &["trusted_proxies", "networks such as"]),
        ("[tls]\ncert = \"c\"", &["enlist.toml", "tls.cert", "tls.key beside it"]),
        ("[tls]\nkey = \"k\"", &["enlist.toml", "tls.key", "tls.cert beside it"]),
        ("[tls]\ncert = \"c.pem\"\nkey = \"k\"", &["tls.cert", "c.pem", "No such file"]),
        ("[metrics]\nlisten = \"9100\"", &["metrics.listen", "\"9100\"", "such as"]),
        ("[limits]\nrequests_per_second = 0", &["limits.requests_per_second", "number from 1"]),
        ("[limits]\nrequests_per_second = \"1/s\"", &["requests_per_second", "number from 1"]),
        ("[limits]\nrequests_per_second = 0.5", &["requests_per_second", "number from 1"]),
        ("[record]\nkeep = \"30\"", &["enlist.toml", "record.keep", "30d"]),
        ("[record]\nkeep = \"0s\"", &["record.keep", "30d"]),
        ("[record]\nkeep = \"1ms\"", &["record.keep", "whole seconds"]),
        ("[record]\nmask = \"yes\"", &["record.mask", "true or false"]),
        ("[log]\nlevel = \"loud\"", &["log.level", "debug"]),
        ("[bootstrap]\npolicy = \"missing.wasm\"", &["bootstrap.policy", "missing.wasm"]),
        ("[bootstrap]\ntenant_key_file = \"none\"", &["bootstrap.tenant_key_file", "none"]),
        ("[log]\nformat = \"xml\"", &["log.format", "text", "json"]),
        ("listen = \"27703\"", &["enlist.toml", "listen", "\"27703\"", "an address and a port"]),
        ("listen = 27703", &["enlist.toml", "listen", "27703", "such as \"127.0.0.1:27703\""]),
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
    let line = refused(check(folder.path()).env("ENLIST_LISTEN", "nonsense"));
    let told = ["ENLIST_LISTEN", "listen", "\"nonsense\"", "such as \"127.0.0.1:27703\""];
    assert!(told.iter().all(|part| line.contains(part)), "{line}");
    let line = refused(check(folder.path()).env("ENLIST_LIMITS__ANSWER", "many"));
    assert!(line.contains("ENLIST_LIMITS__ANSWER") && line.contains("size such as"), "{line}");
    let line = refused(check(folder.path()).arg("--config").arg("missing.toml"));
    assert!(line.contains("missing.toml"), "{line}");
}

/// A file says each in its own type; a variable has nothing but text.
#[test]
fn every_key_can_be_said_in_the_file_and_in_the_environment() {
    let folder = folder();
    let group = rustix::process::getegid().as_raw();
    let name = nix::unistd::Group::from_gid(group.into()).expect("the groups").expect("ours").name;
    let content = format!(
        "trusted_proxies = [\"127.0.0.1\", \"2001:db8::/32\"]\n[homes]\ngroup = \"{name}\"\n[metrics]\n\
         listen = \"127.0.0.1:9\"\n[limits]\nrequests_per_second = 50\n[record]\nkeep = \"7d\"\nmask = true\n"
    );
    fs::write(folder.path().join("enlist.toml"), content).expect("a file");
    let from_file = settings(&mut check(folder.path()));
    let proxies = from_file["trusted_proxies"].as_array().expect("a list");
    assert_eq!(proxies, &["127.0.0.1/32".into(), "2001:db8::/32".into()] as &[toml::Value]);
    assert_eq!(from_file["homes"]["group"].as_str(), Some(&*group.to_string()));
    assert_eq!(from_file["metrics"]["listen"].as_str(), Some("127.0.0.1:9"));
    assert_eq!(from_file["limits"]["requests_per_second"].as_integer(), Some(50));
    assert_eq!(from_file["record"]["keep"].as_str(), Some("7days"));
    assert_eq!(from_file["record"]["mask"].as_bool(), Some(true));

    fs::remove_file(folder.path().join("enlist.toml")).expect("no file");
    let variables = [
        ("ENLIST_TRUSTED_PROXIES", "127.0.0.1, 2001:db8::/32"),
        ("ENLIST_HOMES__GROUP", &*name),
        ("ENLIST_METRICS__LISTEN", "127.0.0.1:9"),
        ("ENLIST_LIMITS__REQUESTS_PER_SECOND", "50"),
        ("ENLIST_RECORD__KEEP", "7d"),
        ("ENLIST_RECORD__MASK", "true"),
    ];
    assert_eq!(settings(check(folder.path()).envs(variables)), from_file);
    for (variable, _) in variables {
        let line = refused(check(folder.path()).env(variable, "\t?"));
        assert!(line.contains(variable), "{line}");
    }
    let line = refused(check(folder.path()).env("ENLIST_TLS__CERT", "c"));
    assert!(line.contains("ENLIST_TLS__CERT: tls.cert"), "{line}");
}

/// docs/operations.md, by lines.
fn page() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    fs::read_to_string(page).expect("the page").lines().map(str::to_owned).collect()
}

#[test]
fn the_page_names_every_key_with_its_variable_and_no_other() {
    let folder = folder();
    let mut keys = BTreeSet::new();
    for (key, value) in settings(&mut check(folder.path())) {
        match value {
            toml::Value::Table(below) => {
                keys.extend(below.into_iter().map(|(last, _)| format!("{key}.{last}")));
            }
            _ => drop(keys.insert(key)),
        }
    }
    let rows = page().into_iter().filter(|line| line.contains("| `ENLIST_"));
    let named: BTreeSet<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(|cell| cell.trim().replace('`', "")).collect();
            let variable = format!("ENLIST_{}", cells[1].to_uppercase().replace('.', "__"));
            assert_eq!(variable, cells[3], "{row}");
            cells[1].clone()
        })
        .collect();
    assert_eq!(named, keys);
}

#[test]
fn the_file_that_the_page_shows_is_one() {
    let folder = folder();
    let shown = page().into_iter().skip_while(|line| !line.starts_with("    listen = "));
    let shown = shown.take_while(|line| line.is_empty() || line.starts_with("    "));
    let file = shown.collect::<Vec<_>>().join("\n");
    // What another machine has: a certificate, a group.
    let file: Table = file.replace("\"anki\"", "0").parse().expect("TOML");
    let mut file = file.into_iter().filter(|(key, _)| key != "tls").collect::<Table>();
    file.insert("data_dir".to_owned(), "data".into());
    fs::write(folder.path().join("enlist.toml"), file.to_string()).expect("a file");
    let found = settings(&mut check(folder.path()));
    assert_eq!(found["limits"]["requests_per_second"].as_integer(), Some(50));
    assert_eq!(found["homes"]["mode"].as_str(), Some("2770"));
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
