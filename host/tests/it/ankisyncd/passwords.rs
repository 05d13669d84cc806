//! Passwords: they hold when it is answered, are kept as hashes in the ankisyncd's file alone, and nobody gets one by a mistake.

use crate::ankisyncd::{AuthFile, SHUT, act, beside, enlist, passwd, told};
use crate::app::{App, enlist as program};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

fn verb(app: &App, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(arguments).env("ENLIST_SERVER", &app.url).env("ENLIST_KEY", &app.operator_key);
    command.env("ENLIST_TENANT", "default").current_dir(app.folder.path());
    command
}

fn acts(app: &App) -> Vec<Vec<String>> {
    app.rows(
        "SELECT occasion, outcome, coalesce(code, '-'), name, coalesce(detail, '-') FROM decisions
        WHERE occasion = 'account_passwd' ORDER BY id",
    )
}

#[tokio::test]
async fn a_password_holds_when_it_is_answered_and_is_nowhere_but_in_the_file() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    let password = "through the looking-glass пароль";
    app.keep_secret(password);
    assert_eq!(passwd(&app, "anna", password).await.status, 204);
    assert!(file.opens("anna", password) && !file.opens("anna", "through"));
    let hash = file.hash_of("anna").expect("a hash");
    app.keep_secret(&hash);
    assert_eq!(passwd(&app, "anna", password).await.status, 204);
    assert_ne!(file.hash_of("anna"), Some(hash), "with a salt of its own");
    assert_eq!(acts(&app), vec![["account_passwd", "granted", "-", "anna", "-"]; 2]);
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0);
}

#[tokio::test]
async fn a_row_that_was_taken_away_is_there_again_with_the_password() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    file.open().execute("DELETE FROM auth", []).expect("no row");
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    assert!(file.opens("anna", "wonderland"));
}

#[tokio::test]
async fn nobody_gets_a_password_who_shall_not_have_one() {
    let file = AuthFile::made();
    let app = beside(&file);
    for name in ["anna", "berta", "clara"] {
        enlist(&app, name).await;
    }
    for name in ["berta", "clara"] {
        assert_eq!(act(&app, name, "close").await.status, 200);
    }
    assert_eq!(act(&app, "clara", "erase").await.status, 200);
    told(&app);
    let before = file.rows();
    for (name, status, code) in [
        ("berta", 403, "account_closed"),
        ("clara", 409, "account_erased"),
        ("nobody", 404, "not_found"),
    ] {
        let answer = passwd(&app, name, "wonderland").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}");
    }
    let path = "/v1/tenants/default/accounts/anna/password";
    for body in [
        json!({"password": ""}),
        json!({"password": 1_234_567}),
        json!({}),
        json!({"password": "x", "hash": "y"}),
    ] {
        let answer = app.ask("PUT", path, &app.operator_key, body).await;
        assert_eq!((answer.status, answer.code().len() > 3), (400, true), "{answer:?}");
        assert!(!answer.text.contains("1234567"), "nothing of it comes back: {answer:?}");
    }
    let key = app.key_of("default", json!({"scopes": ["provision", "policy", "read"]})).await;
    let answer = app.ask("PUT", path, &key, json!({"password": "wonderland"})).await;
    assert_eq!(answer.code(), "scope_missing");
    assert_eq!(file.rows(), before);
    assert_eq!(acts(&app), Vec::<Vec<String>>::new());
    let key = app.key_of("default", json!({"scopes": ["manage"]})).await;
    let answer = app.ask("PUT", path, &key, json!({"password": "wonderland"})).await;
    assert_eq!(answer.status, 204, "a tenant's own key may: {answer:?}");
}

#[tokio::test]
async fn without_an_ankisyncd_there_are_no_passwords() {
    let app = App::start();
    enlist(&app, "anna").await;
    let answer = passwd(&app, "anna", "wonderland").await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "no_ankisyncd"));
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0);
}

#[tokio::test]
async fn a_locked_file_keeps_the_old_password_and_says_so() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    let other = file.lock();
    let answer = passwd(&app, "anna", "wonderland").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "downstream_busy"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!answer.text.contains(file.text()), "no path: {answer:?}");
    drop(other);
    told(&app);
    assert_eq!(file.rows(), [["anna", SHUT]]);
    assert_eq!(
        acts(&app),
        Vec::<Vec<String>>::new(),
        "nothing was changed, so nothing is recorded"
    );
}

#[tokio::test]
async fn somebody_who_reads_the_file_keeps_the_old_password_and_leaves_no_row_in_the_record() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    let other = file.open();
    other.execute_batch("BEGIN; SELECT * FROM auth").expect("a reader");
    let answer = passwd(&app, "anna", "wonderland").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "downstream_busy"), "{answer:?}");
    assert_eq!(file.rows(), [["anna", SHUT]]);
    assert_eq!(acts(&app), Vec::<Vec<String>>::new(), "nothing was changed, nothing is recorded");
    other.execute_batch("COMMIT").expect("an end");
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    assert!(file.opens("anna", "wonderland"));
    assert_eq!(acts(&app), [["account_passwd", "granted", "-", "anna", "-"]]);
}

