//! Never says how much an account may have, while a name is held for it.

use enlist_policy::{Allowance, Policy, Refusal, Request, Usage, export};

#[derive(serde::Deserialize)]
struct SpinAllow {}

impl Policy for SpinAllow {
    fn allow(&self, _: &Request, _: &str, _: &Usage) -> Result<Allowance, Refusal> {
        loop {
            std::hint::spin_loop();
        }
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(SpinAllow);
