//! One at a time: who holds a key makes everybody else who wants it wait for their turn. For a person (the same one asked for
//! a hundred times at once) and for a name (two people who would get it).
//! Refuses to outlive the process: what must hold after a crash is a constraint of the database.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;

type Queue = Arc<tokio::sync::Mutex<()>>;
type Queues<K> = Arc<Mutex<HashMap<K, Queue>>>;

/// The keys that are held or waited for.
#[derive(Debug)]
pub(super) struct Turns<K> {
    queues: Queues<K>,
}

/// A key that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Turn<K: Hash + Eq + Clone> {
    key: K,
    queues: Queues<K>,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K: Hash + Eq + Clone> Turns<K> {
    pub(super) fn new() -> Self {
        Self { queues: Arc::default() }
    }

    /// Waits, first come first served, until nobody holds `key`. Dropping the future gives the place in the queue up.
    pub(super) async fn take(&self, key: K) -> Turn<K> {
        let queue = Arc::clone(lock(&self.queues).entry(key.clone()).or_default());
        let mut turn = Turn { key, queues: Arc::clone(&self.queues), held: None };
        turn.held = Some(queue.lock_owned().await);
        turn
    }
}

impl<K: Hash + Eq + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        self.held = None;
        let mut queues = lock(&self.queues);
        // Whoever waits holds the queue too, and counts up only under this lock.
        if queues.get(&self.key).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.key);
        }
    }
}

fn lock<K>(queues: &Mutex<HashMap<K, Queue>>) -> MutexGuard<'_, HashMap<K, Queue>> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Turns, lock};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_key_is_held_by_one_at_a_time_and_forgotten_after() {
        let turns = Arc::new(Turns::new());
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..64)
            .map(|i| {
                let (turns, inside) = (Arc::clone(&turns), Arc::clone(&inside));
                tokio::spawn(async move {
                    let _turn = turns.take(i % 2).await;
                    let held = inside.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    held
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.expect("a task") < 2, "two keys, so at most two at once");
        }
        assert!(lock(&turns.queues).is_empty());
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_nothing_behind() {
        let turns = Turns::new();
        let held = turns.take("key").await;
        let mut waiting = Box::pin(turns.take("key"));
        assert!(futures_poll(&mut waiting).is_none());
        drop(waiting);
        drop(held);
        assert!(lock(&turns.queues).is_empty());
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
