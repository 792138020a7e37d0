//! The parent and the child talk over one SEQPACKET socket: the child reports, the parent answers with a byte.
//! An end of file on the child's side means that the parent is gone, and nothing half-made may stay; on the
//! parent's side that execve(2) has closed it: the program runs.

use crate::fault::{At, Call, Fault, NOTE, Place, Told, WIRE};
use crate::plan::Instruction;
use crate::sys::filter::bytes;
use crate::sys::rights;
use crate::text::append;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, read};

/// What the child reports.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time, and there is no heap"
)]
pub enum Report {
    /// The mounts are made, pivot_root(2) comes next: time for the runtime's hooks.
    Mounted,
    /// All is done but what `start` asks for.
    Ready,
    /// The filter is loaded, and whoever is to be asked about system calls gets this.
    Listener(OwnedFd),
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
const LISTENER: u8 = 4;

/// Either end.
#[derive(Debug)]
pub struct Channel(pub OwnedFd);

impl Channel {
    /// Child: the mounts are made.
    pub fn mounted(&self) -> Result<(), Fault> {
        send(self.0.as_fd(), &[MOUNTED]).at(Call::Send)
    }

    /// Child: only `start` is missing.
    pub fn ready(&self) -> Result<(), Fault> {
        send(self.0.as_fd(), &[READY]).at(Call::Send)
    }

    /// Child: the listener of its filter. Not to be waited for: a message in flight keeps what it carries.
    pub fn listener(&self, listener: BorrowedFd<'_>) -> Result<(), Fault> {
        rights::send(self.0.as_fd(), &[LISTENER], &[listener]).at(Call::SendListener)
    }

    /// Child: more on the fault that follows; what doesn't fit is cut.
    pub fn note(&self, text: &[u8]) {
        let mut wire = [NOTED; NOTE + 1];
        let length = text.len().min(NOTE);
        wire[1..=length].copy_from_slice(&text[..length]);
        let _ = send(self.0.as_fd(), &wire[..=length]);
    }

    /// Child: the last word.
    pub fn report(&self, place: Place, fault: Fault) {
        let _ = send(self.0.as_fd(), &fault.encode(place));
    }

    /// Child: waits for the parent's first answer, which brings the doors of its cgroups: open files of which
    /// each moves whoever writes `0` to it.
    pub fn receive_doors(&self, doors: &mut rights::Files) {
        if rights::receive(self.0.as_fd(), &mut [0], doors) != Ok(1) {
            crate::sys::process::exit(1);
        }
    }

    /// Parent: the first answer.
    pub fn send_doors(&self, doors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        rights::send(self.0.as_fd(), &[1], doors)
    }

    /// Parent: the program of the filter.
    pub fn send_filter(&self, program: &[Instruction]) -> Result<(), Errno> {
        send(self.0.as_fd(), bytes(program))
    }

    /// Child: waits for the parent's byte. Without a parent there is no container to become.
    pub fn wait(&self) {
        if receive(self.0.as_fd(), &mut [0]) != Ok(1) {
            crate::sys::process::exit(1);
        }
    }

    /// Parent: lets the child go on.
    pub fn answer(&self) -> Result<(), Errno> {
        send(self.0.as_fd(), &[1])
    }

    /// Parent: waits until the child has nothing more to say. Its reports stay to be read; to be woken up for each
    /// would cost the child as much as a mount.
    pub fn wait_for_end(&self) -> Result<(), Errno> {
        // With no event asked for, the end is the only one.
        let mut end = [PollFd::new(&self.0, PollFlags::empty())];
        rustix::io::retry_on_intr(|| poll(&mut end, None)).map(drop)
    }

    /// Parent: what the child says next.
    pub fn listen(&self) -> Result<Report, Errno> {
        let mut told = Told::nothing();
        let mut wire = [0u8; NOTE + 1];
        loop {
            let mut files = rights::Files::new();
            let message = match rights::receive(self.0.as_fd(), &mut wire, &mut files) {
                Ok(0) => return Ok(Report::End),
                // The child ended with an answer unread. Said once, before what it had to say itself.
                Err(Errno::CONNRESET) => continue,
                Ok(length) => &wire[..length],
                Err(errno) => return Err(errno),
            };
            match message[0] {
                MOUNTED => return Ok(Report::Mounted),
                READY => return Ok(Report::Ready),
                LISTENER => {
                    let listener = files.pop().ok_or(Errno::PROTO)?;
                    return Ok(Report::Listener(listener));
                }
                NOTED => {
                    told.note.clear();
                    let _ = append(&mut told.note, &[&message[1..]]);
                }
                FAULT => {
                    told.decode(message).ok_or(Errno::PROTO)?;
                    return Ok(Report::Fault(told));
                }
                _ => return Err(Errno::PROTO),
            }
        }
    }
}
static_assertions::const_assert!(WIRE <= NOTE);

#[inline(never)]
fn send(to: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    rustix::net::send(to, bytes, rustix::net::SendFlags::NOSIGNAL).map(drop)
}

#[inline(never)]
fn receive(from: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize, Errno> {
    rustix::io::retry_on_intr(|| read(from, &mut *bytes))
}
