//! A revision that spends a whole budget on everybody is asked no longer but now and then, until it answers again.
//! Refuses to count what costs little: a policy that traps or answers badly fails cheaply, and everybody it is asked about learns so.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many decisions in a row that overran their budget open it.
const IN_A_ROW: u32 = 16;

/// How long there is between two decisions that find out whether it answers again.
const PROBES_EVERY: Duration = Duration::from_secs(1);

/// One revision's.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Decisions that overran since the last one that did not.
    overran: u32,
    /// When the next probe may go through; none while everybody may.
    next_probe: Option<Instant>,
    is_probing: bool,
}

/// Nobody is asked: the revision overran its budget too often in a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rests;

/// What a decision's end made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// From now on hardly anybody is asked about.
    Open,
    /// Everybody is again.
    Closed,
}

/// The right to ask once. Dropped without a word, it says nothing of the revision.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    /// Whether it is of any use to wait for a turn.
    pub(super) fn look(&self, now: Instant) -> Result<(), Rests> {
        self.lock().look(now)
    }

    /// Lets one decision through: any, or a probe.
    pub(super) fn pass(&self, now: Instant) -> Result<Pass<'_>, Rests> {
        let mut state = self.lock();
        state.look(now)?;
        let is_probe = state.next_probe.is_some();
        state.is_probing |= is_probe;
        Ok(Pass { breaker: self, is_probe })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&self, now: Instant) -> Result<(), Rests> {
        let rests = self.next_probe.is_some_and(|next| self.is_probing || now < next);
        if rests { Err(Rests) } else { Ok(()) }
    }
}

impl Pass<'_> {
    /// The decision ended; whether it `overran` its fuel or its time.
    pub(super) fn ended(self, overran: bool, now: Instant) -> Option<Turned> {
        let mut state = self.breaker.lock();
        let was_open = state.next_probe.is_some();
        if !overran {
            (state.overran, state.next_probe) = (0, None);
            return was_open.then_some(Turned::Closed);
        }
        state.overran = state.overran.saturating_add(1);
        if !was_open && state.overran < IN_A_ROW {
            return None;
        }
        state.next_probe = Some(now + PROBES_EVERY);
        (!was_open).then_some(Turned::Open)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, IN_A_ROW, PROBES_EVERY, Rests, Turned};
    use std::time::Instant;

    /// One decision.
    fn ask(breaker: &Breaker, overran: bool, now: Instant) -> Result<Option<Turned>, Rests> {
        Ok(breaker.pass(now)?.ended(overran, now))
    }

    fn open(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        for _ in 1..IN_A_ROW {
            assert_eq!(ask(&breaker, true, now), Ok(None));
        }
        assert_eq!(ask(&breaker, true, now), Ok(Some(Turned::Open)));
        breaker
    }

    #[test]
    fn overruns_in_a_row_open_it_and_one_answer_between_them_does_not() {
        let now = Instant::now();
        let breaker = Breaker::default();
        for number in 0..5 * IN_A_ROW {
            assert_eq!(ask(&breaker, number % IN_A_ROW != 0, now), Ok(None), "{number}");
        }
        assert_eq!(ask(&open(now), true, now), Err(Rests));
    }

    #[test]
    fn one_probe_at_a_time_goes_through_and_the_next_after_a_pause() {
        let now = Instant::now();
        let breaker = open(now);
        let later = now + PROBES_EVERY;
        let probe = breaker.pass(later).expect("a probe");
        assert_eq!(breaker.look(later + PROBES_EVERY), Err(Rests), "one at a time");
        assert_eq!(probe.ended(true, later), None);
        assert_eq!(ask(&breaker, true, later), Err(Rests), "it failed: another pause");
        drop(breaker.pass(later + PROBES_EVERY).expect("the next probe"));
        let again = ask(&breaker, true, later + PROBES_EVERY);
        assert_eq!(again, Ok(None), "one that was given up says nothing");
    }

    #[test]
    fn the_first_answer_closes_it_whoever_gets_it() {
        let now = Instant::now();
        let breaker = open(now);
        assert_eq!(ask(&breaker, false, now + PROBES_EVERY), Ok(Some(Turned::Closed)));
        assert_eq!(ask(&breaker, true, now), Ok(None), "it begins to count anew");
        let breaker = Breaker::default();
        let early = breaker.pass(now).expect("closed");
        for _ in 0..IN_A_ROW {
            let _ = ask(&breaker, true, now);
        }
        assert_eq!(early.ended(false, now), Some(Turned::Closed));
    }
}
