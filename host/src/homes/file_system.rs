//! A file system and the two threads that touch it: one makes the homes that queued up, a batch with one fsync a root, the other
//! looks. Whoever waits has a deadline; a file system that hangs holds these two threads and nobody else.
//! Refuses to take work in while it is stuck, and to leave the folder of somebody who no longer waits.

use crate::domain::TenantId;
use crate::homes::root::{Raised, Root, Take, is_same};
use crate::homes::{Home, HomeError, storage};
use crate::kill_point;
use crate::lanes::{Lanes, NotTaken};
use crate::meters::{METERS, Queue};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::{error, warn};

/// Homes made with one fsync.
const BATCH: usize = 64;

/// Pieces of work of one tenant that may wait; past it a request is answered `busy`.
const LANE_LIMIT: usize = 256;

/// How long folders are made before the fsync that those made so far wait for.
const ROUND: Duration = Duration::from_millis(500);

/// How long a file system may take: the provider waits five seconds for the whole answer.
pub(super) const WITHIN: Duration = Duration::from_secs(3);

/// A queue for making and one for looking: a look does not wait for an fsync.
pub(super) struct FileSystem {
    making: Arc<Line<Making>>,
    looking: Arc<Line<Look>>,
}

/// A queue and when its thread took what it works on now.
struct Line<T> {
    lanes: Lanes<T>,
    began: Instant,
    /// Milliseconds from `began` to the taking, plus 1; 0 while the thread has nothing.
    at_work_since: AtomicU64,
}

type Look = Box<dyn FnOnce() + Send>;

/// Work for the thread that changes things.
enum Making {
    Build {
        root: Arc<Root>,
        name: String,
        take: Take,
        answer: oneshot::Sender<Result<Home, HomeError>>,
    },
    Discard {
        home: Home,
        answer: oneshot::Sender<Result<(), HomeError>>,
    },
}

/// A home that was asked for, made but not yet durable.
struct Pending {
    root: Arc<Root>,
    name: String,
    raised: Raised,
    answer: oneshot::Sender<Result<Home, HomeError>>,
}

impl FileSystem {
    /// Starts both threads; they end when this is dropped.
    pub(super) fn start() -> Result<Self, HomeError> {
        let making = Arc::new(Line::new(Queue::Homes));
        let looking = Arc::new(Line::new(Queue::Looks));
        spawn("homes-maker", &making, BATCH, make)?;
        spawn("homes-looker", &looking, 1, |looks: Vec<Look>| looks.into_iter().for_each(|l| l()))?;
        Ok(Self { making, looking })
    }

    /// Makes a home, or adopts a folder; durable when this returns. A caller that gives up gets nothing made.
    pub(super) async fn build(
        &self,
        tenant: TenantId,
        root: Arc<Root>,
        name: String,
        take: Take,
    ) -> Result<Home, HomeError> {
        let (answer, answered) = oneshot::channel();
        self.making.push(tenant, Making::Build { root, name, take, answer })?;
        within(answered).await
    }

    /// Removes a home that was made for nothing.
    pub(super) async fn discard(&self, tenant: TenantId, home: Home) -> Result<(), HomeError> {
        let (answer, answered) = oneshot::channel();
        self.making.push(tenant, Making::Discard { home, answer })?;
        within(answered).await
    }

    /// Runs something that changes nothing.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        tenant: TenantId,
        look: impl FnOnce() -> Result<T, HomeError> + Send + 'static,
    ) -> Result<T, HomeError> {
        let (answer, answered) = oneshot::channel();
        let look = move || {
            if !answer.is_closed() {
                let _ = answer.send(look());
            }
        };
        self.looking.push(tenant, Box::new(look))?;
        within(answered).await
    }
}

impl fmt::Debug for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSystem").field("making", &self.making.lanes).finish_non_exhaustive()
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        // The threads are not waited for: one may hang in the kernel for ever.
        self.making.lanes.close();
        self.looking.lanes.close();
    }
}

impl<T> Line<T> {
    fn new(queue: Queue) -> Self {
        Self {
            lanes: Lanes::new(queue, LANE_LIMIT),
            began: Instant::now(),
            at_work_since: AtomicU64::new(0),
        }
    }

    fn push(&self, tenant: TenantId, work: T) -> Result<(), HomeError> {
        if self.is_stuck() {
            return Err(HomeError::Late);
        }
        self.lanes.push(tenant, work).map_err(|not_taken| match not_taken {
            NotTaken::Full => HomeError::Busy,
            NotTaken::Closed => HomeError::NoRoot,
        })
    }

