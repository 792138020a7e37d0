//! Memory for the plan: one anonymous mapping, handed out from the front, never given back.
//!
//! The kernel backs a page only when it is touched, so reserving far more than is needed costs nothing, and
//! the child of clone3(2) sees it all copy-on-write. It sits here because memory is asked of the kernel, and
//! because typed slices out of raw memory are the one thing that safe code can't make.
#![allow(unsafe_code)]

use core::alloc::Layout;
use core::cell::Cell;
use core::ffi::CStr;
use core::marker::PhantomData;
use core::ptr::NonNull;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// See the module.
#[derive(Debug)]
pub struct Arena {
    base: NonNull<u8>,
    size: usize,
    used: Cell<usize>,
}

impl Arena {
    /// Reserves `size` bytes of address space.
    pub fn new(size: usize) -> Result<Arena, Errno> {
        // SAFETY: a fresh private mapping at an address the kernel picks; nothing of ours is replaced.
        let base = unsafe {
            mmap_anonymous(
                core::ptr::null_mut(),
                size,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        // Where the kernel gives huge pages to all who don't refuse (sys/kernel/mm/transparent_hugepage/enabled), the first
        // byte would cost 2 MiB. A kernel without them knows no such advice.
        // SAFETY: the mapping just made, whose contents this doesn't change.
        let _ = unsafe { madvise(base, size, Advice::LinuxNoHugepage) };
        let base = NonNull::new(base.cast::<u8>()).ok_or(Errno::NOMEM)?;
        Ok(Arena {
            base,
            size,
            used: Cell::new(0),
        })
    }

    /// Takes everything back, for whoever makes one plan after the other: a benchmark, a fuzz target.
    pub fn clear(&mut self) {
        // SAFETY: the first `used` bytes are inside of the mapping, and all borrows of them have ended: `self` is borrowed
        // for writing.
        unsafe { self.base.write_bytes(0, self.used.get()) };
        self.used.set(0);
    }

    /// Room for so many values of a layout; none where it is used up.
    #[inline(never)]
    fn take(&self, one: Layout, count: usize) -> Option<NonNull<u8>> {
        let start = self.used.get().next_multiple_of(one.align());
        let end = start.checked_add(one.size().checked_mul(count)?)?;
        if end > self.size {
            return None;
        }
        self.used.set(end);
        // SAFETY: start <= end <= size, so the result stays inside the mapping (or one past its end).
        Some(unsafe { self.base.add(start) })
    }

    /// `length` zero bytes.
    #[allow(
        clippy::mut_from_ref,
        reason = "each call hands out memory that no other call does"
    )]
    pub fn bytes(&self, length: usize) -> Result<&mut [u8], Errno> {
        let start = self.take(Layout::new::<u8>(), length).ok_or(Errno::NOMEM)?;
        // SAFETY: `take` never returns the same bytes twice, the kernel zeroed them, and they live as long as
        // the arena, to which the borrow ties them.
        Ok(unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) })
    }

    /// The parts in a row, ended by NUL. The parts hold no NUL themselves, or the text ends at the first.
    pub fn text(&self, parts: &[&[u8]]) -> Result<&CStr, Errno> {
        let length = parts.iter().map(|part| part.len()).sum::<usize>() + 1;
        let buffer = self.bytes(length)?;
        let mut at = 0;
        for part in parts {
            buffer[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::INVAL)
    }

    /// The value in a place of its own: what is large is better pointed to than moved about.
    #[allow(
        clippy::mut_from_ref,
        reason = "each call hands out memory that no other call does"
    )]
    pub fn put<T: Copy>(&self, value: T) -> Result<&mut T, Errno> {
        let place = self
            .take(Layout::new::<T>(), 1)
            .ok_or(Errno::NOMEM)?
            .cast::<T>();
        // SAFETY: `take` never returns the same bytes twice, gives as many and as aligned as asked for, and they live as long
        // as the arena, to which the borrow ties them.
        unsafe {
            place.write(value);
            Ok(&mut *place.as_ptr())
        }
    }

    /// Room for up to `capacity` values, to be filled one by one while other things are taken.
    pub fn list<T: Copy>(&self, capacity: usize) -> Result<List<'_, T>, Errno> {
        let start = self
            .take(Layout::new::<T>(), capacity)
            .ok_or(Errno::NOMEM)?
            .cast::<T>();
        Ok(List {
            start,
            capacity,
            length: 0,
            arena: PhantomData,
        })
    }
}

impl Drop for Arena {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone and every borrow of it has ended with the arena's.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.size) };
    }
}

/// A list being filled.
#[derive(Debug)]
pub struct List<'a, T> {
    start: NonNull<T>,
    capacity: usize,
    length: usize,
    arena: PhantomData<&'a Arena>,
}

impl<'a, T: Copy> List<'a, T> {
    /// Adds a value; `NOMEM` when the capacity asked for was too small.
    pub fn push(&mut self, value: T) -> Result<(), Errno> {
        if self.length == self.capacity {
            return Err(Errno::NOMEM);
        }
        // SAFETY: length < capacity, and `Arena::list` reserved aligned room for `capacity` values.
        unsafe { self.start.add(self.length).write(value) };
        self.length += 1;
        Ok(())
    }

    /// Adds so many values again that are there already, from a place on; `NOMEM` when there is no room for them, or they are not
    /// there.
    pub fn repeat(&mut self, from: usize, count: usize) -> Result<(), Errno> {
        if from + count > self.length || self.length + count > self.capacity {
            return Err(Errno::NOMEM);
        }
        // SAFETY: the first `length` values were written, and those from there on are others, for which `Arena::list` reserved
        // aligned room.
        unsafe {
            let to = self.start.add(self.length);
            self.start.add(from).copy_to_nonoverlapping(to, count);
        }
        self.length += count;
        Ok(())
    }

    /// Forgets all values, to be filled again.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// What was filled so far.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: the first `length` values were written by `push`.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// The same for changing.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as for `as_slice`; `&mut self` keeps it unshared.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    /// The list, fixed from now on.
    pub fn finish(self) -> &'a [T] {
        self.finish_mut()
    }

    /// The same, for values that still change.
    pub fn finish_mut(self) -> &'a mut [T] {
        // SAFETY: as for `as_slice`; nobody can push any more, and the memory lives as long as the arena.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}
