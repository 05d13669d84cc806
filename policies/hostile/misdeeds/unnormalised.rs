//! Answers a name that is not in normal form C: `e` and a combining acute accent.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct Unnormalised {}

impl Policy for Unnormalised {
    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["rene\u{301}".to_owned()])
    }
}

export!(Unnormalised);
