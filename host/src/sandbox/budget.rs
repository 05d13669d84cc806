//! What one decision may spend, or `configure`, and the count of it: time on a worker, memory, bytes of answer.
//! Refuses to count per memory or per call: every budget is one sum over the whole instance and all it is asked.

use crate::sandbox::share::Pace;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// What a sandbox allows. Fuel, memory and answer decide and do so the same way everywhere; time only guards.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Wasm instructions a decision may execute, start functions and clean-up included.
    pub decision_fuel: u64,
    /// Time a decision may be seen running on a worker; waiting is not counted. Millisecond steps.
    pub decision_time: Duration,
    /// Decisions that run at the same time; further ones wait. At least 1.
    pub decisions_at_once: usize,
    /// The part of all processors' time that the decisions of one tenant may take together: more than 0, at most 1.
    pub cpu_share: f64,
    /// Growth beyond the frozen size, summed over all memories and tables of an instance.
    pub memory_bytes: u64,
    /// The frozen size: memories and tables of an instance together, when `configure` is done.
    pub settings_memory_bytes: u64,
    /// Text a decision may answer, summed over names, refusals, labels and problems; notes are counted by themselves.
    pub answer_bytes: u64,
    /// The largest component that is loaded.
    pub component_bytes: u64,
    /// Reset memory by the kernel's PAGEMAP_SCAN: quicker, but only sound where memory cannot be swapped out.
    pub pagemap_scan: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decision_fuel: 10_000_000,
            decision_time: Duration::from_millis(20),
            decisions_at_once: 64,
            cpu_share: 0.5,
            memory_bytes: 2 << 20,
            settings_memory_bytes: 32 << 20,
            answer_bytes: 64 << 10,
            component_bytes: 8 << 20,
            pagemap_scan: false,
        }
    }
}

/// Instructions that starting and configuring an instance may execute, and the time for which it may be seen doing so. Fixed: what
/// they leave is frozen, and must not depend on what a machine's operator allows decisions.
pub(super) const SETTINGS_FUEL: u64 = 1_000_000_000;
const SETTINGS_TIME: Duration = Duration::from_secs(10);

/// A table never has more elements than this: the pool's slots end there.
pub(super) const TABLE_ELEMENTS: usize = 20_000;

/// What wasmtime keeps for a table element.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// A policy wanted more memory than it may have.
#[derive(Debug, thiserror::Error)]
pub(super) enum OverMemory {
    #[error("wanted {wanted} bytes more memory, {left} bytes of limits.memory were left")]
    Growth { wanted: u64, left: u64 },
    #[error(
        "wanted {wanted} bytes of memory to begin with, {left} bytes of limits.settings_memory were left"
    )]
    Frozen { wanted: u64, left: u64 },
    #[error("wanted a table of {0} elements, {TABLE_ELEMENTS} is the most")]
    Table(usize),
}

/// A policy was seen on a worker for longer than it may be.
#[derive(Debug, thiserror::Error)]
#[error("was seen running for {worked:?}, {limit:?} are allowed")]
pub(super) struct OverTime {
    worked: Duration,
    limit: Duration,
}

/// What is left of the limits in one instance: the data of its wasmtime store.
pub(super) struct Budget {
    growth_left: u64,
    frozen_left: u64,
    /// What grows now will be frozen.
    is_settling: bool,
    memories_to_come: u32,
    tables_to_come: u32,
    memory_bytes: u64,
    answer_left: u64,
    time: Duration,
    worked: Duration,
    /// Whose share it takes its time from; none for one that is alone.
    pub(super) pace: Option<Arc<Pace>>,
}

impl Budget {
    /// The whole budget of a decision in an instance that begins with so many memories and tables.
    pub(super) fn of_decision(limits: &Limits, memories: u32, tables: u32) -> Self {
        Self {
            growth_left: limits.memory_bytes,
            frozen_left: limits.settings_memory_bytes,
            is_settling: false,
            memories_to_come: memories,
            tables_to_come: tables,
            memory_bytes: 0,
            answer_left: limits.answer_bytes,
            time: limits.decision_time,
            worked: Duration::ZERO,
            pace: None,
        }
    }

    /// The same, spent at this pace.
    pub(super) fn at(self, pace: Option<Arc<Pace>>) -> Self {
        Self { pace, ..self }
    }

    /// The whole budget of `configure`: what its instance begins with and what it grows by are one sum.
    pub(super) fn of_settings(limits: &Limits, memories: u32, tables: u32) -> Self {
        let budget = Self::of_decision(limits, memories, tables);
        Self { is_settling: true, time: SETTINGS_TIME, ..budget }
    }

    /// No limits any more: what runs from here on is not the policy's.
    pub(super) fn lift(&mut self) {
        (self.growth_left, self.is_settling, self.time) = (u64::MAX, false, Duration::MAX);
    }

    /// Counts time in which the decision was seen on a worker.
    pub(super) fn work(&mut self, time: Duration) -> Result<(), OverTime> {
        self.worked += time;
        let (worked, limit) = (self.worked, self.time);
        if worked > limit { Err(OverTime { worked, limit }) } else { Ok(()) }
    }

    /// Time in which the decision was seen on a worker.
    pub(super) fn worked(&self) -> Duration {
        self.worked
    }

    /// What memories and tables have now, the beginning included.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Bytes of answer that are left.
    pub(super) fn answer_left(&self) -> u64 {
        self.answer_left
    }

    /// Counts bytes of answer; false when they are more than what is left.
    pub(super) fn answer(&mut self, bytes: u64) -> bool {
        let left = self.answer_left.checked_sub(bytes);
        self.answer_left = left.unwrap_or(0);
        left.is_some()
    }

