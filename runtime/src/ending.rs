//! How a container ended, kept by somebody who is there to see it: `run` in the foreground with `--keep`, or the
//! process that `--monitor` leaves behind.
//!
//! `ROOT/ID/end` is made when somebody begins to watch, and locked (flock(2)) as long as they do. They write one line
//! into it, which counts only with its line feed: `CODE SIGNAL OOM TIME`. So whoever waits needs no more than the
//! lock, and a watcher that is killed leaves an empty file that nobody has locked: it isn't known how it ended.

use crate::cgroup::{Group, kills};
use crate::container::Dir;
use crate::error::{Error, Result};
use crate::files;
use crate::json::Writer;
use crate::report::moment;
use crate::text::{decimal, number, pieces};
use init::sys::clone::{Clone, clone};
use init::sys::process::{close_from, duplicate_to, exit, standard_streams, wait};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Signal, WaitIdOptions, chdir, getpid, getppid, set_parent_process_death_signal, setsid,
};

/// Name of the file.
pub const FILE: &str = "end";

/// How a process ended, as wait(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code as a shell has it: 128 and the signal's number if a signal ended the process.
    pub code: u8,
    /// That signal, or 0.
    pub signal: u8,
}

impl Exit {
    /// From `exit_status` and `terminating_signal` of what rustix gives.
    pub fn new(status: Option<i32>, signal: Option<i32>) -> Exit {
        let signal = signal.unwrap_or(0) as u8;
        let code = match (status, signal) {
            (Some(code), _) => code as u8,
            (None, 0) => 255,
            (None, signal) => 128 + signal,
        };
        Exit { code, signal }
    }
}

/// Who will say how a container ended.
pub struct Watch {
    file: OwnedFd,
    kills: Option<OwnedFd>,
}

impl Watch {
    /// Begins; the container's cgroups must be made.
    pub fn begin(dir: &Dir, group: &Group) -> Result<Watch> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = files::open_at(dir.as_fd(), FILE, flags, 0o600)
            .and_then(|file| flock(&file, FlockOperation::LockExclusive).map(|()| file))
            .map_err(|errno| Error::of("state directory", FILE.as_bytes(), errno))?;
        Ok(Watch {
            file,
            kills: group.kill_counter(),
        })
    }

    /// Says it.
    pub fn write(&self, exit: Exit) -> Result<()> {
        note(
            self.file.as_fd(),
            self.kills.as_ref().map(AsFd::as_fd),
            exit,
        )
        .map_err(|errno| Error::of("state directory", FILE.as_bytes(), errno))
    }
}

/// One write: the line is there as a whole, or without its end.
fn note(file: BorrowedFd<'_>, counter: Option<BorrowedFd<'_>>, exit: Exit) -> files::Result<()> {
    let oom = counter.and_then(kills).is_some_and(|count| count > 0);
    let line: [&str; 6] = [
        &decimal(exit.code.into()),
        " ",
        &decimal(exit.signal.into()),
        [" 0 ", " 1 "][usize::from(oom)],
        &moment(),
        "\n",
    ];
    files::write_all(file, line.concat().as_bytes())
}

/// What the file says.
pub struct Ending {
    /// Code and signal.
    pub exit: Exit,
    /// Whether the kernel has killed a process of the container for want of memory.
    oom: bool,
    /// When, in RFC 3339.
    time: String,
}

impl Ending {
    /// What is known; none if that is nothing, or not yet.
    pub fn read(dir: &Dir) -> Result<Option<Ending>> {
        let text = dir.read(FILE)?.unwrap_or_default();
        Ok(Ending::parse(&text))
    }

    fn parse(text: &[u8]) -> Option<Ending> {
        let text = core::str::from_utf8(text).ok()?.strip_suffix("\n")?;
        let mut words = pieces(text, b' ');
        let mut figure = || number(words.next()?.as_bytes()).map(|value| value as u8);
        let (code, signal, oom) = (figure()?, figure()?, figure()?);
        Some(Ending {
            exit: Exit { code, signal },
            oom: oom != 0,
            time: words.rest()?.into(),
        })
    }

    /// Adds its keys to an open object.
    pub fn write(&self, json: &mut Writer) {
        json.key("exitCode");
        json.unsigned(self.exit.code.into());
        if self.exit.signal != 0 {
            json.key("signal");
            json.unsigned(self.exit.signal.into());
        }
        json.switch("oomKilled", self.oom);
        json.text("finishedAt", &self.time);
    }
}

