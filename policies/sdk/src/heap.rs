//! The heap of a policy, in two parts: first a room inside the memory it starts with, where nothing but the newest block is ever
//! given back, for the instance is thrown away when the decision is over; then, when the room is full, talc in memory that grows.
//! Growing costs a system call that every other decision of the process waits for, so a decision of ordinary size, `configure`
//! with small settings included, must never grow; what large settings grow is frozen with the rest, and leaves decisions their room.
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
static HEAP: Heap = Heap {
    beyond: new_wasm_dynamic_allocator(),
    room: Cell::new((&raw mut ROOM).cast()),
    used_bytes: Cell::new(0),
    is_closed: Cell::new(false),
};

/// Settings of so many bytes are made into a policy outside the room.
const LARGE_BYTES: usize = ROOM_BYTES / 8;

/// Before `configure` works on settings of so many bytes: those of ordinary size find place in the room, large ones would fill it, and
/// decisions would then write where memory is dear to reset.
pub(crate) fn make_way(settings_bytes: usize) {
    HEAP.is_closed.set(settings_bytes > LARGE_BYTES);
}

/// When `configure` has succeeded: settings that took much of the room leave decisions another one.
pub(crate) fn keep_room() {
    HEAP.is_closed.set(false);
    if HEAP.used_bytes.get() <= ROOM_BYTES / 2 {
        return;
    }
    // SAFETY: the layout is not empty.
    let room = unsafe { HEAP.beyond.alloc(Layout::new::<[u8; ROOM_BYTES]>()) };
    if !room.is_null() {
        HEAP.room.set(room);
        HEAP.used_bytes.set(0);
    }
}

struct Heap {
    beyond: WasmDynamicTalc,
    /// Where the present room begins, and how much of it is in use.
    room: Cell<*mut u8>,
    used_bytes: Cell<usize>,
    /// Nothing is taken from it or given back to it.
    is_closed: Cell<bool>,
}

// SAFETY: WebAssembly without threads has one thread, and nothing here calls back.
unsafe impl Sync for Heap {}

impl Heap {
    /// Whether the block comes from the present room or from the first one.
    fn in_a_room(&self, block: *mut u8) -> bool {
        let within = |room: *mut u8| block.addr().wrapping_sub(room.addr()) < ROOM_BYTES;
        within(self.room.get()) || within((&raw mut ROOM).cast())
    }

    /// Whether the present room's newest block can begin at `start` and have so many bytes; if so, it does.
    fn take(&self, start: usize, bytes: usize) -> bool {
        let offset = start - self.room.get().addr();
        let fits = !self.is_closed.get() && ROOM_BYTES.saturating_sub(offset) >= bytes;
        if fits {
            self.used_bytes.set(offset + bytes);
        }
        fits
    }

    fn is_newest(&self, block: *mut u8, layout: Layout) -> bool {
        let offset = block.addr().wrapping_sub(self.room.get().addr());
        let is_last = offset < ROOM_BYTES && offset + layout.size() == self.used_bytes.get();
        is_last && !self.is_closed.get()
    }
}

// SAFETY: a block from a room lies between what was in use and what is, inside the room and aligned as asked; all others are
// talc's, and go back to talc.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let free = self.room.get().addr() + self.used_bytes.get();
        let start = free.next_multiple_of(layout.align());
        if self.take(start, layout.size()) {
            return self.room.get().with_addr(start);
        }
        // SAFETY: the caller's layout is passed on.
        unsafe { self.beyond.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !self.in_a_room(block) {
            // SAFETY: not from a room, so from talc, with the layout it was made with.
            unsafe { self.beyond.dealloc(block, layout) }
        } else if self.is_newest(block, layout) {
            self.used_bytes.set(self.used_bytes.get() - layout.size());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if !self.in_a_room(block) {
            // SAFETY: not from a room, so from talc, with the layout it was made with.
            return unsafe { self.beyond.realloc(block, layout, bytes) };
        }
        if self.is_newest(block, layout) && self.take(block.addr(), bytes) {
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
