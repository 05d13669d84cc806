//! Answers 17 labels, one more than the contract takes.

use enlist_policy::{Allowance, Policy, Refusal, Request, Usage, export};

#[derive(serde::Deserialize)]
struct TooManyLabels {}

impl Policy for TooManyLabels {
    fn allow(&self, _: &Request, _: &str, _: &Usage) -> Result<Allowance, Refusal> {
        let labelled = |allowance: Allowance, number| allowance.label(format!("l{number}"), "");
        Ok((0..17).fold(Allowance::unlimited(), labelled))
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(TooManyLabels);
