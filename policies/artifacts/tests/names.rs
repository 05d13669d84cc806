//! That the list of misbehaving guests can stand for a list of tests: here every one is asked for by its own name.
#![cfg(feature = "hostile")]

use std::collections::BTreeSet;

#[test]
fn the_macro_names_every_guest_once() {
    let mut named = BTreeSet::new();
    macro_rules! take {
        ($name:ident) => {
            assert!(named.insert(stringify!($name)), "{} comes twice", stringify!($name));
        };
    }
    enlist_artifacts::for_each_hostile!(take);
    assert_eq!(named, enlist_artifacts::hostile::ALL.iter().map(|(name, _)| *name).collect());
}
