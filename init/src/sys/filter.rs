//! seccomp(2), as far as a program for the calling process needs it, and how that comes to a process.
#![allow(unsafe_code)]

use super::check;
use crate::plan::Instruction;
use core::cell::Cell;
use core::fmt;
use core::mem::size_of;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

// linux/seccomp.h
const SECCOMP_SET_MODE_FILTER: u32 = 1;
const SECCOMP_FILTER_FLAG_NEW_LISTENER: u32 = 1 << 3;

/// `struct sock_fprog` (linux/filter.h).
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Cell<u8>,
}

/// How long a program may be (BPF_MAXINSNS, linux/bpf_common.h), in bytes.
pub const MOST: usize = 4096 * size_of::<Instruction>();

/// Memory for a program that comes once it is made.
#[derive(Clone, Copy)]
pub struct Room<'a>(&'a [Cell<u8>]);

impl fmt::Debug for Room<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Room")
    }
}

impl<'a> Room<'a> {
    /// In these bytes, which should be [`MOST`].
    pub fn new(bytes: &'a mut [u8]) -> Room<'a> {
        Room(Cell::from_mut(bytes).as_slice_of_cells())
    }

    /// Waits for the next message on a socket and takes it for the program; its length in bytes, 0 when the peer has gone.
    pub fn receive(self, socket: BorrowedFd<'_>) -> Result<usize, Errno> {
        // SAFETY: at most as many bytes as there are cells, which may be written to although they are shared, and mean something
        // whatever is in them.
        let length = check(unsafe {
            raw_syscall!(
                Sysno::read,
                socket.as_raw_fd(),
                self.0.as_ptr(),
                self.0.len()
            )
        })?;
        Ok(length as usize)
    }

    /// What was received.
    pub fn program(self, length: usize) -> &'a [Cell<u8>] {
        self.0.get(..length).unwrap_or_default()
    }
}

/// A program as the kernel reads it.
pub fn bytes(program: &[Instruction]) -> &[u8] {
    static_assertions::const_assert!(size_of::<Instruction>() == 8);
    // SAFETY: the memory of the same borrow; an instruction has eight bytes in its fields, so none between them.
    unsafe { core::slice::from_raw_parts(program.as_ptr().cast(), size_of_val(program)) }
}

/// Puts a filter on this process and all that it will make; the descriptor of its listener if the flags ask for one.
pub fn load(program: &[Cell<u8>], flags: u32) -> Result<Option<OwnedFd>, Errno> {
    let length = program.len() / size_of::<Instruction>();
    let program = Program {
        length: length.try_into().map_err(|_| Errno::TOOBIG)?,
        instructions: program.as_ptr(),
    };
    // SAFETY: a program of the length stated, which the kernel copies, aligned or not.
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
