//! Making the directories and taking them away again.

use super::discover::Version;
use super::group::{Group, Member};
use super::{file, path, walk};
use crate::error::{Error, Result};
use rustix::fd::OwnedFd;
use rustix::fs::{Access, AtFlags, Mode, OFlags, accessat, mkdirat, unlinkat};
use rustix::io::Errno;
use std::thread::sleep;
use std::time::Duration;

/// How often a busy directory is tried again; the pauses double from 1 ms, so 2 s in all. Processes
/// that have been killed take that long at worst to be gone from the kernel's lists.
const TRIES: u32 = 11;

/// How often making starts again because another container's end took a shared parent away.
const RACES: u32 = 3;

const MODE: Mode = Mode::from_raw_mode(0o755);

impl Group {
    /// Makes what is missing in the hierarchies of these versions. On failure nothing is left of them, and the
    /// group has no part in them any more: what is there is a stranger's.
    pub fn create(&mut self, versions: &[Version]) -> Result<()> {
        self.make_all(versions).inspect_err(|_| {
            self.members.retain_mut(|member| {
                let failed = versions.contains(&member.version);
                if failed {
                    member.unmake();
                }
                !failed
            });
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
                Err(errno) if self.lenient && file::forbidden(errno) => {
                    self.members.remove(at).unmake()
                }
                Err(errno) => return Err(member.refusal(errno)),
            }
        }
        // With v2 made before, the container's own process is there by now; strangers were looked for then.
        let inhabited = versions == [Version::V1] && self.members.iter().any(|member| member.version == Version::V2);
        if taken && !inhabited {
            self.check_unused()?;
        }
        if !self.named {
            for member in self.members.iter_mut().filter(|member| versions.contains(&member.version)) {
                member.made = member.made.max(Some(1));
            }
        }
        Ok(())
    }

    /// Refuses a place where somebody else is, before anything is written down about it: a runtime that
    /// is killed after that leaves `delete --force` to believe that whoever is there is its own.
    pub(super) fn check_place(&self) -> Result<()> {
        // One tells for all; a stranger who is elsewhere only is found when the directories are made.
        match self.candidates().next() {
            Some(member) if member.exists() => self.check_unused(),
            _ => Ok(()),
        }
    }

    /// What runc asks of a cgroup that it did not make.
    fn check_unused(&self) -> Result<()> {
        let pids = self.pids()?.len();
        let (why, way_out) = if pids > 0 {
            (
                format!("is not empty: {pids} process(es) found"),
                "end them or choose another cgroupsPath",
            )
        } else if self.is_frozen()? {
            ("is frozen".into(), "thaw it or choose another cgroupsPath")
        } else {
            return Ok(());
        };
        let place = self
            .paths()
            .next()
            .map(|(_, path)| path)
            .unwrap_or_default();
        Err(Error::new(format!(
            "the container's cgroup {place} {why}; {way_out}"
        )))
    }

    /// Takes away what [`Group::create`] made, and the cgroups that the container made below it.
    /// Its processes must have been killed. What is gone already is no error.
    pub fn remove(&mut self) -> Result<()> {
        let mut result = Ok(());
        for member in &mut self.members {
            let removed = member.remove();
            result = result.and(removed.map_err(|errno| member.error("remove", "", errno)));
        }
        result
    }
}

impl Member {
    /// Makes the directory and all that lead to it; counts what is ours. Says whether it was there.
    fn make(&mut self, unified: bool) -> core::result::Result<bool, Errno> {
        self.made = Some(0);
        match mkdirat(self.mount()?, &*self.path, MODE) {
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
            match accessat(
                mount,
                here,
                Access::WRITE_OK | Access::EXEC_OK,
                AtFlags::empty(),
            ) {
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
                match mkdirat(self.mount()?, step, MODE) {
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

    /// A new v1 cpuset has no CPU and no memory node and takes no process: it gets those of its parent.
    fn fill_cpuset(&self) -> core::result::Result<(), Errno> {
        ["cpuset.cpus", "cpuset.mems"]
            .into_iter()
            .try_for_each(|name| {
                if self.made == Some(0) {
                    return self.inherited(&self.path, name).map(drop);
                }
                let value = self.inherited(path::parent(&self.path), name)?;
                file::write(self.mount()?, &self.file(name), &value)
            })
    }

    /// The value of `name` in `dir`, which gets its parent's when it has none.
    fn inherited(&self, dir: &str, name: &str) -> core::result::Result<String, Errno> {
        let here = path::join(dir, name);
        let value = file::read(self.mount()?, &here)?;
        if !value.trim_ascii().is_empty() || dir.is_empty() {
            return Ok(value);
        }
        let value = self.inherited(path::parent(dir), name)?;
        file::write(self.mount()?, &here, &value)?;
        Ok(value)
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
        let missing = || {
            all.split_ascii_whitespace()
                .filter(|name| !mine.split_ascii_whitespace().any(|m| m == *name))
        };
        if missing().next().is_none() {
            return;
        }
        let every: String = missing().map(|name| [" +", name].concat()).collect();
        let parents = path::steps(path::parent(&self.path)).filter(|step| !step.is_empty());
        for dir in [""].into_iter().chain(parents) {
            let switch = path::join(dir, "cgroup.subtree_control");
            if file::write(mount, &switch, &every).is_err() {
                // One that can't be had (EBUSY, EACCES, ENOENT) fails the whole line.
                for name in missing() {
                    let _ = file::write(mount, &switch, &["+", name].concat());
                }
            }
        }
    }

    /// Undoes `make` as far as that goes at once; for ways out that have an error to tell already.
    pub fn unmake(&mut self) {
        let made = self.made.take().unwrap_or(0);
        if let Ok(mount) = self.mount()
            && made > 0
            && unlinkat(mount, &*self.path, AtFlags::REMOVEDIR).is_ok()
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
        let mut pause = Duration::from_millis(1);
        for turn in 1.. {
            match unlinkat(mount, &*self.path, AtFlags::REMOVEDIR) {
                Ok(()) => break,
                Err(errno) if file::gone(errno) => break,
                Err(Errno::BUSY | Errno::NOTEMPTY) if turn == 1 => walk::remove_below(self)?,
                Err(Errno::BUSY | Errno::NOTEMPTY) if turn < TRIES + 1 => {
                    sleep(pause);
                    pause *= 2;
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
    fn unmake_parents(&self, mount: &OwnedFd, made: usize) {
        let mut dir = self.path.as_str();
        for _ in 1..made {
            dir = path::parent(dir);
            if unlinkat(mount, dir, AtFlags::REMOVEDIR).is_err() {
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
                "; have this cgroup delegated to you, or use --rootless true without cgroupsPath"
            }
            Errno::ROFS => "; remount it read-write, or use --rootless true without cgroupsPath",
            Errno::NOSPC | Errno::AGAIN => {
                "; the limit is in cgroup.max.descendants and cgroup.max.depth above it"
            }
            Errno::INVAL => "; a cgroup's name may not contain a newline",
            _ => "",
        };
        Error::new(format!("{}{way_out}", self.error("make", "", errno)))
    }
}
