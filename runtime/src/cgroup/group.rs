//! One container's place in every hierarchy, and the ways into it.

use super::discover::{Version, open_mount};
use super::unit::Unit;
use super::{file, path};
use crate::error::{Error, Result};
use crate::text::fill;
use core::cell::OnceCell;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// A container's cgroups: one directory in each hierarchy, made or yet to be made.
///
/// Dropping it leaves them alone; [`Group::remove`] undoes [`Group::create`].
#[derive(Debug)]
pub struct Group {
    pub(super) members: Vec<Member>,
    /// Whether to do without the hierarchies that we have no right to change.
    pub(super) lenient: bool,
    /// Whether the config gave the path. Otherwise the last directory is named after the container and
    /// ours in any case, be it left over from one that was not removed.
    pub(super) named: bool,
    /// Whether v2 is all that the host has, so that limits are to be had there.
    pub(super) unified: bool,
    /// The unit that the directories are systemd's for.
    pub(super) unit: Option<Unit>,
}

/// One directory in one hierarchy.
#[derive(Debug)]
pub(super) struct Member {
    pub version: Version,
    /// `cpu,cpuacct`, `name=systemd`, empty for v2.
    pub controllers: String,
    /// Where the hierarchy is mounted.
    pub point: String,
    /// The top of the mount, once it has been needed.
    mount: OnceCell<OwnedFd>,
    /// Clean path below the mount, never empty.
    pub path: String,
    /// How many directories at the end of `path` are ours to remove; None before they are made.
    pub made: Option<usize>,
}

impl Group {
    pub(super) fn new(members: Vec<Member>) -> Group {
        Group {
            members,
            lenient: false,
            named: false,
            unified: false,
            unit: None,
        }
    }

    /// Whether the container is in no cgroup of its own.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Each hierarchy's controllers (`cpu,cpuacct`, `name=systemd`, empty for v2) and the directory.
    pub fn paths(&self) -> impl Iterator<Item = (&str, String)> {
        let row =
            |member: &'_ Member| fill("{}/{}", &[member.point.as_str(), member.path.as_str()]);
        self.members
            .iter()
            .map(move |member| (member.controllers.as_str(), row(member)))
    }

    /// The v2 directory as an O_PATH descriptor, for clone3's CLONE_INTO_CGROUP. None before systemd has made it.
    pub fn v2_dir(&self) -> Result<Option<OwnedFd>> {
        self.v2()
            .filter(|_| !self.is_to_start())
            .map(|member| member.open("", OFlags::PATH | OFlags::DIRECTORY))
            .transpose()
    }

    /// Whether systemd is still to make the directories.
    pub fn is_to_start(&self) -> bool {
        self.unit.as_ref().is_some_and(|unit| !unit.started)
    }

    /// One file per v1 hierarchy. A process of one thread that writes `0` to it moves there, whatever
    /// its user and namespaces are: the kernel asks for the rights of whoever opened it.
    pub fn doors(&mut self) -> Result<Vec<OwnedFd>> {
        let mut doors = Vec::new();
        let mut at = 0;
        while let Some(member) = self.members.get(at) {
            if member.version == Version::V1 {
                match member.try_open("tasks", OFlags::WRONLY) {
                    Ok(door) => doors.push(door),
                    Err(errno) if self.may_skip(errno) => {
                        self.skip(at);
                        continue;
                    }
                    Err(errno) => return Err(member.error("open", "tasks", errno)),
                }
            }
            at += 1;
        }
        Ok(doors)
    }

    /// Whether a clone3 into the v2 directory that failed with `errno` may be tried without; the
    /// directory is then gone. It may for a rootless caller: moving between cgroups takes the right to
    /// change their common ancestor too, which the making of a directory does not tell.
    pub fn give_up_v2(&mut self, errno: Errno) -> bool {
        let v2 = |member: &Member| member.version == Version::V2;
        match self.members.iter().position(v2) {
            Some(at) if self.may_skip(errno) => {
                self.skip(at);
                true
            }
            _ => false,
        }
    }

    /// Whether a hierarchy that answered `errno` may be done without.
    pub(super) fn may_skip(&self, errno: Errno) -> bool {
        self.lenient && file::forbidden(errno)
    }

    /// Does without a hierarchy; nothing of ours stays there.
    #[inline(never)]
    pub(super) fn skip(&mut self, at: usize) {
        self.members.remove(at).unmake();
    }

