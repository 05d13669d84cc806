//! A policy goes in as bytes, a decision comes out: wasmtime narrowed to pure functions under one budget.
//! Refuses to lend a policy anything: no clock, no files, no network, no import at all, and nothing that outlives its decision.

mod budget;
mod catalog;
mod engine;
mod fault;
mod inspect;
mod instance;
mod load;
mod made;
mod policy;
mod shape;
mod swap;
mod v1;
mod workshop;

pub use budget::Limits;
pub use catalog::{Active, Catalog, Revision};
pub use engine::{Engine, EngineError};
pub use fault::quote;
pub use inspect::{CoreModule, Inspection, inspect};
pub use instance::Instance;
pub use load::{LoadError, digest_of};
pub use made::{Made, MakeError, Problem};
pub use policy::{DecideError, Policy};
pub use swap::swap_is_impossible;
pub use v1::Question;
pub use workshop::Workshop;
