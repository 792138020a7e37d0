//! The foreground of `run` and `exec`: standard streams, signals and the exit code.
//!
//! The container never gets the caller's own streams. Without a terminal it gets pipes, with one a
//! pseudoterminal whose master end stays here, and one poll(2) loop copies. The same loop forwards
//! signals, reaps, and ends with the container's process. One thread, no buffer beyond 64 KiB a
//! stream.
//!
//! - [`flow`]: one direction of copying.
//! - [`tty`]: the caller's terminal, raw for as long as it is needed.

mod flow;
pub mod tty;

use crate::ending::Exit;
use crate::error::{Error, Result};
use crate::notify::Notify;
use core::array::from_fn;
use flow::{End, Flow};
use init::sys::process::standard_streams;
use init::sys::signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, pidfd_send_signal, wait, waitpid};
use tty::{HostTerminal, Raw};

/// Streams to be copied for one process.
pub struct Relay {
    flows: Vec<Flow>,
    terminal: Option<Raw>,
    notify: Option<Notify>,
}

impl Relay {
    /// Copies through three pipes; the returned ends are the process's stdin, stdout and stderr,
    /// to be closed here once the process has them.
    pub fn pipes() -> Result<(Box<Relay>, [OwnedFd; 3])> {
        Relay::pipes_for(standard_streams().map(End::Caller))
    }

    fn pipes_for(caller: [End; 3]) -> Result<(Box<Relay>, [OwnedFd; 3])> {
        let failed = |errno| Error::call(packed!("pipe for standard streams"), errno);
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(failed);
        let ((stdin, to), (from_out, stdout), (from_err, stderr)) = (pipe()?, pipe()?, pipe()?);
        for own in [&to, &from_out, &from_err] {
            nonblocking(own).map_err(failed)?;
        }
        let [caller_in, caller_out, caller_err] = caller;
        let flows = vec![
            Flow::input(caller_in, End::Own(to), b""),
            Flow::output(End::Own(from_out), caller_out),
            Flow::output(End::Own(from_err), caller_err),
        ];
        Ok((
            Box::new(Relay {
                flows,
                terminal: None,
                notify: None,
            }),
            [stdin, stdout, stderr],
        ))
    }

    /// Copies between the caller's stdin and stdout and the master end of a pseudoterminal; the
    /// caller's terminal is raw until the relay is dropped.
    pub fn terminal(host: HostTerminal, master: OwnedFd) -> Result<Box<Relay>> {
        let [stdin, stdout, _] = standard_streams();
        let caller = [stdin, stdout].map(End::Caller);
        Relay::terminal_for(caller, host, master)
    }

    fn terminal_for(caller: [End; 2], host: HostTerminal, master: OwnedFd) -> Result<Box<Relay>> {
        const WHAT: &str = "terminal of the container";
        let failed = |errno| Error::call(WHAT, errno);
        tty::keep_line_feeds(master.as_fd()).map_err(failed)?;
        nonblocking(&master).map_err(failed)?;
        let to = rustix::io::fcntl_dupfd_cloexec(&master, 0).map_err(failed)?;
        let [caller_in, caller_out] = caller;
        let raw = host.into_raw()?;
        raw.copy_size(master.as_fd());
        let flows = vec![
            Flow::output(End::Terminal(master), caller_out),
            Flow::input(caller_in, End::Terminal(to), tty::END_OF_FILE),
        ];
        Ok(Box::new(Relay {
            flows,
            terminal: Some(raw),
            notify: None,
        }))
    }

    /// Also passes on the process's word that it is ready. The process that a service manager is to
    /// watch stays this one, whose exit code is the container's.
    pub fn announce(&mut self, notify: Notify) {
        self.notify = Some(notify);
    }

    /// Copies and forwards until the process, a child of this one, has ended and what it wrote
    /// has been passed on; what its own orphans may still write is not waited for.
    ///
    /// `signals` is a signalfd for all signals, which must have been blocked before the process was
    /// made.
    pub fn run(&mut self, pidfd: BorrowedFd, pid: Pid, signals: BorrowedFd) -> Result<Exit> {
        let mut ended = None;
        while ended.is_none() || self.flows.iter().any(Flow::owes_output) {
            let said = self.wait(ended.is_none().then_some(pidfd), signals)?;
            let [signal, process, notice] =
                [SIGNALS, PROCESS, NOTIFY].map(|at| !said[at].is_empty());
            for (at, flow) in self.flows.iter_mut().enumerate() {
                let [source, sink] = flow_places(at);
                flow.step([said[source], said[sink]]);
            }
            if let Some(notify) = self.notify.as_ref().filter(|_| notice) {
                announce(notify);
            }
            if signal && self.signals(signals, pidfd, pid, &mut ended)? == Next::Leave {
                break;
            }
            if process && ended.is_none() {
                let status = waitpid(Some(pid), WaitOptions::NOHANG);
                let status = status.map_err(|errno| Error::call("waitpid", errno))?;
                ended = status.map(|(_, status)| exit(status));
            }
            if ended.is_some() {
                self.flows.iter_mut().for_each(Flow::process_ended);
            }
            // A terminal whose output nobody takes any more is hung up by closing all of it.
            if self.terminal.is_some() && self.flows.first().is_some_and(Flow::is_over) {
                self.flows.clear();
            }
        }
        ended.ok_or_else(|| Error::new(packed!("the process is lost")))
    }

