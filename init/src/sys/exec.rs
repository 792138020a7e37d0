//! execve(2) and the pointer arrays that it takes.
#![allow(unsafe_code)]

use super::arena::{Arena, List};
use core::cell::Cell;
use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

/// `char *const v[]`: pointers to C strings that live for `'a`, ended by a null pointer.
#[derive(Clone, Copy)]
pub struct Vector<'a> {
    slots: &'a [Cell<*const c_char>],
    texts: PhantomData<&'a CStr>,
}

impl<'a> Vector<'a> {
    /// No strings.
    pub const EMPTY: Vector<'static> = Vector {
        slots: &[],
        texts: PhantomData,
    };

    /// An array of the given texts with `spare` empty slots after them.
    #[inline(never)]
    pub fn new(
        arena: &'a Arena,
        count: usize,
        texts: &mut dyn Iterator<Item = &'a CStr>,
        spare: usize,
    ) -> Result<Self, Errno> {
        let vector = Vector::empty(arena, count + spare)?;
        for (slot, text) in vector.slots.iter().zip(texts.take(count)) {
            slot.set(text.as_ptr());
        }
        Ok(vector)
    }

    #[inline(never)]
    fn empty(arena: &'a Arena, spare: usize) -> Result<Self, Errno> {
        let mut list = arena.list(spare + 1)?;
        for _ in 0..=spare {
            list.push(ptr::null())?;
        }
        Ok(Vector {
            slots: Cell::from_mut(list.finish_mut()).as_slice_of_cells(),
            texts: PhantomData,
        })
    }

    /// The array that the kernel made for this process.
    ///
    /// # Safety
    ///
    /// `first` is null or an array of C strings, ended by a null pointer, that is never freed or changed.
    pub(super) unsafe fn from_kernel(first: *mut *const c_char) -> Vector<'static> {
        let mut length = 0;
        // SAFETY: by the condition above nothing beyond the null pointer at the end is read; nobody else writes.
        let slots = unsafe {
            while !first.is_null() && !(*first.add(length)).is_null() {
                length += 1;
            }
            if first.is_null() {
                &[]
            } else {
                core::slice::from_raw_parts(first.cast(), length + 1)
            }
        };
        Vector {
            slots,
            texts: PhantomData,
        }
    }

    /// Puts one more text into the first spare slot; false when there is none.
    pub fn append(&self, text: &'a CStr) -> bool {
        let usable = self.slots.len().saturating_sub(1);
        match self.slots[..usable]
            .iter()
            .find(|slot| slot.get().is_null())
        {
            Some(slot) => {
                slot.set(text.as_ptr());
                true
            }
            None => false,
        }
    }

    /// The texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a CStr> + '_ {
        self.slots
            .iter()
            .map(Cell::get)
            .take_while(|slot| !slot.is_null())
            .map(|slot| {
                // SAFETY: `new`, `append` and `Texts` fill slots, with pointers of C strings that live for 'a.
                unsafe { CStr::from_ptr(slot) }
            })
    }

    /// The first text, if any.
    pub fn first(&self) -> Option<&'a CStr> {
        self.iter().next()
    }

    pub(super) fn as_ptr(&self) -> *const *const c_char {
        if self.slots.is_empty() {
            END.0.as_ptr()
        } else {
            self.slots.as_ptr().cast()
        }
    }
}

/// An array that is being made of texts that are known with the NUL that ends each.
pub struct Texts<'a> {
    /// Null in the place of one that was removed.
    slots: List<'a, *const c_char>,
    removed: usize,
    texts: PhantomData<&'a CStr>,
}

impl<'a> Texts<'a> {
    /// Room for so many texts.
    pub fn new(arena: &'a Arena, most: usize) -> Result<Self, Errno> {
        Ok(Texts {
            slots: arena.list(most.checked_add(1).ok_or(Errno::NOMEM)?)?,
            removed: 0,
            texts: PhantomData,
        })
    }

    /// How many there are, those that were removed included.
    pub fn len(&self) -> usize {
        self.slots.as_slice().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a text. It ends at its first NUL.
    ///
    /// # Errors
    ///
    /// `INVAL`: its last byte is none. `NOMEM`: there is no room.
    #[inline(always)]
    pub fn push(&mut self, text: &'a [u8]) -> Result<(), Errno> {
        if text.last() != Some(&0) {
            return Err(Errno::INVAL);
        }
        self.slots.push(text.as_ptr().cast())
    }

    /// The text at a place, from 0; none if it was removed.
    pub fn get(&self, at: usize) -> Option<&'a CStr> {
        let slot = *self.slots.as_slice().get(at)?;
        // SAFETY: what isn't null was put there by `push`: a pointer to bytes that live for 'a, one of which is NUL.
        (!slot.is_null()).then(|| unsafe { CStr::from_ptr(slot) })
    }

    /// Removes the text at a place.
    pub fn remove(&mut self, at: usize) {
        if let Some(slot) = self.slots.as_mut_slice().get_mut(at)
            && !slot.is_null()
        {
            *slot = ptr::null();
            self.removed += 1;
        }
    }

    /// The array of those that are left, with empty slots after them: as many as were removed, and as there was room for.
    pub fn finish(mut self) -> Vector<'a> {
        if self.removed > 0 {
            let mut kept = 0;
            let slots = self.slots.as_mut_slice();
            for at in 0..slots.len() {
                let slot = core::mem::replace(&mut slots[at], ptr::null());
                if !slot.is_null() {
                    slots[kept] = slot;
                    kept += 1;
                }
            }
        }
        while self.slots.push(ptr::null()).is_ok() {}
        Vector {
            slots: Cell::from_mut(self.slots.finish_mut()).as_slice_of_cells(),
            texts: PhantomData,
        }
    }
}

/// The array of no strings.
struct End([*const c_char; 1]);
// SAFETY: it is never written and points nowhere.
unsafe impl Sync for End {}
static END: End = End([ptr::null()]);

impl fmt::Debug for Vector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Default for Vector<'_> {
    fn default() -> Self {
        Vector::EMPTY
    }
}

/// Replaces the program; returns only with the reason why it couldn't.
pub fn execve(path: &CStr, args: &Vector<'_>, env: &Vector<'_>) -> Errno {
    // SAFETY: three pointers to memory that the kernel only reads: a C string and two null-ended arrays of C
    // strings, all alive during the call.
    let result = super::check(unsafe {
        raw_syscall!(Sysno::execve, path.as_ptr(), args.as_ptr(), env.as_ptr())
    });
    result.err().unwrap_or(Errno::IO)
}
