//! One line a misdeed: what comes of it. After each, nobody holds anything, an honest policy in the same engine decides rightly,
//! and the same misdeed comes out the same: no instance remembers another.

use super::{
    Decided, decide, engine, fuel_decides, granted_name, load, request, time_decides, with_settings,
};
use enlist::domain::{Decision, Fault, Stage};
use enlist::sandbox::{DecideError, Limits, MakeError, make};
use enlist_artifacts::{honest, hostile};

/// What has to come of a component.
enum Comes {
    /// No policy can be made of it, with this code and in these words.
    TurnedAway(&'static str, &'static str),
    /// A decision ends without an answer, also about the applicant that it is tried on.
    Fails(Stage, Fault),
    /// It is made, for it behaves while it is tried; then a decision ends without an answer.
    FailsLater(Stage, Fault),
    /// An answer, which the host does not accept.
    Refused(&'static str),
    /// An answer like any other's: the harm would have been in the next instance.
    Granted(&'static str),
}

async fn check(component: &[u8], limits: Limits, comes: Comes) {
    let engine = engine(&limits);
    let honest = load(&engine, honest::EMPTY);
    // Whoever fails on everybody fails on the applicant that a policy is tried on.
    let made = make(&engine, component, "{}");
    match (with_settings(&engine, component, "{}"), comes) {
        (Err(error), Comes::TurnedAway(code, words)) => {
            assert!(is(&error, code) && error.to_string().contains(words), "{error:?}");
            assert_eq!(made.err(), Some(error));
        }
        (Err(error), _) => panic!("turned away: {error}"),
        (Ok(policy), comes) => {
            match comes {
                // What only the clock ends may be quick enough for a trial, which has more time.
                Comes::Fails(_, Fault::TimedOut) => {}
                Comes::Fails(..) => assert!(is(&made.expect_err("a trial"), "sample_failed")),
                _ => assert!(made.is_ok(), "{made:?}"),
            }
            for _ in 0..2 {
                assert_comes(decide(&policy, &request(&[])).await, &comes);
                assert_eq!(granted_name(decide(&honest, &request(&[])).await), "empty");
            }
        }
    }
}

fn is(error: &MakeError, wanted: &str) -> bool {
    matches!(error, MakeError::TurnedAway { code, .. } if code.as_str() == wanted)
}

fn assert_comes(decided: Decided, comes: &Comes) {
    match (decided, comes) {
        (
            Err(DecideError::Failed(failure)),
            Comes::Fails(stage, fault) | Comes::FailsLater(stage, fault),
        ) => {
            assert_eq!((failure.stage, failure.fault), (*stage, *fault), "{failure}");
            assert!(!failure.detail.is_empty());
        }
        (Ok(verdict), comes) => match (verdict.decision, comes) {
            (Decision::Refuse(refusal), Comes::Refused(code)) => assert_eq!(refusal.code(), *code),
            (Decision::Grant(grant), Comes::Granted(name)) => {
                assert_eq!(grant.name.as_str(), *name)
            }
            (decision, _) => panic!("{decision:?}"),
        },
        (decided, _) => panic!("{decided:?}"),
    }
}

/// A test for each line, named like its guest.
macro_rules! misdeeds {
    ($($guest:ident under $limits:ident: $comes:expr;)*) => {$(
        #[tokio::test]
        async fn $guest() {
            let all = hostile::ALL.iter();
            let (_, component) = all.clone().find(|(name, _)| *name == stringify!($guest)).expect("a guest");
            check(component, $limits(), $comes).await;
        }
    )*};
}

use Comes::{Fails, FailsLater, Granted, Refused, TurnedAway};
use Fault::{AnswerTooLarge, Malformed, OutOfFuel, OutOfMemory, TimedOut, Trapped};
use Stage::{Admit, Allow, Derive};

misdeeds! {
    spin_start under fuel_decides: TurnedAway("sample_failed", "OutOfFuel in start");
    spin_configure under fuel_decides: TurnedAway("sample_failed", "OutOfFuel in configure");
    spin_realloc under fuel_decides: TurnedAway("sample_failed", "OutOfFuel in configure");
    spin_realloc_later under fuel_decides: Fails(Admit, OutOfFuel);
    spin_admit under fuel_decides: Fails(Admit, OutOfFuel);
    spin_post_return under fuel_decides: Fails(Admit, OutOfFuel);
    spin_derive under fuel_decides: Fails(Derive, OutOfFuel);
    spin_allow under fuel_decides: Fails(Allow, OutOfFuel);
    spin_notes under fuel_decides: TurnedAway("sample_failed", "OutOfFuel in notes");
    fill_memory under fuel_decides: Fails(Admit, OutOfFuel);
    slow_instructions under time_decides: Fails(Admit, TimedOut);

    hoard under fuel_decides: Fails(Admit, OutOfMemory);
    hoard_start under fuel_decides: TurnedAway("sample_failed", "OutOfMemory in start");
    refused_growth under fuel_decides: Fails(Admit, OutOfMemory);
    hoard_tables under fuel_decides: TurnedAway("cannot_be_frozen", "`table.grow`");
    hoard_memories under fuel_decides: TurnedAway("component_invalid", "does not fit");
    hoard_instances under fuel_decides: TurnedAway("component_too_costly", "core modules");
    huge_memory under fuel_decides: TurnedAway("component_invalid", "does not fit");
    huge_table under fuel_decides: TurnedAway("component_invalid", "does not fit");
    remembers under fuel_decides: Granted("first");
    remembers_pages under fuel_decides: Granted("first");

    trap under fuel_decides: Fails(Admit, Trapped);
    panic under fuel_decides: Fails(Derive, Trapped);
    recurse under fuel_decides: Fails(Admit, Trapped);
    recurse_bare under fuel_decides: Fails(Admit, Trapped);

    shout_refusal under fuel_decides: Fails(Admit, AnswerTooLarge);
    shout_label under fuel_decides: Fails(Allow, AnswerTooLarge);
    one_megabyte under fuel_decides: Fails(Derive, AnswerTooLarge);
    ten_thousand_megabytes under fuel_decides: Fails(Derive, AnswerTooLarge);
    million_names under fuel_decides: Fails(Derive, AnswerTooLarge);
    too_many_notes under fuel_decides: Granted("honest");
    // What these two shout does not even fit into their memory; `limits` gives it to them.
    shout_names under fuel_decides: Fails(Derive, OutOfMemory);
    shout_notes under fuel_decides: Fails(Admit, OutOfMemory);

    lie_alignment under fuel_decides: Fails(Derive, Malformed);
    lie_answer under fuel_decides: Fails(Derive, Malformed);
    lie_count under fuel_decides: Fails(Derive, Malformed);
    lie_discriminant under fuel_decides: Fails(Admit, Malformed);
    lie_length under fuel_decides: Fails(Derive, Malformed);
    lie_pointer under fuel_decides: Fails(Derive, Malformed);
    lie_realloc under fuel_decides: TurnedAway("sample_failed", "Malformed in configure");
    lie_utf8 under fuel_decides: Fails(Derive, Malformed);
    bad_code under fuel_decides: Fails(Admit, Malformed);
    hosts_code under fuel_decides: Fails(Admit, Malformed);
    no_names under fuel_decides: Fails(Derive, Malformed);
    too_many_names under fuel_decides: Fails(Derive, Malformed);
    bad_label under fuel_decides: Fails(Allow, Malformed);
    too_many_labels under fuel_decides: Fails(Allow, Malformed);

    escape under fuel_decides: Refused("name_unusable");
    unnormalised under fuel_decides: Refused("name_unusable");
    refuses_settings under fuel_decides: TurnedAway("settings_refused", "no settings are good enough; /a~1b/0: not even this one");
    imports_something under fuel_decides: TurnedAway("component_invalid", "imports clock");
    missing_export under fuel_decides: TurnedAway("component_invalid", "does not export enlist:policy/quota");

    waits_to_trap under fuel_decides: FailsLater(Admit, Trapped);
    waits_to_spin under fuel_decides: FailsLater(Admit, OutOfFuel);
    waits_to_lie under fuel_decides: FailsLater(Admit, Malformed);
    waits_to_name_nobody under fuel_decides: FailsLater(Derive, Malformed);

    hoard_settings under fuel_decides: TurnedAway("sample_failed", "limits.settings_memory");
    full_memory under fuel_decides: TurnedAway("cannot_be_frozen", "its memory");
    keeps_a_reference under fuel_decides: TurnedAway("cannot_be_frozen", "reference type");
    keeps_a_vector under fuel_decides: TurnedAway("cannot_be_frozen", "v128");
    keeps_a_table under fuel_decides: TurnedAway("cannot_be_frozen", "`table.set`");
    drops_a_segment under fuel_decides: TurnedAway("cannot_be_frozen", "`data.drop`");
}

/// A guest without a test of its name does not compile.
macro_rules! has_a_test {
    ($guest:ident) => {
        const _: fn() = $guest;
    };
}
enlist_artifacts::for_each_hostile!(has_a_test);
