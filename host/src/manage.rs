//! What operators change and look at: accounts after their opening, the record.
//! Refuses to act for a tenant without its right, and to change anything without a row in the record.

mod accounts;
mod record;

pub use accounts::Acted;

use crate::domain::HostCode;
use crate::homes::{HomeError, Homes};
use crate::ledger::{Ledger, LedgerError};
use std::sync::Arc;

/// The rooms that operators work on.
#[derive(Clone, Debug)]
pub struct Operations {
    ledger: Ledger,
    homes: Arc<Homes>,
}

/// Why something was not done. Nothing was; the operator's log says more.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The ledger could not.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    /// The file system could not.
    #[error("a home root failed")]
    Home(#[from] HomeError),
}

impl ManageError {
    /// What the caller is told.
    pub fn code(&self) -> HostCode {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Home(_) => HostCode::StorageUnavailable,
        }
    }
}

impl Operations {
    /// Over these rooms.
    pub fn new(ledger: Ledger, homes: Arc<Homes>) -> Self {
        Self { ledger, homes }
    }
}
