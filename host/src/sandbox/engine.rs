//! wasmtime narrowed: one configuration, one pool, one clock, and a turn for every decision.
//! Refuses to let anything out of this file that knows of ticks, slots or compiler flags.

use crate::sandbox::Limits;
use crate::sandbox::budget::{Budget, TABLE_ELEMENTS};
use crate::sandbox::v1::WORLD;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, EngineWeak, OptLevel, PoolingAllocationConfig, Store, UpdateDeadline,
    WasmBacktraceDetails,
};

/// How often a running decision is looked at, and yields.
const TICK: Duration = Duration::from_millis(1);

/// Granularity of memories, and enough of a guard for the bounds checks that a small reservation needs anyway.
const PAGE_BYTES: u64 = 64 << 10;

/// Wasm frames may use half of a fiber's stack; the rest is for what the host does on it.
const WASM_STACK_BYTES: usize = 512 << 10;
const FIBER_STACK_BYTES: usize = 1 << 20;

/// What one instance may consist of: the pool has as many for each decision at once, so that a turn is all a decision waits for.
const CORE_INSTANCES: u32 = 16;
const MEMORIES: u32 = 4;
const TABLES: u32 = 4;

/// Touched memory that is reset by copying instead of by a system call: more than an honest policy touches.
const MEMORY_RESIDENT_BYTES: usize = 1 << 20;
const TABLE_RESIDENT_BYTES: usize = 64 << 10;

/// Everything a policy may be built from. What is not named is off: threads, 64-bit memories, garbage collection, exceptions,
/// relaxed SIMD, component-model async, and whatever wasmtime adds.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Why a sandbox cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No decision could ever run.
    #[error("limits.decisions_at_once is 0")]
    NoDecisions,
    /// The limits multiply to more than an address can say.
    #[error("limits.decisions_at_once and limits.memory are too large together")]
    TooLarge,
    /// wasmtime refuses, mostly for want of address space.
    #[error("the sandbox cannot be set up")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// The clock's thread does not start.
    #[error("the clock of the sandbox does not start")]
    Clock(#[source] std::io::Error),
}

/// Where policies are compiled and decisions run. Cheap to clone; the clock stops with the last clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    wasmtime: wasmtime::Engine,
    key: String,
    limits: Limits,
    turns: Semaphore,
    processors: usize,
    long: Arc<Semaphore>,
    _ticker: Ticker,
}

impl Engine {
    /// Reserves the address space of `limits.decisions_at_once` instances and starts the clock.
    pub fn new(limits: &Limits) -> Result<Self, EngineError> {
        Self::begin(limits, &config(limits, OptLevel::Speed, CORE_INSTANCES)?)
    }

    /// For the one instance that is configured and frozen: compiled quickly, for it runs once, and with room for the core instance
    /// that reads its state.
    pub(super) fn for_settings(limits: &Limits) -> Result<Self, EngineError> {
        let limits = Limits { decisions_at_once: 1, ..limits.clone() };
        Self::begin(&limits, &config(&limits, OptLevel::None, CORE_INSTANCES + 1)?)
    }

    fn begin(limits: &Limits, config: &Config) -> Result<Self, EngineError> {
        let refused = |error: wasmtime::Error| EngineError::Refused(error.into());
        let wasmtime = wasmtime::Engine::new(config).map_err(refused)?;
        let ticker = Ticker::start(wasmtime.weak()).map_err(EngineError::Clock)?;
        let (key, turns) = (key(&wasmtime), Semaphore::new(limits.decisions_at_once));
        let limits = limits.clone();
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let long = Arc::new(Semaphore::new(workers(processors) - 1));
        let shared = Shared { wasmtime, key, limits, turns, processors, long, _ticker: ticker };
        Ok(Self(Arc::new(shared)))
    }

    /// What code is compiled for: two engines with the same key run each other's.
    pub(super) fn key(&self) -> &str {
        &self.0.key
    }

