//! The program's allocator: blocks one behind the other, cut from one piece of memory after the other, none of which
//! comes back.
//!
//! mote lives for milliseconds, and has one thread. What it takes it needs to its end, for the most part; to give the rest
//! back would be more work, and an eighth more code, than it saves memory: every place where a value with a heap goes out
//! of scope would have to say so. **What lives long must therefore not allocate again and again**: a loop that waits for
//! something makes its buffers before its first turn, or does the work of each turn in a process of its own.
//!
//! The newest block grows and shrinks where it lies. The first piece is part of the program's own zeroed data: most runs
//! need no other, and of all of them only the pages that are touched cost memory.
//!
//! Nothing here waits. A second thread, if there ever were one, would be told that there is no memory, and so would
//! a signal handler: that is what makes the shared state sound, not the promise that they don't exist.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{self, null_mut};
use core::sync::atomic::{AtomicBool, Ordering};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// The size of a piece unless one block needs more.
const PIECE: usize = 256 * 1024;

/// All blocks are aligned to it, more than any type that mote keeps on the heap wants.
const ALIGN: usize = 16;

/// See the module.
#[repr(C)]
pub struct Heap {
    state: UnsafeCell<State>,
    busy: AtomicBool,
    /// The first piece. It comes last: what is before it is in one page with the first blocks.
    own: UnsafeCell<Piece>,
}

#[repr(C, align(16))]
struct Piece([u8; PIECE]);

// SAFETY: `state` is touched in `with` alone, which lets in one at a time, and every byte of `own` has one owner.
unsafe impl Sync for Heap {}

struct State {
    /// The part of the newest piece that was never handed out, and so is still zero.
    next: *mut u8,
    left: usize,
    /// Whether `own` is in use.
    begun: bool,
}

impl State {
    fn take(&mut self, size: usize, own: *mut u8) -> *mut u8 {
        if size > self.left && !self.renew(size, own) {
            return null_mut();
        }
        let block = self.next;
        self.left -= size;
        // SAFETY: at least `size` bytes of the piece were left.
        self.next = unsafe { block.add(size) };
        block
    }

    /// Starts the next piece. What is left of the one before is lost, untouched for the most part.
    fn renew(&mut self, size: usize, own: *mut u8) -> bool {
        if !self.begun && size <= PIECE {
            (self.begun, self.next, self.left) = (true, own, PIECE);
            return true;
        }
        let length = size.max(PIECE);
        // SAFETY: a fresh private mapping at an address that the kernel picks.
        let mapped = unsafe {
            mmap_anonymous(
                null_mut(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let Ok(piece) = mapped else { return false };
        (self.next, self.left) = (piece.cast(), length);
        true
    }

    /// Makes the newest block longer where it lies.
    fn extend(&mut self, block: *mut u8, old: usize, new: usize) -> bool {
        let newest = block.wrapping_add(old) == self.next && new - old <= self.left;
        if newest {
            self.left -= new - old;
            self.next = block.wrapping_add(new);
        }
        newest
    }
}

impl Heap {
    /// One that nothing was taken from: all zero, so that it costs no room in the program's file.
    #[allow(clippy::new_without_default, reason = "a static can't use it")]
    pub const fn new() -> Heap {
        let state = State {
            next: null_mut(),
            left: 0,
            begun: false,
        };
        Heap {
            state: UnsafeCell::new(state),
            busy: AtomicBool::new(false),
            own: UnsafeCell::new(Piece([0; PIECE])),
        }
    }

    fn with<T>(&self, otherwise: T, action: impl FnOnce(&mut State) -> T) -> T {
        if self.busy.swap(true, Ordering::Acquire) {
            return otherwise;
        }
        // SAFETY: `busy` was false and is true now: nobody else is between the two.
        let result = action(unsafe { &mut *self.state.get() });
        self.busy.store(false, Ordering::Release);
        result
    }
}

/// The size of the block for so many bytes.
fn rounded(size: usize) -> usize {
    size.next_multiple_of(ALIGN)
}

// SAFETY: blocks are disjoint, as long as asked for at least, aligned to ALIGN, and refused for any larger alignment; the
// contents move along in `realloc`; nothing panics (a size is at most isize::MAX, and so is far from overflowing).
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGN {
            return null_mut();
        }
        self.with(null_mut(), |state| {
            state.take(rounded(layout.size()), self.own.get().cast())
        })
    }

    /// No block was another's before.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same is asked of the caller.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, new) = (rounded(layout.size()), rounded(size));
        if new <= old || self.with(false, |state| state.extend(block, old, new)) {
            return block;
        }
        // SAFETY: the caller vouches for `size` with this alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: the old block is shorter than the new one, which overlaps no other.
            unsafe { ptr::copy_nonoverlapping(block, moved, layout.size()) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    static HEAP: Heap = Heap::new();

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn blocks_are_zero_at_first_grow_and_keep_what_they_hold() {
        // SAFETY: every block is used within the size it was asked for with.
        unsafe {
            let one = HEAP.alloc(layout(100));
            assert_eq!(one as usize % ALIGN, 0);
            one.write_bytes(7, 100);
            let longer = HEAP.realloc(one, layout(100), 5000);
            assert_eq!(longer, one, "the newest grows in place");
            let other = HEAP.alloc(layout(1));
            let moved = HEAP.realloc(longer, layout(5000), 9000);
            assert_ne!(moved, longer);
            assert_eq!((moved.read(), moved.add(99).read()), (7, 7));
            assert_eq!(HEAP.realloc(moved, layout(9000), 16384), moved);
            assert_eq!(HEAP.realloc(moved, layout(16384), 10), moved);
            HEAP.dealloc(moved, layout(10));
            let zeroed = HEAP.alloc_zeroed(layout(6000));
            assert!(zeroed > moved && moved > other);
            assert_eq!(core::slice::from_raw_parts(zeroed, 6000), [0; 6000]);
            assert!(
                HEAP.alloc(Layout::from_size_align(8, 64).unwrap())
                    .is_null()
            );
            assert!(HEAP.alloc(layout(isize::MAX as usize - 64)).is_null());
            let large = HEAP.alloc_zeroed(layout(3 * PIECE));
            large.add(3 * PIECE - 1).write(1);
        }
    }

    #[test]
    fn blocks_are_disjoint() {
        static OWN: Heap = Heap::new();
        // SAFETY: as above.
        let blocks: Vec<(*mut u8, usize)> = (1..600)
            .map(|size| (unsafe { OWN.alloc(layout(size)) }, size))
            .collect();
        for &(block, size) in &blocks {
            unsafe { block.write_bytes(size as u8, size) };
        }
        for &(block, size) in &blocks {
            let bytes = unsafe { core::slice::from_raw_parts(block, size) };
            assert!(bytes.iter().all(|byte| *byte == size as u8));
        }
    }
}
