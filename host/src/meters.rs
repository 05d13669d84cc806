//! What is measured, for Prometheus: one set of meters a process, written by the rooms, read at `/metrics`.
//! Refuses to name people: labels are tenants, stages and the host's own words, never a username or a policy's own code.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets, linear_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The meters of this process.
pub static METERS: LazyLock<Meters> = LazyLock::new(Meters::new);

/// Everything that is measured.
#[derive(Debug)]
pub struct Meters {
    /// Requests that reached a tenant, by what they were answered.
    pub requests: Family<Answered, Counter>,
    /// How long each stage of a request took.
    pub stages: Family<StageLabel, Histogram, fn() -> Histogram>,
    /// What waits in a queue.
    pub waiting: Family<QueueLabel, Gauge>,
    /// Operations committed, or homes made, with one fsync.
    pub batches: Family<QueueLabel, Histogram, fn() -> Histogram>,
    /// How long the disk took for a batch.
    pub syncs: Family<QueueLabel, Histogram, fn() -> Histogram>,
    /// The part of `limits.decision_fuel` that a decision used.
    pub fuel: Family<TenantLabel, Histogram, fn() -> Histogram>,
    /// Revisions that failed people and were rolled back by themselves.
    pub fallbacks: Family<TenantLabel, Counter>,
    /// Requests that a policy was not asked about for now.
    pub held_back: Family<HeldBack, Counter>,
    /// How often a revision's breaker opened.
    pub breakers_opened: Family<TenantLabel, Counter>,
    /// What waits to be told to other programs.
    pub outbox: Family<SinkLabel, Gauge>,
    /// Attempts to deliver what follows a change, by what came of them.
    pub deliveries: Family<DeliveryLabel, Counter>,
    /// Answers of the doors.
    pub answers: Family<AnswerLabel, Counter>,
    registry: Registry,
}

/// How a request that reached a tenant ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// The tenant's name.
    pub tenant: String,
    /// `known`, `granted`, `refused` or `failed`.
    pub outcome: &'static str,
    /// A code of the host's, `policy` for any of a policy's own, empty without one.
    pub code: &'static str,
    /// `true` for a rehearsal.
    pub dry_run: Truth,
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Truth(pub bool);

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TenantLabel {
    /// Its name.
    pub tenant: String,
}

impl TenantLabel {
    /// The label of a tenant.
    pub fn of(tenant: &str) -> Self {
        Self { tenant: tenant.to_owned() }
    }
}

/// Who was held back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HeldBack {
    /// The tenant's name.
    pub tenant: String,
    /// `breaker`, or `share` for one that waited too long for a part of the processors.
    pub why: &'static str,
}

/// Another program of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SinkLabel {
    /// The tenant's name.
    pub tenant: String,
    /// `ankisyncd` or `webhook`.
    pub sink: &'static str,
}

/// An attempt to deliver something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeliveryLabel {
    /// The tenant's name.
    pub tenant: String,
    /// Where to.
    pub sink: &'static str,
    /// `delivered`, `retried` or `given_up`.
    pub outcome: &'static str,
}

/// One stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StageLabel {
    /// Which.
    pub stage: Stage,
}

/// The stages of a request, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Whose key it is.
    Key,
    /// Waiting for other requests of the same person.
    Turn,
    /// Who it is, and what is in use.
    Recognise,
    /// Asking the policy, the picking of a name included.
    Decide,
    /// Making the folder durable.
    Home,
    /// Making the account durable.
    Commit,
}

/// One queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueueLabel {
    /// Which.
    pub queue: Queue,
}

/// The queues before a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Writes of the database.
    Ledger,
    /// Folders to be made.
    Homes,
    /// Looks at what stands where a folder would be.
    Looks,
}

/// An answer of a door.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AnswerLabel {
    /// The path as the router knows it, its parameters unnamed by values.
    pub route: String,
    /// The status.
    pub status: u16,
}

