//! The profiles UsernameCaseMapped and UsernameCasePreserved of RFC 8265. Where the RFCs contradict each other the stricter order
//! holds: a character is judged before normalisation could make another of it, so the Kelvin sign is no `k`. What is accepted is
//! stable: preparing it again changes nothing, else the text is refused.

use crate::bidi::keeps_direction;
use crate::class::{Class, class_of, is_conjoining_jamo};
use crate::context::stands_in_context;
use crate::disallowed::Disallowed;
use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_locale_core::LanguageIdentifier;
use icu_properties::props::{EnumeratedProperty, HangulSyllableType};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_compatible;

/// Which of the two profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Casing {
    /// UsernameCaseMapped: lower case.
    Mapped,
    /// UsernameCasePreserved.
    Preserved,
}

/// The one form of a name, or why there is none. What it costs grows with the length of the text: bound that first.
pub fn prepare(text: &str, casing: Casing) -> Result<String, Disallowed> {
    let name = enforced(text, casing)?;
    match enforced(&name, casing) {
        Ok(again) if again == name => Ok(name),
        _ => Err(Disallowed::Unstable),
    }
}

fn enforced(text: &str, casing: Casing) -> Result<String, Disallowed> {
    let wide: Vec<char> = with_syllables(text).chars().flat_map(width_mapped).collect();
    for (place, c) in wide.iter().enumerate() {
        match class_of(*c) {
            Class::Valid => {}
            Class::Contextual if stands_in_context(&wide, place) => {}
            Class::Contextual => return Err(Disallowed::Context),
            Class::FreeformOnly | Class::Disallowed | Class::Unassigned => {
                return Err(Disallowed::Class);
            }
        }
    }
    let name: String = match casing {
        Casing::Mapped => lower_case(&wide).nfc().collect(),
        Casing::Preserved => wide.into_iter().nfc().collect(),
    };
    if name.is_empty() {
        return Err(Disallowed::Empty);
    }
    if keeps_direction(&name) { Ok(name) } else { Err(Disallowed::Bidi) }
}

/// The text with its conjoining jamo made syllables, for some systems send Korean names so. Nothing else is normalised here.
fn with_syllables(text: &str) -> String {
    if !text.contains(is_conjoining_jamo) {
        return text.to_owned();
    }
    let (mut out, mut hangul) = (String::new(), String::new());
    for c in text.chars() {
        if HangulSyllableType::for_char(c) == HangulSyllableType::NotApplicable {
            out.extend(hangul.nfc());
            hangul.clear();
            out.push(c);
        } else {
            hangul.push(c);
        }
    }
    out.extend(hangul.nfc());
    out
}

/// Full-width and half-width characters as what they are forms of. All that have such a form stand in one block, and the
/// ideographic space.
fn width_mapped(c: char) -> Vec<char> {
    if !matches!(c, '\u{3000}' | '\u{ff01}'..='\u{ffee}') {
        return vec![c];
    }
    let mut mapped = Vec::new();
    decompose_compatible(c, |c| mapped.push(c));
    mapped
}

/// Each character by itself: at the end of a word a sigma stays a sigma, or two spellings would be one name.
fn lower_case(text: &[char]) -> String {
    const CASE: CaseMapperBorrowed<'static> = CaseMapper::new();
    let mut out = String::new();
    for c in text {
        let mut bytes = [0; 4];
        let c = c.encode_utf8(&mut bytes);
        out.push_str(&CASE.lowercase_to_string(c, &LanguageIdentifier::UNKNOWN));
    }
    out
}
