//! The record, read.

use crate::domain::{Page, RecordFilter, RecordRow};
use crate::ledger::{Decisions, Tenant};
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

    /// What policies decided since `since_ms`, before the row `from`: as much as one look finds.
    pub async fn past(
        &self,
        tenant: &Tenant,
        since_ms: i64,
        from: i64,
    ) -> Result<Decisions, ManageError> {
        Ok(self.ledger.of(tenant).decided(since_ms, from).await?)
    }

    /// The revision that decides.
    pub fn active(&self, tenant: &Tenant) -> Option<u64> {
        Some(self.catalog.active(tenant.id())?.revision.number)
    }
}
