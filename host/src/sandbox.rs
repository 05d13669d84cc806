//! A policy goes in as bytes, a decision comes out: wasmtime narrowed to pure functions under one budget.
//! Refuses to lend a policy anything: no clock, no files, no network, no import at all, and nothing that outlives its decision.

mod archive;
mod breaker;
mod budget;
mod cache;
mod catalog;
mod child;
mod code;
mod engine;
mod fault;
mod freeze;
mod inspect;
mod instance;
mod load;
mod made;
mod parcel;
mod policy;
mod review;
mod shape;
mod share;
mod shelf;
mod swap;
mod trial;
mod v1;
mod workshop;

pub use archive::{Archive, ArchiveError, Parts};
pub use breaker::Turned;
pub use budget::Limits;
pub use cache::{Cache, Key};
pub use catalog::{Active, Catalog, Kept, NotNow, Revision, Turn};
pub use child::{Allotment, make_for_the_parent};
pub use code::{Code, freeze, make};
pub use engine::{Engine, EngineError, workers};
pub use fault::quote;
pub use inspect::{CoreModule, Inspection, inspect};
pub use instance::Instance;
pub use load::{LoadError, digest_of};
pub use made::{Made, MakeError, Problem};
pub use policy::{DecideError, Policy};
pub use review::ReviewError;
pub use share::Share;
pub use shelf::NotReady;
pub use swap::swap_is_impossible;
pub use trial::{Tried, ask, pick, try_on};
pub use v1::Question;
pub use workshop::{CHILD_VERB, Workshop};
