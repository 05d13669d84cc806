//! Work that goes through what a tenant's record knows and asks policies again, beside everything else: what a revision would change,
//! and whether old answers are still given.
//! Refuses to be in anybody's way: one at a time for a tenant and a few in all, in the background, and nothing of it is recorded or
//! counted; a restart forgets it.

mod opinion;
mod preview;
mod replay;

pub use opinion::Opinion;
pub use preview::{Example, Kind, Preview};
pub use replay::{Difference, Replay};

use crate::domain::TenantId;
use crate::manage::ManageError;
use crate::sandbox::{Background, Engine};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tracing::error;

/// How long what was found is kept after the end.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// How many of a tenant's are kept.
const KEPT: usize = 4;

/// Those of all tenants that are worked on at once.
const AT_ONCE: usize = 4;

/// What is asked about in one go.
const PART: usize = 64;

/// How far a review is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    #[default]
    Running,
    /// Everything was asked about.
    Done,
    /// It was given up: it would only have failed for longer.
    Stopped,
    /// It could not go on; the operator's log says why.
    Failed,
}

/// A review, and what it has found so far.
#[derive(Clone, Debug, Default)]
pub struct Progress<T> {
    /// How far it is.
    pub state: State,
    /// How many were looked at.
    pub done: u64,
    /// Of how many; 0 until they are counted.
    pub of: u64,
    /// What was found.
    pub found: T,
    ended: Option<Instant>,
}

/// A review that others look at while it goes on.
#[derive(Debug)]
pub(super) struct Review<T>(Mutex<Progress<T>>);

impl<T: Clone> Review<T> {
    pub(super) fn look(&self) -> Progress<T> {
        self.lock().clone()
    }
}

impl<T> Review<T> {
    fn lock(&self) -> MutexGuard<'_, Progress<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, how: Result<State, Stuck>) {
        let mut progress = self.lock();
        progress.ended = Some(Instant::now());
        progress.state = how.unwrap_or_else(|stuck| {
            error!(%stuck, "a preview or a replay ended before its end");
            State::Failed
        });
    }
}

/// Why a review does not go on.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error("the ledger: {0:?}")]
    Ledger(#[from] crate::ledger::LedgerError),
    #[error("a part of it was lost")]
    Lost,
}

/// Reviews of one kind: by tenant, and within it by what they are about.
type ByTenant<T> = HashMap<TenantId, Vec<(u64, Arc<Review<T>>)>>;

/// Every review there is, of one kind.
#[derive(Debug)]
struct Kept<T>(Mutex<ByTenant<T>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Kept<T> {
    /// All that is not too old, after those that are were let go.
    fn fresh(&self) -> MutexGuard<'_, ByTenant<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, own| {
            own.retain(|(_, one)| one.lock().ended.is_none_or(|ended| ended.elapsed() < KEPT_FOR));
            !own.is_empty()
        });
        all
    }

    fn find(&self, tenant: TenantId, about: u64) -> Option<Arc<Review<T>>> {
        let all = self.fresh();
        let (_, found) = all.get(&tenant)?.iter().find(|(of, _)| *of == about)?;
        Some(Arc::clone(found))
    }

    fn begin(&self, tenant: TenantId, about: u64, found: T) -> Arc<Review<T>> {
        let progress = Progress { found, ..Progress::default() };
        let begun = Arc::new(Review(Mutex::new(progress)));
        let mut all = self.fresh();
        let own = all.entry(tenant).or_default();
        own.retain(|(of, _)| *of != about);
        own.push((about, Arc::clone(&begun)));
        let surplus = own.len().saturating_sub(KEPT);
        own.drain(..surplus);
        begun
    }
}

/// The reviews of all tenants.
pub(super) struct Reviews {
    background: Background,
    working: Arc<Mutex<HashSet<TenantId>>>,
    previews: Kept<Preview>,
    replays: Kept<Replay>,
}

/// The right to work on a tenant's review, given back when this is dropped.
struct Seat {
    tenant: TenantId,
    working: Arc<Mutex<HashSet<TenantId>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.working.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.tenant);
    }
}

impl Reviews {
    pub(super) fn new(engine: &Engine) -> Self {
        Self {
            background: Background::new(engine),
            working: Arc::default(),
            previews: Kept::default(),
            replays: Kept::default(),
        }
    }

    fn sit(&self, tenant: TenantId) -> Result<Seat, ManageError> {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        if working.len() >= AT_ONCE || !working.insert(tenant) {
            return Err(ManageError::Reviewing);
        }
        Ok(Seat { tenant, working: Arc::clone(&self.working) })
    }

    fn handle(&self) -> Result<Handle, ManageError> {
        self.background.handle().map_err(|error| {
            error!(%error, "there are no background threads");
            ManageError::Reviewing
        })
    }
}

/// Asks about all of `items`, so many parts of them at once; `take` is told of every part that is done.
async fn ask_all<I, O, Fut>(
    at_once: usize,
    items: Vec<I>,
    ask: impl Fn(Vec<I>) -> Fut,
    mut take: impl FnMut(O),
) -> Result<(), Stuck>
where
    Fut: Future<Output = O> + Send + 'static,
    O: Send + 'static,
{
    let (mut working, mut items) = (JoinSet::new(), items.into_iter());
    loop {
        while working.len() < at_once {
            let part: Vec<_> = items.by_ref().take(PART).collect();
            if part.is_empty() {
                break;
            }
            working.spawn(ask(part));
        }
        match working.join_next().await {
            Some(done) => take(done.map_err(|_| Stuck::Lost)?),
            None => return Ok(()),
        }
    }
}
