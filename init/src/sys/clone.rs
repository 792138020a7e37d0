//! clone3(2), with clone(2) for kernels before 5.3 and sandboxes that deny the newer call.
#![allow(unsafe_code)]

use super::check;
use core::mem::size_of;
use linux_raw_sys::general::{CLONE_INTO_CGROUP, CLONE_PIDFD, SIGCHLD, clone_args};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use syscalls::{Sysno, raw_syscall};

/// Which side of the fork this is.
#[derive(Debug)]
pub enum Clone {
    /// The new process: one thread, a copy-on-write copy of all memory.
    Child,
    /// The caller, with the new process's pid and pidfd.
    Parent(Pid, OwnedFd),
}

/// Makes a process. `flags` are `CLONE_NEW*`, `CLONE_PARENT` or `CLONE_FILES`; memory is never shared.
/// With `cgroup` it is born there (cgroup v2, kernel 5.7).
pub fn clone(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Clone, Errno> {
    let mut pidfd: RawFd = -1;
    // A child of CLONE_PARENT signals as its maker would, and the kernel wants the field empty then.
    let exit_signal = if flags & u64::from(linux_raw_sys::general::CLONE_PARENT) != 0 {
        0
    } else {
        u64::from(SIGCHLD)
    };
    let mut args: clone_args = clone_args {
        flags: flags | u64::from(CLONE_PIDFD),
        pidfd: (&raw mut pidfd) as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    if let Some(dir) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = dir.as_raw_fd() as u64;
    }
    // SAFETY: no CLONE_VM and no new stack: the child runs on its own copy of this stack, as after fork(2).
    // The process has one thread, so no lock can be left held in the copy. `pidfd` outlives the call.
    let result =
        check(unsafe { raw_syscall!(Sysno::clone3, &raw mut args, size_of::<clone_args>()) });
    match result {
        Ok(0) => Ok(Clone::Child),
        Ok(pid) => {
            // SAFETY: on success the kernel stored a new descriptor there, which nobody else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Clone::Parent(pid_of(pid)?, pidfd))
        }
        // EPERM may be an answer or a sandbox's way to hide the call; the older call settles it.
        Err(Errno::NOSYS | Errno::PERM) if cgroup.is_none() => {
            clone_before_5_3(flags | exit_signal)
        }
        Err(errno) => Err(errno),
    }
}

fn clone_before_5_3(flags: u64) -> Result<Clone, Errno> {
    let (first, second) = if targets::CLONE_TAKES_STACK_FIRST {
        (0, flags)
    } else {
        (flags, 0)
    };
    // SAFETY: as above; the three remaining pointers are null and no flag asks the kernel to use them.
    match check(unsafe { raw_syscall!(Sysno::clone, first, second, 0, 0, 0) })? {
        0 => Ok(Clone::Child),
        pid => {
            let pid = pid_of(pid)?;
            Ok(Clone::Parent(pid, pidfd_open(pid, PidfdFlags::empty())?))
        }
    }
}

fn pid_of(raw: u32) -> Result<Pid, Errno> {
    i32::try_from(raw)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(Errno::RANGE)
}
