//! To come.

mod sandbox;
