//! How long an invocation may take: less than the five seconds that Cognito waits, and less than the function's own time limit.
//! Refuses to begin an attempt that could not be answered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// What somebody who signs up waits at most. Cognito gives a trigger up after five seconds, counted from before a cold start.
pub(crate) const SIGN_UP: Duration = Duration::from_millis(4400);

/// What somebody who is in the pool already waits at most: the next login repairs as well as this one.
pub(crate) const REPAIR: Duration = Duration::from_secs(2);

/// What is kept free before the function's deadline, to write a line and answer.
const MARGIN: Duration = Duration::from_millis(300);

/// An attempt is not begun with less.
const LEAST: Duration = Duration::from_millis(200);

/// From when until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    started: Instant,
    ends: Instant,
}

impl Budget {
    /// At most `most` from now, and not past the deadline (milliseconds since 1970) that Lambda names. One that has passed is none:
    /// emulators name such.
    pub(crate) fn new(most: Duration, deadline_ms: u64) -> Self {
        let started = Instant::now();
        let deadline = UNIX_EPOCH + Duration::from_millis(deadline_ms);
        let left = deadline.duration_since(SystemTime::now()).ok();
        let whole = left.map_or(most, |left| left.saturating_sub(MARGIN).min(most));
        Self { started, ends: started + whole }
    }

    /// A little past the middle of what is left: when what has not come by then is helped along.
    pub(crate) fn past_middle(&self) -> Instant {
        let now = Instant::now();
        now + self.ends.saturating_duration_since(now).mul_f64(0.55)
    }

    /// When everything is given up.
    pub(crate) fn ends(&self) -> Instant {
        self.ends
    }

    /// Whether an attempt can still be made after a pause, of whatever length.
    pub(crate) fn leaves(&self, pause: Duration) -> bool {
        let begun = Instant::now().checked_add(pause);
        begun.and_then(|at| at.checked_add(LEAST)).is_some_and(|at| at <= self.ends)
    }

    /// Since when.
    pub(crate) fn took(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_ms(wait: Duration) -> u64 {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") + wait;
        u64::try_from(at.as_millis()).expect("a date")
    }

    fn whole(budget: &Budget) -> Duration {
        budget.ends - budget.started
    }

    #[test]
    fn it_ends_before_cognito_stops_waiting() {
        let budget = Budget::new(SIGN_UP, in_ms(Duration::from_secs(900)));
        assert!(whole(&budget) < Duration::from_millis(4500));
        assert!(budget.past_middle() < budget.ends());
    }

    #[test]
    fn it_ends_before_the_functions_own_deadline() {
        let budget = Budget::new(SIGN_UP, in_ms(Duration::from_secs(3)));
        assert!(whole(&budget) <= Duration::from_millis(2700), "{:?}", whole(&budget));
        let budget = Budget::new(SIGN_UP, in_ms(Duration::from_millis(100)));
        assert_eq!(whole(&budget), Duration::ZERO);
        assert!(!budget.leaves(Duration::ZERO));
    }

    #[test]
    fn a_deadline_that_has_passed_is_none() {
        assert_eq!(whole(&Budget::new(SIGN_UP, 600_000)), SIGN_UP);
    }

    #[test]
    fn a_pause_that_leaves_no_time_for_an_attempt_is_not_made() {
        let budget = Budget::new(REPAIR, 0);
        assert!(budget.leaves(Duration::from_secs(1)));
        for pause in [Duration::from_millis(1900), Duration::from_secs(u64::MAX), Duration::MAX] {
            assert!(!budget.leaves(pause), "{pause:?}");
        }
    }
}