/// The file, if there is one, to be waited for by [`settled`].
pub fn open(dir: &Dir) -> Result<Option<OwnedFd>> {
    match files::open_at(dir.as_fd(), FILE, OFlags::RDONLY, 0) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::of("state directory", FILE.as_bytes(), errno)),
    }
}

/// Waits until nobody watches any more; what is known then.
pub fn settled(file: &OwnedFd) -> Result<Option<Ending>> {
    let failed = |errno| Error::of("state directory", FILE.as_bytes(), errno);
    rustix::io::retry_on_intr(|| flock(file, FlockOperation::LockShared)).map_err(failed)?;
    files::rest(file.as_fd())
        .map(|text| Ending::parse(&text))
        .map_err(failed)
}

/// `--monitor`: what becomes the container's parent, and stays. It is what `create` itself runs in, and the caller
/// waits for a process that only passes its exit code on.
pub struct Monitor {
    caller: OwnedFd,
}

impl Monitor {
    /// Forks, and returns in the new process only.
    pub fn fork() -> Result<Monitor> {
        let failed = |errno| Error::call(packed!("making the process of --monitor"), errno);
        let (read, caller) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
        let command = getpid();
        match clone(0, None).map_err(failed)? {
            Clone::Child => {
                // Until the container is ready it ends with the command, as ever.
                set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
                if getppid() != Some(command) {
                    exit(1);
                }
                Ok(Monitor { caller })
            }
            Clone::Parent(_, pidfd) => {
                drop(caller);
                let mut ready = [0];
                let length = rustix::io::retry_on_intr(|| rustix::io::read(&read, &mut ready));
                if length == Ok(1) {
                    exit(0);
                }
                // It has said itself why.
                let code = wait(pidfd.as_fd(), WaitIdOptions::EXITED).map(|status| {
                    Exit::new(status.exit_status(), status.terminating_signal()).code
                });
                exit(code.unwrap_or(1).into())
            }
        }
    }

    /// Tells the caller that all is done, keeps three descriptors, and waits for the end of its child.
    pub fn stay(self, child: BorrowedFd<'_>, watch: &Watch) -> ! {
        let _ = self.watch(child, watch);
        exit(1)
    }

    fn watch(&self, child: BorrowedFd<'_>, watch: &Watch) -> files::Result<()> {
        // Of the caller's terminal, directory and streams nothing may be held.
        let _ = setsid();
        chdir(c"/")?;
        let counter = watch.kills.as_ref().map_or(child, AsFd::as_fd);
        let kept = [child, watch.file.as_fd(), counter];
        // Away from the numbers that are about to be taken.
        let copy = |fd| rustix::io::fcntl_dupfd_cloexec(fd, 3);
        let copies = [copy(kept[0])?, copy(kept[1])?, copy(kept[2])?];
        for (number, fd) in copies.iter().enumerate() {
            duplicate_to(fd.as_fd(), number as i32, true)?;
        }
        set_parent_process_death_signal(None)?;
        rustix::io::write(&self.caller, &[0])?;
        close_from(3);
        let [child, file, counter] = standard_streams();
        let status = wait(child, WaitIdOptions::EXITED)?;
        let status = Exit::new(status.exit_status(), status.terminating_signal());
        note(file, Some(counter), status)?;
        exit(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_with_its_end() {
        let ending = Ending::parse(b"137 9 1 2026-01-02T03:04:05.000000006Z\n").unwrap();
        assert_eq!(ending.exit, Exit::new(None, Some(9)));
        assert!(ending.oom);
        assert_eq!(ending.time, "2026-01-02T03:04:05.000000006Z");
        for bad in ["", "\n", "137 9 1 2026", "137 9\n", "x 9 1 t\n"] {
            assert!(Ending::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn codes_of_a_shell() {
        let row = |status, signal| {
            let exit = Exit::new(status, signal);
            (exit.code, exit.signal)
        };
        assert_eq!(row(Some(7), None), (7, 0));
        assert_eq!(row(Some(137), None), (137, 0));
        assert_eq!(row(None, Some(9)), (137, 9));
        assert_eq!(row(None, Some(64)), (192, 64));
        assert_eq!(row(None, None), (255, 0));
    }
}
