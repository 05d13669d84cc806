//! Finds two problems in any settings whatever.

use enlist_policy::{Policy, Problem, Refusal, Request, export};

#[derive(serde::Deserialize)]
struct RefusesSettings {}

impl Policy for RefusesSettings {
    fn configure(&mut self) -> Result<(), Vec<Problem>> {
        let nothing = Problem::new("", "no settings are good enough");
        Err(vec![nothing, Problem::new("/a~1b/0", "not even this one")])
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(RefusesSettings);
