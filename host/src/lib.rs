//! To come.
#![allow(dead_code)]
pub mod domain;
pub mod sandbox;
