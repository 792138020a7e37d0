//! `exec --cgroup [CONTROLLER[,CONTROLLER]:]PATH`: cgroups that the container made below its own.

use super::group::{Group, Member};
use super::path;
use crate::error::{Error, Result};
use crate::text::unpacked;
use init::packed::Packed;
use rustix::fs::OFlags;
use rustix::io::Errno;

impl Group {
    /// Goes to other directories in the asked hierarchies; they must exist. One bare path counts for every
    /// hierarchy, else each argument names its controllers.
    pub fn descend(&mut self, arguments: &[&str]) -> Result<()> {
        let mut done: Vec<&str> = Vec::new();
        for &argument in arguments {
            let mut parts = path::pieces(argument, b':');
            let first = parts.next().unwrap_or_default();
            match parts.rest() {
                Some(below) => self.descend_in(argument, first, below, &mut done)?,
                None if arguments.len() > 1 => {
                    let why = packed!(
                        "a path without its controllers can only stand alone; write CONTROLLER:PATH"
                    );
                    return Err(refuse(argument, why));
                }
                None => {
                    for member in &mut self.members {
                        member.descend(argument)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn descend_in<'t>(
        &mut self,
        argument: &str,
        controllers: &'t str,
        below: &str,
        done: &mut Vec<&'t str>,
    ) -> Result<()> {
        // `cpu,cpuacct:PATH` may name one hierarchy twice.
        let mut moved = 0u64;
        for controller in path::pieces(controllers, b',') {
            let at = self
                .members
                .iter()
                .position(|member| member.has(controller));
            let why = match at {
                _ if controller.is_empty() => packed!("the controller's name is empty"),
                _ if done.contains(&controller) => packed!("this controller was given before"),
                None => packed!("the container has no v1 hierarchy with this controller"),
                Some(at) => {
                    done.push(controller);
                    if moved & 1 << at == 0 {
                        moved |= 1 << at;
                        self.members[at].descend(below)?;
                    }
                    continue;
                }
            };
            return Err(refuse(argument, why));
        }
        Ok(())
    }
}

#[cold]
#[inline(never)]
fn refuse(argument: &str, why: Packed) -> Error {
    Error::fill(packed!("--cgroup {}: {}"), &[argument, &unpacked(why)])
}

impl Member {
    /// Goes to a cgroup below this one, which `remove` then never touches. That it is a directory is enough to know: a
    /// cgroup filesystem has no links to lead elsewhere.
    #[inline(never)]
    fn descend(&mut self, below: &str) -> Result<()> {
        if path::climbs(below) {
            return Err(refuse(below, packed!("`..` is refused")));
        }
        let below = path::clean(below);
        match self.try_open(&below, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(_) => {
                self.path = path::join(&self.path, &below);
                self.made = Some(0);
                Ok(())
            }
            Err(errno) => {
                let error = self.error("open the sub-cgroup", &below, errno);
                Err(match errno {
                    Errno::NOENT => error.and(packed!("; the container must have made it")),
                    _ => error,
                })
            }
        }
    }
}
