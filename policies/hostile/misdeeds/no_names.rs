//! Answers an empty list of names, which the contract does not know.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct NoNames {}

impl Policy for NoNames {
    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(Vec::new())
    }
}

export!(NoNames);
