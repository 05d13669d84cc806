//! What people write themselves, into attributes and `clientMetadata`: it goes on and back as it came, and is no way past a rule.

use crate::app::{CONFIRMED, REPAIRS, SIGN_UPS, Server, Trigger, event, opened, problem, refusal};
use crate::app::{Reply, text};
use axum::http::StatusCode;
use serde_json::{Value, json};

const UNACCEPTABLE: &str = "The details that were sent cannot be accepted";
const FAIL: [(&str, &str); 1] = [("ENLIST_ON_ERROR", "fail")];

/// Values that Cognito and Lambda let through, and that a tree of JSON does not hold or does not hold as they are.
fn odd() -> [String; 6] {
    [
        r#"{"$serde_json::private::Number":"1"}"#.to_owned(),
        r#"{"$serde_json::private::Number":"abc"}"#.to_owned(),
        r#"{"$serde_json::private::RawValue":"abc"}"#.to_owned(),
        r#"{"a":"\ud800"}"#.to_owned(),
        r#"{"\udfff":1,"a":1E400,"a":-0}"#.to_owned(),
        format!(r#"{{"a":{}{}}}"#, "[".repeat(1000), "]".repeat(1000)),
    ]
}

/// An event whose metadata, and one of whose attributes, are this.
fn with(source: &str, written: &str) -> String {
    let mut event = event(source);
    event["request"]["clientMetadata"] = json!("METADATA");
    event["request"]["userAttributes"]["custom:odd"] = json!("ATTRIBUTE");
    event.to_string().replace("\"METADATA\"", written).replace("\"ATTRIBUTE\"", written)
}

#[tokio::test]
async fn an_event_that_no_tree_holds_goes_on_and_back_as_it_came() {
    let granted = json!({"success": true, "created": true, "decision": "grant"});
    let server = Server::says(200, granted).await;
    for more in [&[][..], &FAIL] {
        let trigger = Trigger::of(&server, more);
        for source in [SIGN_UPS[0], CONFIRMED, REPAIRS[0], "TokenGeneration_HostedAuth"] {
            for written in odd() {
                trigger.echoes_text(&with(source, &written)).await;
                let line = trigger.line().await;
                assert_ne!(line["outcome"], "failed", "{source} {written}");
                assert_eq!(line["sub"], "ef602707-5cfd-4d18-b4f1-2182fcadbef5");
            }
        }
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2 * 3 * odd().len());
    for (request, written) in requests.iter().zip(odd().iter().cycle()) {
        assert!(request.text.contains(&format!(r#""client_metadata":{written}"#)), "{written}");
        assert!(request.text.contains(&format!(r#""custom:odd":{written}"#)), "{written}");
    }
}

#[tokio::test]
async fn an_event_keeps_even_its_blanks() {
    let server = Server::says(200, opened()).await;
    let trigger = Trigger::of(&server, &[]);
    let spaced = format!(
        "{{ \"triggerSource\" : \"{CONFIRMED}\",\n\t\"userName\":\"\\u0061nn\" , \"response\": {{ }} }}"
    );
    trigger.echoes_text(&spaced).await;
    assert_eq!(server.requests()[0].body["username"], "ann");
}

#[tokio::test]
async fn who_makes_the_question_unanswerable_does_not_sign_up() {
    let noes = [
        (413, problem(413, "body_too_large", "The request body is too large"), "body_too_large"),
        (413, Value::Null, "http_413"),
        (400, problem(400, "body_required", "JSON request body required"), "body_required"),
        (400, problem(400, "field_invalid", "Wrong value for client_metadata"), "field_invalid"),
        (400, problem(400, "field_invalid", "Wrong value for user_attributes"), "field_invalid"),
    ];
    for (status, body, code) in noes {
        let server = Server::says(status, body).await;
        for more in [&[][..], &FAIL] {
            let trigger = Trigger::of(&server, more);
            trigger.tells(&event(SIGN_UPS[0]), "Refused", UNACCEPTABLE).await;
            let line = trigger.line().await;
            assert_eq!((&line["outcome"], &line["code"]), (&json!("refused"), &json!(code)));
            assert_eq!((&line["Refused"], &line["Failed"]), (&json!(1), &json!(0)));
        }
    }
}

#[tokio::test]
async fn the_same_rings_no_alarm_later() {
    let server =
        Server::says(413, refusal("body_too_large", "The request body is too large")).await;
    for (more, told) in [(&[][..], false), (&FAIL, true)] {
        let trigger = Trigger::of(&server, more);
        if told {
            trigger.tells(&event(CONFIRMED), "Refused", UNACCEPTABLE).await;
        } else {
            trigger.echoes(&event(CONFIRMED)).await;
        }
        for source in REPAIRS {
            trigger.echoes(&event(source)).await;
            let line = trigger.line().await;
            assert_eq!((&line["code"], &line["Failed"]), (&json!("body_too_large"), &json!(0)));
            assert_eq!((&line["outcome"], &line["Refused"]), (&json!("refused"), &json!(1)));
        }
    }
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn a_no_about_what_we_write_ourselves_is_a_failure_of_ours() {
    for (status, body) in [
        (400, problem(400, "field_invalid", "Wrong value for occasion")),
        (400, problem(400, "username_required", "Username is required")),
        (400, json!({"code": "body_required"})),
    ] {
        let server = Server::says(status, body).await;
        let trigger = Trigger::of(&server, &[]);
        trigger.echoes(&event(SIGN_UPS[0])).await;
        assert_eq!(trigger.line().await["outcome"], "failed");
    }
}

#[tokio::test]
async fn a_user_name_that_cannot_be_read_is_not_nobodys() {
    let server = Server::says(400, problem(400, "body_required", "JSON request body required"));
    let server = server.await;
    let trigger = Trigger::of(&server, &[]);
    let event = event(SIGN_UPS[0]).to_string();
    let name = r#""userName":"ef602707-5cfd-4d18-b4f1-2182fcadbef5""#;
    assert!(event.contains(name));
    let answer = trigger.invoke_text(event.replace(name, r#""userName":"\ud800""#)).await;
    assert!(answer.is_error && text(&answer).contains(UNACCEPTABLE), "{}", text(&answer));
    assert!(server.requests()[0].text.contains(r#""username":"\ud800""#));
}

/// Lambda hands over no such thing; were it to, nobody would see a type's name, and the log would say so.
#[tokio::test]
async fn what_is_no_json_is_one_line_and_no_error() {
    let server = Server::new(|_| Reply::Says(StatusCode::OK, opened())).await;
    for more in [&[][..], &FAIL] {
        let trigger = Trigger::of(&server, more);
        for bytes in [&b"{"[..], b"", b"{\"triggerSource\":\"\xff\"}"] {
            let answer = trigger.invoke_text(bytes.to_vec()).await;
            assert_eq!((answer.is_error, text(&answer).as_str()), (false, "null"));
            let line = trigger.line().await;
            assert_eq!(
                (&line["outcome"], &line["code"]),
                (&json!("failed"), &json!("event_unreadable"))
            );
            assert_eq!(
                (&line["TriggerSource"], &line["Failed"]),
                (&json!("unreadable"), &json!(1))
            );
        }
        assert_eq!(trigger.lambda.lines().len(), 3);
        // It is as good as before.
        trigger.echoes(&event(CONFIRMED)).await;
    }
    assert_eq!(server.requests().len(), 2);
}