    /// Whether what the thread is at has taken longer than anybody waits.
    fn is_stuck(&self) -> bool {
        let since = self.at_work_since.load(Ordering::Relaxed);
        since > 0 && self.now().saturating_sub(since) > WITHIN.as_millis() as u64
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64 + 1
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    line: &Arc<Line<T>>,
    most: usize,
    work: impl Fn(Vec<T>) + Send + 'static,
) -> Result<(), HomeError> {
    let line = Arc::clone(line);
    let run = move || {
        loop {
            let batch = line.lanes.take(most);
            if batch.is_empty() {
                return;
            }
            line.at_work_since.store(line.now(), Ordering::Relaxed);
            work(batch);
            line.at_work_since.store(0, Ordering::Relaxed);
        }
    };
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(drop).map_err(|source| storage(Path::new(name), source))
}

async fn within<T>(answered: oneshot::Receiver<Result<T, HomeError>>) -> Result<T, HomeError> {
    match tokio::time::timeout(WITHIN, answered).await {
        Ok(Ok(result)) => result,
        // The thread died with it: a defect, and its panic is in the log.
        Ok(Err(_)) => Err(HomeError::NoRoot),
        Err(_) => Err(HomeError::Late),
    }
}

/// Makes what is asked for, with one fsync a root. Where each folder takes long, those who came first are not kept waiting for all.
fn make(batch: Vec<Making>) {
    let mut left = batch.into_iter();
    while left.len() > 0 {
        let began = Instant::now();
        let mut pending = Vec::with_capacity(left.len());
        while began.elapsed() < ROUND
            && let Some(work) = left.next()
        {
            pending.extend(raise(work));
        }
        while let Some(first) = pending.first() {
            let root = Arc::clone(&first.root);
            let (of_this_root, others) = pending.into_iter().partition(|p| is_same(&p.root, &root));
            pending = others;
            finish(&root, of_this_root);
        }
    }
}

/// One piece of work up to the fsync, if it has one.
fn raise(work: Making) -> Option<Pending> {
    match work {
        Making::Discard { home, answer } => {
            let _ = answer.send(home.root.raze(&home.name, &home.raised));
            None
        }
        // Nobody waits for it any more.
        Making::Build { answer, .. } if answer.is_closed() => None,
        Making::Build { root, name, take, answer } => {
            kill_point::reach("before_mkdir");
            let raised = root.raise(&name, take);
            kill_point::reach("after_mkdir");
            match raised {
                Ok(raised) => Some(Pending { root, name, raised, answer }),
                Err(error) => {
                    let _ = answer.send(Err(error));
                    None
                }
            }
        }
    }
}

/// One fsync for all of them, and then everybody is told.
fn finish(root: &Arc<Root>, homes: Vec<Pending>) {
    kill_point::reach("before_fsync");
    let began = Instant::now();
    let synced = root.sync();
    METERS.batch(Queue::Homes, homes.len(), began.elapsed());
    kill_point::reach("after_fsync");
    if let Err(error) = &synced {
        error!(root = %root.path().display(), ?error, homes = homes.len(), "homes could not be made durable");
    }
    for Pending { root, name, raised, answer } in homes {
        let home = Home { root, name, raised };
        let unwanted = match &synced {
            Ok(()) => match answer.send(Ok(home)) {
                Ok(()) => continue,
                Err(Ok(home)) => home,
                Err(Err(_)) => continue,
            },
            Err(error) => {
                let _ = answer.send(Err(error.again()));
                home
            }
        };
        if let Err(error) = unwanted.root.raze(&unwanted.name, &unwanted.raised) {
            warn!(?error, "an empty folder is left; the next attempt adopts it");
        }
    }
}

/// The file systems in use, each once.
#[derive(Debug, Default)]
pub(super) struct FileSystems(std::sync::Mutex<std::collections::HashMap<u64, Weak<FileSystem>>>);

impl FileSystems {
    /// The one that `root` is on.
    pub(super) fn of(&self, root: &Root) -> Result<Arc<FileSystem>, HomeError> {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(found) = known.get(&root.device()).and_then(Weak::upgrade) {
            return Ok(found);
        }
        let started = Arc::new(FileSystem::start()?);
        known.insert(root.device(), Arc::downgrade(&started));
        Ok(started)
    }
}
