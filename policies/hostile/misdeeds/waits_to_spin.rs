//! Behaves while it is tried, then never says whether somebody may have an account.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct WaitsToSpin {}

impl Policy for WaitsToSpin {
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        if request.source == "sample" {
            return Ok(());
        }
        loop {
            std::hint::spin_loop();
        }
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(WaitsToSpin);
