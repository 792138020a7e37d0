//! The console of `mote init`: one line for each thing that happens.

use crate::packed::Packed;
use crate::text::append;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, write};

/// How long a line may wait for a console that takes no more, a serial line that was told to pause for example.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// See the module.
#[derive(Debug)]
pub struct Console {
    out: OwnedFd,
    words: fn(Errno) -> Packed,
}

impl Console {
    /// Lines go to `out`; `words` says what an errno means.
    pub fn new(out: OwnedFd, words: fn(Errno) -> Packed) -> Console {
        Console { out, words }
    }

    /// Where they go.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.out.as_fd()
    }

    /// Writes `mote init: ` and the parts, in one write; what a console doesn't take is lost.
    #[inline(never)]
    pub fn say(&self, parts: &[&[u8]]) {
        let mut line = heapless::Vec::<u8, 1024>::new();
        let _ = append(&mut line, &[b"mote init: "]).and_then(|()| append(&mut line, parts));
        if line.is_full() {
            line.pop();
        }
        let _ = line.push(b'\n');
        let mut rest = &line[..];
        while !rest.is_empty() {
            match write(&self.out, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut fds = [PollFd::new(&self.out, PollFlags::OUT)];
                    if !matches!(poll(&mut fds, Some(&PATIENCE)), Ok(1)) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// `what: thing: no such device (ENODEV)`.
    #[inline(never)]
    pub fn failed(&self, what: &[u8], thing: &[u8], errno: Errno) {
        let mut words = heapless::Vec::<u8, 80>::new();
        (self.words)(errno).unpack(&mut |byte| {
            let _ = words.push(byte);
        });
        self.say(&[what, b": ", thing, b": ", &words]);
    }
}
