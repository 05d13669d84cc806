//! Figures of one kind of work at one level: medians over rounds, so that what else the machine does in one of them is forgotten.
//! Refuses to judge: it prints what was measured and the ratios that the targets are about.

use std::time::Duration;

/// One round of one kind of work.
pub(crate) struct Sample {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// How long each one waited.
    pub(crate) waits: Vec<Duration>,
    /// Answers that were `busy`, and asked for again.
    pub(crate) busy: u64,
    /// Processor time of the server's or of the raw side's process, if it is known.
    pub(crate) processor: Option<Duration>,
}

/// All rounds of one kind of work at one level.
#[derive(Default)]
pub(crate) struct Rounds(Vec<Sample>);

impl Rounds {
    pub(crate) fn add(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Median over rounds of the wait that this part of a round's people did not exceed, in microseconds.
    pub(crate) fn wait(&self, part: f64) -> f64 {
        self.median(|sample| {
            let mut waits = sample.waits.clone();
            waits.sort_unstable();
            let rank = (waits.len() as f64 * part).ceil() as usize;
            waits[rank.clamp(1, waits.len()) - 1].as_secs_f64() * 1e6
        })
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.median(|sample| sample.waits.len() as f64 / sample.took.as_secs_f64())
    }

    /// Processor time per request, in microseconds.
    fn processor(&self) -> Option<f64> {
        self.0.first()?.processor?;
        Some(self.median(|sample| {
            let processor = sample.processor.unwrap_or_default().as_secs_f64();
            processor * 1e6 / sample.waits.len() as f64
        }))
    }

    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        let mut values: Vec<_> = self.0.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

pub(crate) fn heading(title: &str) {
    println!("\n{title}");
    println!(
        "{:26} {:>9} {:>9} {:>9} {:>13} {:>6}",
        "", "p50 us", "p99 us", "per s", "processor us", "busy"
    );
}

pub(crate) fn row(name: &str, rounds: &Rounds) {
    let processor = rounds.processor().map_or_else(|| "-".to_owned(), |us| format!("{us:.0}"));
    let (p50, p99, per_second) = (rounds.wait(0.50), rounds.wait(0.99), rounds.per_second());
    let busy = rounds.0.iter().map(|sample| sample.busy).sum::<u64>();
    println!("{name:26} {p50:>9.0} {p99:>9.0} {per_second:>9.0} {processor:>13} {busy:>6}");
}
