//! How tenants are doing: for an operator all of them, for a tenant's key its own.

use crate::domain::{Backlog, Page};
use crate::homes::Room;
use crate::ledger::{KeyEntry, Lately, Operator, Queued, Tenant};
use crate::manage::{ManageError, Operations, Shown};
use crate::meters::{METERS, SinkLabel};
use futures_util::future::try_join_all;
use std::time::Duration;

/// A tenant and how it is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// The tenant.
    pub shown: Shown,
    /// What the ledger says.
    pub lately: Lately,
    /// What waits to be told to other programs.
    pub outbox: Vec<Backlog>,
    /// The room below its home root; none when the file system did not say.
    pub room: Option<Room>,
}

/// How long a file system may take to say how much room it has.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

impl Operations {
    /// At most `limit` tenants behind the name `after`, and how they are doing.
    pub async fn statuses(
        &self,
        by: &Operator,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Status, String>, ManageError> {
        let Page { items, next } = self.tenants(by, after, limit).await?;
        let items = try_join_all(items.into_iter().map(|shown| self.status_of(shown))).await?;
        Ok(Page { items, next })
    }

    /// One tenant.
    pub async fn status(&self, tenant: &Tenant) -> Result<Status, ManageError> {
        self.status_of(self.tenant(tenant).await?).await
    }

    /// Operators' keys that open everything now and nothing soon.
    pub async fn expiring_operator_keys(
        &self,
        by: &Operator,
    ) -> Result<Vec<KeyEntry>, ManageError> {
        let keys = self.ledger.operator_keys(by).await?;
        Ok(keys.into_iter().filter(KeyEntry::ends_soon).collect())
    }

    async fn status_of(&self, shown: Shown) -> Result<Status, ManageError> {
        let room = tokio::time::timeout(ROOM_WITHIN, self.homes.room(shown.entry.id)).await;
        let lately = self.ledger.lately(&shown.entry).await?;
        let outbox = self.ledger.backlog(shown.entry.id).await?;
        Ok(Status { shown, lately, outbox, room: room.ok().and_then(Result::ok) })
    }

    /// Has the meters say what waits now to be told to other programs.
    pub async fn measure_outbox(&self) -> Result<(), ManageError> {
        let queued = self.ledger.queued().await?;
        METERS.outbox.clear();
        for Queued { tenant, sink, waiting } in queued {
            let label = SinkLabel { tenant: tenant.to_string(), sink: sink.as_str() };
            METERS.outbox.get_or_create(&label).set(waiting.try_into().unwrap_or(i64::MAX));
        }
        Ok(())
    }
}
