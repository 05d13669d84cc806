//! Grows its memory until it is refused, then admits as if nothing were.

use enlist_policy::{Policy, Refusal, Request, export};

const ONE_MEBIBYTE: usize = 1024 * 1024;

#[derive(serde::Deserialize)]
struct Hoard {}

impl Policy for Hoard {
    fn admit(&self, _: &Request) -> Result<(), Refusal> {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        let mut more = Vec::new();
        while more.try_reserve_exact(ONE_MEBIBYTE).is_ok() {
            more.resize(ONE_MEBIBYTE, 1);
            hoard.push(std::mem::take(&mut more));
        }
        std::hint::black_box(&hoard);
        Ok(())
    }

    fn derive(&self, _: &Request) -> Result<Vec<String>, Refusal> {
        Ok(vec!["honest".to_owned()])
    }
}

export!(Hoard);
