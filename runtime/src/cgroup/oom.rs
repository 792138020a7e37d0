//! What the kernel tells of containers that run out of memory.

use super::discover::Version;
use super::file;
use super::group::Group;
use super::stats::value_of;
use crate::error::Result;
use crate::text::{decimal, fill, number};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;

/// Says when a container runs out of memory.
pub struct Oom {
    /// See [`Group::kill_counter`].
    counter: OwnedFd,
    /// v1 only.
    event: Option<OwnedFd>,
    seen: u64,
}

impl Group {
    /// The file where the kernel counts the processes that it has killed for want of memory: `memory.events` of v2,
    /// `memory.oom_control` of v1. None without a memory controller.
    pub fn kill_counter(&self) -> Option<OwnedFd> {
        let member = self.member("memory")?;
        let name = match member.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        member.try_open(name, OFlags::RDONLY).ok()
    }

    /// Begins to watch. None without a memory controller.
    pub fn watch_oom(&self) -> Result<Option<Oom>> {
        let (Some(member), Some(counter)) = (self.member("memory"), self.kill_counter()) else {
            return Ok(None);
        };
        let event = match member.version {
            // The file itself can be waited for (cgroup-v2.rst, "file modified event").
            Version::V2 => None,
            Version::V1 => {
                let failed = |errno| member.error("watch", "cgroup.event_control", errno);
                let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
                let event = event.map_err(failed)?;
                let [which, what] = [&event, &counter].map(|fd| decimal(fd.as_raw_fd() as u64));
                // cgroup-v1/memory.rst, "OOM Control".
                let control = member.open("cgroup.event_control", OFlags::WRONLY)?;
                file::put(&control, &fill("{} {}", &[&which, &what])).map_err(failed)?;
                Some(event)
            }
        };
        let seen = kills(counter.as_fd()).unwrap_or(0);
        Ok(Some(Oom {
            counter,
            event,
            seen,
        }))
    }
}

impl Oom {
    /// What to poll(2) for.
    pub fn poll(&self) -> PollFd<'_> {
        match &self.event {
            Some(event) => PollFd::new(event, PollFlags::IN),
            None => PollFd::new(&self.counter, PollFlags::PRI),
        }
    }

    /// Whether the container has run out of memory since the last call; none when its cgroup is gone. An event of v1
    /// comes also where nobody is killed (`memory.disableOOMKiller`), one of v2 also of other things than the end of
    /// a process.
    pub fn happened(&mut self) -> Option<bool> {
        let kills = kills(self.counter.as_fd())?;
        let before = core::mem::replace(&mut self.seen, kills);
        Some(match &self.event {
            Some(event) => rustix::io::read(event, &mut [0; 8]).is_ok(),
            None => kills > before,
        })
    }
}

/// How many processes were killed, by the file of [`Group::kill_counter`]; none when the cgroup is gone.
pub fn kills(counter: BorrowedFd<'_>) -> Option<u64> {
    // About ten lines of a word and a number.
    let mut buffer = [0; 512];
    let length = rustix::io::pread(counter, &mut buffer, 0).ok()?;
    number(value_of(buffer.get(..length)?, "oom_kill")).or(Some(0))
}
