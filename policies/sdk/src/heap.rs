//! The heap of a policy, in two parts. What `configure` allocates is kept by talc in memory that grows, and is frozen with the rest.
//! What a decision allocates comes from a fixed room and is never given back: the instance is thrown away when it is over.
//! Growing costs a system call that every other decision of the process waits for, so only a decision that has filled its room
//! ever grows the memory.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::mem::MaybeUninit;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

/// What a decision of ordinary size takes, several times over. With a stack of 64 KiB and constants of nearly 32 KiB it makes two
/// pages: memory that is not there need not be reset.
const ROOM_BYTES: usize = 32 * 1024;

static mut ROOM: [MaybeUninit<u8>; ROOM_BYTES] = [MaybeUninit::uninit(); ROOM_BYTES];

#[global_allocator]
static HEAP: Heap =
    Heap { settings: new_wasm_dynamic_allocator(), free: Cell::new(0), end: Cell::new(0) };

/// From here on allocations come from the room: called once, when `configure` has succeeded.
pub(crate) fn open_room() {
    let start = (&raw mut ROOM).addr();
    HEAP.free.set(start);
    HEAP.end.set(start + ROOM_BYTES);
}

struct Heap {
    settings: WasmDynamicTalc,
    /// Where the free part of the room begins; with `end`, zero until the room is opened.
    free: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: WebAssembly without threads has one thread, and nothing here calls back.
unsafe impl Sync for Heap {}

impl Heap {
    fn in_room(&self, block: *mut u8) -> bool {
        let end = self.end.get();
        block.addr() < end && block.addr() >= end - ROOM_BYTES
    }

    /// Whether the room can end its newest block at `start + bytes`; if so, it does.
    fn take(&self, start: usize, bytes: usize) -> bool {
        let fits = self.end.get().saturating_sub(start) >= bytes;
        if fits {
            self.free.set(start + bytes);
        }
        fits
    }
}

// SAFETY: a block from the room lies between `free` as it was and `free` as it is, inside `ROOM` and aligned as asked; all
// others are talc's, and go back to talc.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.free.get().next_multiple_of(layout.align());
        if self.take(start, layout.size()) {
            return (&raw mut ROOM).cast::<u8>().with_addr(start);
        }
        // SAFETY: the caller's layout is passed on.
        unsafe { self.settings.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !self.in_room(block) {
            // SAFETY: not from the room, so from talc, with the layout it was made with.
            unsafe { self.settings.dealloc(block, layout) }
        } else if block.addr() + layout.size() == self.free.get() {
            self.free.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if !self.in_room(block) {
            // SAFETY: not from the room, so from talc, with the layout it was made with.
            return unsafe { self.settings.realloc(block, layout, bytes) };
        }
        let newest = block.addr() + layout.size() == self.free.get();
        if newest && self.take(block.addr(), bytes) {
            return block;
        }
        // SAFETY: the alignment is that of a valid layout, and the caller vouches for the size.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(bytes, layout.align())) };
        if !moved.is_null() {
            // SAFETY: two blocks of at least so many bytes, one of which was free until now.
            unsafe { block.copy_to_nonoverlapping(moved, layout.size().min(bytes)) };
        }
        moved
    }
}
