//! Panics while it names somebody.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct Panic {}

impl Policy for Panic {
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        panic!("{} has no name", request.applicant.username)
    }
}

export!(Panic);
