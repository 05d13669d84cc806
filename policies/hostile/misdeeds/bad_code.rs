//! Refuses with a code that no code may look like.

use enlist_policy::{Policy, Refusal, Request, export, refuse};

#[derive(serde::Deserialize)]
struct BadCode {}

impl Policy for BadCode {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        refuse("Not A Code\n", "This is not a code of mine")
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(BadCode);
