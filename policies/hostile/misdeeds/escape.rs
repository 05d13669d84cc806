//! Answers a name that would be a folder outside the home root.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct Escape {}

impl Policy for Escape {
    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["../escape".to_owned()])
    }
}

export!(Escape);
