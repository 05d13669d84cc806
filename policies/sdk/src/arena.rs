//! The heap of a policy: first a fixed arena inside the memory the module starts with, and `memory.grow` only when that is used
//! up, as by large settings. Growing costs a system call that every other decision of the process waits for, so a decision
//! of ordinary size must never grow; this module gives nothing back to the host, for an instance lives for one decision.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::Layout;
use std::arch::wasm32::memory_grow;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use talc::base::binning::Binning;
use talc::base::{CHUNK_UNIT, Talc};
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

const PAGE_BYTES: usize = 64 * 1024;

/// Stack (64 KiB) and a policy's own constants (up to 32 KiB) beside it make three pages: what is not there need not be reset.
const ARENA_BYTES: usize = 96 * 1024;

/// What a decision of ordinary size takes with room to spare, kept free when `configure` ends.
const ROOM_BYTES: usize = 48 * 1024;

static mut ARENA: [MaybeUninit<u8>; ARENA_BYTES] = [MaybeUninit::uninit(); ARENA_BYTES];

#[global_allocator]
static HEAP: TalcSyncCell<ArenaThenGrow, WasmBinning> =
    TalcSyncCell::new_wasm(ArenaThenGrow { arena_taken: false, grown_end: None });

/// Large settings may have filled the arena. One free block here means that the memory grows now, before the state is frozen,
/// and not in every decision that starts from it.
pub(crate) fn keep_room() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(ROOM_BYTES)));
}

#[derive(Debug)]
struct ArenaThenGrow {
    arena_taken: bool,
    grown_end: Option<NonNull<u8>>,
}

// SAFETY: `acquire` uses no allocator but the one it is handed, and allocates nothing itself.
unsafe impl Source for ArenaThenGrow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if !talc.source.arena_taken {
            talc.source.arena_taken = true;
            // SAFETY: nothing else names `ARENA`, and this branch is taken once.
            let end = unsafe { talc.claim((&raw mut ARENA).cast(), ARENA_BYTES) };
            return end.map(drop).ok_or(());
        }
        // Two units of overhead: the tag below a new heap, and the rounding up of the chunk.
        let needed_bytes = layout.size() + layout.align() + 2 * CHUNK_UNIT;
        let pages = needed_bytes.div_ceil(PAGE_BYTES);
        let old_pages = memory_grow::<0>(pages);
        if old_pages == usize::MAX {
            return Err(());
        }
        let start = (old_pages * PAGE_BYTES) as *mut u8;
        let grown_end = match talc.source.grown_end {
            // SAFETY: the heap ends where the new pages start, and nobody else has them.
            Some(end) if end.as_ptr() == start => unsafe {
                Some(talc.extend(end, start.wrapping_add(pages * PAGE_BYTES)))
            },
            // SAFETY: the pages are new, so nobody else has them.
            _ => unsafe { talc.claim(start, pages * PAGE_BYTES) },
        };
        talc.source.grown_end = grown_end;
        grown_end.map(drop).ok_or(())
    }
}
