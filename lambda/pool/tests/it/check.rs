//! `check`: a line for everything that has to be so, and for each fault the command that mends it.

use crate::enlist::Enlist;
use crate::http::{Answer, Listener};
use crate::moto::{Moto, moto};
use crate::tool::{Ran, command, run};
use serde_json::{Value, json};

fn check(aws: &str, server: &str, key: &str, pool: &str, function: &str) -> Ran {
    let arguments = [
        "check",
        "--user-pool-id",
        pool,
        "--function",
        function,
        "--server",
        server,
        "-t",
        "default",
        "-o",
        "json",
    ];
    command(aws, &arguments).env("ENLIST_KEY", key).output().expect("the command").into()
}

/// The states of the lines about one thing.
fn states<'a>(document: &'a Value, what: &str) -> Vec<&'a str> {
    let lines =
        document["checks"].as_array().expect("lines").iter().filter(|line| line["what"] == what);
    lines.map(|line| line["state"].as_str().unwrap_or_default()).collect()
}

/// What mends the first line about it that is not good.
fn fix<'a>(document: &'a Value, what: &str) -> &'a str {
    let line = document["checks"]
        .as_array()
        .expect("lines")
        .iter()
        .find(|line| line["what"] == what && line["state"] != "good");
    line.and_then(|line| line["fix"].as_str()).unwrap_or_else(|| panic!("{what}: {document:#}"))
}

/// Pool, function and server that belong together.
fn all_in_order(moto: &Moto, name: &str, settings: &Value) -> (Enlist, String, String) {
    let enlist = Enlist::start();
    let pool = moto.pool(&json!({}));
    let mut settings = settings.clone();
    if settings["Environment"].is_null() {
        settings["Environment"] =
            json!({"Variables": {"ENLIST_SERVER": enlist.url, "ENLIST_KEY": enlist.tenant_key}});
    }
    let function = moto.function(name, &settings);
    let issuer = format!("https://cognito-idp.eu-west-1.amazonaws.com/{pool}");
    assert_eq!(enlist.ask("PATCH", "/v1/tenants/default", &json!({"issuer": issuer})).status, 200);
    run(&moto.url, &["attach", "--user-pool-id", &pool, "--function", &function]).ended(0);
    (enlist, pool, function)
}

#[test]
fn what_belongs_together_is_green() {
    let Some(moto) = moto("what_belongs_together_is_green") else { return };
    let (enlist, pool, function) = all_in_order(&moto, "green", &json!({}));
    let ran = check(&moto.url, &enlist.url, &enlist.operator_key, &pool, &function).ended(0);
    let document = ran.json();
    assert_eq!((&document["bad"], &document["unknown"]), (&json!(0), &json!(0)), "{document:#}");
    for what in [
        "pool",
        "function",
        "permission",
        "timeout",
        "network",
        "concurrency",
        "reached",
        "ready",
        "issuer",
    ] {
        assert_eq!(states(&document, what), ["good"], "{what}: {document:#}");
    }
    // Where it stands, and that the server takes it.
    assert_eq!(states(&document, "key"), ["good", "good"], "{document:#}");
    assert_eq!(states(&document, "server"), ["good"], "{document:#}");
    assert!(
        !ran.out.contains(&enlist.tenant_key) && !ran.out.contains(&enlist.operator_key),
        "{ran}"
    );
    let text: Ran = command(
        &moto.url,
        &[
            "check",
            "--user-pool-id",
            &pool,
            "--function",
            &function,
            "--server",
            &enlist.url,
            "-t",
            "default",
        ],
    )
    .env("ENLIST_KEY", &enlist.operator_key)
    .output()
    .expect("the command")
    .into();
    assert!(text.ended(0).out.contains("ok    permission    this pool may call it"));
}

#[test]
fn what_was_not_done_is_red_with_the_command_that_does_it() {
    let Some(moto) = moto("what_was_not_done_is_red_with_the_command_that_does_it") else { return };
    let enlist = Enlist::start();
    let pool = moto.pool(&json!({}));
    let function = moto.function("red", &json!({"Timeout": 3, "Runtime": "provided.al2"}));
    let document =
        check(&moto.url, &enlist.url, &enlist.operator_key, &pool, &function).ended(1).json();
    let attach = format!("enlist-cognito attach --user-pool-id {pool} --function {function}");
    assert_eq!(
        (fix(&document, "trigger"), fix(&document, "permission")),
        (attach.as_str(), attach.as_str())
    );
    assert!(fix(&document, "timeout").starts_with(&format!(
        "aws lambda update-function-configuration --function-name {function} --timeout 5"
    )));
    assert!(fix(&document, "function").contains("--runtime provided.al2023"));
    assert_eq!(
        fix(&document, "issuer"),
        format!(
            "enlist tenant set default --issuer https://cognito-idp.eu-west-1.amazonaws.com/{pool}"
        )
    );
    for what in ["timeout", "function", "trigger", "permission", "issuer", "server", "key"] {
        assert!(states(&document, what).contains(&"bad"), "{what}: {document:#}");
    }
}

