//! The terminal that mote was called from.

use crate::error::{Error, Result};
use init::sys::process::standard_streams;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::termios::{
    OptionalActions, OutputModes, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// The character that ends a terminal's input at the start of a line, and a line elsewhere: VEOF's
/// usual value, termios(3).
pub(super) const END_OF_FILE: &[u8] = b"\x04";

/// The caller's terminal, found but not touched.
pub struct HostTerminal(pub(super) OwnedFd);

impl HostTerminal {
    /// The first of stderr, stdout, stdin and the controlling terminal that is one: any of the
    /// streams may be redirected.
    pub fn find() -> Result<HostTerminal> {
        if let Some(stream) = standard_streams()
            .into_iter()
            .rev()
            .find(|stream| isatty(stream))
        {
            let copy = rustix::io::fcntl_dupfd_cloexec(stream, 0);
            return copy
                .map(HostTerminal)
                .map_err(|errno| Error::call("terminal", errno));
        }
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        open(c"/dev/tty", flags, Mode::empty())
            .map(HostTerminal)
            .map_err(|errno| {
                let what = packed!(
                    "process.terminal is true but there is no terminal here (set it to false, \
                        or use --detach with --console-socket): /dev/tty"
                );
                Error::call(what, errno)
            })
    }

    /// Makes it raw, so that every key, ^C too, goes to the container.
    pub(super) fn into_raw(self) -> Result<Raw> {
        let failed = |errno| Error::call(packed!("raw mode of the terminal"), errno);
        let before = tcgetattr(&self.0).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        // Its output stays as it was: it turns line feeds into what the device needs, and the
        // container's terminal then doesn't.
        raw.output_modes = before.output_modes;
        tcsetattr(&self.0, OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Raw {
            terminal: self.0,
            before,
        })
    }
}

/// The caller's terminal in raw mode; as it was before once this is dropped.
pub(super) struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Gives the container's terminal the size of this one. A terminal without a size, as on some
    /// serial lines, leaves the other as it is.
    pub(super) fn copy_size(&self, master: BorrowedFd) {
        match tcgetwinsize(&self.terminal) {
            Ok(size) if size.ws_row != 0 => {
                let _ = tcsetwinsize(master, size);
            }
            _ => {}
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal.as_fd(), OptionalActions::Now, &self.before);
    }
}

/// Stops a pseudoterminal from turning line feeds into carriage return and line feed: the terminal
/// or file at the other end of the relay does that if it is to be done.
pub(super) fn keep_line_feeds(master: BorrowedFd) -> rustix::io::Result<()> {
    let mut modes = tcgetattr(master)?;
    modes.output_modes.remove(OutputModes::ONLCR);
    tcsetattr(master, OptionalActions::Now, &modes)
}
