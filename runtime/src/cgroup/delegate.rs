//! Handing the v2 cgroup to the container's own root, so that it can manage cgroups inside.

use super::group::Group;
use super::{file, path};
use crate::error::Result;
use rustix::fs::{AtFlags, Uid, chownat};
use rustix::io::Errno;

/// What a kernel without `/sys/kernel/cgroup/delegate` (before 4.15) lets be handed over.
const BEFORE_4_15: &str = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

impl Group {
    /// Gives the directory and the files that the kernel lists for it to `owner`, a host uid. For a
    /// container with a cgroup namespace of its own and a writable cgroup mount.
    pub fn delegate(&self, owner: Uid) -> Result<()> {
        let Some(member) = self.v2() else {
            return Ok(());
        };
        let cwd = rustix::fs::CWD;
        let list = file::read(cwd, "/sys/kernel/cgroup/delegate");
        let list = list.unwrap_or_else(|_| BEFORE_4_15.into());
        let mount = member
            .mount()
            .map_err(|errno| member.error("give away", "", errno))?;
        for name in [""]
            .into_iter()
            .chain(path::pieces(list.trim_ascii_end(), b'\n'))
        {
            let file = file::c_string(&member.file(name));
            let give = |file| chownat(mount, file, Some(owner), None, AtFlags::SYMLINK_NOFOLLOW);
            match file.and_then(give) {
                // The list names files of controllers that this cgroup may lack.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(member.error("give away", name, errno)),
            }
        }
        Ok(())
    }
}
