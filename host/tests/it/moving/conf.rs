//! `--ankisyncd-conf`: a server beside an ankisyncd, by its own ini.

use crate::app::{App, GUIDE, client, enlist};
use crate::first_start::OnTerminal;
use crate::moving::Tree;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

/// As `openssl rand -hex 32` makes one.
pub(super) const KEY: &str = "4f1b7c0d9e2a6538c7b1f0e4d3a2958670b1c2d3e4f5061728394a5b6c7d8e9f";
const OTHER_KEY: &str = "a4c1d6e8f0b2957361524031f2e4d6c8b0a918273645546372819fa0b1c2d3e4";

/// The seed's own ini, with this key.
pub(super) fn ini(key: &str) -> String {
    format!(
        "[sync_app]
# change to 0.0.0.0 to let others in
host = 127.0.0.1
port = 27702
data_root = ./collections
base_url = /sync/
auth_db_path = ./auth.db
session_db_path = ./session.db
cognito_user_pool_id = eu-west-1_EXAMPLE
cognito_client_id = client
cognito_client_secret = top-secret-of-the-client
cognito_region = eu-west-1
# User provisioning API key (for Cognito triggers)
provision_api_key = {key}
"
    )
}

const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE";

/// An ankisyncd with this ini.
pub(super) fn tree(ini: &str) -> Tree {
    let tree = Tree::new();
    fs::write(tree.ini(), ini).expect("an ini");
    fs::write(tree.folder.path().join("session.db"), "not ours").expect("a file");
    tree
}

pub(super) fn serve(tree: &Tree, settings: &[(&str, &str)]) -> App {
    let app = App::start_by(&["--ankisyncd-conf", &tree.ini().display().to_string()], settings);
    app.keep_secret(KEY);
    app.keep_secret(OTHER_KEY);
    // The harness looks for homes in the data folder.
    std::os::unix::fs::symlink(tree.collections(), app.homes()).expect("a link");
    app
}

/// Everything about everything below a folder.
fn look(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let found = fs::symlink_metadata(&path).expect("it");
        let content = if found.is_file() { fs::read(&path).expect("a file") } else { Vec::new() };
        let said =
            (found.mode(), found.uid(), found.mtime(), found.mtime_nsec(), found.ctime_nsec());
        all.insert(path.display().to_string(), format!("{said:?} {} {content:?}", found.ino()));
        if found.is_dir() {
            waiting.extend(
                fs::read_dir(path).expect("a folder").map(|entry| entry.expect("it").path()),
            );
        }
    }
    all
}

fn keys(app: &App) -> Vec<Vec<String>> {
    app.rows("SELECT scopes, note, revoked_at IS NOT NULL, foreign_form FROM keys WHERE origin IS NOT NULL ORDER BY rowid")
}

async fn opens(app: &App, key: &str) -> bool {
    let answer = app.post("/provision-user", key, GUIDE).await;
    if answer.status == 401 {
        assert_eq!(answer.json()["error"], "Invalid API key");
        assert_eq!(answer.json()["code"], "key_invalid");
    }
    answer.status == 200
}

#[tokio::test]
async fn an_ini_starts_a_server_with_its_key_its_folders_its_rows_and_its_issuer() {
    let tree = tree(&ini(KEY));
    tree.folder("anna@example.com");
    tree.folder("berta");
    tree.row("anna@example.com");
    tree.row("carl");
    tree.row("dora");
    let app = serve(&tree, &[]);
    assert_eq!(app.line["ankisyncd_conf"], json!(tree.ini()));
    let answer = app.post("/provision-user", KEY, GUIDE).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["user_directory"], json!(tree.collections().join("testuser")));
    assert_eq!(app.rows("SELECT issuer FROM accounts"), [[ISSUER]]);
    let tenant = app.manage("GET", "/v1/tenants/default", Value::Null).await;
    assert_eq!(tenant["issuer"], ISSUER);
    assert_eq!(
        keys(&app),
        [["provision", &format!("provision_api_key of {}", tree.ini().display()), "0", "1"]]
    );
    let read = app.ask("GET", "/v1/accounts", KEY, Value::Null).await;
    assert_eq!((read.status, read.code().as_str()), (403, "scope_missing"), "the door alone");
    let carl = r#"{"username":"Carl"}"#;
    assert_eq!(app.post("/provision-user", KEY, carl).await.code(), "home_exists");
    let log = app.log();
    for said in [
        "2 folders and 3 rows are reserved",
        "enlist -t default import --from ankisyncd --users cognito.json --dry-run",
        "64 characters: opens /provision-user of tenant default from now on",
        "27702",
        "session_db_path",
        &format!("location ~ ^/provision-user/?$ {{ proxy_pass {}; }}", app.url),
        "Going back",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(!log.contains("top-secret"), "{log}");
    let acts = app.rows("SELECT occasion, key, detail FROM decisions WHERE request_id = 'serve --ankisyncd-conf' ORDER BY id");
    assert_eq!(acts.len(), 2);
    assert_eq!((acts[0][0].as_str(), acts[0][1].as_str()), ("key_create", "local"));
    assert_eq!(acts[1][2], format!("issuer {ISSUER:?}, given to 0 accounts"));
}

