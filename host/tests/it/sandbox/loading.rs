//! What is turned away, in which words, and that no bytes whatever bring the host down.

use super::{engine, fuel_decides, request, with_settings};
use enlist::domain::Usage;
use enlist::sandbox::{Inspection, LoadError, MakeError, digest_of, freeze, inspect};
use enlist_artifacts::{LOCALPART, honest, hostile};

/// Whether it was turned away in these words.
fn said(error: Option<MakeError>, words: &str) -> bool {
    error.is_some_and(|error| error.to_string().contains(words))
}

#[test]
fn what_is_no_component_is_said_to_be_none() {
    let engine = engine(&fuel_decides());
    let core_module = b"\0asm\x01\0\0\0";
    for (bytes, what) in [
        (&core_module[..], "a core module"),
        (b"", "no WebAssembly"),
        (b"(component)", "no WebAssembly"),
    ] {
        assert_eq!(freeze(&engine, bytes, "{}").err(), Some(LoadError::NotAComponent(what).into()));
    }
    let cut = &LOCALPART[..LOCALPART.len() / 2];
    assert!(said(freeze(&engine, cut, "{}").err(), "is not valid"));
    let nothing = b"\0asm\x0d\0\x01\0";
    assert!(said(freeze(&engine, nothing, "{}").err(), "does not export"));
}

#[test]
fn an_inspection_says_what_a_component_is() {
    let inspection = inspect(&engine(&fuel_decides()), LOCALPART);
    let Inspection {
        size_bytes,
        limit_bytes,
        digest,
        world,
        exports,
        imports,
        core_modules,
        turned_away,
    } = inspection;
    assert_eq!((size_bytes, limit_bytes), (LOCALPART.len() as u64, 8 << 20));
    assert_eq!(digest, digest_of(LOCALPART));
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    assert_eq!(world.as_deref(), Some("enlist:policy@1.0.0"));
    let interfaces = ["settings", "admission", "username", "quota", "notes"];
    assert_eq!(exports, interfaces.map(|name| format!("enlist:policy/{name}@1.0.0")));
    assert!(imports.iter().all(|name| name == "enlist:policy/types@1.0.0"), "{imports:?}");
    assert_eq!(core_modules.len(), 1);
    assert_eq!(core_modules[0].memories_bytes.len(), 1);
    assert!(core_modules[0].functions > 0 && !core_modules[0].tables_elements.is_empty());
    assert_eq!(turned_away, None);
}

#[test]
fn an_inspection_says_why_a_component_is_turned_away_and_what_it_is_all_the_same() {
    let engine = engine(&fuel_decides());
    let inspection = inspect(&engine, hostile::IMPORTS_SOMETHING);
    assert!(inspection.imports.contains(&"clock".to_owned()));
    assert_eq!(inspection.turned_away, Some(LoadError::Imports("clock".to_owned()).into()));
    let inspection = inspect(&engine, hostile::HUGE_MEMORY);
    assert_eq!(inspection.core_modules[0].memories_bytes, [1 << 30]);
    assert!(said(inspection.turned_away, "does not fit into the sandbox"));
    let inspection = inspect(&engine, hostile::KEEPS_A_TABLE);
    assert!(said(inspection.turned_away, "cannot be frozen"));
    let inspection = inspect(&engine, b"#!/bin/sh");
    assert_eq!(inspection.turned_away, Some(LoadError::NotAComponent("no WebAssembly").into()));
}

/// Numbers without a pattern, the same in every run: xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

/// `bytes` with a few of them changed, a piece cut out or doubled, or the end missing.
fn mutant(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    match dice.below(4) {
        0 => mutant.truncate(dice.below(bytes.len())),
        1 => {
            let (a, b) = (dice.below(bytes.len()), dice.below(bytes.len()));
            mutant.drain(a.min(b)..a.max(b));
        }
        2 => {
            let (from, to) = (dice.below(bytes.len()), dice.below(bytes.len()));
            let piece = bytes[from..bytes.len().min(from + 64)].to_vec();
            mutant.splice(to..to, piece);
        }
        _ => {}
    }
    for _ in 0..=dice.below(4) {
        if !mutant.is_empty() {
            let place = dice.below(mutant.len());
            mutant[place] = dice.below(256) as u8;
        }
    }
    mutant
}

#[tokio::test]
async fn no_bytes_whatever_bring_the_host_down() {
    let engine = engine(&fuel_decides());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut loaded = 0;
    for (component, mutants) in [(LOCALPART, 150), (honest::EMPTY, 400)] {
        for _ in 0..mutants {
            let bytes = mutant(component, &mut dice);
            if let Ok(policy) = with_settings(&engine, &bytes, "{}") {
                loaded += 1;
                // Whatever it answers: an answer or a failure, and no panic.
                let _ = policy.decide(&request(&[]), Usage::default(), super::first_usable).await;
            }
        }
    }
    assert!(loaded > 0, "the mutants are too broken to prove anything");
}
