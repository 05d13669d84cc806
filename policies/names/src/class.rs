//! The derived property of a code point (RFC 8264, section 8), from properties of one Unicode version instead of a table frozen at
//! 6.3: what case mapping makes of a character is judged by the same tables as the character. It looks at one character alone.

use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
    HangulSyllableType, NoncharacterCodePoint,
};
use unicode_normalization::UnicodeNormalization;

/// What PRECIS makes of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// In the IdentifierClass: names may have it.
    Valid,
    /// In the FreeformClass alone: no name has it.
    FreeformOnly,
    /// In a name only where its rule allows it ([`stands_in_context`](crate::stands_in_context)).
    Contextual,
    /// In no class.
    Disallowed,
    /// Not assigned in the tables in use.
    Unassigned,
}

/// The class of a character; the order of the questions is the RFC's.
pub fn class_of(c: char) -> Class {
    use GeneralCategory as G;
    if c.is_ascii_graphic() {
        return Class::Valid;
    }
    if let Some(class) = exception(c) {
        return class;
    }
    let category = G::for_char(c);
    let noncharacter = NoncharacterCodePoint::for_char(c);
    if category == G::Unassigned && !noncharacter {
        return Class::Unassigned;
    }
    if matches!(c, '\u{200c}' | '\u{200d}') {
        return Class::Contextual;
    }
    let ignorable = noncharacter || DefaultIgnorableCodePoint::for_char(c);
    if is_conjoining_jamo(c) || ignorable || category == G::Control {
        return Class::Disallowed;
    }
    if has_compatibility_form(c) {
        return Class::FreeformOnly;
    }
    match category {
        G::LowercaseLetter
        | G::UppercaseLetter
        | G::OtherLetter
        | G::DecimalNumber
        | G::ModifierLetter
        | G::NonspacingMark
        | G::SpacingMark => Class::Valid,
        G::Surrogate
        | G::PrivateUse
        | G::Format
        | G::LineSeparator
        | G::ParagraphSeparator
        | G::Unassigned => Class::Disallowed,
        // Other letters and digits, spaces, symbols, punctuation.
        _ => Class::FreeformOnly,
    }
}

/// Old Hangul: what is no syllable by itself.
pub(crate) fn is_conjoining_jamo(c: char) -> bool {
    use HangulSyllableType as H;
    matches!(H::for_char(c), H::LeadingJamo | H::VowelJamo | H::TrailingJamo)
}

/// Section 9.6, the characters whose properties would say otherwise.
fn exception(c: char) -> Option<Class> {
    match c {
        '\u{df}' | '\u{3c2}' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => Some(Class::Valid),
        '\u{b7}' | '\u{375}' | '\u{5f3}' | '\u{5f4}' | '\u{30fb}' => Some(Class::Contextual),
        '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}' => Some(Class::Contextual),
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{303b}' => Some(Class::Disallowed),
        '\u{3031}'..='\u{3035}' => Some(Class::Disallowed),
        _ => None,
    }
}

fn has_compatibility_form(c: char) -> bool {
    !std::iter::once(c).nfkc().eq([c])
}
