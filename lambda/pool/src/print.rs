//! What goes to standard output, and how text of others is shown there.
//! Refuses to let a user name move a cursor.

use crate::arguments::Output;
use serde_json::Value;
use std::io::Write;

/// Prints a document, or the lines that say the same for people. Whoever stops reading has read enough.
pub(crate) fn show(output: Output, document: &Value, text: impl FnOnce() -> String) {
    let text = match output {
        Output::Json => format!("{document}\n"),
        Output::Text => text(),
    };
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A text of somebody else's, its control characters made visible.
pub(crate) fn plain(text: &str) -> String {
    let seen =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(seen).collect()
}

/// A value of a setting in one line, `-` for none.
pub(crate) fn value(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(other) => plain(&other.to_string()),
    }
}