#[tokio::test]
async fn a_start_touches_nothing_of_ankisyncds() {
    let tree = tree(&ini(KEY));
    tree.folder("anna");
    tree.row("anna");
    fs::set_permissions(tree.ini(), fs::Permissions::from_mode(0o640)).expect("a mode");
    let before = look(tree.folder.path());
    let mut app = serve(&tree, &[]);
    assert_eq!(
        app.ask("GET", "/v1/tenants/default/reserved", &app.operator_key, Value::Null).await.status,
        200
    );
    app.restart();
    assert_eq!(look(tree.folder.path()), before);
}

#[tokio::test]
async fn a_published_or_short_key_opens_nothing_and_the_log_says_how_to_mend_it() {
    for key in ["ankipi-provision-key-12345", "your-api-key", "fifteen-letters", "sixteen-lettérs!"]
    {
        let tree = tree(&ini(key));
        let app = serve(&tree, &[]);
        assert!(!opens(&app, key).await, "{key}");
        assert_eq!(app.count("SELECT count(*) FROM keys"), 2, "the first operator's and tenant's");
        assert_eq!(app.count("SELECT count(*) FROM accounts"), 0);
        assert!(app.folders().is_empty());
        let log = app.log();
        assert!(!log.contains(key), "{log}");
        for said in [
            "openssl rand -hex 32",
            "ankisyncd.conf, line 14, as provision_api_key",
            "restart ankisyncd, and Enlist",
            "--query Environment > environment.json",
            "--environment file://environment.json",
        ] {
            assert!(log.contains(said), "{said}: {log}");
        }
        // What is said of a guide everybody has read is a warning.
        let warned = log.lines().find(|line| line.contains("Replace the key")).expect("a line");
        assert!(warned.contains("WARN"), "{warned}");
    }
}

#[tokio::test]
async fn without_a_key_it_starts_and_says_so() {
    for text in [ini(""), ini("").replace("provision_api_key", "# provision_api_key")] {
        let tree = tree(&text);
        let app = serve(&tree, &[]);
        assert_eq!(app.count("SELECT count(*) FROM keys"), 2);
        assert!(app.log().contains("none: the door opens to Enlist's own keys alone"));
        assert!(app.log().contains("enlist key create -t default --scope provision"));
        assert!(opens(&app, &app.tenant_key).await);
    }
}

#[tokio::test]
async fn the_ini_is_the_truth_about_its_key_but_for_what_an_operator_took_away() {
    let tree = tree(&ini(KEY));
    let mut app = serve(&tree, &[]);
    app.restart();
    assert_eq!(keys(&app).len(), 1, "the same key is one row");
    assert!(app.log().contains("here, and nothing else"), "{}", app.log());
    fs::write(tree.ini(), ini(OTHER_KEY)).expect("an ini");
    app.restart();
    assert!(opens(&app, OTHER_KEY).await);
    assert!(!opens(&app, KEY).await, "it is not in the ini any more");
    fs::write(tree.ini(), ini(KEY)).expect("an ini");
    app.restart();
    assert!(opens(&app, KEY).await && !opens(&app, OTHER_KEY).await, "and back");
    let revoked: Vec<_> = keys(&app).into_iter().map(|mut key| key.remove(2)).collect();
    assert_eq!(revoked, ["1", "1", "0"]);
    let sql = "SELECT id FROM keys WHERE origin IS NOT NULL AND revoked_at IS NULL";
    let id = app.rows(sql).remove(0).remove(0);
    app.manage("DELETE", &format!("/v1/tenants/default/keys/{id}"), Value::Null).await;
    app.restart();
    assert!(!opens(&app, KEY).await, "revoked is revoked");
    assert_eq!(keys(&app).len(), 3);
    assert!(app.log().contains(&format!("opens nothing: as key {id} it was revoked")));
    fs::write(tree.ini(), ini("")).expect("an ini");
    app.restart();
    assert_eq!(app.count(&format!("SELECT count(*) FROM ({sql})")), 0);
}

