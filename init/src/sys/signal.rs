//! Signal masks, dispositions and signalfd(2).
#![allow(unsafe_code)]

use super::check;
use core::mem::{size_of, zeroed};
use core::ptr;
use linux_raw_sys::general::{
    O_CLOEXEC, O_NONBLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGSTOP, kernel_sigaction,
};
use rustix::fd::{FromRawFd, OwnedFd};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

/// A set of signals; bit N-1 is signal N (kernel_sigset_t of the five machines).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set(pub u64);

impl Set {
    /// No signal.
    pub const NONE: Set = Set(0);
    /// Every signal that can be blocked.
    pub const ALL: Set = Set(u64::MAX);
}

/// Replaces the thread's signal mask; returns the one before.
pub fn set_mask(mask: Set) -> Result<Set, Errno> {
    let mut before = Set::NONE;
    // SAFETY: two sets of the 8 bytes stated, one read and one written.
    check(unsafe {
        raw_syscall!(
            Sysno::rt_sigprocmask,
            SIG_SETMASK,
            &raw const mask.0,
            &raw mut before.0,
            size_of::<u64>()
        )
    })?;
    Ok(before)
}

/// A descriptor to read the signals of `set` from, as `struct signalfd_siginfo`; they must be blocked.
pub fn descriptor(set: Set) -> Result<OwnedFd, Errno> {
    // SFD_CLOEXEC and SFD_NONBLOCK have the values of the O_ flags on every machine (linux/signalfd.h).
    // SAFETY: one set of 8 bytes is read; the new descriptor is nobody else's.
    unsafe {
        let fd = check(raw_syscall!(
            Sysno::signalfd4,
            usize::MAX,
            &raw const set.0,
            size_of::<u64>(),
            O_CLOEXEC | O_NONBLOCK
        ))?;
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}

/// Gives ignored signals their default action back, as Go's runtime does for runc: mote's start ignores SIGPIPE,
/// and what the caller ignored is no business of the program's. SIGHUP and SIGINT alone stay ignored, for
/// nohup(1) and background jobs.
pub fn default_all() -> Result<(), Errno> {
    for number in 1..=64 {
        if matches!(number, SIGHUP | SIGINT | SIGKILL | SIGSTOP) {
            continue;
        }
        // SAFETY: all zero bytes are a valid struct: SIG_DFL, no flags, empty mask; the kernel only reads it.
        unsafe {
            let action: kernel_sigaction = zeroed();
            check(raw_syscall!(
                Sysno::rt_sigaction,
                number,
                &raw const action,
                ptr::null::<kernel_sigaction>(),
                size_of::<u64>()
            ))?;
        }
    }
    Ok(())
}

/// Makes a write to a pipe without a reader an error and no more.
pub fn ignore_sigpipe() -> Result<(), Errno> {
    // SAFETY: all zero bytes are a valid struct: no flags, empty mask; the kernel only reads it.
    unsafe {
        let action = kernel_sigaction {
            sa_handler_kernel: linux_raw_sys::signal_macros::sig_ign(),
            ..zeroed()
        };
        let none = ptr::null::<kernel_sigaction>();
        check(raw_syscall!(
            Sysno::rt_sigaction,
            SIGPIPE,
            &raw const action,
            none,
            size_of::<u64>()
        ))
        .map(drop)
    }
}

/// A signal by its number, real-time ones included; none if it can't be one.
pub fn numbered(number: i32) -> Option<rustix::process::Signal> {
    if let Some(signal) = rustix::process::Signal::from_named_raw(number) {
        return Some(signal);
    }
    // SAFETY: the numbers after the named ones are never used by a C library within mote: it has no threads
    // and calls none of what musl reserves three of them for, and it only sends these to other processes.
    (32..=64)
        .contains(&number)
        .then(|| unsafe { rustix::process::Signal::from_raw_unchecked(number) })
}

/// The thread's signal mask.
pub fn mask() -> Result<Set, Errno> {
    let mut now = Set::NONE;
    // SAFETY: one set of 8 bytes is written; a null new set changes nothing.
    check(unsafe {
        raw_syscall!(
            Sysno::rt_sigprocmask,
            SIG_SETMASK,
            ptr::null::<u64>(),
            &raw mut now.0,
            size_of::<u64>()
        )
    })?;
    Ok(now)
}
