//! Pausing: the v1 freezer (kernel: admin-guide/cgroup-v1/freezer-subsystem.rst) and v2's cgroup.freeze.

use super::discover::Version;
use super::group::{Group, Member};
use super::{file, path, walk};
use crate::error::{Error, Result};
use init::sys::time::milliseconds;
use rustix::io::Errno;
use std::time::Duration;

/// How long a process may take to stop where it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks, in microseconds, at first and later.
const PAUSE: u64 = 50;
const LONG_PAUSE: u64 = 1000;

/// After so many looks the v1 freezer is let go and started anew: a process that was in vfork or
/// ptrace when it was told would hold the rest in FREEZING for ever (runc issue 2774).
const LOOKS: u32 = 25;

/// How one version of the freezer is told, and tells.
pub struct Freezer {
    /// The file to write to.
    switch: &'static str,
    frozen: &'static str,
    thawed: &'static str,
    /// The file that says in a line of its own that all have stopped.
    state: &'static str,
    stopped: &'static str,
}

const V1: Freezer = Freezer {
    switch: "freezer.state",
    frozen: "FROZEN",
    thawed: "THAWED",
    state: "freezer.state",
    stopped: "FROZEN",
};

const V2: Freezer = Freezer {
    switch: "cgroup.freeze",
    frozen: "1",
    thawed: "0",
    state: "cgroup.events",
    stopped: "frozen 1",
};

impl Group {
    /// Stops every process of the container and waits until all have stopped; undone when some don't.
    pub fn freeze(&self) -> Result<()> {
        let (member, freezer) = self.freezer()?;
        member.freeze(freezer).inspect_err(|_| {
            let _ = member.write(freezer.switch, freezer.thawed);
        })
    }

    /// Lets them go on.
    pub fn thaw(&self) -> Result<()> {
        let (member, freezer) = self.freezer()?;
        member.write(freezer.switch, freezer.thawed)
    }

    /// Whether the container has been told to stop; not when it has no freezer or is gone.
    pub fn is_frozen(&self) -> Result<bool> {
        let Ok((member, freezer)) = self.freezer() else {
            return Ok(false);
        };
        match member.try_read(freezer.switch) {
            Ok(state) => Ok(state.trim_ascii_end() != freezer.thawed),
            Err(errno) if file::gone(errno) => Ok(false),
            Err(errno) => Err(member.error("read", freezer.switch, errno)),
        }
    }

    /// Thaws the container and every v1 freezer inside it: a frozen v1 process doesn't die.
    pub(super) fn thaw_below(&self) -> Result<()> {
        let Some(member) = self.members.iter().find(|member| member.has("freezer")) else {
            return Ok(());
        };
        let thawed = walk::each(member, &mut |dir, _| {
            file::unless_gone(file::write(dir, V1.switch, V1.thawed))
        });
        file::unless_gone(thawed).map_err(|errno| member.error("thaw", "", errno))
    }

    fn freezer(&self) -> Result<(&Member, &'static Freezer)> {
        match self.member("freezer") {
            Some(member) if member.version == Version::V1 => Ok((member, &V1)),
            Some(member) => Ok((member, &V2)),
            None => Err(Error::new(packed!(
                "the container has no freezer cgroup; mount the v1 freezer or cgroup v2 before creating it"
            ))),
        }
    }
}

impl Member {
    fn freeze(&self, freezer: &Freezer) -> Result<()> {
        let start = milliseconds();
        let mut pause = PAUSE;
        for look in 1.. {
            // Written each time: a process that was forked meanwhile is stopped by that in v1.
            self.write(freezer.switch, freezer.frozen)?;
            if path::pieces(&self.read(freezer.state)?, b'\n').has(freezer.stopped) {
                return Ok(());
            }
            if milliseconds() - start >= PATIENCE.as_millis() as i64 {
                break;
            }
            if look % LOOKS == 0 && self.version == Version::V1 {
                self.write(freezer.switch, freezer.thawed)?;
            }
            file::pause(&mut pause, LONG_PAUSE);
        }
        Err(self.error("freeze", "", Errno::TIMEDOUT))
    }
}
