//! The act of importing somebody with their name: beside what every act's row says, it keeps the person as they were sent.
//! Refuses to keep them where the record knows nobody.

use crate::domain::{Request, TenantId};
use crate::ledger::record::Written;
use crate::ledger::{Act, LedgerError, Privacy};
use rusqlite::Connection;

/// What the record calls it.
pub(super) const IMPORT: &str = "account_import";

impl Act {
    /// Somebody shall get, or be given back, the account of this name.
    pub fn import(request_id: String, name: String) -> Self {
        Self { request_id, what: IMPORT, name: Some(name), detail: None }
    }

    /// Writes that it was done, as `record_about` does, and whom a policy will be asked about when it decides how much they may have.
    pub(in crate::ledger) fn record_import(
        &self,
        tx: &Connection,
        tenant: TenantId,
        key: &str,
        privacy: Privacy,
        request: &Request,
    ) -> Result<(), LedgerError> {
        self.write(tx, tenant, key, Written { request: Some(request), ..Written::done(privacy) })
    }
}