    /// What this sandbox allows.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.wasmtime
    }

    /// Waits until a decision may run: a full pool would fail at once.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        self.0.turns.acquire().await.expect("nothing closes the semaphore")
    }

    /// How many processors there are.
    pub(super) fn processors(&self) -> usize {
        self.0.processors
    }

    /// How many workers one tenant's policy may run on: all but one.
    pub(super) fn spare_workers(&self) -> usize {
        workers(self.0.processors) - 1
    }

    /// Who may run for long at the same time, of all tenants: all workers but one may.
    pub(super) fn long_decisions(&self) -> &Arc<Semaphore> {
        &self.0.long
    }

    /// A store with the whole of a budget and nothing in it.
    pub(super) fn store(&self, budget: Budget, fuel: u64) -> wasmtime::Result<Store<Budget>> {
        let mut store = Store::new(&self.0.wasmtime, budget);
        store.limiter(|budget| budget);
        store.set_fuel(fuel)?;
        store.epoch_deadline_callback(|mut store| {
            let budget = store.data_mut();
            let again = !budget.worked().is_zero();
            budget.work(TICK)?;
            let turn = budget.pace.as_ref().and_then(|pace| pace.tick(TICK, again));
            Ok(turn.map_or(UpdateDeadline::Yield(1), |turn| UpdateDeadline::YieldCustom(1, turn)))
        });
        Ok(store)
    }
}

/// How many workers an executor needs on so many processors: one is free of long decisions, whatever policies do.
pub fn workers(processors: usize) -> usize {
    processors.max(2)
}

/// Begins to look at a store that comes from waiting: the ticks it has missed are not its own.
pub(super) fn watch(store: &mut Store<Budget>) {
    store.set_epoch_deadline(1);
}

/// The world, and what wasmtime says of its own compatibility, its version included.
fn key(engine: &wasmtime::Engine) -> String {
    struct Feed(Sha256);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut feed = Feed(Sha256::new_with_prefix(WORLD));
    engine.precompile_compatibility_hash().hash(&mut feed);
    let mut key = String::new();
    for byte in &feed.0.finalize()[..16] {
        write!(key, "{byte:02x}").expect("a String takes everything");
    }
    key
}

fn config(limits: &Limits, level: OptLevel, core_instances: u32) -> Result<Config, EngineError> {
    // A memory's slot holds the largest frozen state and all of the growth, so that the budget alone says when it is full; and the
    // page in which the state is read when it is frozen.
    let slot = limits
        .memory_bytes
        .checked_add(limits.settings_memory_bytes)
        .and_then(|bytes| bytes.checked_add(PAGE_BYTES))
        .and_then(|bytes| bytes.checked_next_multiple_of(PAGE_BYTES));
    let slot = slot.ok_or(EngineError::TooLarge)?;
    let mut config = Config::new();
    config
        .wasm_features(FEATURES.complement(), false)
        .concurrency_support(false)
        .cranelift_opt_level(level)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .memory_init_cow(true)
        // The default would reserve 4 GiB for each memory: container limits and people who read VIRT mind.
        .memory_reservation(slot)
        .memory_guard_size(PAGE_BYTES)
        .allocation_strategy(pool(limits, slot, core_instances)?);
    Ok(config)
}

fn pool(
    limits: &Limits,
    slot: u64,
    core_instances: u32,
) -> Result<PoolingAllocationConfig, EngineError> {
    let decisions = match u32::try_from(limits.decisions_at_once) {
        Ok(0) => return Err(EngineError::NoDecisions),
        Ok(decisions) => decisions,
        Err(_) => return Err(EngineError::TooLarge),
    };
    let each = |count: u32| decisions.checked_mul(count).ok_or(EngineError::TooLarge);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(decisions)
        .total_core_instances(each(core_instances)?)
        .max_core_instances_per_component(core_instances)
        .total_memories(each(MEMORIES)?)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_memory_size(usize::try_from(slot).map_err(|_| EngineError::TooLarge)?)
        .total_tables(each(TABLES)?)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .total_stacks(decisions)
        .linear_memory_keep_resident(MEMORY_RESIDENT_BYTES)
        .table_keep_resident(TABLE_RESIDENT_BYTES)
        .pagemap_scan(if limits.pagemap_scan { Enabled::Auto } else { Enabled::No });
    Ok(pool)
}

/// The clock: a thread of its own, since an executor whose workers all run policies could not be its own police.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || tick(&engine, &stopped);
        let thread = thread::Builder::new().name("sandbox-clock".to_owned()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn tick(engine: &EngineWeak, stopped: &AtomicBool) {
    let mut due = Instant::now() + TICK;
    while !stopped.load(Ordering::Acquire) {
        let now = Instant::now();
        if now < due {
            thread::park_timeout(due - now);
            continue;
        }
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        // Ticks that a busy machine made us miss are not made up for: a decision is charged for what it was seen to do.
        due = now + TICK;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It cannot have panicked, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}
