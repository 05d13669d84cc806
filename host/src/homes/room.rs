//! How much room the file system of a tenant's homes has left.

use crate::domain::TenantId;
use crate::homes::{HomeError, Homes, Opened};

/// What a file system has for somebody who is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

impl Homes {
    /// The room below a tenant's home root.
    pub async fn room(&self, tenant: TenantId) -> Result<Room, HomeError> {
        let Opened { root, file_system } = self.open(tenant).await?;
        file_system.look(tenant, move || root.room()).await
    }
}
