//! mount_setattr(2).
#![allow(unsafe_code)]

use super::check;
use core::mem::size_of;
use linux_raw_sys::general::{AT_EMPTY_PATH, AT_RECURSIVE, MOUNT_ATTR_IDMAP, mount_attr};
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

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
    let attr = mount_attr {
        attr_set: change.set,
        attr_clr: change.clear,
        propagation: u64::from(change.propagation),
        userns_fd: 0,
    };
    call(mount, recursive, attr)
}

/// Lets a mount that is attached nowhere show owners by the maps of a user namespace.
pub fn map_ids(
    mount: BorrowedFd<'_>,
    recursive: bool,
    namespace: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let attr = mount_attr {
        attr_set: MOUNT_ATTR_IDMAP.into(),
        attr_clr: 0,
        propagation: 0,
        userns_fd: namespace.as_raw_fd() as u64,
    };
    call(mount, recursive, attr)
}

#[inline(never)]
fn call(mount: BorrowedFd<'_>, recursive: bool, mut attr: mount_attr) -> Result<(), Errno> {
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: an empty C string and a struct of the size given, both alive during the call.
    check(unsafe {
        raw_syscall!(
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

/// Whether the kernel (5.12) and the sandbox have all of the new mount calls. Some of them tell a caller who may
/// not mount the same as a sandbox would (EPERM); such a caller can't use mount(2) either.
pub fn has_new_calls() -> bool {
    const NONE: usize = usize::MAX;
    const CALLS: [Sysno; 6] = [
        Sysno::open_tree,
        Sysno::move_mount,
        Sysno::fsopen,
        Sysno::fsconfig,
        Sysno::fsmount,
        Sysno::mount_setattr,
    ];
    // SAFETY: no descriptor, no address that could be one, no flags that a kernel knows: each call is refused
    // (EINVAL, EBADF, EFAULT) before it does anything.
    let answer = |call| check(unsafe { raw_syscall!(call, NONE, 0, NONE, 0, 0) });
    CALLS
        .iter()
        .all(|call| !matches!(answer(*call), Err(Errno::NOSYS | Errno::PERM)))
}
