//! keyctl(2): the session keyring.
#![allow(unsafe_code)]

use super::check;
use core::ffi::CStr;
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

// linux/keyctl.h
const KEYCTL_JOIN_SESSION_KEYRING: u32 = 1;
const KEYCTL_SETPERM: u32 = 5;
const KEYCTL_DESCRIBE: u32 = 6;

/// Joins, or makes, the session keyring of that name; its serial number.
pub fn join_session(name: &CStr) -> Result<i32, Errno> {
    // SAFETY: the kernel reads one C string.
    let serial =
        check(unsafe { raw_syscall!(Sysno::keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) })?;
    Ok(serial as i32)
}

/// `type;uid;gid;perm;description` into `buffer`; the length that it needs.
pub fn describe(serial: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `len` bytes to the buffer.
    check(unsafe {
        raw_syscall!(
            Sysno::keyctl,
            KEYCTL_DESCRIBE,
            serial,
            buffer.as_mut_ptr(),
            buffer.len()
        )
    })
    .map(|length| length as usize)
}

/// Sets the permission mask (keyctl_setperm(3)).
pub fn set_permissions(serial: i32, mask: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { raw_syscall!(Sysno::keyctl, KEYCTL_SETPERM, serial, mask) }).map(drop)
}
