//! mount_setattr(2).
#![allow(unsafe_code)]

use super::check;
use core::mem::size_of;
use linux_raw_sys::general::{AT_EMPTY_PATH, AT_RECURSIVE, mount_attr};
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;
use syscalls::{Sysno, syscall};

/// What mount_setattr(2) changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// One of `MS_SHARED`, `MS_PRIVATE`, `MS_SLAVE`, `MS_UNBINDABLE`, or 0.
    pub propagation: u32,
}

/// Changes the mount that `mount` is the root of, or the whole tree below it.
pub fn set_attributes(mount: BorrowedFd<'_>, recursive: bool, change: Change) -> Result<(), Errno> {
    let mut attr: mount_attr = mount_attr {
        attr_set: change.set,
        attr_clr: change.clear,
        propagation: u64::from(change.propagation),
        userns_fd: 0,
    };
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: an empty C string and a struct of the size given, both alive during the call.
    check(unsafe {
        syscall!(
            Sysno::mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw mut attr,
            size_of::<mount_attr>()
        )
    })
    .map(drop)
}

/// Whether the kernel and the sandbox have the new mount calls: mount_setattr(2) came last of them (5.12).
pub fn has_new_calls() -> bool {
    // SAFETY: a null struct of size 0 is refused (EINVAL) before it is read.
    let answer = check(unsafe { syscall!(Sysno::mount_setattr, usize::MAX, c"".as_ptr(), 0, 0, 0) });
    !matches!(answer, Err(Errno::NOSYS | Errno::PERM))
}
