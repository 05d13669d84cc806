//! Events go back as they came, to the last byte: Cognito refuses a sign-up whose event lost a field.

use crate::app::{CONFIRMED, REPAIRS, SIGN_UPS, Server, Trigger, event, opened};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

#[tokio::test]
async fn events_that_an_emulator_sent_go_back_as_they_came() {
    let server = Server::says(200, opened()).await;
    let trigger = Trigger::of(&server, &[]);
    let recorded = include_str!("../../../examples/quickstart/events/events.jsonl");
    assert!(recorded.lines().count() > 3);
    for line in recorded.lines() {
        trigger.echoes(&serde_json::from_str(line).expect("an event")).await;
    }
}

#[tokio::test]
async fn numbers_are_not_rounded_and_members_keep_their_order() {
    let server = Server::says(200, opened()).await;
    let trigger = Trigger::of(&server, &[]);
    let mut event = event(CONFIRMED);
    let odd = r#"{"z":1,"a":12345678901234567890123456789,"m":1.10,"e":0.1000000000000000055511151231257827}"#;
    event["later"] = serde_json::from_str(odd).expect("JSON");
    assert!(event.to_string().contains(odd));
    trigger.echoes(&event).await;
}

#[test]
fn whatever_cognito_adds_goes_back() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (server, trigger) = runtime.block_on(async {
        let server = Server::says(200, json!({"success": true, "decision": "grant"})).await;
        let trigger = Trigger::of(&server, &[]);
        (server, trigger)
    });
    let sources =
        SIGN_UPS.into_iter().chain(REPAIRS).chain([CONFIRMED, "TokenGeneration_HostedAuth"]);
    let source = prop::sample::select(sources.collect::<Vec<_>>());
    let place = prop::sample::select(vec![
        "",
        "/request",
        "/request/userAttributes",
        "/callerContext",
        "/response",
    ]);
    let mut runner = TestRunner::new(Config { cases: 512, ..Config::default() });
    // Nothing at all is what is lost first.
    let value = prop_oneof![1 => Just(Value::Null), 4 => anything()];
    let cases = (source, place, "\\PC{0,12}", value);
    let result = runner.run(&cases, |(source, place, name, value)| {
        let mut event = event(source);
        event.pointer_mut(place).expect("a place")[name] = value;
        let answer = runtime.block_on(trigger.invoke(&event));
        prop_assert!(!answer.is_error);
        prop_assert_eq!(crate::app::text(&answer), event.to_string());
        Ok(())
    });
    result.expect("every event goes back");
    assert!(!server.requests().is_empty());
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,16}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("\\PC{0,8}", inner), 0..4)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}
