//! A new process, be it a container's first or one that `exec` makes: what the command line asks for it, its streams, what it
//! inherits of mote, and the last that is done before it is told "go".

use crate::bundle::{absolute, no_memory, text};
use crate::cli::Options;
use crate::error::{Error, Result};
use crate::launch::Started;
use crate::notify::Listening;
use crate::relay::Relay;
use crate::relay::tty::HostTerminal;
use crate::text::decimal;
use crate::{socket, tend};
use init::channel::Report;
use init::packed::Packed;
use init::plan::Plan;
use init::sys::arena::Arena;
use init::sys::process::is_open;
use init::sys::signal::{self, Set};
use rustix::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What is said of a container's first process that says something else than it should.
pub const OUT_OF_STEP: Packed = packed!("the container's first process is out of step");

/// What the command line asks for.
#[derive(Debug)]
pub struct Asked {
    pid_file: Option<PathBuf>,
    console_socket: Option<PathBuf>,
    pidfd_socket: Option<PathBuf>,
}

impl Asked {
    /// Reads it.
    pub fn read(options: &Options) -> Result<Asked> {
        Ok(Asked {
            pid_file: absolute(options.text("pid-file"))?,
            console_socket: absolute(options.text("console-socket"))?,
            pidfd_socket: absolute(options.text("pidfd-socket"))?,
        })
    }

    /// Connects to where its pidfd is to be sent.
    pub fn pidfd_socket(&self) -> Result<Option<OwnedFd>> {
        match &self.pidfd_socket {
            Some(path) => Ok(Some(socket::connect(path)?)),
            None => Ok(None),
        }
    }
}

/// Blocks all signals, for them to be read from the descriptor and passed on.
pub fn take_signals() -> Result<OwnedFd> {
    let failed = |errno| Error::call("signalfd", errno);
    signal::set_mask(Set::ALL).map_err(failed)?;
    signal::descriptor(Set::ALL).map_err(failed)
}

/// How many descriptors from 3 on the program inherits; each must be open.
pub fn inherited_fds(listening: &Listening, preserved: u32) -> Result<u32> {
    let count = listening
        .count
        .checked_add(preserved)
        .filter(|count| *count < 1 << 20);
    let count = count
        .ok_or_else(|| Error::new(packed!("--preserve-fds: so many descriptors can't be open")))?;
    match (3..3 + count).find(|number| !is_open(*number as i32)) {
        Some(missing) => Err(Error::fill(
            packed!("--preserve-fds: descriptor {} is not open"),
            &[&decimal(missing.into())],
        )),
        None => Ok(count),
    }
}

/// What the program's environment gets from mote's.
pub fn extra_environment<'a>(
    arena: &'a Arena,
    listening: &Listening,
    notify: bool,
) -> Result<&'a [&'a core::ffi::CStr]> {
    let variables = listening.variables();
    let mut list = arena.list(variables.len() + 1).map_err(no_memory)?;
    for variable in variables {
        list.push(text(arena, &variable.into_vec())?)
            .map_err(no_memory)?;
    }
    if notify {
        list.push(c"NOTIFY_SOCKET=/run/notify/notify.sock")
            .map_err(no_memory)?;
    }
    Ok(list.finish())
}

/// From the new process to one that is ready; the relay of its streams. Nobody waits for that who has asked for nothing.
pub fn settle(
    started: &Started,
    plan: &Plan<'_>,
    asked: &Asked,
    pidfd_socket: Option<OwnedFd>,
    streams: Streams,
    waits: bool,
) -> Result<Option<Box<Relay>>> {
    let mut relay = streams.relay;
    if !waits && asked.pid_file.is_none() && pidfd_socket.is_none() && streams.terminal.is_none() {
        return started.answer_ahead(plan).map(|()| relay);
    }
    if !matches!(started.expect(plan)?, Report::Ready) {
        return Err(Error::new(match started.entered {
            None => OUT_OF_STEP,
            Some(_) => packed!("the new process is out of step"),
        }));
    }
    if let Some((terminal, ours)) = streams.terminal {
        let (_, master) = socket::recv_fd(ours.as_fd())?;
        relay = Some(Relay::terminal(terminal, master)?);
    }
    if let Some(connection) = pidfd_socket {
        let kind: &[u8] = match started.entered {
            None => b"standard",
            Some(_) => b"setns",
        };
        socket::send_fd(connection.as_fd(), kind, started.pidfd.as_fd())?;
    }
    if let Some(path) = &asked.pid_file {
        tend::write_pid_file(path, started.pid)?;
    }
    Ok(relay)
}

/// The standard streams and the terminal, by runc's rules.
#[derive(Default)]
pub struct Streams {
    relay: Option<Box<Relay>>,
    /// The process's own.
    pub child: Option<[OwnedFd; 3]>,
    /// Where it sends its terminal.
    pub console: Option<OwnedFd>,
    /// Our ends for that.
    terminal: Option<(HostTerminal, OwnedFd)>,
}

impl Streams {
    /// Opens them.
    pub fn prepare(terminal: bool, attached: bool, asked: &Asked) -> Result<Streams> {
        let mut streams = Streams::default();
        match (terminal, attached, &asked.console_socket) {
            (true, false, None) => {
                return Err(Error::new(packed!(
                    "process.terminal: cannot allocate tty if mote will detach without setting console socket; give --console-socket PATH"
                )));
            }
            (true, false, Some(path)) => streams.console = Some(socket::connect(path)?),
            (_, true, Some(_)) | (false, _, Some(_)) => {
                return Err(Error::new(packed!(
                    "--console-socket: cannot use console socket if mote will not detach or allocate tty"
                )));
            }
            (true, true, None) => {
                let terminal = HostTerminal::find()?;
                let (ours, theirs) = socket::pair()?;
                streams.console = Some(theirs);
                streams.terminal = Some((terminal, ours));
            }
            (false, true, None) => {
                let (relay, child) = Relay::pipes()?;
                streams.relay = Some(relay);
                streams.child = Some(child);
            }
            (false, false, None) => {}
        }
        Ok(streams)
    }
}
