//! Typed system calls: rustix where it has the call, the `syscalls` crate's raw call where it has not.
//! The only unsafe code outside `targets/`; a wrapper is typed in, typed out, and decides nothing.

pub mod arena;
pub mod bpf;
pub mod capability;
pub mod clone;
pub mod exec;
pub mod filter;
pub mod heap;
pub mod keyring;
pub mod mount;
pub mod net;
pub mod process;
pub mod rights;
pub mod sched;
pub mod signal;
pub mod start;
pub mod text;
pub mod time;

use rustix::io::Errno;

/// What a call returned as rustix would give it. No call of ours returns more than 32 bits; a result of one register
/// makes every wrapper a third smaller.
#[inline(never)]
fn check(returned: usize) -> Result<u32, Errno> {
    // -1 to -4095 are errors (asm-generic/errno.h and every machine's system call interface).
    match (returned as isize).wrapping_neg() {
        errno @ 1..=4095 => Err(Errno::from_raw_os_error(errno as i32)),
        _ => Ok(returned as u32),
    }
}
