//! Answers a label of one mebibyte.

use enlist_policy::{Allowance, Policy, Refusal, Request, Usage, export};

#[derive(serde::Deserialize)]
struct ShoutLabel {}

impl Policy for ShoutLabel {
    fn allow(&self, _: &Request, _: &str, _: &Usage) -> Result<Allowance, Refusal> {
        Ok(Allowance::unlimited().label("plan", "p".repeat(1024 * 1024)))
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(ShoutLabel);