    /// Sleeps until something can be done, and says what poll(2) says.
    fn wait(
        &self,
        process: Option<BorrowedFd>,
        signals: BorrowedFd,
    ) -> Result<[PollFlags; PLACES]> {
        // Of a signalfd nothing is said that isn't asked for.
        let mut fds: [_; PLACES] =
            from_fn(|_| PollFd::from_borrowed_fd(signals, PollFlags::empty()));
        let mut ask = |place: usize, asked| {
            if let Some((fd, events)) = asked {
                fds[place] = PollFd::from_borrowed_fd(fd, events);
            }
        };
        ask(SIGNALS, Some((signals, PollFlags::IN)));
        ask(PROCESS, process.map(|pidfd| (pidfd, PollFlags::IN)));
        let notify = self.notify.as_ref();
        ask(NOTIFY, notify.map(|notify| (notify.fd(), PollFlags::IN)));
        let mut timeout: Option<i64> = None;
        for (at, flow) in self.flows.iter().enumerate() {
            let ([source, sink], [from, to]) = (flow_places(at), flow.interest());
            ask(source, from);
            ask(sink, to);
            if let Some(patience) = flow.patience() {
                timeout = Some(timeout.unwrap_or(patience).min(patience));
            }
        }
        let timeout = timeout.map(|wait| Timespec {
            tv_sec: 0,
            tv_nsec: wait * 1_000_000,
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => Ok(fds.map(|fd| fd.revents())),
            Err(Errno::INTR) => Ok([PollFlags::empty(); PLACES]),
            Err(errno) => Err(Error::call("poll", errno)),
        }
    }

    /// Takes every waiting signal and does what it is for.
    fn signals(
        &self,
        signals: BorrowedFd,
        pidfd: BorrowedFd,
        pid: Pid,
        ended: &mut Option<Exit>,
    ) -> Result<Next> {
        const RECORD: usize = 128; // struct signalfd_siginfo, include/uapi/linux/signalfd.h
        let mut buffer = [0; RECORD * 8];
        let length = match rustix::io::read(signals, &mut buffer) {
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(errno) => return Err(Error::call("signalfd", errno)),
        };
        let field = |record: &[u8], at: usize| {
            i32::from_ne_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
        };
        let mut next = Next::Stay;
        for record in buffer[..length].chunks_exact(RECORD) {
            let (number, sender) = (field(record, 0), field(record, 12));
            match signal::numbered(number) {
                Some(Signal::CHILD) => *ended = ended.or(reap(pid)),
                Some(Signal::WINCH) => {
                    let master = self.flows.first().and_then(Flow::source);
                    if let (Some(terminal), Some(master)) = (&self.terminal, master) {
                        terminal.copy_size(master);
                    }
                }
                Some(Signal::URG) => {}
                // Our own write to a pipe that nobody reads; the flow has seen its error.
                Some(Signal::PIPE) if sender == rustix::process::getpid().as_raw_pid() => {}
                // Nothing left to forward to: who asks mote itself to end needs no last output.
                Some(Signal::TERM | Signal::INT | Signal::HUP | Signal::QUIT)
                    if ended.is_some() =>
                {
                    next = Next::Leave;
                }
                // The process may be gone already, which its pidfd is about to say.
                Some(signal) => drop(pidfd_send_signal(pidfd, signal)),
                None => {}
            }
        }
        Ok(next)
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}

/// Places in what [`Relay::wait`] returns.
const SIGNALS: usize = 0;
const PROCESS: usize = 1;
const NOTIFY: usize = 2;
const PLACES: usize = 9;

/// Those of the source and the sink of the n-th of three flows.
fn flow_places(at: usize) -> [usize; 2] {
    [3 + 2 * at, 4 + 2 * at]
}

/// A manager that has gone is no reason to end the container.
fn announce(notify: &Notify) {
    if let Ok(Some(line)) = notify.take() {
        let _ = notify.ready(&line, rustix::process::getpid());
    }
}

/// Takes the status of every child that ended; among them may be orphans of the container.
fn reap(pid: Pid) -> Option<Exit> {
    let mut found = None;
    while let Ok(Some((child, status))) = wait(WaitOptions::NOHANG) {
        if child == pid {
            found = Some(exit(status));
        }
    }
    found
}

fn exit(status: WaitStatus) -> Exit {
    Exit::new(status.exit_status(), status.terminating_signal())
}

fn nonblocking(fd: &OwnedFd) -> rustix::io::Result<()> {
    rustix::fs::fcntl_setfl(
        fd,
        rustix::fs::fcntl_getfl(fd)? | rustix::fs::OFlags::NONBLOCK,
    )
}

#[cfg(test)]
mod tests;
