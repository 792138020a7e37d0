//! `exec --cgroup [CONTROLLER[,CONTROLLER]:]PATH`: cgroups that the container made below its own.

use super::file;
use super::group::{Group, Member};
use super::path;
use crate::error::{Error, Result};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

impl Group {
    /// The same group with the asked hierarchies' directories replaced; they must exist. One bare path
    /// counts for every hierarchy, else each argument names its controllers.
    pub fn sub_group(mut self, arguments: &[&str]) -> Result<Group> {
        let mut done: Vec<&str> = Vec::new();
        for &argument in arguments {
            let refuse = |why: &str| Error::new(["--cgroup ", argument, ": ", why].concat());
            let Some((controllers, below)) = argument.split_once(':') else {
                if arguments.len() > 1 {
                    return Err(refuse(
                        "a path without its controllers can only stand alone; write CONTROLLER:PATH",
                    ));
                }
                self.members
                    .iter_mut()
                    .try_for_each(|member| member.descend(argument))?;
                continue;
            };
            let mut moved: Vec<usize> = Vec::new();
            for controller in controllers.split(',') {
                if controller.is_empty() {
                    return Err(refuse("the controller's name is empty"));
                }
                if done.contains(&controller) {
                    return Err(refuse("this controller was given before"));
                }
                done.push(controller);
                let at = self
                    .members
                    .iter()
                    .position(|member| member.has(controller));
                let at = at.ok_or_else(|| {
                    refuse("the container has no v1 hierarchy with this controller")
                })?;
                // `cpu,cpuacct:PATH` may name one hierarchy twice.
                if !moved.contains(&at) {
                    moved.push(at);
                    self.members[at].descend(below)?;
                }
            }
        }
        Ok(self)
    }
}

impl Member {
    /// Goes to a cgroup below this one, which `remove` then never touches.
    fn descend(&mut self, below: &str) -> Result<()> {
        if path::climbs(below) {
            return Err(Error::new(
                ["--cgroup ", below, ": `..` is refused"].concat(),
            ));
        }
        let path = path::join(&self.path, &path::clean(below));
        match self.lies_below(&path) {
            Ok(()) => {
                self.path = path;
                self.made = Some(0);
                Ok(())
            }
            Err(errno) => {
                let missing = if errno == Errno::NOENT {
                    "; the container must have made it"
                } else {
                    ""
                };
                let error = self.error("open the sub-cgroup", &path::clean(below), errno);
                Err(Error::new(format!("{error}{missing}")))
            }
        }
    }

    /// Whether `path` is a directory there, through no link and no other mount.
    fn lies_below(&self, path: &str) -> core::result::Result<(), Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_XDEV;
        match openat2(self.mount()?, path, flags, Mode::empty(), resolve) {
            // Kernels before 5.6, and sandboxes that hide the call: step by step comes to the same.
            Err(Errno::NOSYS | Errno::PERM) => self.step_to(path),
            Err(Errno::AGAIN) => self.lies_below(path),
            result => result.map(drop),
        }
    }

    fn step_to(&self, path: &str) -> core::result::Result<(), Errno> {
        let mount = self.mount()?;
        path::steps(path).try_for_each(|step| {
            file::open(mount, step, OFlags::PATH | OFlags::DIRECTORY).map(drop)
        })
    }
}
