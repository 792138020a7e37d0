//! The parent and the child talk over one SEQPACKET socket: the child reports, the parent answers with a byte.
//! An end of file on the child's side means that the parent is gone, and nothing half-made may stay; on the
//! parent's side that execve(2) has closed it: the program runs.

use crate::fault::{At, Fault, Step, WIRE};
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
    Fault(Fault),
    /// The socket is closed: execve(2) did it, or the child died.
    End,
}

const MOUNTED: u8 = 0xfe;
const READY: u8 = 0xff;

/// Either end.
#[derive(Debug)]
pub struct Channel(pub OwnedFd);

impl Channel {
    /// Child: says that a stage is reached.
    pub fn say(&self, stage: &Report) -> Result<(), Fault> {
        let word = if matches!(stage, Report::Ready) { READY } else { MOUNTED };
        send(self.0.as_fd(), &[word]).at(Step::Channel, 0, "write")
    }

    /// Child: waits for the parent's byte. Without a parent there is no container to become.
    pub fn wait(&self) -> Result<(), Fault> {
        let mut byte = [0u8; 1];
        match receive(self.0.as_fd(), &mut byte) {
            Ok(1) => Ok(()),
            _ => crate::sys::process::exit(1),
        }
    }

    /// Child: the last word.
    pub fn report(&self, fault: &Fault) {
        let _ = send(self.0.as_fd(), &fault.encode());
    }

    /// Parent: lets the child go on.
    pub fn answer(&self) -> Result<(), Errno> {
        send(self.0.as_fd(), &[1])
    }

    /// Parent: what the child says next.
    pub fn listen(&self) -> Result<Report, Errno> {
        let mut wire = [0u8; WIRE];
        Ok(match receive(self.0.as_fd(), &mut wire) {
            Ok(0) | Err(Errno::CONNRESET) => Report::End,
            Ok(1) if wire[0] == MOUNTED => Report::Mounted,
            Ok(1) if wire[0] == READY => Report::Ready,
            Ok(length) => match Fault::decode(&wire[..length]) {
                Some(fault) => Report::Fault(fault),
                None => return Err(Errno::PROTO),
            },
            Err(errno) => return Err(errno),
        })
    }
}

fn send(to: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    rustix::net::send(to, bytes, rustix::net::SendFlags::NOSIGNAL).map(drop)
}

fn receive(from: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize, Errno> {
    rustix::io::retry_on_intr(|| read(from, &mut *bytes))
}
