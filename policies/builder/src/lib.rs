//! From a policy's source to a component: what a build script does to the built-in policies and `enlist policy build` to all others,
//! with the same flags, so that the same source gives the same bytes. It judges no policy: what it makes may still be turned away.

mod component;
mod guests;

pub use component::encode;
pub use guests::{Nested, not_started, target_dir};
