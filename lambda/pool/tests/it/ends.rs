//! How the command ends that cannot begin, without any emulator.

use crate::http::Listener;
use crate::tool::{Ran, command, run};

const POOL: &str = "eu-west-1_x";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:f";

fn attach(pool: &'static str, function: &'static str) -> [&'static str; 5] {
    ["attach", "--user-pool-id", pool, "--function", function]
}

fn nobody() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
    format!("http://{}", free.expect("a port"))
}

#[test]
fn without_credentials_it_is_locked_out() {
    let mut command = command(&nobody(), &attach(POOL, FUNCTION));
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let ran = Ran::from(command.output().expect("the command")).ended(4);
    assert!(ran.err.contains("no credentials for AWS"), "{ran}");
}

#[test]
fn where_nobody_listens_it_has_failed() {
    let ran = run(&nobody(), &attach(POOL, FUNCTION)).ended(3);
    assert!(ran.err.contains("user pool eu-west-1_x"), "{ran}");
    assert!(!ran.err.contains("nobodys"), "{ran}");
}

#[test]
fn the_endpoint_that_was_said_wins() {
    let said = nobody();
    let arguments = [&attach(POOL, FUNCTION)[..], &["--endpoint-url", &said]].concat();
    let ran = run("http://endpoint-of-the-environment.invalid", &arguments).ended(3);
    assert!(ran.err.contains(said.trim_start_matches("http://")), "{ran}");
}

#[test]
fn wrong_use_is_said_before_anything_is_asked() {
    run(&nobody(), &attach("people", FUNCTION)).ended(2);
    run(&nobody(), &attach(POOL, "enlist")).ended(2);
    let slot = [&attach(POOL, FUNCTION)[..], &["--trigger", "PreTokenGeneration"]].concat();
    run(&nobody(), &slot).ended(2);
    let here = ["backfill", "--user-pool-id", POOL, "--server", "enlist.example.com"];
    run(&nobody(), &here).ended(2);
    let without_key =
        ["backfill", "--user-pool-id", POOL, "--server", "https://enlist.example.com"];
    let ran = run(&nobody(), &without_key).ended(4);
    assert!(ran.err.contains("no key: say --key-file FILE"), "{ran}");
}

#[test]
fn a_key_in_the_place_of_its_file_is_not_repeated() {
    let key = "enl_tk_00000000_secret";
    let arguments =
        ["backfill", "--user-pool-id", POOL, "--server", "https://e.example", "--key-file", key];
    let ran = run(&nobody(), &arguments).ended(4);
    assert!(!ran.err.contains("secret") && ran.err.contains("a key, and not the name"), "{ran}");
}

#[test]
fn a_key_in_the_place_of_the_server_is_not_repeated() {
    let key = "enl_tk_00000000_secret";
    let ran = run(&nobody(), &["backfill", "--user-pool-id", POOL, "--server", key]).ended(2);
    assert!(!ran.err.contains("secret") && ran.err.contains("--server: expected"), "{ran}");
}

#[test]
fn where_somebody_listens_and_says_nothing_it_has_failed() {
    let silent = Listener::start(|_| {
        loop {
            std::thread::park();
        }
    });
    let ran = run(&silent.url, &attach(POOL, FUNCTION)).ended(3);
    assert!(ran.err.contains("user pool eu-west-1_x"), "{ran}");
    // Half a minute has room for two.
    assert!(silent.seen().len() <= 2, "{}", silent.seen().len());
}
