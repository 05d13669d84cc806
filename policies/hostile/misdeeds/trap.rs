//! Executes `unreachable`, as any policy with a fault does.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct Trap {}

impl Policy for Trap {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        std::process::abort()
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(Trap);
