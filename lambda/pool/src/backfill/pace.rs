//! So many a second, and not more after a pause.
//! Refuses to save up turns: an idle second does not make the next one twice as fast.

use std::cell::Cell;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Whose turn it is.
pub(super) struct Pace {
    interval: Duration,
    next: Cell<Instant>,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, next: Cell::new(Instant::now()) }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let mine = self.next.get().max(Instant::now());
        self.next.set(mine + self.interval);
        sleep_until(mine).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Pace};

    #[tokio::test(start_paused = true)]
    async fn turns_are_an_interval_apart() {
        let (begun, pace) = (Instant::now(), Pace::new(Duration::from_millis(50)));
        for _ in 0..5 {
            pace.turn().await;
        }
        assert_eq!(begun.elapsed(), Duration::from_millis(200));
        tokio::time::sleep(Duration::from_secs(10)).await;
        let begun = Instant::now();
        pace.turn().await;
        pace.turn().await;
        assert_eq!(begun.elapsed(), Duration::from_millis(50));
    }
}
