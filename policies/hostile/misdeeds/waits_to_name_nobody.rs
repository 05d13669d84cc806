//! Behaves while it is tried, then answers an empty list of names.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct WaitsToNameNobody {}

impl Policy for WaitsToNameNobody {
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let names = if request.source == "sample" { vec!["honest".to_owned()] } else { Vec::new() };
        Ok(names)
    }
}

export!(WaitsToNameNobody);
