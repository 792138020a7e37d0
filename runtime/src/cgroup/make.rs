//! Making the directories and taking them away again.

use super::discover::Version;
use super::group::{Group, Member};
use super::{file, path, walk};
use crate::error::{Error, Result};
use crate::text::{decimal, fill};
use rustix::fd::BorrowedFd;
use rustix::fs::{Access, AtFlags, OFlags, accessat};
use rustix::io::Errno;

/// How often a busy directory is tried again, with a pause in microseconds that doubles, so 2 s in all. Processes
/// that have been killed take that long at worst to be gone from the kernel's lists.
const TRIES: u32 = 11;
const PAUSE: u64 = 1000;

/// How often making starts again because another container's end took a shared parent away.
const RACES: u32 = 3;

impl Group {
    /// Makes what is missing in the hierarchies of these versions. On failure nothing is left of them, and the
    /// group has no part in them any more: what is there is a stranger's.
    pub fn create(&mut self, versions: &[Version]) -> Result<()> {
        self.make_all(versions).inspect_err(|_| {
            for at in (0..self.members.len()).rev() {
                if versions.contains(&self.members[at].version) {
                    self.skip(at);
                }
            }
        })
    }

    fn make_all(&mut self, versions: &[Version]) -> Result<()> {
        let mut taken = false;
        let mut at = 0;
        while let Some(member) = self.members.get_mut(at) {
            if !versions.contains(&member.version) {
                at += 1;
                continue;
            }
            match member.make(self.unified) {
                Ok(found) => {
                    taken |= found;
                    at += 1;
                }
                Err(errno) if self.may_skip(errno) => self.skip(at),
                Err(errno) => return Err(self.members[at].refusal(errno)),
            }
        }
        // With v2 made before, the container's own process is there by now; strangers were looked for then.
        let inhabited = versions == [Version::V1]
            && self
                .members
                .iter()
                .any(|member| member.version == Version::V2);
        if taken && !inhabited && self.unit.is_none() {
            self.check_unused()?;
        }
        if !self.named {
            for member in self
                .members
                .iter_mut()
                .filter(|member| versions.contains(&member.version))
            {
                member.made = member.made.max(Some(1));
            }
        }
        Ok(())
    }

    /// Refuses a place where somebody else is, before anything is written down about it: a runtime that
    /// is killed after that leaves `delete --force` to believe that whoever is there is its own.
    pub(super) fn check_place(&self) -> Result<()> {
        // One tells for all: the freezer, in which our own process would stop before anybody looks again. A
        // stranger who is elsewhere only is found when the directories are made.
        match self.member("freezer").or(self.candidates().next()) {
            Some(member) if member.exists() => self.check_unused(),
            _ => Ok(()),
        }
    }

    /// What runc asks of a cgroup that it did not make.
    fn check_unused(&self) -> Result<()> {
        let pids = self.pids()?.len();
        let (why, count, rest) = if pids > 0 {
            (
                " is not empty: ",
                &*decimal(pids as u64),
                " process(es) found; end them or choose another cgroupsPath",
            )
        } else if self.is_frozen()? {
            (" is frozen; thaw it or choose another cgroupsPath", "", "")
        } else {
            return Ok(());
        };
        let place = self.paths().next();
        let (_, place) = place.unwrap_or_default();
        Err(Error::fill(
            packed!("the container's cgroup {}{}{}{}"),
            &[&place, why, count, rest],
        ))
    }

    /// Takes away what [`Group::create`] made, and the cgroups that the container made below it.
    /// Its processes must have been killed. What is gone already is no error.
    pub fn remove(&mut self) -> Result<()> {
        let mut result = match &self.unit {
            Some(unit) => unit.stop(),
            None => Ok(()),
        };
        for member in &mut self.members {
            if let Err(errno) = member.remove()
                && result.is_ok()
            {
                result = Err(member.error("remove", "", errno));
            }
        }
        result
    }
}

impl Member {
    /// Makes the directory and all that lead to it; counts what is ours. Says whether it was there.
    fn make(&mut self, unified: bool) -> core::result::Result<bool, Errno> {
        self.made = Some(0);
        match file::make(self.mount()?, &self.path) {
            Ok(()) => self.made = Some(1),
            Err(Errno::EXIST) => {}
            Err(errno) if file::gone(errno) => self.make_steps()?,
            Err(errno) => return Err(errno),
        }
        let found = self.made == Some(0);
        if self.has("cpuset") {
            self.fill_cpuset()?;
        }
        if unified {
            self.enable_controllers();
        }
        Ok(found)
    }

    /// Whether the right to make it is there; asked for a lenient group, so that what its state file
    /// promises is what can be had.
    pub fn may_make(&self) -> bool {
        let Ok(mount) = self.mount() else {
            return false;
        };
        let mut dir = path::parent(&self.path);
        loop {
            let here = if dir.is_empty() { "." } else { dir };
            let wanted = Access::WRITE_OK | Access::EXEC_OK;
            let answer = file::c_string(here);
            match answer.and_then(|here| accessat(mount, here, wanted, AtFlags::empty())) {
                Err(Errno::NOENT) if !dir.is_empty() => dir = path::parent(dir),
                answer => return answer.is_ok(),
            }
        }
    }

