//! One line a misdeed: what comes of it. After each, nobody holds anything, an honest policy in the same engine decides rightly,
//! and the same misdeed comes out the same: no instance remembers another.

use super::{Decided, decide, engine, fuel_decides, granted_name, load, request, time_decides};
use enlist::domain::{Decision, Fault, Stage};
use enlist::sandbox::{DecideError, Limits, LoadError, Policy};
use enlist_artifacts::{honest, hostile};

/// What has to come of a component.
enum Comes {
    /// It is not even loaded.
    TurnedAway(fn(&LoadError) -> bool),
    /// A decision ends without an answer.
    Fails(Stage, Fault),
    /// An answer, which the host does not accept.
    Refused(&'static str),
    /// An answer like any other's: the harm would have been in the next instance.
    Granted(&'static str),
}

async fn check(component: &[u8], limits: Limits, comes: Comes) {
    let engine = engine(&limits);
    let honest = load(&engine, honest::EMPTY);
    match (Policy::load(&engine, component, "{}"), comes) {
        (Err(error), Comes::TurnedAway(why)) => assert!(why(&error), "{error:?}"),
        (Err(error), _) => panic!("turned away: {error}"),
        (Ok(policy), comes) => {
            for _ in 0..2 {
                assert_comes(decide(&policy, &request(&[])).await, &comes);
                assert_eq!(granted_name(decide(&honest, &request(&[])).await), "empty");
            }
        }
    }
}

fn assert_comes(decided: Decided, comes: &Comes) {
    match (decided, comes) {
        (Err(DecideError::Failed(failure)), Comes::Fails(stage, fault)) => {
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

use Comes::{Fails, Granted, Refused, TurnedAway};
use Fault::{
    AnswerTooLarge, Malformed, OutOfFuel, OutOfMemory, SettingsRefused, TimedOut, Trapped,
};
use LoadError::{Imports, MissingExport, TooBig, TooCostly};
use Stage::{Admit, Allow, Configure, Derive, Notes, Start};

misdeeds! {
    spin_start under fuel_decides: Fails(Start, OutOfFuel);
    spin_configure under fuel_decides: Fails(Configure, OutOfFuel);
    spin_realloc under fuel_decides: Fails(Configure, OutOfFuel);
    spin_realloc_later under fuel_decides: Fails(Admit, OutOfFuel);
    spin_admit under fuel_decides: Fails(Admit, OutOfFuel);
    spin_post_return under fuel_decides: Fails(Admit, OutOfFuel);
    spin_derive under fuel_decides: Fails(Derive, OutOfFuel);
    spin_allow under fuel_decides: Fails(Allow, OutOfFuel);
    spin_notes under fuel_decides: Fails(Notes, OutOfFuel);
    fill_memory under fuel_decides: Fails(Admit, OutOfFuel);
    slow_instructions under time_decides: Fails(Admit, TimedOut);

    hoard under fuel_decides: Fails(Admit, OutOfMemory);
    hoard_start under fuel_decides: Fails(Start, OutOfMemory);
    refused_growth under fuel_decides: Fails(Admit, OutOfMemory);
    hoard_tables under fuel_decides: Fails(Admit, OutOfMemory);
    hoard_memories under fuel_decides: TurnedAway(|e| matches!(e, TooBig(_)));
    hoard_instances under fuel_decides: TurnedAway(|e| matches!(e, TooCostly { .. }));
    huge_memory under fuel_decides: TurnedAway(|e| matches!(e, TooBig(_)));
    huge_table under fuel_decides: TurnedAway(|e| matches!(e, TooBig(_)));
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
    lie_realloc under fuel_decides: Fails(Configure, Malformed);
    lie_utf8 under fuel_decides: Fails(Derive, Malformed);
    bad_code under fuel_decides: Fails(Admit, Malformed);
    hosts_code under fuel_decides: Fails(Admit, Malformed);
    no_names under fuel_decides: Fails(Derive, Malformed);
    too_many_names under fuel_decides: Fails(Derive, Malformed);
    bad_label under fuel_decides: Fails(Allow, Malformed);
    too_many_labels under fuel_decides: Fails(Allow, Malformed);

    escape under fuel_decides: Refused("name_unusable");
    unnormalised under fuel_decides: Refused("name_unusable");
    refuses_settings under fuel_decides: Fails(Configure, SettingsRefused);
    imports_something under fuel_decides: TurnedAway(|e| matches!(e, Imports(name) if name == "clock"));
    missing_export under fuel_decides: TurnedAway(|e| matches!(e, MissingExport(name) if name.contains("quota")));

    // Honest as long as every decision configures its own instance; what cannot be frozen is for the freezing to turn away.
    keeps_a_table under fuel_decides: Granted("empty");
    drops_a_segment under fuel_decides: Granted("empty");
}

/// A guest without a test of its name does not compile.
macro_rules! has_a_test {
    ($guest:ident) => {
        const _: fn() = $guest;
    };
}
enlist_artifacts::for_each_hostile!(has_a_test);
