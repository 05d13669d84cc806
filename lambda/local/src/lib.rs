//! AWS Lambda on one machine, for tests: the Invoke API before a bootstrap and the Runtime API behind it, and Cognito's way to call one.
//! Refuses to be fast or safe: it takes any signature and listens where it is told.

mod cognito;
mod environment;
mod invoke;

pub use cognito::{AsCognito, Delivery};
pub use environment::Function;
pub use invoke::{Invocation, Lambda};
