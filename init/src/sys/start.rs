//! The program's first steps, in the place of the standard library's: those that mote needs and no others.
//!
//! The C library's start code calls `main`, which [`entry`](crate::entry) makes. The standard library's own would
//! also set up a signal stack, handlers for stack overflows, a name for the thread, and clean-up at the end: ten
//! system calls and some kilobytes.
#![allow(unsafe_code)]

use super::exec::Vector;
use super::process::is_open;
use super::signal;
use core::ffi::{CStr, c_char, c_int};
use core::iter::from_fn;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use rustix::fs::{Mode, OFlags, open};

/// Arrays of C strings with a null pointer at their end, as the kernel made them. Beside what is not zero at the start: behind the heap
/// they would cost a page of their own.
#[unsafe(link_section = ".data")]
static ARGUMENTS: AtomicPtr<*const c_char> = AtomicPtr::new(null_mut());
#[unsafe(link_section = ".data")]
static ENVIRONMENT: AtomicPtr<*const c_char> = AtomicPtr::new(null_mut());

/// Makes the program's `main` out of a function without arguments that ends the process.
#[macro_export]
macro_rules! entry {
    ($function:path) => {
        /// What the C library calls.
        #[unsafe(no_mangle)]
        extern "C" fn main(
            _count: core::ffi::c_int,
            arguments: *mut *const core::ffi::c_char,
            environment: *mut *const core::ffi::c_char,
        ) -> core::ffi::c_int {
            // SAFETY: the C library passes on the kernel's arrays, which stay for as long as the process.
            unsafe { $crate::sys::start::begin(arguments, environment) };
            $function()
        }

        /// In the place of musl's, which would set up threads, a stack protector and `exit` first; nothing here has need of them.
        /// Its start files relocate the program, and call this. `mote_alone` is said by `cargo ci dist`, whose standard library has
        /// no thread-local data.
        #[cfg(mote_alone)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn __libc_start_main(
            main: extern "C" fn(
                core::ffi::c_int,
                *mut *const core::ffi::c_char,
                *mut *const core::ffi::c_char,
            ) -> core::ffi::c_int,
            count: core::ffi::c_int,
            arguments: *mut *const core::ffi::c_char,
        ) -> core::ffi::c_int {
            // SAFETY: behind the arguments and their null pointer the kernel puts the environment.
            main(count, arguments, unsafe {
                arguments.add(count as usize + 1)
            })
        }

        /// In the place of musl's, which needs the threads.
        #[cfg(mote_alone)]
        #[unsafe(no_mangle)]
        extern "C" fn abort() -> ! {
            $crate::sys::process::abort()
        }

        /// What the standard library drops a descriptor with, in the place of the C library's: the system call and no more.
        /// As a part of the program it takes less of each of its hundreds of callers.
        #[unsafe(no_mangle)]
        extern "C" fn close(number: core::ffi::c_int) -> core::ffi::c_int {
            // SAFETY: the caller gives its own descriptor away.
            unsafe { $crate::sys::start::close(number) };
            0
        }
    };
}

/// For [`entry`](crate::entry) alone.
///
/// # Safety
///
/// Both are null or arrays of C strings, ended by a null pointer, that are never freed or changed.
pub unsafe fn begin(arguments: *mut *const c_char, environment: *mut *const c_char) {
    ARGUMENTS.store(arguments, Ordering::Relaxed);
    ENVIRONMENT.store(environment, Ordering::Relaxed);
    // A caller may have closed a standard stream; the next file that mote opens must not come to stand there.
    for number in 0..3 {
        if !is_open(number) {
            // It gets the lowest free number, which is this one, and keeps it.
            let _ = open(c"/dev/null", OFlags::RDWR, Mode::empty()).map(core::mem::forget);
        }
    }
    // A reader that has gone is an error of the write, not the end of mote.
    let _ = signal::ignore_sigpipe();
}

/// For [`entry`](crate::entry) alone.
///
/// # Safety
///
/// Nobody else has the descriptor.
#[inline(never)]
pub unsafe fn close(number: c_int) {
    // SAFETY: the same is asked of the caller.
    unsafe { rustix::io::close(number) };
}

/// The words of the command line, the program's name first.
pub fn arguments() -> impl Iterator<Item = &'static CStr> {
    strings(&ARGUMENTS)
}

/// `NAME=VALUE`, as the caller gave it.
pub fn environment() -> impl Iterator<Item = &'static CStr> {
    strings(&ENVIRONMENT)
}

/// The command line as execve(2) takes it.
pub fn argument_vector() -> Vector<'static> {
    // SAFETY: `begin` was promised what is asked here.
    unsafe { Vector::from_kernel(ARGUMENTS.load(Ordering::Relaxed)) }
}

/// The environment as execve(2) takes it.
pub fn environment_vector() -> Vector<'static> {
    // SAFETY: as above.
    unsafe { Vector::from_kernel(ENVIRONMENT.load(Ordering::Relaxed)) }
}

/// The value of an environment variable; of several the first.
#[inline(never)]
pub fn variable(name: &str) -> Option<&'static [u8]> {
    environment().find_map(|entry| {
        entry
            .to_bytes()
            .strip_prefix(name.as_bytes())?
            .strip_prefix(b"=")
    })
}

fn strings(array: &'static AtomicPtr<*const c_char>) -> impl Iterator<Item = &'static CStr> {
    let mut next = array.load(Ordering::Relaxed);
    from_fn(move || {
        // SAFETY: `begin` was promised that null ends the array, and `next` never goes beyond that; its strings
        // live as long as the process. Before `begin` there is no array.
        unsafe {
            if next.is_null() || (*next).is_null() {
                return None;
            }
            let text = CStr::from_ptr(*next);
            next = next.add(1);
            Some(text)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_end_at_null() {
        extern crate std;
        use std::boxed::Box;
        assert_eq!(arguments().count(), 0);
        let leak = |words: &'static [&'static CStr]| {
            let mut array: std::vec::Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
            array.push(core::ptr::null());
            Box::leak(array.into_boxed_slice()).as_mut_ptr()
        };
        // SAFETY: leaked arrays of literals.
        unsafe {
            begin(
                leak(&[c"mote", c"", c"x"]),
                leak(&[c"A=", c"AB=1", c"B=2=3", c"B=4", c"C"]),
            )
        };
        assert!(arguments().eq([c"mote", c"", c"x"]));
        assert_eq!(environment().count(), 5);
        assert_eq!(variable("A"), Some(&b""[..]));
        assert_eq!(variable("B"), Some(&b"2=3"[..]));
        assert_eq!(variable("C"), None);
    }
}
