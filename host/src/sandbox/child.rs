//! The child in which policies are made: limits itself before it reads anything, makes one policy, and ends.
//! Refuses to be worth attacking: no secret, no folder, no more memory and time than it was given.

use crate::sandbox::parcel::{Order, Product, pack_answer};
use crate::sandbox::{Engine, Limits, MakeError, make};
use rustix::process::{Resource, Rlimit, Signal};
use std::io::{self, Read, Write};

/// What one child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allotment {
    /// Address space: what its memory can never be more than.
    pub address_space_bytes: u64,
    /// Processor time of all its threads together.
    pub cpu_seconds: u64,
}

/// For the program, the compiler and its threads.
const COMPILER_BYTES: u64 = 2 << 30;

/// How often the largest memory of a policy counts: two sandboxes reserve it for each of its memories, and what is frozen is
/// copied on its way to the answer.
const MEMORIES: u64 = 16;

impl Allotment {
    /// What making any policy takes that these limits allow.
    pub fn of(limits: &Limits) -> Self {
        let memory_bytes = limits.memory_bytes.saturating_add(limits.settings_memory_bytes);
        let memories_bytes = memory_bytes.saturating_mul(MEMORIES);
        Self { address_space_bytes: COMPILER_BYTES.saturating_add(memories_bytes), cpu_seconds: 60 }
    }
}

/// Descriptors: three are there, and the engine has a few.
const DESCRIPTORS: u64 = 64;

/// Everything the child does, from standard input to standard output.
pub fn make_for_the_parent(allotment: &Allotment) -> io::Result<()> {
    limit(allotment)?;
    let mut order = Vec::new();
    io::stdin().lock().read_to_end(&mut order)?;
    let order = Order::unpack(&order)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an order that is cut off"))?;
    let answer = carry_out(&order);
    let answer = match &answer {
        Ok(code) => pack_answer(Ok(Product {
            engine: code.engine(),
            notes: code.notes().iter().map(String::as_str).collect(),
            code: code.bytes(),
        })),
        Err(error) => pack_answer(Err(error.clone())),
    };
    let mut out = io::stdout().lock();
    out.write_all(&answer)?;
    out.flush()
}

fn carry_out(order: &Order<'_>) -> Result<crate::sandbox::Code, MakeError> {
    make(&Engine::new(&order.limits)?, order.component, order.settings_json)
}

/// None of it can be taken back.
fn limit(allotment: &Allotment) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::nice(19)?;
    // Where memory runs short the kernel shall take this process, not the server. Only a convenience: without /proc there is none.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    lower(Resource::Core, 0, 0)?;
    lower(Resource::Nofile, DESCRIPTORS, DESCRIPTORS)?;
    lower(Resource::As, allotment.address_space_bytes, allotment.address_space_bytes)?;
    // At the first of the two the kernel says what it was that ended it.
    lower(Resource::Cpu, allotment.cpu_seconds, allotment.cpu_seconds.saturating_add(5))
}

fn lower(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let before = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(current.min(before)), maximum: Some(maximum.min(before)) };
    Ok(rustix::process::setrlimit(resource, limit)?)
}
