//! Who is in the container, and the end of them all.

use super::discover::Version;
use super::group::{Group, Member};
use super::{file, path, walk};
use crate::error::{Error, Result};
use crate::text::{decimal, number};
use init::sys::time::milliseconds;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

/// The controllers whose hierarchy is asked for processes, best first: one that a container has no
/// reason to move its processes about in. The empty name is v2's.
const CENSUS: [&str; 6] = ["", "pids", "freezer", "devices", "memory", "name=systemd"];

/// Between two looks at who is left, in microseconds, at first and later.
const PAUSE: u64 = 100;
const LONG_PAUSE: u64 = 20_000;

impl Group {
    /// All processes in the container, those in its own sub-cgroups included, each once, in order.
    /// Empty when the cgroup is gone.
    pub fn pids(&self) -> Result<Vec<Pid>> {
        let Some(member) = self.census() else {
            return Ok(Vec::new());
        };
        let raw = |pid: &Pid| pid.as_raw_nonzero();
        let mut pids = Vec::new();
        let walked = walk::each(member, &mut |dir, _| {
            let text = match file::read(dir, "cgroup.procs") {
                // A threaded v2 cgroup lists its processes where its domain is, or only their threads.
                Err(Errno::OPNOTSUPP) => file::read(dir, "cgroup.threads")?,
                Err(errno) if file::gone(errno) => return Ok(()),
                text => text?,
            };
            for line in path::pieces(&text, b'\n') {
                // The kernel's lists are mostly in order, so a pid mostly goes to the end.
                if let Some(pid) = number(line.as_bytes()).and_then(|pid| Pid::from_raw(pid as i32))
                    && let Err(at) = pids.binary_search_by_key(&raw(&pid), raw)
                {
                    pids.insert(at, pid);
                }
            }
            Ok(())
        });
        match file::unless_gone(walked) {
            Ok(()) => Ok(pids),
            Err(errno) => Err(member.error("read the processes of", "", errno)),
        }
    }

    /// Whether any process is in the container.
    pub fn is_populated(&self) -> Result<bool> {
        let Some(member) = self.census() else {
            return Ok(false);
        };
        if member.version == Version::V1 {
            return self.pids().map(|pids| !pids.is_empty());
        }
        match member.try_read("cgroup.events") {
            Err(errno) if file::gone(errno) => Ok(false),
            Err(errno) => Err(member.error("read", "cgroup.events", errno)),
            Ok(text) => Ok(path::pieces(&text, b'\n').has("populated 1")),
        }
    }

    /// Sends SIGKILL to every process in the container, frozen or not, and waits until all are gone, but
    /// no longer than `patience`. Says whether all are gone.
    pub fn kill_all(&self, patience: Duration) -> Result<bool> {
        // Before it was made, or taken, whoever is there is a stranger.
        if self.members.iter().any(|member| member.made.is_none()) {
            return Ok(true);
        }
        let start = milliseconds();
        let mut pause = PAUSE;
        while self.is_populated()? {
            if !self.kill_at_once()? {
                self.kill_one_by_one()?;
            }
            self.thaw_below()?;
            if milliseconds() - start >= patience.as_millis() as i64 {
                return self.is_populated().map(|populated| !populated);
            }
            file::pause(&mut pause, LONG_PAUSE);
        }
        Ok(true)
    }

    /// By v2's cgroup.kill (kernel 5.14), which nothing escapes. Says whether that was possible.
    fn kill_at_once(&self) -> Result<bool> {
        let Some(member) = self.census().filter(|member| member.version == Version::V2) else {
            return Ok(false);
        };
        match member.try_open("cgroup.kill", OFlags::WRONLY) {
            Ok(switch) => match file::put(&switch, "1") {
                // A threaded cgroup has the file and refuses.
                Err(Errno::OPNOTSUPP) => Ok(false),
                Err(errno) if !file::gone(errno) => {
                    Err(member.error("write 1 to", "cgroup.kill", errno))
                }
                _ => Ok(true),
            },
            // Old, or gone; the list of processes knows.
            Err(errno) if file::gone(errno) => Ok(false),
            Err(errno) => Err(member.error("open", "cgroup.kill", errno)),
        }
    }

    /// Frozen meanwhile, so that nobody can fork ahead of us; where freezing fails, the caller's next
    /// turn gets those who did.
    fn kill_one_by_one(&self) -> Result<()> {
        let pids = self.pids()?;
        if pids.is_empty() {
            return Ok(());
        }
        let pids = match self.freeze() {
            Ok(()) => self.pids()?,
            Err(_) => pids,
        };
        let mut killed = Ok(());
        for pid in pids {
            if let Err(errno) = kill_process(pid, Signal::KILL)
                && errno != Errno::SRCH
            {
                let number = decimal(pid.as_raw_pid() as u64);
                killed = Err(Error::of("cgroup: kill process", number.as_bytes(), errno));
            }
        }
        // Without a freezer there is nothing to thaw, and what is killed needs no pardon.
        let _ = self.thaw();
        killed
    }

    /// The member that is asked for processes: the best whose directory is there.
    #[inline(never)]
    fn census(&self) -> Option<&Member> {
        self.candidates().find(|member| member.exists())
    }

    /// Members to ask for processes, the best first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &Member> {
        let known = CENSUS.iter().filter_map(|name| match *name {
            "" => self.v2(),
            name => self.members.iter().find(|member| member.has(name)),
        });
        known.chain(&self.members)
    }
}
