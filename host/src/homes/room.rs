//! How much room a tenant's homes have left.

use crate::domain::TenantId;
use crate::homes::{HomeError, Homes, off_the_worker, storage};
use std::path::PathBuf;

/// Where a tenant's homes are, and the room on that file system for somebody who is not root.
#[derive(Clone, Debug)]
pub struct Room {
    /// The home root, absolute.
    pub path: PathBuf,
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

impl Homes {
    /// The room below a tenant's home root.
    pub async fn room(&self, tenant: TenantId) -> Result<Room, HomeError> {
        let root = self.root(tenant)?;
        let room = move || {
            let found = rustix::fs::fstatvfs(&root.directory)
                .map_err(|errno| storage(&root.path, errno))?;
            Ok(Room {
                path: root.path.clone(),
                free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
                total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            })
        };
        off_the_worker(room).await
    }
}
