//! Never names anybody.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct SpinDerive {}

impl Policy for SpinDerive {
    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        loop {
            std::hint::spin_loop();
        }
    }
}

export!(SpinDerive);
