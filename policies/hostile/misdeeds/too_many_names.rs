//! Answers 33 good names, one more than the contract takes.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct TooManyNames {}

impl Policy for TooManyNames {
    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok((0..33).map(|number| format!("name{number}")).collect())
    }
}

export!(TooManyNames);
