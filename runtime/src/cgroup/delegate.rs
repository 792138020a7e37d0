//! Handing the v2 cgroup to the container's own root, so that it can manage cgroups inside.

use super::group::{Group, Member};
use super::{file, path};
use crate::error::Result;
use rustix::fs::{AtFlags, Uid, chownat};
use rustix::io::Errno;

/// What a kernel without `/sys/kernel/cgroup/delegate` (before 4.15) lets be handed over.
const BEFORE_4_15: &str = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

impl Group {
    /// Gives the directory and the files that the kernel lists for it to `owner`, a host uid, where v2 is all that the
    /// host has. For a container with a cgroup namespace of its own and a writable cgroup mount. Whoever may not give it
    /// away keeps it.
    pub fn delegate(&self, owner: Uid) -> Result<()> {
        match self.v2() {
            Some(member) if self.unified => member.delegate(owner),
            _ => Ok(()),
        }
    }
}

impl Member {
    fn delegate(&self, owner: Uid) -> Result<()> {
        let cwd = rustix::fs::CWD;
        let list = file::read(cwd, "/sys/kernel/cgroup/delegate");
        // First the directory.
        let list = ["\n", list.as_deref().unwrap_or(BEFORE_4_15)].concat();
        let mount = self
            .mount()
            .map_err(|errno| self.error("give away", "", errno))?;
        for name in path::pieces(list.trim_ascii_end(), b'\n') {
            let file = file::c_string(&self.file(name));
            let give = |file| chownat(mount, file, Some(owner), None, AtFlags::SYMLINK_NOFOLLOW);
            match file.and_then(give) {
                // The list names files of controllers that this cgroup may lack.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) if file::forbidden(errno) => return Ok(()),
                Err(errno) => return Err(self.error("give away", name, errno)),
            }
        }
        Ok(())
    }
}
