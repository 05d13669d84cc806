//! Leaves a hundred lines of 600 bytes, more and longer ones than are kept, and decides honestly.

use enlist_policy::{Policy, Refusal, Request, export, note};

#[derive(serde::Deserialize)]
struct TooManyNotes {}

impl Policy for TooManyNotes {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        for line in 0..100 {
            note!("{line:0600}");
        }
        Ok(())
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(TooManyNotes);
