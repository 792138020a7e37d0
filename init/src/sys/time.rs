//! Clocks and pauses.
//!
//! rustix reads clocks through the kernel's vDSO, for which it first has to find its way through an ELF file; mote
//! asks a few times in its life, and a system call is soon done.
#![allow(unsafe_code)]

use core::mem::MaybeUninit;
use rustix::time::{ClockId, Timespec};
use syscalls::{Sysno, syscall};

/// clock_gettime(2), for a clock that every kernel has.
pub fn now(clock: ClockId) -> Timespec {
    let mut now = MaybeUninit::<Timespec>::zeroed();
    // SAFETY: the kernel writes one timespec, which all five machines, of 64 bits, share with rustix; all zero bytes
    // are a valid one.
    unsafe {
        let _ = syscall!(Sysno::clock_gettime, clock as i32, now.as_mut_ptr());
        now.assume_init()
    }
}

/// Milliseconds of a clock that is never set.
pub fn milliseconds() -> i64 {
    let now = now(ClockId::Monotonic);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Waits for so many microseconds; a signal ends it sooner.
pub fn pause(microseconds: u32) {
    let time = Timespec {
        tv_sec: (microseconds / 1_000_000).into(),
        tv_nsec: (microseconds % 1_000_000 * 1000).into(),
    };
    let _ = rustix::thread::nanosleep(&time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes() {
        let (before, start) = (
            rustix::time::clock_gettime(ClockId::Realtime),
            milliseconds(),
        );
        pause(2500);
        assert!(milliseconds() >= start + 2);
        let after = now(ClockId::Realtime);
        assert!(after.tv_sec >= before.tv_sec && after.tv_sec < before.tv_sec + 60);
    }
}
