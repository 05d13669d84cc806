//! What was measured, as rows: medians over rounds, and ratios of one run.
//! Refuses to judge: who reads them does.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How long each request of a round waited.
pub(crate) type Waits = Vec<Duration>;

/// What the attacker was answered, by status.
#[derive(Default)]
pub(crate) struct Answers {
    statuses: BTreeMap<String, u64>,
    dropped: u64,
}

impl Answers {
    pub(crate) fn count_one(&mut self, status: &str) {
        *self.statuses.entry(status.to_owned()).or_default() += 1;
    }

    /// One that was not even sent: too many were waited for.
    pub(crate) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    pub(crate) fn count(&self, status: &str) -> u64 {
        self.statuses.get(status).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, more: Self) {
        for (status, count) in more.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.dropped += more.dropped;
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (status, count) in &self.statuses {
            write!(f, "{count} x {status}  ")?;
        }
        if self.dropped > 0 { write!(f, "{} not sent", self.dropped) } else { Ok(()) }
    }
}

/// The wait that this part of a round did not exceed, in microseconds.
fn wait(waits: &Waits, part: f64) -> f64 {
    let mut waits = waits.clone();
    waits.sort_unstable();
    let rank = (waits.len() as f64 * part).ceil() as usize;
    waits[rank.clamp(1, waits.len()) - 1].as_secs_f64() * 1e6
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn heading() {
    println!(
        "{:28} {:10} {:>9} {:>9} {:>9} {:>9} {:>6} {:>6}",
        "", "the victim", "p50 alone", "attacked", "p99 alone", "attacked", "x p50", "x p99"
    );
}

/// A row for each of the victim's questions, and what the attacker was answered.
pub(crate) fn row<const N: usize>(
    attack: &str,
    questions: &[&str; N],
    alone: &[[Waits; N]],
    attacked: &[[Waits; N]],
    answers: &Answers,
) {
    for (which, question) in questions.iter().enumerate() {
        let of = |rounds: &[[Waits; N]], part| {
            median(rounds.iter().map(|round| wait(&round[which], part)))
        };
        let (p50, p99) =
            ([of(alone, 0.5), of(attacked, 0.5)], [of(alone, 0.99), of(attacked, 0.99)]);
        println!(
            "{:28} {question:10} {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>6.2} {:>6.2}",
            if which == 0 { attack } else { "" },
            p50[0],
            p50[1],
            p99[0],
            p99[1],
            p50[1] / p50[0],
            p99[1] / p99[0]
        );
    }
    println!("{:28} was answered {answers}", "");
}
