//! What policies share about names: the username profiles of RFC 8265, the checks of UTS #39, reserved words, and where an address
//! is split. It exports no hooks, so that any policy can link it. It refuses to repair: a text has one form or none.

mod address;
mod bidi;
mod charset;
mod class;
mod context;
mod disallowed;
mod key;
mod profile;
mod reserved;
mod restriction;
mod words;

pub use address::local_part;
pub use charset::{is_letter_or_digit, is_mark};
pub use class::{Class, class_of};
pub use context::stands_in_context;
pub use disallowed::Disallowed;
pub use key::fold_key;
pub use profile::{Casing, prepare};
pub use reserved::Reserved;
pub use restriction::{Restriction, restrict};

/// The tables all of this reads, and the Unicode version of each.
pub const TABLES: [(&str, (u64, u64, u64)); 4] = [
    // ICU4X says its version in prose alone; a test holds it against the scripts of `unicode-script`.
    ("icu4x", (18, 0, 0)),
    ("unicode-normalization", widened(unicode_normalization::UNICODE_VERSION)),
    ("unicode-script", unicode_script::UNICODE_VERSION),
    ("unicode-security", unicode_security::UNICODE_VERSION),
];

const fn widened((major, minor, patch): (u8, u8, u8)) -> (u64, u64, u64) {
    (major as u64, minor as u64, patch as u64)
}
