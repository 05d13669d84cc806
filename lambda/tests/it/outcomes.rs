//! What the person in front of Cognito gets, for each answer and setting; and what is written and counted.

use crate::app::{CONFIRMED, LOGIN, Reply, SIGN_UPS, Server, Trigger, event, opened, refusal};
use axum::http::StatusCode;
use serde_json::{Value, json};

const FAIL: [(&str, &str); 1] = [("ENLIST_ON_ERROR", "fail")];

const NO_SIGN_UP: &str = "Signing up is not possible at the moment, please try again later";
const NO_ACCOUNT: &str = "Your account could not be set up yet, please try again later";

fn busy() -> Value {
    refusal("policy_failed", "Provisioning is not possible at the moment")
}

#[tokio::test]
async fn who_may_not_sign_up_is_told_so_in_the_policys_words() {
    let no = json!({"decision": "refuse", "code": "domain", "message": "Only example.org may sign up.", "revision": 3});
    for source in SIGN_UPS {
        for more in [&[][..], &FAIL] {
            let server = Server::says(200, no.clone()).await;
            let trigger = Trigger::of(&server, more);
            trigger.tells(&event(source), "Refused", "Only example.org may sign up").await;
            let line = trigger.line().await;
            assert_eq!((&line["outcome"], &line["code"]), (&json!("refused"), &json!("domain")));
        }
    }
}

#[tokio::test]
async fn an_outage_of_ours_closes_no_pool() {
    for source in SIGN_UPS {
        let server = Server::says(503, busy()).await;
        let trigger = Trigger::of(&server, &[]);
        trigger.echoes(&event(source)).await;
        assert_eq!(trigger.line().await["outcome"], "failed");
    }
}

#[tokio::test]
async fn an_outage_of_ours_closes_a_pool_that_wants_it_so() {
    let server = Server::says(503, busy()).await;
    let trigger = Trigger::of(&server, &FAIL);
    for source in SIGN_UPS {
        trigger.tells(&event(source), "Unavailable", NO_SIGN_UP).await;
    }
}

#[tokio::test]
async fn who_has_confirmed_goes_on_and_the_log_says_what_is_to_be_made_good() {
    let answers = [
        (403, refusal("domain", "No"), "refused"),
        (409, refusal("username_taken", "Taken"), "refused"),
        (401, refusal("key_invalid", "Invalid API key"), "failed"),
        (400, refusal("field_invalid", "Wrong value for email"), "failed"),
        (503, busy(), "failed"),
    ];
    for (status, body, outcome) in answers {
        let server = Server::says(status, body.clone()).await;
        let trigger = Trigger::of(&server, &[]);
        for source in CONFIRMED {
            trigger.echoes(&event(source)).await;
            let line = trigger.line().await;
            assert_eq!(line["outcome"], outcome, "{status}");
            assert_eq!(line["code"], body["code"], "{status}");
            assert_eq!(line["sub"], "ef602707-5cfd-4d18-b4f1-2182fcadbef5");
        }
    }
}

#[tokio::test]
async fn who_has_confirmed_is_told_where_that_is_wanted() {
    let server = Server::says(409, refusal("username_taken", "This name is taken")).await;
    let trigger = Trigger::of(&server, &FAIL);
    trigger.tells(&event(CONFIRMED[0]), "Refused", "This name is taken").await;
    for (status, body) in [
        (401, refusal("key_invalid", "Invalid API key")),
        (503, busy()),
        (400, refusal("field_invalid", "Wrong value for email")),
    ] {
        let server = Server::says(status, body).await;
        let trigger = Trigger::of(&server, &FAIL);
        trigger.tells(&event(CONFIRMED[1]), "Unavailable", NO_ACCOUNT).await;
    }
}

#[tokio::test]
async fn nobody_is_kept_from_logging_in() {
    for (status, body) in [
        (403, refusal("domain", "No")),
        (403, refusal("account_closed", "This account is closed")),
        (503, busy()),
    ] {
        let server = Server::says(status, body).await;
        let trigger = Trigger::of(&server, &FAIL);
        trigger.echoes(&event(LOGIN)).await;
        assert_ne!(trigger.line().await["outcome"], "known");
    }
}

#[tokio::test]
async fn every_invocation_is_one_line_that_counts() {
    let server = Server::says(200, opened()).await;
    let trigger = Trigger::of(&server, &[]);
    let answer = trigger.invoke(&event(CONFIRMED[0])).await;
    let line = trigger.line().await;
    assert_eq!(trigger.lambda.lines().len(), 1);
    assert_eq!(line["request_id"], answer.request_id);
    assert_eq!(line["trigger_source"], CONFIRMED[0]);
    assert_eq!(
        (&line["TriggerSource"], &line["Provisioned"], &line["Failed"]),
        (&json!(CONFIRMED[0]), &json!(1), &json!(0))
    );
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Enlist");
    assert_eq!(line["FunctionName"], "trigger");
    assert!(line["took_ms"].is_u64() && line["attempts"] == 1 && line["level"] == "INFO");
}

#[tokio::test]
async fn an_error_that_is_an_answer_is_counted_apart() {
    let no = || refusal("domain", "No");
    let decided = json!({"decision": "refuse", "code": "domain", "message": "No", "revision": 3});
    for (source, status, body, more, turned_away) in [
        (SIGN_UPS[0], 200, decided, &[][..], 1),
        (SIGN_UPS[0], 503, busy(), &[], 0),
        (SIGN_UPS[0], 503, busy(), &FAIL, 1),
        (CONFIRMED[0], 200, opened(), &FAIL, 0),
        (CONFIRMED[0], 403, no(), &[], 0),
        (CONFIRMED[0], 403, no(), &FAIL, 1),
        (CONFIRMED[0], 503, busy(), &FAIL, 1),
        (LOGIN, 503, busy(), &FAIL, 0),
    ] {
        let server = Server::says(status, body).await;
        let trigger = Trigger::of(&server, more);
        let answer = trigger.invoke(&event(source)).await;
        let line = trigger.line().await;
        assert_eq!(
            (line["TurnedAway"].as_u64(), answer.is_error),
            (Some(turned_away), turned_away == 1),
            "{source} {status} {more:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_taken_comes_with_the_command_that_may_mend_it() {
    let server = Server::says(409, refusal("username_taken", "This name is taken")).await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event(CONFIRMED[0])).await;
    let advice = trigger.line().await["advice"].as_str().expect("advice").to_owned();
    let command =
        "enlist tenant set --issuer https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_aBcDeF";
    assert!(advice.ends_with(command), "{advice}");
}

#[tokio::test]
async fn a_strangers_page_is_no_answer() {
    for (status, code) in
        [(200, "no_answer_of_enlists"), (302, "http_302"), (403, "http_403"), (404, "http_404")]
    {
        let server = Server::new(move |_| {
            Reply::Page(StatusCode::from_u16(status).expect("a status"), "<html>hello</html>")
        })
        .await;
        let trigger = Trigger::of(&server, &[]);
        for source in [SIGN_UPS[0], CONFIRMED[0]] {
            trigger.echoes(&event(source)).await;
            let line = trigger.line().await;
            assert_eq!((&line["outcome"], &line["code"]), (&json!("failed"), &json!(code)));
        }
        assert_eq!(server.requests().len(), 2, "asked again, or elsewhere, after {status}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_none() {
    let server = Server::new(|_| {
        Reply::Says(StatusCode::OK, json!({"success": true, "more": "x".repeat(70_000)}))
    })
    .await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&event(CONFIRMED[0])).await;
    assert_eq!(trigger.line().await["code"], "no_answer_of_enlists");
}
