//! The kinds of character that a name may have outside ASCII, as the host has them (H-1 and H-2 of docs/names.md). Which ASCII a name
//! may have is each policy's own question.

use icu_properties::props::{EnumeratedProperty, GeneralCategory};

/// What a name may begin with: a letter or a decimal digit.
pub fn is_letter_or_digit(c: char) -> bool {
    use GeneralCategory as G;
    matches!(
        G::for_char(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::DecimalNumber
    )
}

/// What may follow besides: a mark that takes part in a letter.
pub fn is_mark(c: char) -> bool {
    let category = GeneralCategory::for_char(c);
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark)
}
