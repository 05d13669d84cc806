//! Answers a label whose name no label may have.

use enlist_policy::{Allowance, Policy, Refusal, Request, Usage, export};

#[derive(serde::Deserialize)]
struct BadLabel {}

impl Policy for BadLabel {
    fn allow(&self, _: &Request, _: &str, _: &Usage) -> Result<Allowance, Refusal> {
        Ok(Allowance::unlimited().label("Plan Name", "pro"))
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(BadLabel);
