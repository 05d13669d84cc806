//! Answers a million names.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct ShoutNames {}

impl Policy for ShoutNames {
    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok((0..1_000_000).map(|number| format!("n{number}")).collect())
    }
}

export!(ShoutNames);
