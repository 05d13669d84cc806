//! What travels inside the binary: the components, one constant each, built from their source beside this crate, and the files of a
//! new policy. It holds bytes and runs nothing.

/// The default policy: the part of an e-mail address before the `@`.
pub const LOCALPART: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/localpart.wasm"));

/// The same in any script: RFC 8265 and UTS #39.
pub const PRECIS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/precis.wasm"));

/// Everything said in settings.
pub const RULES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.wasm"));

/// JSON Schema of its settings, as the component itself says it.
pub const RULES_SCHEMA: &str = include_str!("../../rules/src/schema.json");

include!(concat!(env!("OUT_DIR"), "/kit.rs"));

#[cfg(feature = "hostile")]
include!(concat!(env!("OUT_DIR"), "/hostile.rs"));
