//! What follows a change at other programs: the `auth.db` of an ankisyncd, a tenant's webhook. Each thing is done so that doing it twice
//! is doing it once.
//! Refuses to know what waits and in which order: the ledger's outbox does; and to change what is not ours to change.

mod address;
mod auth_db;
mod auth_dbs;
mod draft;
mod hash;
mod lookups;
mod message;
mod missed;
mod webhook;

pub use address::Forbidden;
pub use auth_db::{AuthDb, AuthDbError, FileTurn};
pub use auth_dbs::AuthDbs;
pub use draft::{Draft, Row};
pub use hash::{UNOPENABLE, hash_of, opens};
pub use message::Message;
pub use missed::{Missed, Why};
pub use webhook::{Attempt, Courier, NoEndpoint};