#[tokio::test]
async fn a_key_that_is_somebody_elses_here_is_not_lent_to_the_door() {
    let tree = tree(&ini(KEY));
    let file = tree.folder.path().join("operator.key");
    fs::write(&file, KEY).expect("a key");
    let file = file.display().to_string();
    let app = serve(&tree, &[("ENLIST_BOOTSTRAP__OPERATOR_KEY_FILE", &file)]);
    assert!(!opens(&app, KEY).await);
    assert_eq!(app.count("SELECT count(*) FROM keys"), 2);
    let mut app = app;
    app.restart();
    assert!(app.log().contains("which is for something else"), "{}", app.log());
}

#[tokio::test]
async fn an_issuer_goes_to_accounts_without_one_and_never_replaces_another() {
    let tree = tree(&ini(KEY).replace("cognito_region", "# cognito_region"));
    let mut app = serve(&tree, &[]);
    assert!(app.log().contains("both are needed"), "{}", app.log());
    assert!(opens(&app, KEY).await);
    assert_eq!(app.rows("SELECT issuer FROM accounts"), [[""]]);
    fs::write(tree.ini(), ini(KEY)).expect("an ini");
    app.restart();
    assert_eq!(app.rows("SELECT issuer FROM accounts"), [[ISSUER]]);
    assert!(app.log().contains("and that of 1 accounts without one"));
    fs::write(tree.ini(), ini(KEY).replace("_EXAMPLE", "_ANOTHER")).expect("an ini");
    app.restart();
    assert!(app.log().contains(&format!("not used: tenant default has {ISSUER}")));
    let tenant = app.manage("GET", "/v1/tenants/default", Value::Null).await;
    assert_eq!(tenant["issuer"], ISSUER);
}

