//! Refuses with a message of one mebibyte.

use enlist_policy::{Policy, Refusal, Request, export, refuse};

#[derive(serde::Deserialize)]
struct ShoutRefusal {}

impl Policy for ShoutRefusal {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        refuse("shout", "no ".repeat(350_000))
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(ShoutRefusal);
