//! What an honest policy gets to see and to say: the order of the hooks, refusals at each, notes, settings, and who is active.

use super::{
    decide, engine, failure, first_usable, fuel_decides, granted_name, load, request, with_settings,
};
use enlist::domain::{Allowance, Decision, HostCode, Pick, Refusal, Stage, Usage};
use enlist::sandbox::{DecideError, MakeError};
use enlist_artifacts::{LOCALPART, honest, hostile};
use std::sync::Arc;

#[tokio::test]
async fn a_grant_carries_the_chosen_name_its_place_and_the_allowance() {
    let policy = load(&engine(&fuel_decides()), honest::CANDIDATES);
    let asked = request(&[("names", "../x,second,third"), ("plan", "pro"), ("storage_bytes", "5")]);
    let usage = Usage { accounts: 3, accounts_in_domain: 2 };
    let verdict = policy.decide(&asked, usage, first_usable).await.expect("a verdict");
    assert_eq!(verdict.notes, ["admit", "derive", "allow second 3 2"]);
    assert!(verdict.fuel > 0);
    let Decision::Grant(grant) = verdict.decision else { panic!("{:?}", verdict.decision) };
    assert_eq!((grant.name.as_str(), grant.place, grant.reservation), ("second", 1, 7));
    let labels = vec![("plan".to_owned(), "pro".to_owned())];
    let allowance = Allowance { storage_bytes: Some(5), labels, ..Allowance::default() };
    assert_eq!(grant.allowance, allowance);
}

#[tokio::test]
async fn a_refusal_ends_the_decision_where_it_is_said_and_the_notes_are_kept() {
    let policy = load(&engine(&fuel_decides()), honest::CANDIDATES);
    let until = ["admit", "derive", "allow testuser@example.com 0 0"];
    for (attribute, stage, notes) in [
        ("refuse", Stage::Admit, &until[..1]),
        ("refuse_derive", Stage::Derive, &until[..2]),
        ("refuse_allow", Stage::Allow, &until[..3]),
    ] {
        let verdict =
            decide(&policy, &request(&[(attribute, "not_a_member")])).await.expect("a verdict");
        assert_eq!(verdict.notes, notes);
        let Decision::Refuse(refusal) = verdict.decision else { panic!("{:?}", verdict.decision) };
        assert_eq!((refusal.stage(), refusal.code()), (stage, "not_a_member"));
    }
}

#[tokio::test]
async fn a_host_that_finds_no_name_refuses_and_the_notes_are_kept() {
    let policy = load(&engine(&fuel_decides()), honest::CANDIDATES);
    let taken = async |_| Ok::<_, ()>(Pick::<()>::Nothing(Refusal::host(HostCode::UsernameTaken)));
    let verdict = policy.decide(&request(&[]), Usage::default(), taken).await.expect("a verdict");
    assert_eq!(verdict.notes, ["admit", "derive"]);
    let Decision::Refuse(refusal) = verdict.decision else { panic!("{:?}", verdict.decision) };
    assert_eq!((refusal.stage(), refusal.code()), (Stage::Host, "username_taken"));
}

#[tokio::test]
async fn a_host_that_cannot_pick_says_so() {
    let policy = load(&engine(&fuel_decides()), LOCALPART);
    let broken = async |_| Err::<Pick<()>, _>("no database");
    let error = policy.decide(&request(&[]), Usage::default(), broken).await.expect_err("an error");
    assert!(matches!(error, DecideError::Pick("no database")), "{error:?}");
}

#[tokio::test]
async fn what_was_reserved_is_let_go_when_a_later_hook_fails() {
    let policy = load(&engine(&fuel_decides()), hostile::SPIN_ALLOW);
    let held = Arc::new(());
    let pick = async |names| {
        Ok::<_, ()>(match first_usable(names).await {
            Ok(Pick::Chosen { name, place, .. }) => {
                Pick::Chosen { name, place, reservation: Arc::clone(&held) }
            }
            other => panic!("{other:?}"),
        })
    };
    let error = policy.decide(&request(&[]), Usage::default(), pick).await.expect_err("a failure");
    assert!(matches!(error, DecideError::Failed(_)), "{error:?}");
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test]
async fn settings_reach_the_policy_and_wrong_ones_make_none() {
    let engine = engine(&fuel_decides());
    let with = |settings| with_settings(&engine, honest::CANDIDATES, settings);
    let asked = request(&[("names", "ann")]);
    let policy = with(r#"{"prefix":"x-"}"#).expect("a policy");
    assert_eq!(granted_name(decide(&policy, &asked).await), "x-ann");
    let Err(MakeError::TurnedAway { code, detail, problems, .. }) = with(r#"{"perfix":"x-"}"#)
    else {
        panic!("a policy of wrong settings")
    };
    assert_eq!((code, problems.len()), (HostCode::SettingsRefused, 1));
    assert!(detail.contains("perfix") && problems[0].message.contains("perfix"), "{detail}");
}

#[tokio::test]
async fn a_trap_tells_the_operator_where() {
    let policy = load(&engine(&fuel_decides()), hostile::PANIC);
    let failure = failure(decide(&policy, &request(&[])).await);
    let frame = failure.detail.split(" | ").find(|frame| frame.contains("derive"));
    assert!(frame.is_some_and(|frame| frame.starts_with("at ")), "{}", failure.detail);
}

#[tokio::test]
async fn notes_are_kept_up_to_64_lines_of_512_bytes() {
    let policy = load(&engine(&fuel_decides()), hostile::TOO_MANY_NOTES);
    let notes = decide(&policy, &request(&[])).await.expect("a verdict").notes;
    assert_eq!(notes, vec!["0".repeat(512); 64]);
}

#[tokio::test]
async fn the_same_question_costs_the_same() {
    let policy = load(&engine(&fuel_decides()), LOCALPART);
    let mut fuel = Vec::new();
    for _ in 0..3 {
        fuel.push(decide(&policy, &request(&[])).await.expect("a verdict").fuel);
    }
    assert!(fuel[0] > 0 && fuel.iter().all(|spent| *spent == fuel[0]), "{fuel:?}");
}
