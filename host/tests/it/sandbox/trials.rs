//! What every new revision is tried on: the same question twice, and its own answer as a question.

use crate::sandbox::{engine, fuel_decides, load, request, with_settings};
use enlist::domain::Decision;
use enlist::sandbox::{make, try_on};
use enlist_artifacts::LOCALPART;
use enlist_artifacts::honest::{CANDIDATES, STEERED};

#[tokio::test]
async fn the_same_question_has_the_same_answer_and_a_name_that_is_given_back_stays() {
    let engine = engine(&fuel_decides());
    for policy in [load(&engine, LOCALPART), load(&engine, STEERED)] {
        let tried = try_on(&policy, &request(&[])).await.expect("an answer");
        assert!(tried.steady && tried.echo.is_none(), "{tried:?}");
        assert!(matches!(tried.verdict.decision, Decision::Grant(_)), "{tried:?}");
    }
}

#[tokio::test]
async fn a_name_that_becomes_another_when_it_is_given_back_is_told_and_no_reason_to_turn_away() {
    let engine = engine(&fuel_decides());
    let settings = r#"{"prefix":"a-"}"#;
    let policy = with_settings(&engine, CANDIDATES, settings).expect("a policy");
    let tried = try_on(&policy, &request(&[("names", "ann")])).await.expect("an answer");
    assert!(tried.steady && tried.echo.is_none(), "its names come from elsewhere: {tried:?}");
    let tried = try_on(&policy, &request(&[])).await.expect("an answer");
    let echo = tried.echo.map(|echo| echo.to_string());
    let told = |name: &str| {
        format!(
            r#"host: not idempotent: the username "a-{name}", a name that it gave, gets "a-a-{name}""#
        )
    };
    assert_eq!(echo, Some(told("testuser@example.com")));
    let made = tokio::task::spawn_blocking(move || make(&engine, CANDIDATES, settings)).await;
    let notes = made.expect("it ends").expect("code").notes().to_vec();
    assert_eq!(notes, ["every name begins with a-", &told("sample@example.com")]);
}
