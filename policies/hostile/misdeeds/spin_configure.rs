//! Never finishes reading its settings.

use enlist_policy::{Policy, Problem, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct SpinConfigure {}

impl Policy for SpinConfigure {
    fn configure(&mut self) -> Result<(), Vec<Problem>> {
        loop {
            std::hint::spin_loop();
        }
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(SpinConfigure);
