//! Open files sent over a socket: SCM_RIGHTS of unix(7), one message at a time.
#![allow(unsafe_code)]

use super::check;
use core::mem::size_of;
use core::ptr::null_mut;
use linux_raw_sys::general::iovec;
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use syscalls::{Sysno, raw_syscall};

// linux/socket.h, asm-generic/socket.h
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const MSG_CTRUNC: u32 = 0x8;
const MSG_NOSIGNAL: u32 = 0x4000;
const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;

/// No more than this many files are sent at a time.
pub const MOST: usize = 32;

/// What came.
pub type Files = heapless::Vec<OwnedFd, MOST>;

/// `struct cmsghdr` and what follows it.
#[repr(C)]
struct Control {
    length: usize,
    level: i32,
    kind: i32,
    files: [RawFd; MOST],
}
const HEADER: usize = size_of::<Control>() - size_of::<[RawFd; MOST]>();

/// `struct user_msghdr`.
#[repr(C)]
struct Message {
    name: *mut u8,
    name_length: i32,
    parts: *mut iovec,
    part_count: usize,
    control: *mut Control,
    control_length: usize,
    flags: u32,
}

impl Message {
    /// One part of data, and `room` bytes of `control`.
    fn new(part: &mut iovec, control: &mut Control, room: usize) -> Message {
        Message {
            name: null_mut(),
            name_length: 0,
            parts: part,
            part_count: 1,
            control,
            control_length: room,
            flags: 0,
        }
    }

    /// Sends or receives it; how much data that was. A signal doesn't end it.
    ///
    /// # Safety
    /// What it points to is there, as long as it says, and writable if the call writes to it.
    unsafe fn pass(
        &mut self,
        call: Sysno,
        socket: BorrowedFd<'_>,
        flags: u32,
    ) -> Result<usize, Errno> {
        loop {
            // SAFETY: by the condition above.
            match check(unsafe { raw_syscall!(call, socket.as_raw_fd(), &raw mut *self, flags) }) {
                Err(Errno::INTR) => {}
                result => return result.map(|length| length as usize),
            }
        }
    }
}

/// Sends bytes, at least one, with open files; a peer that has gone is an error, not a signal.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut control = Control {
        length: 0,
        level: SOL_SOCKET,
        kind: SCM_RIGHTS,
        files: [-1; MOST],
    };
    for (slot, file) in control
        .files
        .get_mut(..files.len())
        .ok_or(Errno::TOOBIG)?
        .iter_mut()
        .zip(files)
    {
        *slot = file.as_raw_fd();
    }
    control.length = HEADER + size_of_val(files);
    let room = if files.is_empty() { 0 } else { control.length };
    let mut part = iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len() as _,
    };
    let mut message = Message::new(&mut part, &mut control, room);
    // SAFETY: a part and a control of the lengths stated; the kernel only reads them.
    unsafe { message.pass(Sysno::sendmsg, socket, MSG_NOSIGNAL) }.map(drop)
}

/// Receives bytes, 0 when the peer has gone, and what files came with them, close-on-exec. `TOOBIG` if there were
/// more than there is room for; the kernel has closed the others.
pub fn receive(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    files: &mut Files,
) -> Result<usize, Errno> {
    let mut control = Control {
        length: 0,
        level: 0,
        kind: 0,
        files: [-1; MOST],
    };
    let mut part = iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len() as _,
    };
    let mut message = Message::new(&mut part, &mut control, size_of::<Control>());
    // SAFETY: a part and a control of the lengths stated, ours to write.
    let length = unsafe { message.pass(Sysno::recvmsg, socket, MSG_CMSG_CLOEXEC) }?;
    let (room, flags) = (message.control_length, message.flags);
    if room >= HEADER && (control.level, control.kind) == (SOL_SOCKET, SCM_RIGHTS) {
        let count = control.length.saturating_sub(HEADER) / size_of::<RawFd>();
        for &file in control.files.iter().take(count) {
            // SAFETY: descriptors that the kernel has just made, in a message of the kind that has them; nobody
            // else owns them. There is room for all: both arrays have the same length.
            let _ = files.push(unsafe { OwnedFd::from_raw_fd(file) });
        }
    }
    if flags & MSG_CTRUNC == 0 {
        Ok(length)
    } else {
        Err(Errno::TOOBIG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn files_arrive() {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let mut files = Files::new();
        let mut bytes = [0; 8];
        for count in [0, 1, 2, MOST] {
            send(one.as_fd(), b"abc", &[one.as_fd(); MOST][..count]).unwrap();
            files.clear();
            assert_eq!(receive(other.as_fd(), &mut bytes, &mut files), Ok(3));
            assert_eq!((&bytes[..3], files.len()), (&b"abc"[..], count));
            let stat = rustix::fs::fstat(&one).unwrap();
            assert!(
                files
                    .iter()
                    .all(|file| rustix::fs::fstat(file).unwrap().st_ino == stat.st_ino)
            );
            assert!(
                files
                    .iter()
                    .all(|file| rustix::io::fcntl_getfd(file).unwrap()
                        == rustix::io::FdFlags::CLOEXEC)
            );
        }
        assert_eq!(
            send(one.as_fd(), b"abc", &[one.as_fd(); MOST + 1]),
            Err(Errno::TOOBIG)
        );
        files.clear();
        drop(one);
        assert_eq!(receive(other.as_fd(), &mut bytes, &mut files), Ok(0));
        assert_eq!(send(other.as_fd(), b"abc", &[]), Err(Errno::PIPE));
    }
}
