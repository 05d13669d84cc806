//! The one adapter between a [`Policy`] and the functions the host calls. It reads the settings once, keeps the value, and hands
//! it to every hook; it decides nothing, and it traps rather than answer for a policy that was never configured.

use std::sync::OnceLock;

use crate::bindings::exports::enlist::policy::{admission, notes, quota, settings, username};
use crate::{Allowance, Policy, Problem, Refusal, Request, Usage};

/// Where the configured policy stays. A lock only in name: WebAssembly without threads has one caller.
pub type Slot<P> = OnceLock<P>;

/// A policy that [`export!`](crate::export) gave a place to stay.
pub trait Exported: Policy {
    /// The place.
    fn slot() -> &'static Slot<Self>;
}

impl<P: Exported> settings::Guest for P {
    fn schema() -> Option<String> {
        <P as Policy>::schema()
    }

    fn configure(json: String) -> Result<(), Vec<Problem>> {
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        crate::heap::make_way(json.len());
        let policy = crate::configured(&json)?;
        drop(json);
        if P::slot().set(policy).is_err() {
            a_policy_is_configured_once();
        }
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        crate::heap::keep_room();
        Ok(())
    }
}

impl<P: Exported> admission::Guest for P {
    fn admit(request: Request) -> Result<(), Refusal> {
        in_force::<P>().admit(&request)
    }
}

impl<P: Exported> username::Guest for P {
    fn derive(request: Request) -> Result<Vec<String>, Refusal> {
        in_force::<P>().derive(&request)
    }
}

impl<P: Exported> quota::Guest for P {
    fn allow(request: Request, username: String, usage: Usage) -> Result<Allowance, Refusal> {
        in_force::<P>().allow(&request, &username, &usage)
    }
}

impl<P: Exported> notes::Guest for P {
    fn take() -> Vec<String> {
        crate::notes::take()
    }
}

fn in_force<P: Exported>() -> &'static P {
    P::slot().get().unwrap_or_else(|| configure_comes_before_every_hook())
}

// A trap's message does not leave the sandbox; the names of its frames do. So these two names are the messages.

#[cold]
#[inline(never)]
fn configure_comes_before_every_hook() -> ! {
    panic!("a hook was called before `configure`")
}

#[cold]
#[inline(never)]
fn a_policy_is_configured_once() -> ! {
    panic!("`configure` was called a second time")
}
