//! From wasmtime's errors to the ways a policy can fail, and the words an operator reads about it.
//! Refuses to trust names: a function may be called anything, so what it is called is cut, demangled and escaped.

use crate::domain::Fault;
use crate::sandbox::budget::{OverMemory, OverTime};
use std::fmt::{self, Write};
use wasmtime::{Error, Trap, WasmBacktrace};

/// The longest `Failure::detail`, in bytes.
const DETAIL_BYTES: usize = 4096;

/// The longest mangled name that is looked at, in bytes.
const NAME_BYTES: usize = 512;

/// wasmtime's error for a lift that copies too much has no type to ask for; `a_flood_is_cut_off_before_it_is_copied` holds it to these words.
const OVER_LIFT: &str = "fuel allocated for hostcalls has been exhausted";

/// How a call failed, and what to tell the operator: the cause, then the wasm frames, innermost first.
pub(super) fn of(error: &Error) -> (Fault, String) {
    let cause = error.root_cause().to_string();
    let mut detail = Clipped::default();
    // A detail that is full is full.
    let _ = write_detail(&mut detail, &cause, error);
    (kind(error, &cause), detail.text)
}

fn kind(error: &Error, cause: &str) -> Fault {
    if error.is::<OverTime>() {
        Fault::TimedOut
    } else if error.is::<OverMemory>() {
        Fault::OutOfMemory
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        if *trap == Trap::OutOfFuel { Fault::OutOfFuel } else { Fault::Trapped }
    } else if cause.contains(OVER_LIFT) {
        Fault::AnswerTooLarge
    } else {
        // Everything else that wasmtime says of a component without imports is about the canonical ABI: a pointer out of
        // bounds, a text that is no UTF-8, a discriminant that does not exist.
        Fault::Malformed
    }
}

fn write_detail(detail: &mut Clipped, cause: &str, error: &Error) -> fmt::Result {
    detail.write_str(cause)?;
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    for frame in frames {
        detail.write_str(" | at ")?;
        match frame.func_name() {
            Some(name) => write_name(detail, name)?,
            None => write!(detail, "function {}", frame.func_index())?,
        }
        if let Some(offset) = frame.module_offset() {
            write!(detail, " ({offset:#x})")?;
        }
    }
    Ok(())
}

fn write_name(detail: &mut Clipped, name: &str) -> fmt::Result {
    let name = clip(name, NAME_BYTES);
    match rustc_demangle::try_demangle(name) {
        Ok(demangled) => write!(detail, "{demangled:#}"),
        Err(_) => detail.write_str(name),
    }
}

/// The longest beginning of `text` that has at most `bytes` bytes and ends between characters.
pub(super) fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// A policy's own words for the record, a log or a terminal: cut, on one line, and without characters that act instead of
/// showing.
pub fn quote(words: impl fmt::Display) -> String {
    let mut quoted = Clipped::default();
    // A detail that is full is full.
    let _ = write!(quoted, "{words}");
    quoted.text
}

/// A text that takes no more than `DETAIL_BYTES` and turns control characters, and those that reorder a line, into spaces.
#[derive(Default)]
struct Clipped {
    text: String,
}

impl Write for Clipped {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let kept = clip(more, DETAIL_BYTES - self.text.len());
        self.text.extend(kept.chars().map(|c| if acts(c) { ' ' } else { c }));
        if kept.len() == more.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Control characters, and Unicode's for the direction of text (UAX #9).
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{DETAIL_BYTES, clip, quote};

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(clip("aé", 3), "aé");
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 0), "");
    }

    #[test]
    fn a_quotation_is_short_and_plain() {
        assert_eq!(quote("a\u{1b}[31m\tb\n\u{202e}c"), "a [31m b  c");
        assert_eq!(quote("é".repeat(DETAIL_BYTES)).len(), DETAIL_BYTES);
    }
}
