//! Refuses with a code that is the host's own.

use enlist_policy::{Policy, Refusal, Request, export, refuse};

#[derive(serde::Deserialize)]
struct HostsCode {}

impl Policy for HostsCode {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        refuse("username_taken", "This is not a code of mine")
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(HostsCode);
