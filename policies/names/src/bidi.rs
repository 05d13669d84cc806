//! The Bidi Rule (RFC 5893, section 2) of a name that has a character written from right to left. Marks may stand anywhere but at
//! its beginning, as the RFC has it: a vocalised Hebrew or Arabic name is a name.

use icu_properties::props::{BidiClass, EnumeratedProperty};

/// Whether the text has no character of a right-to-left script, or keeps the rule.
pub(crate) fn keeps_direction(text: &str) -> bool {
    use BidiClass as B;
    let classes = || text.chars().map(B::for_char);
    let has = |wanted| classes().any(|class| class == wanted);
    if !has(B::R) && !has(B::AL) && !has(B::AN) {
        return true;
    }
    // With such a character in it, a label that begins from left to right breaks conditions 1 or 5.
    let begins = matches!(classes().next(), Some(B::R | B::AL));
    let allowed = |class| {
        matches!(
            class,
            B::R | B::AL | B::AN | B::EN | B::ES | B::CS | B::ET | B::ON | B::BN | B::NSM
        )
    };
    let last = classes().rev().find(|class| *class != B::NSM);
    let ends = matches!(last, Some(B::R | B::AL | B::EN | B::AN));
    begins && ends && classes().all(allowed) && !(has(B::EN) && has(B::AN))
}