#[tokio::test]
async fn a_password_comes_after_what_waits_about_its_account() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    told(&app);
    let other = file.lock();
    for verb in ["close", "reopen", "close", "reopen"] {
        assert_eq!(act(&app, "anna", verb).await.code(), "downstream_busy");
    }
    drop(other);
    assert_eq!(passwd(&app, "anna", "wonderland").await.status, 204);
    assert_eq!(app.count("SELECT count(*) FROM outbox"), 0, "when it is answered");
    assert!(file.opens("anna", "wonderland"));
    assert_eq!(app.count("SELECT count(*) FROM accounts WHERE kept_hash IS NOT NULL"), 0);
    for i in 0..30 {
        let name = format!("n{i}");
        enlist(&app, &name).await;
        assert_eq!(passwd(&app, &name, "wonderland").await.status, 204);
        assert!(file.opens(&name, "wonderland"), "{name}");
    }
    told(&app);
    assert!((0..30).all(|i| file.opens(&format!("n{i}"), "wonderland")));
}

#[tokio::test]
async fn a_program_gives_a_password_on_standard_input() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    let run = |arguments: &[&str], input: &str| {
        let mut command = verb(&app, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a verb");
        // One that ends without reading need not be written to.
        let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("an end");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let passwd = ["account", "passwd", "anna", "--stdin"];
    let (code, out, error) = run(&passwd, "wonder land \nmore\n");
    assert_eq!((code, out.as_str(), error.as_str()), (Some(0), "anna has another password\n", ""));
    assert!(file.opens("anna", "wonder land "), "as it stands, without the line's end");
    let input = format!("{}\nafter the key\r\n", app.operator_key);
    let (code, _, error) = run(&[&passwd[..], &["--key-file", "-"]].concat(), &input);
    assert_eq!(code, Some(0), "{error}");
    assert!(file.opens("anna", "after the key"));
    let before = file.rows();
    for input in ["", "\n", "\r\n"] {
        let (code, _, error) = run(&passwd, input);
        assert_eq!(code, Some(2), "{error}");
    }
    assert_eq!(run(&passwd, &"x".repeat(5000)).0, Some(2));
    let (code, _, error) = run(&["account", "passwd", "anna"], "wonderland\n");
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("--stdin"), "{error}");
    let (code, _, error) = run(&["account", "passwd", "nobody", "--stdin"], "wonderland\n");
    assert_eq!(code, Some(1), "{error}");
    let other = file.lock();
    let (code, _, error) = run(&passwd, "wonderland\n");
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("Try again later") && error.contains("downstream_busy"), "{error}");
    drop(other);
    assert_eq!(file.rows(), before);
}

#[tokio::test]
async fn somebody_at_a_terminal_is_asked_twice_and_nothing_is_shown() {
    let file = AuthFile::made();
    let app = beside(&file);
    enlist(&app, "anna").await;
    for (again, code) in [("wonderland", 0), ("wunderland", 1)] {
        let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).expect("a terminal");
        rustix::pty::grantpt(&terminal).expect("a terminal");
        rustix::pty::unlockpt(&terminal).expect("a terminal");
        let name = rustix::pty::ptsname(&terminal, Vec::new()).expect("its name");
        let name = name.to_str().expect("text").to_owned();
        let end = || fs::File::options().read(true).write(true).open(&name).expect("an end");
        let mut command = verb(&app, &["account", "passwd", "anna"]);
        command.stdin(end()).stderr(end()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a verb");
        let mut typing = fs::File::from(terminal.try_clone().expect("the terminal"));
        let mut shown = BufReader::new(fs::File::from(terminal));
        let mut screen = Vec::new();
        for typed in ["wonderland", again] {
            shown.read_until(b':', &mut screen).expect("a prompt");
            // Typed when nothing is shown any more: what came before would be thrown away.
            await_silence(&typing);
            typing.write_all(format!("{typed}\n").as_bytes()).expect("a line");
        }
        let mut out = String::new();
        child.stdout.take().expect("its output").read_to_string(&mut out).expect("text");
        assert_eq!(child.wait().expect("an end").code(), Some(code), "{out}");
        assert_eq!(out.contains("another password"), code == 0, "{out}");
        let screen = String::from_utf8_lossy(&screen);
        assert!(screen.contains("New password of anna:") && screen.contains("Again:"), "{screen}");
        assert!(!screen.contains("derland"), "{screen}");
        assert!(file.opens("anna", "wonderland"));
    }
}

/// Waits until a terminal does not show what is typed.
fn await_silence(terminal: &fs::File) {
    use rustix::termios::{LocalModes, tcgetattr};
    while tcgetattr(terminal).expect("its modes").local_modes.contains(LocalModes::ECHO) {
        std::thread::yield_now();
    }
}

#[test]
fn the_door_stands_in_the_document() {
    let document: Value = serde_json::from_str(enlist::http::document()).expect("JSON");
    let door = &document["paths"]["/v1/tenants/{tenant}/accounts/{name}/password"]["put"];
    assert!(door["responses"]["503"].is_object() && door["responses"]["409"].is_object(), "{door}");
}
