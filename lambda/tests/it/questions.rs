//! What the server is asked, for each of Cognito's reasons to call.

use crate::app::{CONFIRMED, EMAIL, REPAIRS, SIGN_UPS, Server, Trigger, event, known, opened};
use crate::app::{KEY, refusal};
use axum::http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn a_confirmation_and_a_login_ask_for_the_account_with_all_that_is_known() {
    for source in [CONFIRMED, REPAIRS[0], REPAIRS[1]] {
        let server = Server::says(200, opened()).await;
        let trigger = Trigger::of(&server, &[]);
        let event = event(source);
        let answer = trigger.invoke(&event).await;
        assert!(!answer.is_error);
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{source}");
        assert_eq!(requests[0].path, "/provision-user");
        assert_eq!(requests[0].headers["x-api-key"], KEY);
        assert_eq!(requests[0].headers["x-request-id"], answer.request_id.as_str());
        let expected = json!({
            "username": event["userName"], "email": EMAIL, "cognito_user_id": event["request"]["userAttributes"]["sub"],
            "user_attributes": event["request"]["userAttributes"], "client_metadata": {"campaign": "spring"},
            "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_aBcDeF", "source": "cognito",
        });
        assert_eq!(requests[0].body, expected, "{source}");
    }
}

#[tokio::test]
async fn a_sign_up_asks_what_would_come_of_it_and_nothing_else() {
    for source in SIGN_UPS {
        let server = Server::says(200, json!({"decision": "grant", "username": "ann"})).await;
        let trigger = Trigger::of(&server, &[]);
        trigger.echoes(&event(source)).await;
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{source}");
        assert_eq!(requests[0].path, "/v1/decisions");
        assert_eq!(requests[0].body["occasion"], "sign_up");
        assert_eq!(trigger.line().await["outcome"], "granted");
    }
}

#[tokio::test]
async fn what_is_not_ours_goes_back_unasked() {
    let server = Server::says(200, opened()).await;
    let trigger = Trigger::of(&server, &[("ENLIST_ON_ERROR", "fail")]);
    let strange = json!({"something": ["else"], "triggerSource": 7});
    let none = [
        event("TokenGeneration_Authentication"),
        event("CustomMessage_SignUp"),
        event("PostConfirmation_Later"),
        strange,
        json!(null),
        json!(3.50),
    ];
    for event in none {
        trigger.echoes(&event).await;
        assert_eq!(trigger.line().await["outcome"], "ignored");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_client_is_kept_from_one_event_to_the_next() {
    let server = Server::new(|number| {
        let said = if number == 0 { opened() } else { known() };
        crate::app::Reply::Says(StatusCode::OK, said)
    })
    .await;
    let trigger = Trigger::of(&server, &[]);
    for outcome in ["provisioned", "known", "known"] {
        trigger.echoes(&event(CONFIRMED)).await;
        assert_eq!(trigger.line().await["outcome"], outcome);
    }
    assert_eq!(trigger.lambda.started(), 1);
}

#[tokio::test]
async fn an_attribute_that_is_no_text_is_sent_as_it_is_and_one_that_is_missing_is_not() {
    let server = Server::says(200, opened()).await;
    let trigger = Trigger::of(&server, &[]);
    // The test event of the developer guide has a boolean and no header.
    let guide = json!({"triggerSource": CONFIRMED, "userName": "ann", "request": {"userAttributes": {"email": EMAIL, "email_verified": true, "custom:n": null}}, "response": {}});
    trigger.echoes(&guide).await;
    let expected = json!({"username": "ann", "email": EMAIL, "user_attributes": {"email": EMAIL, "email_verified": true, "custom:n": null}, "source": "cognito"});
    assert_eq!(server.requests()[0].body, expected);
}

#[tokio::test]
async fn an_event_about_nobody_is_a_failure_that_is_not_sent() {
    let server = Server::says(403, refusal("c", "t")).await;
    let trigger = Trigger::of(&server, &[]);
    trigger.echoes(&json!({"triggerSource": CONFIRMED, "request": {}, "response": {}})).await;
    assert_eq!(trigger.line().await["code"], "nobody_named");
    assert!(server.requests().is_empty());
}
