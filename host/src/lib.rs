//! To come.
pub mod domain;
pub mod sandbox;
