//! Settings: what is enough, what stops the start, and what nobody learns of it.

use crate::app::{CONFIRMED, KEY, Server, Trigger, event, opened, text};
use std::time::Duration;

fn trigger(set: Vec<(&str, &str)>) -> Trigger {
    Trigger::with(set, Duration::from_secs(5))
}

#[tokio::test]
async fn the_old_lambdas_variables_work_with_a_slash_and_without() {
    for slash in ["", "/"] {
        let server = Server::says(200, opened()).await;
        let url = format!("{}{slash}", server.url);
        let trigger = trigger(vec![("SYNC_SERVER_URL", &url), ("SYNC_SERVER_API_KEY", KEY)]);
        trigger.echoes(&event(CONFIRMED)).await;
        let requests = server.requests();
        assert_eq!(requests[0].path, "/provision-user");
        assert_eq!(requests[0].headers["x-api-key"], KEY);
    }
}

#[tokio::test]
async fn ours_win_over_the_old_ones_and_the_log_says_so() {
    let server = Server::says(200, opened()).await;
    let old = [("SYNC_SERVER_URL", "http://127.0.0.1:9"), ("SYNC_SERVER_API_KEY", "another")];
    let trigger = Trigger::of(&server, &old);
    trigger.echoes(&event(CONFIRMED)).await;
    assert_eq!(server.requests()[0].headers["x-api-key"], KEY);
    let said = trigger.said(|lines| lines.len() >= 3).await;
    assert_eq!(said.iter().filter(|line| line["level"] == "WARN").count(), 2, "{said:?}");
}

#[tokio::test]
async fn a_key_is_read_from_a_file() {
    let server = Server::says(200, opened()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{KEY}\nand a remark\n")).expect("a file");
    let file = file.to_string_lossy();
    let trigger = trigger(vec![("ENLIST_SERVER", &server.url), ("ENLIST_KEY_FILE", &file)]);
    trigger.echoes(&event(CONFIRMED)).await;
    assert_eq!(server.requests()[0].headers["x-api-key"], KEY);
}

#[tokio::test]
async fn settings_that_make_no_sense_stop_the_start_and_are_explained_in_the_log_alone() {
    let server = ("ENLIST_SERVER", "https://enlist.example.com");
    let key = ("ENLIST_KEY", KEY);
    let cases = [
        (vec![key], "ENLIST_SERVER is not set"),
        (
            vec![key, ("ENLIST_SERVER", "https://me:S3CRET@enlist.example.com")],
            "ENLIST_SERVER: expected",
        ),
        (vec![server], "no key"),
        (vec![server, ("ENLIST_KEY", "S3CRET\u{7f}")], "ENLIST_KEY holds no key"),
        (
            vec![server, key, ("ENLIST_ON_ERROR", "S3CRET")],
            "ENLIST_ON_ERROR: expected continue or fail",
        ),
        (vec![server, ("ENLIST_KEY_FILE", "/there/is/none")], "ENLIST_KEY_FILE cannot be read"),
        // No authority that could vouch for a server.
        (
            vec![
                server,
                key,
                ("SSL_CERT_FILE", "/there/is/none"),
                ("SSL_CERT_DIR", "/there/is/none"),
            ],
            "the trigger cannot begin",
        ),
    ];
    for (set, reason) in cases {
        let trigger = trigger(set);
        let answer = trigger.invoke(&event(CONFIRMED)).await;
        assert!(answer.is_error);
        let expected = r#"{"errorType":"NotReady","errorMessage":"This service is not ready, please try again later"}"#;
        assert_eq!(text(&answer), expected, "{reason}");
        let said = trigger.said(|lines| !lines.is_empty()).await;
        let message = said[0]["message"].as_str().expect("a reason").to_owned();
        assert!(message.contains(reason), "{message}");
    }
}
