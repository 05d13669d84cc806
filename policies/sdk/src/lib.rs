//! What a policy author imports, and nothing else: a policy is a type, its fields are the tenant's settings, its methods the
//! hooks. This crate gives a policy no clock, no randomness, no files and no network, and it never changes an answer:
//! what a hook returns is what the host gets.

mod answer;
#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod exported;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod heap;
#[doc(hidden)]
pub mod notes;
mod request;
mod settings;

pub use answer::refuse;
pub use bindings::enlist::policy::types::{
    Applicant, Assurance, Attribute, Email, Occasion, Refusal, Request,
};
pub use bindings::exports::enlist::policy::quota::{Allowance, Label, Usage};
pub use bindings::exports::enlist::policy::settings::Problem;
pub use settings::configured;

use serde::de::DeserializeOwned;

/// A provisioning policy. The type is its own settings: `configure` reads the tenant's document into it once, and every decision
/// starts from the value that was left. Only [`derive`](Policy::derive) has no default.
///
/// ```
/// use enlist_policy::{Policy, Refusal, Request, export};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Prefixed {
///     prefix: String,
/// }
///
/// impl Policy for Prefixed {
///     fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal> {
///         Ok(vec![format!("{}{}", self.prefix, request.applicant.username)])
///     }
/// }
///
/// export!(Prefixed);
///
/// # fn main() -> Result<(), Vec<enlist_policy::Problem>> {
/// let policy: Prefixed = enlist_policy::configured(r#"{"prefix":"x-"}"#)?;
/// assert_eq!(policy.derive(&Request::by_hand("ann")), Ok(vec!["x-ann".to_owned()]));
/// # Ok(())
/// # }
/// ```
pub trait Policy: DeserializeOwned + Send + Sync + 'static {
    /// JSON Schema of the settings document. None accepts anything that reads into the type.
    fn schema() -> Option<String> {
        None
    }

    /// Checks what reading alone cannot, and prepares fields that are `#[serde(skip)]`. Name every problem at once.
    fn configure(&mut self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    /// May they have an account at all? Asked first.
    fn admit(&self, _request: &Request) -> Result<(), Refusal> {
        Ok(())
    }

    /// 1 to 32 names for their account, best first, each already as it shall be stored.
    fn derive(&self, request: &Request) -> Result<Vec<String>, Refusal>;

    /// How much may the tenant, and this account, have? `username` is the name the account has or would get.
    fn allow(
        &self,
        _request: &Request,
        _username: &str,
        _usage: &Usage,
    ) -> Result<Allowance, Refusal> {
        Ok(Allowance::unlimited())
    }
}

/// Makes `$policy` the policy of this component: once a crate. Elsewhere than in WebAssembly it only checks that the type is a
/// policy, so that the same crate is a library for its tests.
#[macro_export]
macro_rules! export {
    ($policy:ident) => {
        impl $crate::exported::Exported for $policy {
            fn slot() -> &'static $crate::exported::Slot<Self> {
                static SLOT: $crate::exported::Slot<$policy> = $crate::exported::Slot::new();
                &SLOT
            }
        }
        // Also natively the policy counts as used.
        const _: fn() -> &'static $crate::exported::Slot<$policy> =
            <$policy as $crate::exported::Exported>::slot;
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export_policy!($policy with_types_in $crate::bindings);
    };
}

/// Leaves a line for the operator, in the manner of `format!`. The host keeps the first 64 lines of a decision, 512 bytes of each,
/// and never shows them to the caller.
#[macro_export]
macro_rules! note {
    ($($line:tt)+) => {
        $crate::notes::leave(::std::format!($($line)+))
    };
}
