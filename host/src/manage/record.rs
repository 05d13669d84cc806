//! The record, read.

use crate::domain::{Page, RecordFilter, RecordRow};
use crate::ledger::Tenant;
use crate::manage::{ManageError, Operations};

impl Operations {
    /// At most `limit` rows, newest first, older than the row `after`.
    pub async fn decisions(
        &self,
        tenant: &Tenant,
        filter: RecordFilter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<RecordRow, i64>, ManageError> {
        Ok(self.ledger.of(tenant).decisions(filter, after, limit).await?)
    }

    /// At most `limit` rows that came after the row `after`, oldest first, or the latest; and where to go on.
    pub async fn decisions_since(
        &self,
        tenant: &Tenant,
        filter: RecordFilter,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<RecordRow, i64>, ManageError> {
        Ok(self.ledger.of(tenant).decisions_since(filter, after, limit).await?)
    }
}
