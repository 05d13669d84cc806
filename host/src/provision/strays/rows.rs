//! Rows of an `auth.db`, looked up for all who ask meanwhile at once: whatever hangs there holds two threads, and no more come.
//! Refuses to wait for a look that is late already, and to begin a second one beside it.

use crate::downstream::{AuthDb, AuthDbError};
use crate::homes::{HomeError, apart};
use crate::provision::strays::{Unsurveyed, homes};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long a row is looked for: a file that is locked is given half a second, a disk that hangs no more than this.
const ROW_WITHIN: Duration = Duration::from_secs(2);

/// How long the file may take to say all its names.
const ROWS_WITHIN: Duration = Duration::from_secs(30);

/// None when somebody keeps the file locked.
type Answer = Result<Option<bool>, Unsurveyed>;

/// Who looks into one file.
#[derive(Debug)]
pub(super) struct Rows {
    file: AuthDb,
    line: Mutex<Line>,
    /// Whoever reads at length.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// Those who wait for the next look.
#[derive(Debug, Default)]
struct Line {
    waiting: Vec<(String, oneshot::Sender<Answer>)>,
    /// When the look began that is being taken, if one is.
    began: Option<Instant>,
}

impl Rows {
    pub(super) fn new(file: AuthDb) -> Self {
        Self { file, line: Mutex::default(), reading: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether exactly this name has a row; none when somebody keeps the file locked.
    pub(super) async fn has(self: &Arc<Self>, name: String) -> Answer {
        let told = self.ask(name)?;
        match tokio::time::timeout(ROW_WITHIN, told).await {
            Ok(told) => told.unwrap_or(Err(Unsurveyed::Lost)),
            Err(_) => Err(homes(HomeError::Late)),
        }
    }

    /// Reads the file at length, on a thread that nobody else has meanwhile, not even when nobody waits for it any more.
    pub(super) async fn at_length<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuthDb) -> T + Send + 'static,
    ) -> Result<T, Unsurveyed> {
        let reading = Arc::clone(&self.reading).try_lock_owned();
        let reading = reading.map_err(|_| homes(HomeError::Late))?;
        let file = self.file.clone();
        let work = move || {
            let done = work(&file);
            drop(reading);
            done
        };
        apart(ROWS_WITHIN, work).await.map_err(homes)
    }

    /// Joins the line, and has somebody look if nobody does.
    fn ask(self: &Arc<Self>, name: String) -> Result<oneshot::Receiver<Answer>, Unsurveyed> {
        let (tell, told) = oneshot::channel();
        let mut line = self.lock();
        if line.began.is_some_and(|began| began.elapsed() >= ROW_WITHIN) {
            return Err(homes(HomeError::Late));
        }
        line.waiting.push((name, tell));
        if line.began.is_none() {
            let rows = Arc::clone(self);
            let looker = thread::Builder::new().name("auth-db".to_owned());
            if let Err(source) = looker.spawn(move || rows.look()) {
                line.waiting.clear();
                let path = self.path().to_owned();
                return Err(homes(HomeError::Storage { path, source }));
            }
            line.began = Some(Instant::now());
        }
        Ok(told)
    }

    /// Looks for everybody who waits, until nobody does.
    fn look(&self) {
        let _lost = Lost(self);
        loop {
            let mut line = self.lock();
            if line.waiting.is_empty() {
                line.began = None;
                return;
            }
            line.began = Some(Instant::now());
            let (names, tell): (Vec<_>, Vec<_>) = line.waiting.drain(..).unzip();
            drop(line);
            let found = match self.file.have(&names) {
                Ok(found) => Ok(Some(found)),
                Err(AuthDbError::Locked(_)) => Ok(None),
                Err(error) => Err(Unsurveyed::AuthDb(Arc::new(error))),
            };
            for (number, tell) in tell.into_iter().enumerate() {
                let has = |found: &Vec<bool>| found.get(number).copied();
                // Who has gone meanwhile need not know.
                let _ = tell.send(found.clone().map(|found| found.as_ref().and_then(has)));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look that panicked would be waited for for ever.
struct Lost<'a>(&'a Rows);

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            *self.0.lock() = Line::default();
        }
    }
}
