//! The checks of UTS #39 that need no other name to compare with: characters in common use, scripts that belong together, digits of
//! one system. Names that look like an existing one are the host's to find.

use crate::Disallowed;
use icu_properties::props::{EnumeratedProperty, GeneralCategory};
use unicode_security::{GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection};

/// How far a name may mix scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// One script.
    SingleScript,
    /// One script, or Latin with what Chinese, Japanese or Korean are written in.
    HighlyRestrictive,
}

/// Whether a prepared name keeps to characters in common use, to `limit`, and to one system of digits. ASCII digits and
/// punctuation belong to every script; which of them a name may have is the policy's own question.
pub fn restrict(name: &str, limit: Restriction) -> Result<(), Disallowed> {
    let tested: String = name.chars().filter(|c| !c.is_ascii_punctuation()).collect();
    if !tested.chars().all(GeneralSecurityProfile::identifier_allowed) {
        return Err(Disallowed::Restricted);
    }
    let level = match limit {
        Restriction::SingleScript => RestrictionLevel::SingleScript,
        Restriction::HighlyRestrictive => RestrictionLevel::HighlyRestrictive,
    };
    let mut zeros = tested.chars().filter_map(zero_of);
    let first = zeros.next();
    let one_system = zeros.all(|zero| Some(zero) == first);
    let together = tested.as_str().check_restriction_level(level);
    if one_system && together { Ok(()) } else { Err(Disallowed::MixedScript) }
}

/// The zero of the system that a digit belongs to: Unicode has the ten of a system side by side, in order, and systems that touch
/// begin at multiples of ten from there.
fn zero_of(digit: char) -> Option<u32> {
    let is_digit = |code: u32| {
        char::from_u32(code)
            .is_some_and(|c| GeneralCategory::for_char(c) == GeneralCategory::DecimalNumber)
    };
    let digit = u32::from(digit);
    if !is_digit(digit) {
        return None;
    }
    let start = (0..digit).rev().take_while(|code| is_digit(*code)).last().unwrap_or(digit);
    Some(digit - (digit - start) % 10)
}
