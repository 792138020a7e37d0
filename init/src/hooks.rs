//! Hooks, run by the host and by the child alike: no heap, one thread.
//!
//! A hook reads the state document on its standard input. What it prints is kept for the error, should it fail.

use crate::fault::{Call, Note};
use crate::plan::{Hook, StateText};
use crate::sys::clone::{Clone, clone};
use crate::sys::exec::{Vector, execve};
use crate::sys::process::{close_from, duplicate_to, exit, standard_streams, wait};
use crate::sys::signal;
use crate::sys::time::milliseconds as now;
use crate::text::{Digits, append, digits};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, WaitIdOptions, pidfd_send_signal};

/// What every hook of a stage is given.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// The document, but for the two fields that follow.
    pub state: StateText<'a>,
    /// `creating`, `created`, `running` or `stopped`.
    pub status: &'a str,
    /// The container's init as the hook sees it.
    pub pid: u32,
    /// The environment of hooks that have none of their own.
    pub environment: Vector<'a>,
    /// The signal mask that hooks start with.
    pub mask: signal::Set,
}

/// Why a hook failed.
#[derive(Debug)]
pub struct Failure {
    /// Its index.
    pub item: usize,
    /// What it did or what couldn't be done.
    pub reason: Reason,
    /// The end of its output.
    pub output: Note,
}

/// See [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A system call of ours failed.
    Call(Call, Errno),
    /// It exited with a code other than 0.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
    /// It was killed after its `timeout`.
    Timeout(u32),
}

/// The exit code of a process that could not become the hook. It prints a zero and the errno, none of which is above 133.
const NOT_EXECUTED: i32 = 127;

