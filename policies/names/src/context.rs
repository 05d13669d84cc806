//! The rules for characters that may stand between certain others only (RFC 5892, appendix A). It judges one place of a text, and
//! says nothing about the other characters.

use icu_properties::props::{EnumeratedProperty, JoiningType};
use unicode_normalization::char::canonical_combining_class;
use unicode_script::{Script, UnicodeScript};

/// The canonical combining class of viramas.
const VIRAMA: u8 = 9;

/// Whether the contextual character at `place` (an index into `text`) may stand there.
pub fn stands_in_context(text: &[char], place: usize) -> bool {
    let before = place.checked_sub(1).map(|place| text[place]);
    let after = text.get(place + 1).copied();
    let is = |c: Option<char>, script| c.is_some_and(|c| c.script() == script);
    match text[place] {
        '\u{200c}' => after_virama(before) || joins(text, place),
        '\u{200d}' => after_virama(before),
        '\u{b7}' => before == Some('l') && after == Some('l'),
        '\u{375}' => is(after, Script::Greek),
        '\u{5f3}' | '\u{5f4}' => is(before, Script::Hebrew),
        '\u{30fb}' => text
            .iter()
            .any(|c| matches!(c.script(), Script::Hiragana | Script::Katakana | Script::Han)),
        '\u{660}'..='\u{669}' => !text.iter().any(|c| matches!(c, '\u{6f0}'..='\u{6f9}')),
        '\u{6f0}'..='\u{6f9}' => !text.iter().any(|c| matches!(c, '\u{660}'..='\u{669}')),
        _ => false,
    }
}

fn after_virama(before: Option<char>) -> bool {
    before.is_some_and(|c| canonical_combining_class(c) == VIRAMA)
}

/// `(L|D) T* ZWNJ T* (R|D)` by joining types: the non-joiner parts two letters that would otherwise join.
fn joins(text: &[char], place: usize) -> bool {
    use JoiningType as J;
    let joining = |c: &char| J::for_char(*c);
    let opaque = |joining: &J| *joining == J::Transparent;
    let before = text[..place].iter().rev().map(joining).find(|joining| !opaque(joining));
    let after = text[place + 1..].iter().map(joining).find(|joining| !opaque(joining));
    matches!(before, Some(J::LeftJoining | J::DualJoining))
        && matches!(after, Some(J::RightJoining | J::DualJoining))
}
