//! Never says whether somebody may have an account.

use enlist_policy::{Policy, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct SpinAdmit {}

impl Policy for SpinAdmit {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        loop {
            std::hint::spin_loop();
        }
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(SpinAdmit);
