//! The components that travel inside the binary, one constant each, built from their source beside this crate. It holds bytes and
//! runs nothing.

/// The default policy: the part of an e-mail address before the `@`.
pub const LOCALPART: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/localpart.wasm"));

#[cfg(feature = "hostile")]
include!(concat!(env!("OUT_DIR"), "/hostile.rs"));
