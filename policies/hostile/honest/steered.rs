//! A good policy that misbehaves for those applicants alone whose attributes say so: `does` when they are admitted, `later` when
//! they are given an allowance. Somebody like that gets past the trial that every new revision has.

use enlist_policy::{Allowance, Policy, Refusal, Request, Usage, export, note};

/// A little less than `limits.memory` is by default.
const MOST_KIB: usize = 1536;

#[derive(serde::Deserialize)]
struct Steered {}

impl Policy for Steered {
    fn admit(&self, request: &Request) -> Result<(), Refusal> {
        misbehave(request.attribute("does"));
        Ok(())
    }

    /// The username, or what stands before its `@`.
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
        let name = &request.applicant.username;
        Ok(vec![name.split('@').next().unwrap_or(name).to_owned()])
    }

    fn allow(&self, request: &Request, _: &str, _: &Usage) -> Result<Allowance, Refusal> {
        misbehave(request.attribute("later"));
        Ok(Allowance::unlimited())
    }
}

fn misbehave(how: Option<&str>) {
    match how {
        Some("spin") => loop {
            std::hint::spin_loop();
        },
        Some("shout") => (0..64).for_each(|line| note!("{line:0512}")),
        Some("hoard") => (0..10_000).for_each(hoard),
        Some("fill") => hoard(MOST_KIB - 1),
        _ => {}
    }
}

/// Takes so much memory, a kibibyte more than the number says, and writes all of it.
fn hoard(kib: usize) {
    std::mem::forget(std::hint::black_box(vec![7_u8; (kib + 1) * 1024]));
}

export!(Steered);