/// What `serve --check` says and prints, in an empty folder.
pub(super) fn check(tree: &Tree, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = enlist();
    command.args(["serve", "--check", "--ankisyncd-conf"]).arg(tree.ini()).args(arguments);
    command.envs(settings.iter().copied()).current_dir(tree.folder.path());
    command.output().expect("an end")
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_check_prints_the_plan_and_the_settings_and_makes_nothing() {
    let tree = tree(&ini(KEY));
    tree.folder("anna");
    let before = look(tree.folder.path());
    let output = check(&tree, &["--data-dir", "elsewhere"], &[]);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    let settings: toml::Table = printed.parse().expect("TOML");
    let root = tree.collections().display().to_string();
    assert_eq!(settings["home_root"].as_str(), Some(root.as_str()));
    assert_eq!(settings["ankisyncd"]["auth_db"].as_str(), tree.auth_db_path().to_str());
    assert!(printed.contains("# 1 folders and 0 rows are reserved"), "{printed}");
    assert!(printed.contains(&format!("#   data_root             line 5    {root}")), "{printed}");
    assert!(!printed.contains(KEY) && !printed.contains("top-secret"), "{printed}");
    assert_eq!(look(tree.folder.path()), before);
}

#[test]
fn a_variable_beats_the_ini_and_whatever_is_said_to_enlist_beats_both() {
    let tree = tree(&ini(KEY).replace("auth_db_path", "# auth_db_path"));
    fs::create_dir_all(tree.folder.path().join("sub/collections")).expect("a folder");
    let there = |file: &str| tree.folder.path().join(file).display().to_string();
    let mine = there("mine");
    let settings = [
        ("ANKISYNCD_AUTH_DB_PATH", "%(data_root)s/../by-variable.db"),
        ("ANKISYNCD_PROVISION_API_KEY", "short"),
        ("ANKISYNCD_PORT", "4711"),
        ("ENLIST_HOME_ROOT", mine.as_str()),
    ];
    let output = check(&tree, &["--data-dir", "elsewhere", "--ankisyncd-dir", "sub"], &settings);
    let printed = text(&output.stdout);
    let holds: toml::Table = printed.parse().unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(holds["home_root"].as_str(), Some(mine.as_str()));
    let file = there("sub/collections/../by-variable.db");
    assert_eq!(holds["ankisyncd"]["auth_db"].as_str(), Some(file.as_str()));
    for said in [
        format!("not used, home_root is {mine} by ENLIST_HOME_ROOT"),
        "ANKISYNCD_AUTH_DB_PATH".to_owned(),
        "ANKISYNCD_PORT 4711".to_owned(),
        "5 characters: not used".to_owned(),
        "the variable ANKISYNCD_PROVISION_API_KEY".to_owned(),
        format!("relative paths begin at {}", there("sub")),
    ] {
        assert!(printed.contains(&said), "{said}: {printed}");
    }
}

/// The one line that stops a start.
fn refused(command: &mut Command) -> String {
    let Output { status, stderr, stdout } = command.output().expect("an end");
    let line = text(&stderr);
    assert_eq!((status.code(), stdout.len(), line.lines().count()), (Some(2), 0, 1), "{line}");
    line
}

#[test]
fn what_cannot_be_read_stops_the_start_with_its_place_and_nothing_is_made() {
    let tree = tree("");
    let file = tree.ini().display().to_string();
    for (ini, said) in [
        ("[other]\nkey = 1\n", format!("No config found, looked for [sync_app] in {file}")),
        (
            "[sync_app]\nport = 1\nPort = 2\n",
            format!("{file}:3: port stands in this section already"),
        ),
        ("[sync_app]\nodd\n", format!("{file}:2: expected")),
        ("host = x\n", format!("{file}:1: expected a section")),
        (
            "[sync_app]\nprovision_api_key = 100%-secret-of-mine\n",
            format!("{file}:2: provision_api_key: a lone %: write %%"),
        ),
        ("[sync_app]\ndata_root = %(nothing)s\n", format!("{file}:2: data_root: %(NAME)s")),
        (
            "[sync_app]\ncognito_region = eu/west\n",
            format!("{file}:2: cognito_region: expected letters"),
        ),
    ] {
        fs::write(tree.ini(), ini).expect("an ini");
        let mut serve = enlist();
        serve
            .args(["serve", "--ankisyncd-conf", &file, "--data-dir"])
            .arg(tree.folder.path().join("data"));
        let line = refused(&mut serve);
        assert!(line.contains(&said), "{said}: {line}");
        assert!(!line.contains("secret"), "{line}");
        assert!(!tree.folder.path().join("data").exists());
    }
    let here = tree.folder.path();
    let refuse = |arguments: &[&str]| refused(enlist().args(arguments).current_dir(here));
    assert!(refuse(&["--ankisyncd-conf", "nowhere"]).contains("nowhere"));
    assert!(refuse(&["serve", "--ankisyncd-dir", "."]).contains("expected --ankisyncd-conf"));
    fs::write(tree.ini(), ini(KEY)).expect("an ini");
    assert!(refuse(&["--ankisyncd-conf", "ankisyncd.conf"]).contains("no data folder yet"));
    let lies = refuse(&["--ankisyncd-conf", "ankisyncd.conf", "--data-dir", "."]);
    assert!(lies.contains("lies in the data folder"), "{lies}");
    let holds = refuse(&["--ankisyncd-conf", "ankisyncd.conf", "--data-dir", "collections/data"]);
    assert!(holds.contains("would hold the data folder"), "{holds}");
    assert!(!tree.collections().join("data").exists(), "not even a folder");
}

#[tokio::test]
async fn on_a_terminal_the_plan_comes_before_the_keys_and_once_more_at_every_start() {
    let tree = tree(&ini(KEY));
    let start = |until: &str| {
        let mut command = enlist();
        command.arg("--ankisyncd-conf").arg(tree.ini()).args(["--data-dir", "mine"]);
        OnTerminal::start(command.current_dir(tree.folder.path()), until)
    };
    let first = start("-d '");
    let (plan, keys) = first.shown.split_once("Enlist is set up").expect("both");
    assert!(plan.contains("64 characters: opens /provision-user"), "{plan}");
    assert!(plan.contains("Going back") && keys.contains("enl_op_"), "{plan}{keys}");
    assert!(!first.shown.contains(KEY), "{plan}");
    // The keys are shown before the database has what they belong to; an answer comes after.
    let url = first.between("listens on ", "\r\n");
    let well = client().get(format!("{url}/healthz")).send().await.expect("an answer");
    assert_eq!(well.status(), 200);
    drop(first);
    let again = start("Homes:");
    assert!(again.shown.contains("Beside an ankisyncd"), "{}", again.shown);
}

#[tokio::test]
async fn the_doctor_is_told_of_the_ini_as_the_server_is() {
    let tree = tree(&ini(KEY));
    tree.folder("anna");
    let mut app = serve(&tree, &[]);
    assert!(opens(&app, KEY).await);
    app.kill();
    let mut doctor = enlist();
    doctor.arg("--ankisyncd-conf").arg(tree.ini()).arg("doctor").arg("--data-dir").arg(app.data());
    let output = doctor.output().expect("an end");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("anna has no account, and nobody gets its name"), "{said}");
}
