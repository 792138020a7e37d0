//! seccomp(2), as far as a program for the calling process needs it.
#![allow(unsafe_code)]

use super::check;
use crate::plan::Instruction;
use rustix::fd::{FromRawFd, OwnedFd};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

// linux/seccomp.h
const SECCOMP_SET_MODE_FILTER: u32 = 1;
const SECCOMP_FILTER_FLAG_NEW_LISTENER: u32 = 1 << 3;

/// `struct sock_fprog` (linux/filter.h).
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// Puts a filter on this process and all that it will make; the descriptor of its listener if the flags ask for one.
pub fn load(program: &[Instruction], flags: u32) -> Result<Option<OwnedFd>, Errno> {
    let program = Program {
        length: program.len().try_into().map_err(|_| Errno::TOOBIG)?,
        instructions: program.as_ptr(),
    };
    // SAFETY: a program of the length stated, which the kernel copies.
    let result = check(unsafe {
        raw_syscall!(
            Sysno::seccomp,
            SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program
        )
    })?;
    Ok((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER != 0)
        // SAFETY: with this flag it is a descriptor that the kernel has just made; nobody else owns it.
        .then(|| unsafe { OwnedFd::from_raw_fd(result as i32) }))
}
