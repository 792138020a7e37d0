//! The parent and the child talk over one SEQPACKET socket: the child reports, the parent answers with a byte.
//! An end of file on the child's side means that the parent is gone, and nothing half-made may stay; on the
//! parent's side that execve(2) has closed it: the program runs.

use crate::fault::{At, Fault, NOTE, Note, Step, Told, WIRE};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use core::mem::MaybeUninit;
use rustix::io::{Errno, IoSlice, IoSliceMut, read};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg,
    sendmsg,
};

/// What the child reports.
#[derive(Debug)]
pub enum Report {
    /// The mounts are made, pivot_root(2) comes next: time for the runtime's hooks.
    Mounted,
    /// All is done but what `start` asks for.
    Ready,
    /// It failed and is gone.
    Fault(Told),
    /// The socket is closed: execve(2) did it, or the child died.
    End,
}

/// A message begins with its kind.
const FAULT: u8 = 0;
const MOUNTED: u8 = 1;
const READY: u8 = 2;
const NOTED: u8 = 3;

/// More hierarchies than the kernel has controllers for.
const DOORS_MAX: usize = 32;

/// See [`Channel::receive_doors`].
pub type Doors = heapless::Vec<OwnedFd, DOORS_MAX>;

/// Either end.
#[derive(Debug)]
pub struct Channel(pub OwnedFd);

impl Channel {
    /// Child: the mounts are made.
    pub fn mounted(&self) -> Result<(), Fault> {
        send(self.0.as_fd(), &[MOUNTED]).at(Step::Channel, 0, &"send")
    }

    /// Child: only `start` is missing.
    pub fn ready(&self) -> Result<(), Fault> {
        send(self.0.as_fd(), &[READY]).at(Step::Channel, 0, &"send")
    }

    /// Child: more on the fault that follows; what doesn't fit is cut.
    pub fn note(&self, text: &[u8]) {
        let mut wire = [NOTED; NOTE + 1];
        let length = text.len().min(NOTE);
        wire[1..=length].copy_from_slice(&text[..length]);
        let _ = send(self.0.as_fd(), &wire[..=length]);
    }

    /// Child: the last word.
    pub fn report(&self, fault: &Fault) {
        let _ = send(self.0.as_fd(), &fault.encode());
    }

    /// Child: waits for the parent's first answer, which brings the doors of its cgroups: open files of which
    /// each moves whoever writes `0` to it.
    pub fn receive_doors(&self) -> Result<Doors, Fault> {
        let mut byte = [0u8; 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DOORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let socket = self.0.as_fd();
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        if !received.is_ok_and(|message| message.bytes == 1) {
            crate::sys::process::exit(1);
        }
        let mut doors = Doors::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                doors.extend(fds);
            }
        }
        Ok(doors)
    }

    /// Parent: the first answer.
    pub fn send_doors(&self, doors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DOORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !doors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(doors)) {
            return Err(Errno::TOOBIG);
        }
        sendmsg(&self.0, &[IoSlice::new(&[1])], &mut control, SendFlags::NOSIGNAL).map(drop)
    }

    /// Child: waits for the parent's byte. Without a parent there is no container to become.
    pub fn wait(&self) -> Result<(), Fault> {
        let mut byte = [0u8; 1];
        match receive(self.0.as_fd(), &mut byte) {
            Ok(1) => Ok(()),
            _ => crate::sys::process::exit(1),
        }
    }

    /// Parent: lets the child go on.
    pub fn answer(&self) -> Result<(), Errno> {
        send(self.0.as_fd(), &[1])
    }

    /// Parent: what the child says next.
    pub fn listen(&self) -> Result<Report, Errno> {
        let mut note = Note::new();
        let mut wire = [0u8; NOTE + 1];
        loop {
            let message = match receive(self.0.as_fd(), &mut wire) {
                Ok(0) => return Ok(Report::End),
                // The child ended with an answer unread. Said once, before what it had to say itself.
                Err(Errno::CONNRESET) => continue,
                Ok(length) => &wire[..length],
                Err(errno) => return Err(errno),
            };
            match message[0] {
                MOUNTED => return Ok(Report::Mounted),
                READY => return Ok(Report::Ready),
                NOTED => note = Note::from_slice(&message[1..]).unwrap_or_default(),
                FAULT => return Told::decode(message, note).map(Report::Fault).ok_or(Errno::PROTO),
                _ => return Err(Errno::PROTO),
            }
        }
    }
}
static_assertions::const_assert!(WIRE <= NOTE);

fn send(to: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    rustix::net::send(to, bytes, rustix::net::SendFlags::NOSIGNAL).map(drop)
}

fn receive(from: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize, Errno> {
    rustix::io::retry_on_intr(|| read(from, &mut *bytes))
}