    /// The door of v2, for where no process can be born in [`Group::v2_dir`]: kernels before 5.7, sandboxes
    /// without clone3, a maker without the right. It stops every fork meanwhile.
    pub fn v2_door(&self) -> Result<Option<OwnedFd>> {
        self.v2()
            .map(|member| member.open("cgroup.procs", OFlags::WRONLY))
            .transpose()
    }

    /// The directory in v2 where the process is whose `/proc/PID/cgroup` has this text, if that is in
    /// the container: exec goes there when the container's own cgroup takes no process any more
    /// (EBUSY from clone3) because it gives controllers to its children.
    pub fn v2_dir_of(&self, proc_cgroup: &str) -> Option<OwnedFd> {
        let member = self.v2()?;
        let now = v2_path(proc_cgroup)?;
        let below = path::inside(&now, &member.path)?;
        member
            .try_open(below, OFlags::PATH | OFlags::DIRECTORY)
            .ok()
    }

    /// Puts the directory of that process, wherever it is, in place of the container's own in v2, which somebody took
    /// away when the process had left it. Says whether it did.
    pub fn follow(&mut self, proc_cgroup: &str) -> bool {
        for member in &mut self.members {
            if member.version == Version::V2
                && let Some(now) = v2_path(proc_cgroup)
            {
                member.path = now;
                return true;
            }
        }
        false
    }

    /// The member that has `controller`: the v1 hierarchy with that name, else v2.
    pub(super) fn member(&self, controller: &str) -> Option<&Member> {
        let v1 = self.members.iter().find(|member| member.has(controller));
        v1.or_else(|| self.v2())
    }

    /// The v2 member.
    #[inline(never)]
    pub(super) fn v2(&self) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.version == Version::V2)
    }
}

/// Where in v2 the process is whose `/proc/PID/cgroup` this is; none if that is out of sight.
fn v2_path(proc_cgroup: &str) -> Option<String> {
    let now = path::pieces(proc_cgroup, b'\n').find_map(|line| line.strip_prefix("0::"))?;
    (!path::climbs(now)).then(|| path::clean(now))
}

impl Member {
    /// With the mount if it is open already.
    pub fn new(
        version: Version,
        controllers: &str,
        point: String,
        path: String,
        mount: Option<OwnedFd>,
    ) -> Member {
        Member {
            version,
            controllers: controllers.into(),
            point,
            mount: mount.map_or_else(OnceCell::new, OnceCell::from),
            path,
            made: None,
        }
    }

    /// The top of the mount, O_PATH.
    #[inline(never)]
    pub fn mount(&self) -> core::result::Result<BorrowedFd<'_>, Errno> {
        let mount = match self.mount.get() {
            Some(mount) => mount,
            None => {
                let mount = open_mount(&self.point, self.version)?;
                self.mount.get_or_init(|| mount)
            }
        };
        Ok(mount.as_fd())
    }

    /// Whether this is the v1 hierarchy of `controller`.
    #[inline(never)]
    pub fn has(&self, controller: &str) -> bool {
        self.version == Version::V1 && path::pieces(&self.controllers, b',').has(controller)
    }

    /// The path below the mount of `name` in the container's directory.
    pub fn file(&self, name: &str) -> String {
        path::join(&self.path, name)
    }

    #[inline(never)]
    pub fn try_open(&self, name: &str, access: OFlags) -> core::result::Result<OwnedFd, Errno> {
        file::open(self.mount()?, &self.file(name), access)
    }

    #[inline(never)]
    pub fn try_read(&self, name: &str) -> core::result::Result<String, Errno> {
        file::read(self.mount()?, &self.file(name))
    }

    #[inline(never)]
    pub fn open(&self, name: &str, access: OFlags) -> Result<OwnedFd> {
        self.try_open(name, access)
            .map_err(|errno| self.error("open", name, errno))
    }

    pub fn read(&self, name: &str) -> Result<String> {
        self.try_read(name)
            .map_err(|errno| self.error("read", name, errno))
    }

    #[inline(never)]
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.open(name, OFlags::WRONLY)?;
        file::put(&file, text)
            .map_err(|errno| self.error(&fill("write {} to", &[text]), name, errno))
    }

    /// `cgroup: STEP POINT/PATH/NAME: errno`
    #[cold]
    #[inline(never)]
    pub fn error(&self, step: &str, name: &str, errno: Errno) -> Error {
        Error::fill(
            packed!("cgroup: {} {}/{}"),
            &[step, &self.point, &self.file(name)],
        )
        .with(errno)
    }
}
