//! What is in use, beside what is allowed.

use crate::app::{App, enlist};
use crate::quotas::{ACCOUNTS, by_hand, nobody_more, person, with_rules};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

fn verb(app: &App, arguments: &[&str]) -> String {
    let mut command = enlist();
    command.args(["--server", &app.url, "-t", "default", "account"]).args(arguments);
    let Output { status, stdout, stderr } =
        command.env("ENLIST_KEY", &app.operator_key).output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    assert!(status.success(), "{}", text(stderr));
    text(stdout)
}

#[tokio::test]
async fn a_list_says_on_request_what_is_in_use_and_of_how_much() {
    let app =
        with_rules(json!({"max_accounts": 10, "max_accounts_in_domain": 3, "storage_bytes": 4096}))
            .await;
    for name in ["anna", "berta"] {
        app.enlist(&person(name, nobody_more())).await;
    }
    assert_eq!(by_hand(&app, "hand").await.status, 201);
    fs::create_dir(app.homes().join("anna/notes")).expect("a folder");
    fs::write(app.homes().join("anna/one"), "12345").expect("a file");
    fs::write(app.homes().join("anna/notes/two"), "123").expect("a file");
    std::os::unix::fs::symlink("/", app.homes().join("anna/everything")).expect("a link");

    let plain = app.manage("GET", ACCOUNTS, Value::Null).await;
    assert!(plain["items"][0].get("usage").is_none(), "{plain}");
    let list = app.manage("GET", &format!("{ACCOUNTS}?usage=true"), Value::Null).await;
    let usage = |i: usize| list["items"][i]["usage"].clone();
    assert_eq!(
        usage(0),
        json!({"accounts": 3, "accounts_in_domain": 2, "storage_bytes": 8, "storage_files": 2, "complete": true})
    );
    assert_eq!(
        usage(2),
        json!({"accounts": 3, "accounts_in_domain": null, "storage_bytes": 0, "storage_files": 0, "complete": true})
    );
    let wrong =
        app.ask("GET", &format!("{ACCOUNTS}?usage=much"), &app.operator_key, Value::Null).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "field_invalid"));

    let said = verb(&app, &["list", "--usage"]);
    let anna: Vec<_> =
        said.lines().find(|line| line.starts_with("anna")).expect("a line").split("  ").collect();
    let cells: Vec<_> = anna.into_iter().map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells, ["anna", "active", "3 of 10", "2 of 3", "8 of 4096", "2 of none"], "{said}");
    assert!(verb(&app, &["list", "--usage", "berta"]).lines().count() < said.lines().count());
    assert!(verb(&app, &["allowance", "anna"]).contains("storage_bytes 4096"));
}

#[tokio::test]
async fn a_home_that_is_gone_is_not_counted_and_the_others_are() {
    let app = with_rules(json!({})).await;
    for name in ["anna", "berta"] {
        app.enlist(&person(name, nobody_more())).await;
    }
    fs::remove_dir(app.homes().join("anna")).expect("a folder");
    let list = app.manage("GET", &format!("{ACCOUNTS}?usage=true"), Value::Null).await;
    let usage = &list["items"][0]["usage"];
    assert_eq!(
        (&usage["storage_bytes"], &usage["complete"]),
        (&Value::Null, &json!(false)),
        "{usage}"
    );
    assert_eq!(list["items"][1]["usage"]["complete"], true);
    fs::create_dir(app.homes().join("anna")).expect("a folder");
}
