//! The parent and the child talk over one SEQPACKET socket: the child reports, the parent answers with a byte.
//! An end of file on the child's side means that the parent is gone, and nothing half-made may stay; on the
//! parent's side that execve(2) has closed it: the program runs.

use crate::fault::{At, Fault, NOTE, Note, Step, Told, WIRE};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, read};

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
                Ok(0) | Err(Errno::CONNRESET) => return Ok(Report::End),
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