#[test]
fn the_old_guides_function_is_known_again() {
    let Some(moto) = moto("the_old_guides_function_is_known_again") else { return };
    let old = json!({"Runtime": "python3.9", "Timeout": 30, "VpcConfig": {},
        "Environment": {"Variables": {"SYNC_SERVER_URL": "https://ankipi.com", "SYNC_SERVER_API_KEY": "ankipi-provision-key-12345"}}});
    let (enlist, pool, function) = all_in_order(&moto, "old", &old);
    let ran = check(&moto.url, &enlist.url, &enlist.operator_key, &pool, &function).ended(1);
    let document = ran.json();
    assert!(
        states(&document, "key").contains(&"bad") && !ran.out.contains("ankipi-provision-key"),
        "{document:#}"
    );
    assert!(ran.out.contains("SYNC_SERVER_API_KEY is the one that the old guide printed"), "{ran}");
    for what in ["function", "timeout", "server"] {
        assert!(states(&document, what).contains(&"warning"), "{what}: {document:#}");
    }
}

#[test]
fn a_key_that_is_no_key_is_found() {
    let Some(moto) = moto("a_key_that_is_no_key_is_found") else { return };
    let enlist = Enlist::start();
    let pool = moto.pool(&json!({}));
    for (name, variables, expected) in [
        ("short", json!({"ENLIST_KEY": "short"}), "has 5 characters"),
        (
            "two",
            json!({"ENLIST_KEY": "enl_tk_00000000_another", "ENLIST_KEY_FILE": "/var/task/key"}),
            "both say where it is",
        ),
        (
            "secret",
            json!({"ENLIST_KEY_SECRET": "enlist/key"}),
            "the layer that fetches it is missing",
        ),
        (
            "wrong",
            json!({"ENLIST_KEY": "enl_tk_00000000_of-another-server"}),
            "does not take the function's",
        ),
    ] {
        let mut variables = variables;
        variables["ENLIST_SERVER"] = enlist.url.as_str().into();
        let function = moto.function(name, &json!({"Environment": {"Variables": variables}}));
        let ran = check(&moto.url, &enlist.url, &enlist.operator_key, &pool, &function).ended(1);
        assert!(
            states(&ran.json(), "key").contains(&"bad") && ran.out.contains(expected),
            "{name}: {ran}"
        );
        assert!(!ran.out.contains("of-another-server"), "{ran}");
    }
}

#[test]
fn what_lambda_says_of_a_function_is_judged() {
    let Some(moto) = moto("what_lambda_says_of_a_function_is_judged") else { return };
    let (enlist, pool, function) = all_in_order(&moto, "judged", &json!({}));
    let cases: [(Value, &str, &str); 5] = [
        (json!({"State": "Failed", "StateReason": "no image"}), "function", "bad"),
        (json!({"State": "Inactive"}), "function", "warning"),
        (json!({"LastUpdateStatus": "Failed"}), "function", "bad"),
        (json!({"VpcConfig": {"VpcId": "vpc-1", "SubnetIds": ["subnet-1"]}}), "network", "warning"),
        (json!({"Timeout": 30}), "timeout", "warning"),
    ];
    for (said, what, state) in cases {
        let changed = said.clone();
        let proxy = Listener::before(
            &moto.url,
            |_| None,
            move |request, answer| {
                if request.path.ends_with("/configuration") {
                    let mut settings = answer.json();
                    for (name, value) in changed.as_object().into_iter().flatten() {
                        settings[name] = value.clone();
                    }
                    answer.body = settings.to_string().into_bytes();
                }
            },
        );
        let document =
            check(&proxy.url, &enlist.url, &enlist.operator_key, &pool, &function).json();
        assert!(states(&document, what).contains(&state), "{said}: {document:#}");
    }
    let stopped = Listener::before(
        &moto.url,
        |request| {
            request
                .path
                .contains("/concurrency")
                .then(|| Answer::new(200, &json!({"ReservedConcurrentExecutions": 0})))
        },
        |_, _| {},
    );
    let document =
        check(&stopped.url, &enlist.url, &enlist.operator_key, &pool, &function).ended(1).json();
    assert!(
        fix(&document, "concurrency").starts_with("aws lambda delete-function-concurrency"),
        "{document:#}"
    );
}

