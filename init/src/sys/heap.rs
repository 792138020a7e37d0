//! The program's allocator: blocks whose sizes are powers of two, cut from one piece of memory after the other.
//!
//! mote lives for milliseconds and has one thread, so what a general allocator does about fragments, threads and
//! hostile writers would be weight without use. A freed block waits in a list for the next one of its size, so a
//! loop that allocates the same again and again doesn't grow. The first piece is part of the program's own zeroed
//! data: most runs need no other, and of all of them only the pages that are touched cost memory.
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

/// The smallest block; all are aligned to it, more than any type that mote keeps on the heap wants.
const SMALLEST: usize = 16;

/// Blocks of 2 to the power of n are in the n-th list.
const SIZES: usize = usize::BITS as usize;

/// See the module.
#[repr(C, align(16))]
pub struct Heap {
    /// The first piece. It comes first for its alignment.
    own: UnsafeCell<[u8; PIECE]>,
    state: UnsafeCell<State>,
    busy: AtomicBool,
}

// SAFETY: `state` is touched in `with` alone, which lets in one at a time, and every byte of `own` has one owner.
unsafe impl Sync for Heap {}

struct State {
    /// The part of the newest piece that was never handed out, and so is still zero.
    next: *mut u8,
    left: usize,
    /// Whether `own` is in use.
    begun: bool,
    /// The first freed block of every size; a freed block begins with the address of the next one.
    free: [*mut u8; SIZES],
}

impl State {
    /// A block of this size, and whether it is known to be zero.
    fn take(&mut self, size: usize, own: *mut u8) -> (*mut u8, bool) {
        let list = &mut self.free[order(size)];
        if !list.is_null() {
            let block = *list;
            // SAFETY: `give` put it in this list and wrote the address there; its owner has given it up.
            *list = unsafe { block.cast::<*mut u8>().read() };
            return (block, false);
        }
        if size > self.left && !self.renew(size, own) {
            return (null_mut(), false);
        }
        let block = self.next;
        self.left -= size;
        // SAFETY: at least `size` bytes of the piece were left.
        self.next = unsafe { block.add(size) };
        (block, true)
    }

    fn give(&mut self, block: *mut u8, size: usize) {
        let list = &mut self.free[order(size)];
        // SAFETY: the block is ours again, has room for an address, and is aligned for one.
        unsafe { block.cast::<*mut u8>().write(*list) };
        *list = block;
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
            free: [null_mut(); SIZES],
        };
        Heap {
            own: UnsafeCell::new([0; PIECE]),
            state: UnsafeCell::new(state),
            busy: AtomicBool::new(false),
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

    /// A block, and whether it is known to be zero.
    fn block(&self, layout: Layout) -> (*mut u8, bool) {
        if layout.align() > SMALLEST {
            return (null_mut(), true);
        }
        self.with((null_mut(), true), |state| {
            state.take(rounded(layout.size()), self.own.get().cast())
        })
    }
}

/// The size of the block for so many bytes.
fn rounded(size: usize) -> usize {
    size.max(SMALLEST).next_power_of_two()
}

fn order(size: usize) -> usize {
    size.trailing_zeros() as usize
}

// SAFETY: blocks are disjoint, as long as asked for at least, aligned to SMALLEST, and refused for any larger
// alignment; the contents move along in `realloc`; nothing panics (a size is below 2^63, so its power of two exists).
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.block(layout).0
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (block, zero) = self.block(layout);
        if !zero {
            // SAFETY: a block that isn't known to be zero exists, and is at least that long.
            unsafe { ptr::write_bytes(block, 0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.with((), |state| state.give(block, rounded(layout.size())));
    }

    /// A block that shrinks moves as well: it is freed by its new size, and so must have come by that.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, new) = (rounded(layout.size()), rounded(size));
        if new == old || new > old && self.with(false, |state| state.extend(block, old, new)) {
            return block;
        }
        // SAFETY: the caller vouches for `size` with this alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: both are this long, and a new block overlaps no other; the old one is the caller's to give up.
            unsafe {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
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
    fn blocks_are_zero_when_asked_come_again_and_keep_what_they_hold() {
        // SAFETY: every block is used within the size it was asked for with, and freed by that.
        unsafe {
            let one = HEAP.alloc_zeroed(layout(100));
            assert_eq!(one as usize % SMALLEST, 0);
            one.write_bytes(7, 100);
            let longer = HEAP.realloc(one, layout(100), 5000);
            assert_eq!(longer, one, "the newest grows in place");
            let other = HEAP.alloc(layout(1));
            let moved = HEAP.realloc(longer, layout(5000), 9000);
            assert_ne!(moved, longer);
            assert_eq!((moved.read(), moved.add(99).read()), (7, 7));
            assert_eq!(HEAP.realloc(moved, layout(9000), 16384), moved);
            assert_eq!(
                HEAP.alloc(layout(8192)),
                longer,
                "what was freed comes again"
            );
            HEAP.dealloc(longer, layout(8192));
            let zeroed = HEAP.alloc_zeroed(layout(6000));
            assert_eq!(zeroed, longer);
            assert_eq!(core::slice::from_raw_parts(zeroed, 6000), [0; 6000]);
            let small = HEAP.realloc(zeroed, layout(6000), 10);
            assert_ne!(small, zeroed);
            assert_eq!(
                HEAP.alloc(layout(6000)),
                zeroed,
                "a block that shrank is whole for the next"
            );
            assert_ne!(other, small);
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