/// Runs hooks one after the other until one fails.
#[allow(
    clippy::result_large_err,
    reason = "made once, for the hook that failed, and there is no heap"
)]
pub fn run(hooks: &[Hook<'_>], stage: &Stage<'_>) -> Result<(), Failure> {
    let mut output = Note::new();
    for (item, hook) in hooks.iter().enumerate() {
        output.clear();
        if let Err(reason) = one(hook, stage, &mut output) {
            return Err(Failure {
                item,
                reason,
                output,
            });
        }
    }
    Ok(())
}

fn one(hook: &Hook<'_>, stage: &Stage<'_>, output: &mut Note) -> Result<(), Reason> {
    let call = |call| move |errno| Reason::Call(call, errno);
    let (stdin, document) = pipe_with(PipeFlags::CLOEXEC).map_err(call(Call::Pipe))?;
    let (printed, stdout) =
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(call(Call::Pipe))?;
    rustix::io::ioctl_fionbio(&document, true).map_err(call(Call::Fcntl))?;
    match clone(0, None).map_err(call(Call::Clone3))? {
        Clone::Child => become_hook(hook, stage, &stdin, &stdout),
        Clone::Parent(_, pidfd) => {
            drop((stdin, stdout));
            watch(
                hook,
                stage,
                pidfd.as_fd(),
                document,
                printed.as_fd(),
                output,
            )
        }
    }
}

fn become_hook(hook: &Hook<'_>, stage: &Stage<'_>, stdin: &OwnedFd, stdout: &OwnedFd) -> ! {
    let ready = rustix::io::ioctl_fionbio(stdout, false)
        .and_then(|()| duplicate_to(stdin.as_fd(), 0, false))
        .and_then(|()| duplicate_to(stdout.as_fd(), 1, false))
        .and_then(|()| duplicate_to(stdout.as_fd(), 2, false))
        .and_then(|()| signal::default_all())
        .and_then(|()| signal::set_mask(stage.mask));
    close_from(3);
    let errno = match ready {
        Ok(_) => execve(
            hook.path,
            &hook.args,
            &hook.env.unwrap_or(stage.environment),
        ),
        Err(errno) => errno,
    };
    let [_, _, stderr] = standard_streams();
    let _ = write(stderr, &[0, errno.raw_os_error() as u8]);
    exit(NOT_EXECUTED)
}

fn watch(
    hook: &Hook<'_>,
    stage: &Stage<'_>,
    pidfd: BorrowedFd<'_>,
    document: OwnedFd,
    printed: BorrowedFd<'_>,
    output: &mut Note,
) -> Result<(), Reason> {
    let deadline = hook
        .timeout
        .map(|secs| now().saturating_add(i64::from(secs) * 1000));
    let mut number = Digits::default();
    let number = digits(&mut number, stage.pid.into(), 10);
    let parts = [
        stage.state.head,
        stage.status.as_bytes(),
        stage.state.middle,
        number,
        stage.state.tail,
    ];
    let (mut feed, mut printer) = (Some((document, 0)), Some(printed));
    loop {
        feed = feed.and_then(|(pipe, sent)| write_rest(pipe, &parts, sent));
        keep_end(printed, output);
        let left = deadline.map(|deadline| deadline.saturating_sub(now()));
        if left.is_some_and(|left| left <= 0) {
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
            let _ = wait(pidfd, WaitIdOptions::EXITED);
            return Err(Reason::Timeout(hook.timeout.unwrap_or(0)));
        }
        let wait = left.map(|left| Timespec {
            tv_sec: left / 1000,
            tv_nsec: (left % 1000) * 1_000_000,
        });
        // Where a pipe is done with, the process stands in for it, which is never ready for writing.
        let mut fds = [
            PollFd::from_borrowed_fd(pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(printer.unwrap_or(pidfd), PollFlags::IN),
            PollFd::from_borrowed_fd(
                feed.as_ref().map_or(pidfd, |(pipe, _)| pipe.as_fd()),
                PollFlags::OUT,
            ),
        ];
        match poll(&mut fds, wait.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(Reason::Call(Call::Poll, errno)),
        }
        if !fds[0].revents().is_empty() {
            keep_end(printed, output);
            let end = status(pidfd);
            return match (end, &output[..]) {
                (Err(Reason::Exit(NOT_EXECUTED)), &[0, errno]) => {
                    output.clear();
                    Err(Reason::Call(
                        Call::Execve,
                        Errno::from_raw_os_error(errno.into()),
                    ))
                }
                _ => end,
            };
        }
        if fds[1].revents() == PollFlags::HUP {
            // Nothing more will be printed, and poll(2) would say so for ever.
            printer = None;
        }
    }
}

fn status(pidfd: BorrowedFd<'_>) -> Result<(), Reason> {
    let status =
        wait(pidfd, WaitIdOptions::EXITED).map_err(|errno| Reason::Call(Call::Waitid, errno))?;
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Reason::Exit(code)),
        (None, signal) => Err(Reason::Signal(signal.unwrap_or(0))),
    }
}

/// Writes what the pipe takes now; none once all is written or the hook reads no more.
fn write_rest(pipe: OwnedFd, parts: &[&[u8]], mut sent: usize) -> Option<(OwnedFd, usize)> {
    loop {
        let mut skip = sent;
        let rest = parts.iter().find_map(|part| {
            let rest = part.get(skip..).filter(|rest| !rest.is_empty());
            skip = skip.saturating_sub(part.len());
            rest
        })?;
        match write(&pipe, rest) {
            Ok(length) => sent += length,
            Err(Errno::AGAIN) => return Some((pipe, sent)),
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Reads what was printed and keeps its end.
fn keep_end(printed: BorrowedFd<'_>, output: &mut Note) {
    let mut chunk = [0u8; 1024];
    while let Ok(length @ 1..) = read(printed, &mut chunk[..]) {
        let new = &chunk[length.saturating_sub(output.capacity())..length];
        let keep = output.len().min(output.capacity() - new.len());
        let from = output.len() - keep;
        output.copy_within(from.., 0);
        output.truncate(keep);
        let _ = append(output, &[new]);
    }
}