    fn make_steps(&mut self) -> core::result::Result<(), Errno> {
        let mut races = 0;
        'again: loop {
            let mut made = 0;
            for step in path::steps(&self.path) {
                match file::make(self.mount()?, step) {
                    Ok(()) => made += 1,
                    Err(Errno::EXIST) => made = 0,
                    Err(errno) if file::gone(errno) && races < RACES => {
                        races += 1;
                        continue 'again;
                    }
                    Err(errno) => return Err(errno),
                }
                self.made = Some(made);
            }
            return Ok(());
        }
    }

    /// A new v1 cpuset has no CPU and no memory node and takes no process: it gets those of the nearest one above that
    /// has some, and so does whatever is between them.
    fn fill_cpuset(&self) -> core::result::Result<(), Errno> {
        let mount = self.mount()?;
        for name in ["cpuset.cpus", "cpuset.mems"] {
            let mut dir = match self.made {
                Some(0) => &*self.path,
                _ => path::parent(&self.path),
            };
            let value = loop {
                let value = file::read(mount, &path::join(dir, name))?;
                if !value.trim_ascii().is_empty() || dir.is_empty() {
                    break value;
                }
                dir = path::parent(dir);
            };
            for step in path::steps(&self.path) {
                if step.len() > dir.len() {
                    file::write(mount, &path::join(step, name), &value)?;
                }
            }
        }
        Ok(())
    }

    /// Gives the container every controller that this v2 mount has, as far as that can be had: the rest
    /// is noticed when a limit needs it. Only where v2 is alone: beside v1 it is for membership.
    fn enable_controllers(&self) {
        const LIST: &str = "cgroup.controllers";
        let Ok(mount) = self.mount() else {
            return;
        };
        let (Ok(all), Ok(mine)) = (file::read(mount, LIST), self.try_read(LIST)) else {
            return;
        };
        let mut missing = String::new();
        for name in path::pieces(all.trim_ascii_end(), b' ') {
            if !path::pieces(mine.trim_ascii_end(), b' ').has(name) {
                missing += " +";
                missing += name;
            }
        }
        if !missing.is_empty() {
            self.switch_on(&missing);
        }
    }

    /// Gives the container one controller, if that can be had.
    pub fn enable(&self, controller: &str) {
        self.switch_on(&fill("+{}", &[controller]));
    }

    fn switch_on(&self, missing: &str) {
        let Ok(mount) = self.mount() else {
            return;
        };
        for step in path::steps(&self.path) {
            let switch = path::join(path::parent(step), "cgroup.subtree_control");
            if file::write(mount, &switch, missing).is_err() {
                // One that can't be had (EBUSY, EACCES, ENOENT) fails the whole line.
                for name in path::pieces(missing, b' ') {
                    let _ = file::write(mount, &switch, name);
                }
            }
        }
    }

    /// Undoes `make` as far as that goes at once; for ways out that have an error to tell already.
    pub fn unmake(&mut self) {
        let made = self.made.take().unwrap_or(0);
        if let Ok(mount) = self.mount()
            && made > 0
            && file::remove(mount, &self.path).is_ok()
        {
            self.unmake_parents(mount, made);
        }
    }

    fn remove(&mut self) -> core::result::Result<(), Errno> {
        let made = self.made.unwrap_or(0);
        if made == 0 {
            return Ok(());
        }
        let mount = match self.mount() {
            // Nobody can have cgroups where the filesystem itself is gone.
            Err(errno) if file::gone(errno) => return Ok(()),
            mount => mount?,
        };
        let mut pause = PAUSE;
        for turn in 1.. {
            match file::unless_gone(file::remove(mount, &self.path)) {
                Ok(()) => break,
                Err(Errno::BUSY | Errno::NOTEMPTY) if turn < TRIES + 1 => {
                    if turn > 1 {
                        file::pause(&mut pause, u64::MAX);
                    }
                    walk::remove_below(self)?;
                }
                // A read-only mount says so whether or not there is anything to remove.
                Err(errno) if file::forbidden(errno) && !self.exists() => break,
                Err(errno) => return Err(errno),
            }
        }
        self.unmake_parents(mount, made);
        self.made = Some(0);
        Ok(())
    }

    /// Parents that another container lives under by now stay: they are busy.
    fn unmake_parents(&self, mount: BorrowedFd<'_>, made: usize) {
        let mut dir = self.path.as_str();
        for _ in 1..made {
            dir = path::parent(dir);
            if file::remove(mount, dir).is_err() {
                return;
            }
        }
    }

    /// Whether the directory is there.
    pub fn exists(&self) -> bool {
        self.try_open("", OFlags::PATH).is_ok()
    }

    fn refusal(&self, errno: Errno) -> Error {
        let way_out = match errno {
            Errno::ACCESS | Errno::PERM => {
                packed!(
                    "; have this cgroup delegated to you, or use --rootless true without cgroupsPath"
                )
            }
            Errno::ROFS => {
                packed!("; remount it read-write, or use --rootless true without cgroupsPath")
            }
            Errno::NOSPC | Errno::AGAIN => {
                packed!("; the limit is in cgroup.max.descendants and cgroup.max.depth above it")
            }
            Errno::INVAL => packed!("; a cgroup's name may not contain a newline"),
            _ => packed!(""),
        };
        self.error("make", "", errno).and(way_out)
    }
}
