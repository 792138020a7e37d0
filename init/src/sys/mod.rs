//! Typed system calls: rustix where it has the call, the `syscalls` crate's raw call where it has not.
//! The only unsafe code outside `targets/`; a wrapper is typed in, typed out, and decides nothing.

pub mod arena;
pub mod bpf;
pub mod capability;
pub mod clone;
pub mod exec;
pub mod heap;
pub mod keyring;
pub mod mount;
pub mod net;
pub mod process;
pub mod rights;
pub mod sched;
pub mod signal;
pub mod start;
pub mod time;

use rustix::io::Errno;

/// The raw call's result as rustix would give it.
fn check(result: Result<usize, syscalls::Errno>) -> Result<usize, Errno> {
    result.map_err(|errno| Errno::from_raw_os_error(errno.into_raw()))
}
