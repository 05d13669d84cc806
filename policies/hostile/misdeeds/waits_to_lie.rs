//! Behaves while it is tried, then refuses with a code that is the host's own.

use enlist_policy::{Policy, Refusal, Request, export, refuse};

#[derive(serde::Deserialize)]
struct WaitsToLie {}

impl Policy for WaitsToLie {
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        if request.source != "sample" {
            return refuse("username_taken", "This is not a code of mine");
        }
        Ok(())
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(WaitsToLie);
