//! Behaves while it is tried, then traps: no trial shows what a policy will do.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct WaitsToTrap {}

impl Policy for WaitsToTrap {
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        if request.source != "sample" {
            std::process::abort()
        }
        Ok(())
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(WaitsToTrap);
