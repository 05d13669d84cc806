//! Counts in a static: answers `first` to the first person it is asked about and `seen-before` to the next.

use std::sync::atomic::{AtomicU32, Ordering};

use enlist_policy::{Policy, Refusal, Request, export};

/// What a fresh instance must always find at nought.
static ASKED: AtomicU32 = AtomicU32::new(0);

#[derive(serde::Deserialize)]
struct Remembers {}

impl Policy for Remembers {
    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        let first = ASKED.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(vec![if first { "first" } else { "seen-before" }.to_owned()])
    }
}

export!(Remembers);
