//! Where decisions run that nobody waits for: threads of their own, of the lowest priority, so that whoever waits for an opening
//! comes first. They take no part of a tenant's share, and no tenant's turn.
//! Refuses to keep the sandbox busy: it works on at most a quarter of the decisions that may run at once.

use crate::sandbox::Engine;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};

/// The nicest that a thread can be.
const NICENESS: i32 = 19;

/// How long what runs is waited for when it has to end.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Threads for what has time; none before they are first needed.
pub struct Background {
    threads: usize,
    runtime: Mutex<Option<Runtime>>,
}

impl Background {
    /// For the decisions of this engine.
    pub fn new(engine: &Engine) -> Self {
        let some = (engine.limits().decisions_at_once / 4).max(1);
        Self { threads: engine.processors().min(some), runtime: Mutex::default() }
    }

    /// How many decisions may be on their way together.
    pub fn at_once(&self) -> usize {
        self.threads
    }

    /// Where to put what has time.
    pub fn handle(&self) -> io::Result<Handle> {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*runtime {
            return Ok(runtime.handle().clone());
        }
        let begun = Builder::new_multi_thread()
            .worker_threads(self.threads)
            .thread_name("background")
            .on_thread_start(|| {
                // On Linux this is the thread's own.
                if let Err(error) = rustix::process::nice(NICENESS) {
                    tracing::warn!(%error, "a background thread has the priority of all others");
                }
            })
            .build()?;
        let handle = begun.handle().clone();
        *runtime = Some(begun);
        Ok(handle)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            // Whoever drops this may be a worker, which must not wait by itself.
            let _ = thread::spawn(move || runtime.shutdown_timeout(ENDS_WITHIN)).join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Background;
    use crate::sandbox::{Engine, Limits};

    #[tokio::test]
    async fn what_has_time_runs_at_the_lowest_priority_and_nothing_else_does() {
        let engine = Engine::new(&Limits::default()).expect("an engine");
        let background = Background::new(&engine);
        let niceness = || rustix::process::getpriority_process(None).expect("a priority");
        let own = niceness();
        let handle = background.handle().expect("threads");
        let there = handle.spawn(async move { niceness() }).await.expect("a number");
        let blocking = handle.spawn_blocking(niceness).await.expect("a number");
        assert_eq!((there, blocking, niceness()), (19, 19, own));
        assert!(background.at_once() >= 1 && own < 19);
    }

    #[test]
    fn a_small_sandbox_is_not_filled() {
        let limits = Limits { decisions_at_once: 1, ..Limits::default() };
        let engine = Engine::new(&limits).expect("an engine");
        assert_eq!(Background::new(&engine).at_once(), 1);
    }
}
