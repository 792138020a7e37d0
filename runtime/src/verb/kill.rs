//! `kill`: a signal for the container's first process, or the end of all of them.

use crate::cli::{Code, Global, Options};
use crate::container::{Container, id};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::signals;
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use std::ffi::OsStr;
use std::time::Duration;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let signal = match options.positional(1).unwrap_or(OsStr::new("TERM")) {
        // Asks whether somebody is there, as kill(2) does.
        word if word == "0" => None,
        word => Some(signals::parse(word)?),
    };
    let end = signal == Some(Signal::KILL);
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    if end && !container.record.private_pids {
        // Its end would leave the others of a shared pid namespace alive.
        let group = container.group()?;
        if !group.is_empty() && group.is_populated()? {
            group.kill_all(Duration::ZERO)?;
            return Ok(0);
        }
    }
    let init = container.open_init(&host.procfs)?;
    let sent = init.map(|pidfd| signal.map_or(Ok(()), |signal| pidfd_send_signal(&pidfd, signal)));
    match sent {
        Some(Ok(())) => {}
        None | Some(Err(Errno::SRCH)) if options.flag("all") => return Ok(0),
        None | Some(Err(Errno::SRCH)) => return Err(Error::new(packed!("container not running"))),
        Some(Err(errno)) => return Err(Error::of("kill", id.as_bytes(), errno)),
    }
    if end {
        // Of v1's freezer even SIGKILL waits for the thaw.
        let group = container.group()?;
        if group.is_frozen().unwrap_or(false) {
            group.thaw()?;
        }
    }
    Ok(0)
}
