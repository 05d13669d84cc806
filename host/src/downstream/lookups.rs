//! Turns to look names up. A lookup has a thread, which nothing can end: it may outlive the attempt that asked for it.
//! Refuses to let one tenant, whose names nobody answers for, take the turns of all.

use crate::domain::TenantId;
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Names that are looked up at once, and those of one tenant.
const AT_ONCE: usize = 64;
const OF_A_TENANT: usize = 2;

tokio::task_local! {
    /// For whom this task sends: whoever looks a name up for the client is told the name and nothing else.
    static TENANT: TenantId;
}

/// Who looks up.
#[derive(Clone, Debug)]
pub(super) struct Lookups {
    all: Arc<Semaphore>,
    of_tenants: Arc<Mutex<HashMap<TenantId, Arc<Semaphore>>>>,
}

/// A turn, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Turn {
    _of_a_tenant: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// Names that are looked up in this are looked up for that tenant.
pub(super) async fn of<T>(tenant: TenantId, work: impl Future<Output = T>) -> T {
    TENANT.scope(tenant, work).await
}

impl Lookups {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), of_tenants: Arc::default() }
    }

    /// The next turn of the tenant that this is for.
    pub(super) async fn turn(&self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        let turns = self.turns(TENANT.try_get()?);
        let of_a_tenant = turns.acquire_owned().await?;
        let of_all = Arc::clone(&self.all).acquire_owned().await?;
        Ok(Turn { _of_a_tenant: of_a_tenant, _of_all: of_all })
    }

    fn turns(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut all = self.of_tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has a turn or waits for one holds on to it.
        all.retain(|_, turns| Arc::strong_count(turns) > 1);
        Arc::clone(all.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(OF_A_TENANT))))
    }
}
