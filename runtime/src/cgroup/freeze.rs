//! Pausing: the v1 freezer (kernel: admin-guide/cgroup-v1/freezer-subsystem.rst) and v2's cgroup.freeze.

use super::discover::Version;
use super::group::{Group, Member};
use super::{file, walk};
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::{self, Errno};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a process may take to stop where it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at a v1 freezer.
const PAUSE: Duration = Duration::from_millis(1);

/// After so many looks the v1 freezer is let go and started anew: a process that was in vfork or
/// ptrace when it was told would hold the rest in FREEZING for ever (runc issue 2774).
const LOOKS: u32 = 25;

const V1_FILE: &str = "freezer.state";
const V2_FILE: &str = "cgroup.freeze";

impl Group {
    /// Stops every process of the container and waits until all have stopped; undone when some don't.
    pub fn freeze(&self) -> Result<()> {
        let member = self.freezer()?;
        let frozen = match member.version {
            Version::V1 => member.freeze_v1(),
            Version::V2 => member.freeze_v2(),
        };
        frozen.inspect_err(|_| {
            let _ = member.write(member.freezer_file(), member.freezer_word(false));
        })
    }

    /// Lets them go on.
    pub fn thaw(&self) -> Result<()> {
        let member = self.freezer()?;
        member.write(member.freezer_file(), member.freezer_word(false))
    }

    /// Whether the container has been told to stop; not when it has no freezer or is gone.
    pub fn is_frozen(&self) -> Result<bool> {
        let Some(member) = self.member("freezer") else {
            return Ok(false);
        };
        match member.try_read(member.freezer_file()) {
            Ok(state) => Ok(!matches!(state.trim_ascii(), "THAWED" | "0")),
            Err(errno) if file::gone(errno) => Ok(false),
            Err(errno) => Err(member.error("read", member.freezer_file(), errno)),
        }
    }

    /// Thaws the container and every v1 freezer inside it: a frozen v1 process doesn't die.
    pub(super) fn thaw_below(&self) -> Result<()> {
        let Some(member) = self
            .member("freezer")
            .filter(|member| member.version == Version::V1)
        else {
            return Ok(());
        };
        let thawed = walk::each(
            member,
            &mut |dir, _| match file::write(dir, V1_FILE, "THAWED") {
                Err(errno) if !file::gone(errno) => Err(errno),
                _ => Ok(()),
            },
        );
        match thawed {
            Err(errno) if !file::gone(errno) => Err(member.error("thaw", "", errno)),
            _ => Ok(()),
        }
    }

    fn freezer(&self) -> Result<&Member> {
        self.member("freezer").ok_or_else(|| {
            Error::new("the container has no freezer cgroup; mount the v1 freezer or cgroup v2 before creating it")
        })
    }
}

impl Member {
    fn freezer_file(&self) -> &'static str {
        match self.version {
            Version::V1 => V1_FILE,
            Version::V2 => V2_FILE,
        }
    }

    fn freezer_word(&self, frozen: bool) -> &'static str {
        match (self.version, frozen) {
            (Version::V1, true) => "FROZEN",
            (Version::V1, false) => "THAWED",
            (Version::V2, true) => "1",
            (Version::V2, false) => "0",
        }
    }

    fn freeze_v1(&self) -> Result<()> {
        let start = Instant::now();
        for look in 1.. {
            // Written each time: a process that was forked meanwhile is stopped by that.
            self.write(V1_FILE, self.freezer_word(true))?;
            if self.read(V1_FILE)?.trim_ascii() == "FROZEN" {
                return Ok(());
            }
            if start.elapsed() >= PATIENCE {
                break;
            }
            if look % LOOKS == 0 {
                self.write(V1_FILE, self.freezer_word(false))?;
            }
            sleep(PAUSE);
        }
        Err(self.error("freeze", "", Errno::TIMEDOUT))
    }

    fn freeze_v2(&self) -> Result<()> {
        let failed = |errno| self.error("wait for frozen in", "cgroup.events", errno);
        let events = self.open("cgroup.events", OFlags::RDONLY)?;
        self.write(V2_FILE, self.freezer_word(true))?;
        let start = Instant::now();
        while !says_frozen(&events).map_err(failed)? {
            let left = PATIENCE
                .checked_sub(start.elapsed())
                .ok_or_else(|| failed(Errno::TIMEDOUT))?;
            // The kernel wakes a poll for PRI when the file would read differently from the last time.
            let timeout = Timespec {
                tv_sec: left.as_secs() as _,
                tv_nsec: left.subsec_nanos() as _,
            };
            match poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }
}

fn says_frozen(events: &OwnedFd) -> core::result::Result<bool, Errno> {
    let mut text = [0; 256];
    let n = io::pread(events, &mut text, 0)?;
    let text = core::str::from_utf8(&text[..n]).map_err(|_| Errno::ILSEQ)?;
    Ok(file::value(text, "frozen") == Some("1"))
}