impl Meters {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("enlist");
        let meters = Self {
            requests: Family::default(),
            stages: Family::new_with_constructor(seconds),
            waiting: Family::default(),
            batches: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(1.0, 2.0, 7))
            }),
            syncs: Family::new_with_constructor(seconds),
            fuel: Family::new_with_constructor(|| Histogram::new(linear_buckets(0.1, 0.1, 10))),
            fallbacks: Family::default(),
            held_back: Family::default(),
            breakers_opened: Family::default(),
            outbox: Family::default(),
            deliveries: Family::default(),
            answers: Family::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        r.register(
            "requests",
            "Requests that reached a tenant, by outcome",
            meters.requests.clone(),
        );
        r.register_with_unit(
            "stage",
            "Time a stage of a request took",
            Unit::Seconds,
            meters.stages.clone(),
        );
        r.register("queue_waiting", "Pieces of work that wait for a disk", meters.waiting.clone());
        r.register("batch_size", "Pieces of work done with one fsync", meters.batches.clone());
        r.register_with_unit(
            "sync",
            "Time the disk took for a batch",
            Unit::Seconds,
            meters.syncs.clone(),
        );
        r.register_with_unit(
            "decision_fuel",
            "Part of limits.decision_fuel that a decision used",
            Unit::Ratios,
            meters.fuel.clone(),
        );
        r.register(
            "fallbacks",
            "Revisions that failed people and were rolled back by themselves",
            meters.fallbacks.clone(),
        );
        let held_back = "Requests that a policy was not asked about for now";
        r.register("held_back", held_back, meters.held_back.clone());
        let opened = "Revisions that overran their budget too often in a row";
        r.register("breaker_opened", opened, meters.breakers_opened.clone());
        let outbox = "What waits to be told to other programs";
        r.register("outbox_waiting", outbox, meters.outbox.clone());
        let deliveries = "Attempts to deliver what follows a change, by outcome";
        r.register("deliveries", deliveries, meters.deliveries.clone());
        r.register("answers", "Answers by route and status", meters.answers.clone());
        Self { registry, ..meters }
    }

    /// Everything, in the OpenMetrics text format.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The lines that speak of one tenant alone, with their heads.
    pub fn text_of(&self, tenant: &str) -> Result<String, fmt::Error> {
        // Between what stands before a label and what stands after it; values are quoted, and a tenant's name has no quotes.
        let label = format!("tenant=\"{tenant}\"");
        let is_theirs = |line: &str| {
            line.split_once(&label).is_some_and(|(before, after)| {
                before.ends_with(['{', ',']) && after.starts_with([',', '}'])
            })
        };
        let text = self.text()?;
        let kept = text.lines().filter(|line| line.starts_with('#') || is_theirs(line));
        Ok(kept.fold(String::new(), |text, line| text + line + "\n"))
    }

    /// Notes how long a stage took that began then; for one request, in the log of level `debug`, under its id.
    pub fn stage(&self, stage: Stage, began: Instant) {
        let took = began.elapsed();
        self.stages.get_or_create(&StageLabel { stage }).observe(took.as_secs_f64());
        tracing::debug!(stage = stage.as_str(), took_us = took.as_micros(), "passed");
    }

    /// Notes a batch and how long the disk took for it.
    pub fn batch(&self, queue: Queue, size: usize, took: Duration) {
        let label = QueueLabel { queue };
        self.batches.get_or_create(&label).observe(size as f64);
        self.syncs.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// What waits in a queue; several queues of one kind add up.
    pub fn waiting(&self, queue: Queue) -> Gauge {
        self.waiting.get_or_create(&QueueLabel { queue }).clone()
    }
}

/// From a tenth of a millisecond to more than the provider waits.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 17))
}

impl EncodeLabelValue for Truth {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        self.0.to_string().encode(encoder)
    }
}

impl Stage {
    /// As labels and the log spell it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Turn => "turn",
            Self::Recognise => "recognise",
            Self::Decide => "decide",
            Self::Home => "home",
            Self::Commit => "commit",
        }
    }
}

impl EncodeLabelValue for Stage {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        self.as_str().encode(encoder)
    }
}

impl EncodeLabelValue for Queue {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        match self {
            Self::Ledger => "ledger",
            Self::Homes => "homes",
            Self::Looks => "looks",
        }
        .encode(encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answered, Meters, Queue, Stage, TenantLabel, Truth};
    use std::time::{Duration, Instant};

    #[test]
    fn one_tenant_sees_its_own_lines_alone() {
        let meters = Meters::new();
        for tenant in ["a", "ab"] {
            let answered = Answered {
                tenant: tenant.to_owned(),
                outcome: "refused",
                code: "policy",
                dry_run: Truth(false),
            };
            meters.requests.get_or_create(&answered).inc();
        }
        meters.fuel.get_or_create(&TenantLabel::of("a")).observe(0.25);
        meters.stage(Stage::Home, Instant::now());
        meters.batch(Queue::Ledger, 3, Duration::from_millis(2));
        meters.waiting(Queue::Homes).inc();
        let all = meters.text().expect("text");
        for line in [
            "enlist_requests_total{tenant=\"ab\",outcome=\"refused\",code=\"policy\",dry_run=\"false\"} 1",
            "enlist_stage_seconds_count{stage=\"home\"} 1",
            "enlist_batch_size_bucket{le=\"4.0\",queue=\"ledger\"} 1",
            "enlist_sync_seconds_bucket{le=\"0.0032\",queue=\"ledger\"} 1",
            "enlist_queue_waiting{queue=\"homes\"} 1",
        ] {
            assert!(all.lines().any(|found| found == line), "{line} in\n{all}");
        }
        let own = meters.text_of("a").expect("text");
        let spoken: Vec<_> = own.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(spoken.iter().all(|line| line.contains("tenant=\"a\"")), "{own}");
        let buckets = spoken.iter().filter(|line| line.contains("_bucket{le=")).count();
        assert_eq!((spoken.len(), buckets), (1 + 2 + 11, 11), "{own}");
    }
}