#[test]
fn a_server_that_does_not_answer_is_red() {
    let Some(moto) = moto("a_server_that_does_not_answer_is_red") else { return };
    let (enlist, pool, function) = all_in_order(&moto, "silent", &json!({}));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let document =
        check(&moto.url, &format!("http://{nobody}"), &enlist.operator_key, &pool, &function)
            .ended(1)
            .json();
    assert_eq!(states(&document, "reached"), ["bad"]);
    assert_eq!(states(&document, "server"), ["warning"], "the function asks another one");
    let document =
        check(&moto.url, &enlist.url, "enl_op_00000000_wrong", &pool, &function).ended(1).json();
    assert!(states(&document, "key").contains(&"bad"), "{document:#}");
}

#[test]
fn another_tenants_key_is_red() {
    let Some(moto) = moto("another_tenants_key_is_red") else { return };
    let (enlist, pool, function) = all_in_order(&moto, "ours", &json!({}));
    let other = enlist.tenant("other");
    let theirs = json!({"Variables": {"ENLIST_SERVER": enlist.url, "ENLIST_KEY": other}});
    let theirs = moto.function("theirs", &json!({"Environment": theirs}));
    let ran = check(&moto.url, &enlist.url, &enlist.operator_key, &pool, &theirs).ended(1);
    assert!(ran.out.contains("another tenant's than default"), "{ran}");
    assert!(!ran.out.contains(&other), "{ran}");
    assert_eq!(
        fix(&ran.json(), "key"),
        "enlist -t default key create --scope provision, and give it to the function"
    );
    check(&moto.url, &enlist.url, &enlist.operator_key, &pool, &function).ended(0);
}

#[test]
fn presignup_needs_the_door_of_decisions() {
    let Some(moto) = moto("presignup_needs_the_door_of_decisions") else { return };
    let enlist = Enlist::start();
    let narrow = Listener::before(
        &enlist.url,
        |request| (request.path == "/v1/decisions").then(|| Answer::new(404, &json!("<html>"))),
        |_, _| {},
    );
    let pool = moto.pool(&json!({}));
    let told = json!({"Variables": {"ENLIST_SERVER": narrow.url, "ENLIST_KEY": enlist.tenant_key}});
    let function = moto.function("decides", &json!({"Environment": told}));
    let found =
        |server: &str| check(&moto.url, server, &enlist.operator_key, &pool, &function).json();
    assert!(states(&found(&narrow.url), "decisions").is_empty(), "nobody asks there");
    let named = ["--user-pool-id", &pool, "--function", &function];
    run(&moto.url, &[&["attach", "--trigger", "PostConfirmation,PreSignUp"], &named[..]].concat())
        .ended(0);
    assert_eq!(states(&found(&narrow.url), "decisions"), ["bad"]);
    assert_eq!(states(&found(&enlist.url), "decisions"), ["good"]);
}

#[test]
fn the_functions_key_is_not_given_to_another_server() {
    let Some(moto) = moto("the_functions_key_is_not_given_to_another_server") else { return };
    let (enlist, pool, function) = all_in_order(&moto, "elsewhere", &json!({}));
    let another = Listener::before(&enlist.url, |_| None, |_, _| {});
    let document = check(&moto.url, &another.url, &enlist.operator_key, &pool, &function).json();
    assert!(states(&document, "key").contains(&"unknown"), "{document:#}");
    let seen = another.seen();
    let keys = seen.iter().filter_map(|request| request.header("x-api-key"));
    assert!(keys.clone().count() > 0 && keys.clone().all(|key| key != enlist.tenant_key));
    // A slash is no other address.
    let document =
        check(&moto.url, &format!("{}/", enlist.url), &enlist.operator_key, &pool, &function)
            .ended(0)
            .json();
    assert_eq!(states(&document, "key"), ["good", "good"], "{document:#}");
}

#[test]
fn tokens_that_name_another_issuer_are_said() {
    let Some(moto) = moto("tokens_that_name_another_issuer_are_said") else { return };
    let (enlist, pool, function) = all_in_order(&moto, "issuer", &json!({}));
    let updated = Listener::before(
        &moto.url,
        |_| None,
        |request, answer| {
            if request.action() == Some("DescribeUserPool") {
                let mut pool = answer.json();
                pool["UserPool"]["IssuerConfiguration"] = json!({"Type": "UPDATED"});
                answer.body = pool.to_string().into_bytes();
            }
        },
    );
    let document =
        check(&updated.url, &enlist.url, &enlist.operator_key, &pool, &function).ended(0).json();
    assert_eq!(
        (states(&document, "tokens"), states(&document, "issuer")),
        (vec!["warning"], vec!["good"])
    );
}
