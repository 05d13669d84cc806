//! Leaves the operator ten thousand lines of four kibibytes.

use enlist_policy::{Policy, Refusal, Request, export, note};

#[derive(serde::Deserialize)]
struct ShoutNotes {}

impl Policy for ShoutNotes {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        let line = "shout ".repeat(683);
        for _ in 0..10_000 {
            note!("{line}");
        }
        Ok(())
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(ShoutNotes);
