//! The lines a policy leaves for the operator, until the host takes them. Nothing is cut short here: the host keeps what it keeps.

use std::cell::RefCell;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Adds a line; [`note!`](crate::note) is the way to call it.
pub fn leave(line: String) {
    LINES.with_borrow_mut(|lines| lines.push(line));
}

/// Takes every line left since the last time, in order. The host calls it; a test may.
pub fn take() -> Vec<String> {
    LINES.take()
}