    fn begin(&mut self, wanted: u64) -> Result<(), OverMemory> {
        let left = self.frozen_left;
        self.frozen_left = left.checked_sub(wanted).ok_or(OverMemory::Frozen { wanted, left })?;
        self.memory_bytes += wanted;
        Ok(())
    }

    /// Growth that the limits forbid is an error; what only the memory's own maximum forbids is not counted, for it will not happen.
    fn grow(&mut self, wanted: u64, possible: bool) -> Result<(), OverMemory> {
        let before = (self.growth_left, self.frozen_left, self.memory_bytes);
        if self.is_settling {
            self.begin(wanted)?;
        } else {
            let left = self.growth_left;
            self.growth_left =
                left.checked_sub(wanted).ok_or(OverMemory::Growth { wanted, left })?;
            self.memory_bytes += wanted;
        }
        if !possible {
            (self.growth_left, self.frozen_left, self.memory_bytes) = before;
        }
        Ok(())
    }
}

/// A refused growth traps instead of answering -1: the record then says who wanted how much, and nothing is decided by a policy
/// that did not get what it needed. What only a memory's own declared maximum forbids is not ours to refuse: wasmtime answers -1.
impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = (desired - current) as u64;
        // wasmtime asks in the same words for a new memory; the component says how many of those there are.
        if current == 0 && self.memories_to_come > 0 {
            self.memories_to_come -= 1;
            self.begin(wanted)?;
        } else {
            self.grow(wanted, maximum.is_none_or(|most| desired <= most))?;
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = ((desired - current) * ELEMENT_BYTES) as u64;
        if current == 0 && self.tables_to_come > 0 {
            self.tables_to_come -= 1;
            self.begin(wanted)?;
        } else if desired > TABLE_ELEMENTS {
            return Err(OverMemory::Table(desired).into());
        } else {
            self.grow(wanted, maximum.is_none_or(|most| desired <= most))?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, ELEMENT_BYTES, Limits, TABLE_ELEMENTS};
    use wasmtime::ResourceLimiter;

    const PAGE: usize = 64 << 10;

    /// Two memories and a table have begun; 4 pages of growth are left for all of them.
    fn begun() -> Budget {
        let memory_bytes = 4 * PAGE as u64;
        let mut budget = Budget::of_decision(&Limits { memory_bytes, ..Limits::default() }, 2, 1);
        assert!(budget.memory_growing(0, PAGE, None).is_ok());
        assert!(budget.memory_growing(0, 0, None).is_ok());
        assert!(budget.table_growing(0, 10, None).is_ok());
        budget
    }

    #[test]
    fn growth_is_summed_over_memories_and_tables() {
        let mut budget = begun();
        assert!(budget.memory_growing(PAGE, 3 * PAGE, None).is_ok());
        // The second memory began with nothing: this is growth, not another beginning.
        assert!(budget.memory_growing(0, PAGE, None).is_ok());
        let one_page = PAGE / ELEMENT_BYTES;
        assert!(budget.table_growing(10, 10 + one_page, None).is_ok());
        assert!(budget.memory_growing(PAGE, PAGE + 1, None).is_err());
        assert!(budget.table_growing(10 + one_page, 11 + one_page, None).is_err());
    }

    #[test]
    fn beginnings_are_summed_too() {
        let mut budget = Budget::of_decision(&Limits::default(), 2, 0);
        let most =
            usize::try_from(Limits::default().settings_memory_bytes).expect("a small number");
        assert!(budget.memory_growing(0, most - PAGE, None).is_ok());
        assert!(budget.memory_growing(0, 2 * PAGE, None).is_err());
    }

    #[test]
    fn what_settings_grow_by_is_one_sum_with_what_they_begin_with() {
        let settings_memory_bytes = 4 * PAGE as u64;
        let limits = Limits { settings_memory_bytes, memory_bytes: 0, ..Limits::default() };
        let mut budget = Budget::of_settings(&limits, 1, 0);
        assert!(budget.memory_growing(0, 2 * PAGE, None).is_ok());
        assert!(budget.memory_growing(2 * PAGE, 8 * PAGE, Some(3 * PAGE)).is_err());
        assert!(budget.memory_growing(2 * PAGE, 4 * PAGE, Some(3 * PAGE)).is_ok(), "not grown");
        assert!(budget.memory_growing(2 * PAGE, 4 * PAGE, None).is_ok());
        assert!(budget.memory_growing(4 * PAGE, 5 * PAGE, None).is_err());
        budget.lift();
        assert!(budget.memory_growing(4 * PAGE, 5 * PAGE, None).is_ok());
    }

    #[test]
    fn what_a_memory_forbids_itself_is_neither_counted_nor_refused() {
        let mut budget = begun();
        assert!(budget.memory_growing(PAGE, 3 * PAGE, Some(2 * PAGE)).is_ok());
        assert!(budget.table_growing(10, 12, Some(11)).is_ok());
        assert!(budget.memory_growing(PAGE, 5 * PAGE, None).is_ok());
    }

    #[test]
    fn what_the_limits_forbid_is_refused_whatever_else_forbids_it() {
        assert!(begun().memory_growing(PAGE, 65535 * PAGE, Some(2 * PAGE)).is_err());
    }

    #[test]
    fn a_table_has_an_end() {
        let memory_bytes = u64::MAX;
        let mut budget = Budget::of_decision(&Limits { memory_bytes, ..Limits::default() }, 0, 0);
        assert!(budget.table_growing(10, TABLE_ELEMENTS, None).is_ok());
        assert!(budget.table_growing(TABLE_ELEMENTS, TABLE_ELEMENTS + 1, None).is_err());
    }
}
