//! A page of a list: `{"items": […], "next": cursor|null}`.
//! Refuses to say what a cursor holds: it is text to send back.

use crate::domain::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// A page as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListText<T> {
    /// What it has.
    pub(super) items: Vec<T>,
    /// Where the next page begins, to be sent as `after`; null when this is the last.
    pub(super) next: Option<String>,
}

impl<T> ListText<T> {
    /// A page.
    pub fn new<K: ToString>(page: Page<T, K>) -> Self {
        Self { items: page.items, next: page.next.map(|key| cursor(&key.to_string())) }
    }
}

/// Hexadecimal: safe in an address, whatever a folded name holds.
pub(super) fn cursor(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What a cursor was made from; none if it was never one.
pub fn read_cursor(text: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| String::from_utf8(bytes.collect::<Option<_>>()?).ok())?
}

#[cfg(test)]
mod tests {
    use super::{cursor, read_cursor};

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        for key in ["17", "straße", ""] {
            assert_eq!(read_cursor(&cursor(key)).as_deref(), Some(key));
        }
        for text in ["1", "zz", "ff", "+1", " 1"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
