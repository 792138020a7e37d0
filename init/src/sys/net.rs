//! The one network call of ours: an interface's flags (netdevice(7)).
#![allow(unsafe_code)]

use super::check;
use linux_raw_sys::ioctl::SIOCSIFFLAGS;
use rustix::fd::AsRawFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use syscalls::{Sysno, raw_syscall};

/// `struct ifreq` with its flags member.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}
static_assertions::assert_eq_size!(Request, [u8; 40]);

const IFF_UP: i16 = 1;

/// Brings `lo` of the caller's network namespace up.
pub fn loopback_up() -> Result<(), Errno> {
    // Any socket will do for an interface's ioctl, and every kernel has AF_UNIX.
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut request = Request {
        name: [0; 16],
        flags: IFF_UP,
        rest: [0; 22],
    };
    request.name[..2].copy_from_slice(b"lo");
    // SAFETY: SIOCSIFFLAGS reads a struct ifreq, which `request` has the layout and size of.
    check(unsafe {
        raw_syscall!(
            Sysno::ioctl,
            socket.as_raw_fd(),
            SIOCSIFFLAGS,
            &raw mut request
        )
    })
    .map(drop)
}
