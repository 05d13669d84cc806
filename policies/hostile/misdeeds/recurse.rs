//! Calls itself with a frame in memory each time, until its own stack is used up: that must trap, not overwrite its data.

use enlist_policy::{Policy, Refusal, Request, export};

fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if frame[0] == 0 { 0 } else { deeper(depth + 1) + frame[63] }
}

#[derive(serde::Deserialize)]
struct Recurse {}

impl Policy for Recurse {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        std::hint::black_box(deeper(1));
        Ok(())
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(Recurse);
