//! Limits: each value goes into the file of the version that has its controller here.
//!
//! The kernel checks a value against the others that are in force: memory against memory and swap, a quota against its
//! period and burst, shares against idle. Which of two has to go first depends on what is there, so what is refused with
//! EINVAL is tried again after the others, as long as others go through.

use super::discover::Version;
use super::file;
use super::group::{Group, Member};
use crate::error::{Error, Result, lossy};
use crate::files;
use crate::text::{fill, number, pieces, unpacked};
use init::packed::Packed;
use init::plan::{Lacking, Limit, Setting};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// What gives files that begin so, with CONFIG_ before what has no blank; of several the first counts.
const GIVERS: Packed = packed!(
    "\
memory. MEMCG
cpu.rt_ RT_GROUP_SCHED
cpu.idle Linux 5.15
cpu.max.burst Linux 5.14
cpu.cfs_burst Linux 5.14
cpu.shares FAIR_GROUP_SCHED
cpu.weight FAIR_GROUP_SCHED
cpu. CFS_BANDWIDTH
cpuset CPUSETS
pids CGROUP_PIDS
blkio.throttle BLK_DEV_THROTTLING
io.max BLK_DEV_THROTTLING
blkio.leaf Linux before 5.0
blkio the I/O scheduler BFQ
io.bfq the I/O scheduler BFQ
io BLK_CGROUP_IOCOST
hugetlb CONFIG_CGROUP_HUGETLB, and pages of this size
rdma CGROUP_RDMA
net_cls CGROUP_NET_CLASSID
net_prio CGROUP_NET_PRIO"
);

/// Old values of the files that were written, to put them back.
#[derive(Debug, Default)]
pub struct Written {
    /// Whether they are noted at all.
    pub noted: bool,
    old: Vec<(OwnedFd, String)>,
}

impl Written {
    /// Puts all back, the last one first, because of an error; says so if that can't be done.
    #[cold]
    #[inline(never)]
    pub fn undo(&self, error: Error) -> Error {
        let mut left = packed!("");
        for (control, old) in self.old.iter().rev() {
            if file::put(control, old).is_err() {
                left = packed!("; not every old value could be put back");
            }
        }
        error.and(left)
    }
}

/// Why a limit is not in force.
struct Fault {
    kind: Kind,
    error: Error,
}

enum Kind {
    /// For good.
    Fails,
    /// Unless another file of the same property takes it.
    Lacking,
    /// Before others have changed.
    TooEarly,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let kind = Kind::Fails;
        Fault { kind, error }
    }
}

impl Group {
    /// Puts limits in force. Tells of the properties that v2 has nothing like, where v2 is all that there is.
    pub fn limit(
        &self,
        limits: &[Limit<'_>],
        written: &mut Written,
        ignored: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let mut done = vec![false; limits.len()];
        // The last property that found a file, and what lacks one.
        let (mut found, mut lacking) = ("", None);
        loop {
            let (mut progress, mut early) = (false, None);
            for (limit, done) in limits.iter().zip(&mut done) {
                if *done {
                    continue;
                }
                let property = limit.property;
                let fault = match self.put(limit, written) {
                    Ok(true) => {
                        found = property;
                        lacking = lacking.filter(|(of, _)| *of != property);
                        None
                    }
                    Ok(false) => {
                        ignored(property);
                        None
                    }
                    Err(fault) => Some(fault),
                };
                *done = true;
                if let Some(Fault { kind, error }) = fault {
                    let error =
                        Error::fill(packed!("linux.resources.{}: {}"), &[property, error.text()]);
                    match kind {
                        Kind::Fails => return Err(error),
                        Kind::Lacking if found == property => {}
                        Kind::Lacking => lacking = lacking.or(Some((property, error))),
                        Kind::TooEarly => {
                            *done = false;
                            early = Some(error);
                        }
                    }
                }
                progress |= *done;
            }
            match early {
                Some(error) if !progress => return Err(error),
                Some(_) => {}
                None => break,
            }
        }
        lacking.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// False for what v2 has nothing like.
    #[inline(never)]
    fn put(&self, limit: &Limit<'_>, written: &mut Written) -> core::result::Result<bool, Fault> {
        let (v1, v2) = (&limit.v1, &limit.v2);
        let controller = controller(v1.file);
        if let Some(member) = self.members.iter().find(|member| member.has(controller)) {
            return member.set(v1, written);
        }
        let (why, thing) = match self.v2() {
            Some(member) if !v2.file.is_empty() => return member.set(v2, written),
            Some(_) if v2.lacking == Lacking::Passes => return Ok(true),
            Some(_) if self.members.len() == 1 => return Ok(false),
            _ if v1.lacking == Lacking::Passes => return Ok(true),
            _ if self.lenient => (
                packed!("needs a cgroup of its own; have one delegated{}"),
                "",
            ),
            _ if v1.file.is_empty() => (packed!("needs cgroup v2, which is not mounted{}"), ""),
            _ => (
                packed!("no mounted cgroup hierarchy has the controller {}"),
                controller,
            ),
        };
        Err(Error::fill(why, &[thing]).into())
    }

    /// Whether it runs only when nothing else wants to.
    pub fn is_idle(&self) -> bool {
        let idle = self.member("cpu").map(|member| member.try_read("cpu.idle"));
        matches!(idle, Some(Ok(text)) if text.trim_ascii() == "1")
    }

    /// What the container's memory is limited to now, and its memory and swap together; none of what can't be told,
    /// -1 without a limit.
    pub fn memory_limits(&self) -> (Option<i64>, Option<i64>) {
        let Some(member) = self.member("memory") else {
            return (None, None);
        };
        let read = |name| bytes(&member.try_read(name).ok()?);
        match member.version {
            Version::V1 => (
                read("memory.limit_in_bytes"),
                read("memory.memsw.limit_in_bytes"),
            ),
            Version::V2 => {
                let (limit, swap) = (read("memory.max"), read("memory.swap.max"));
                let total = match (limit, swap) {
                    (Some(limit @ 0..), Some(swap @ 0..)) => limit.checked_add(swap),
                    _ => None,
                };
                (limit, total)
            }
        }
    }
}

impl Member {
    #[inline(never)]
    fn set(
        &self,
        setting: &Setting<'_>,
        written: &mut Written,
    ) -> core::result::Result<bool, Fault> {
        let (name, text) = (setting.file, setting.text);
        let kind = match setting.lacking {
            Lacking::Above => {
                self.look(text)?;
                Kind::Fails
            }
            Lacking::Other => Kind::Lacking,
            _ => Kind::Fails,
        };
        let behind = text.starts_with(" ");
        let access = if behind || written.noted {
            OFlags::RDWR
        } else {
            OFlags::WRONLY
        };
        let mut opened = self.try_open(name, access);
        if opened.is_err() && setting.lacking == Lacking::Passes {
            return Ok(true);
        }
        if opened.is_err() && self.version == Version::V2 {
            self.enable(controller(name));
            opened = self.try_open(name, access);
        }
        let control = opened.map_err(|errno| match errno {
            Errno::NOENT => Fault {
                kind,
                error: self.lacks(name),
            },
            errno => self.error("open", name, errno).into(),
        })?;
        let mut now = String::new();
        if behind || written.noted {
            let read = files::rest(control.as_fd());
            now = lossy(&read.unwrap_or_default());
        }
        let before = if behind { first(&now, b' ') } else { "" };
        let whole = [before, text].concat();
        if let Err(errno) = file::put(&control, &whole) {
            let (kind, meaning) = match errno {
                Errno::INVAL => (
                    Kind::TooEarly,
                    packed!("; other limits, or cgroups above, don't allow it"),
                ),
                Errno::OPNOTSUPP => (
                    Kind::Lacking,
                    packed!("; the device has another I/O scheduler"),
                ),
                Errno::BUSY => (Kind::Fails, packed!("; more than that is in use")),
                Errno::ACCESS | Errno::RANGE => {
                    (Kind::Fails, packed!("; the cgroup above has not got it"))
                }
                _ => (Kind::Fails, packed!("")),
            };
            let error = self.error(&fill("write {} to", &[&*whole]), name, errno);
            let error = error.and(meaning);
            return Err(Fault { kind, error });
        }
        if written.noted {
            written.old.push((control, restoring(name, &now, &whole)));
        }
        Ok(true)
    }

    /// Refuses to go below what is in use.
    fn look(&self, text: &str) -> Result<()> {
        let used = self.try_read("memory.current").unwrap_or_default();
        match bytes(&used) {
            Some(used) if bytes(text) <= Some(used) => {
                let why = packed!("{}: not more than is in use (checkBeforeUpdate)");
                Err(Error::fill(why, &[text]))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn lacks(&self, name: &str) -> Error {
        let controller = controller(name);
        if let Ok(list) = self.try_read("cgroup.controllers")
            && controller != "cgroup"
            && !pieces(list.trim_ascii_end(), b' ').has(controller)
        {
            let missing = packed!("cgroup.subtree_control above does not give the controller {}");
            return Error::fill(missing, &[controller]);
        }
        let mut text = fill("this kernel has no {}", &[name]);
        for row in GIVERS.split(b'\n') {
            let row = unpacked(row);
            let (prefix, needs) = row.split_at(first(&row, b' ').len());
            if name.starts_with(prefix) {
                let needs = needs.trim_ascii_start();
                let option = first(needs, b' ') == needs;
                text += if option {
                    "; it needs CONFIG_"
                } else {
                    "; it needs "
                };
                text += needs;
                break;
            }
        }
        Error::new(text)
    }
}

/// What comes before the first mark.
pub(super) fn first(text: &str, mark: u8) -> &str {
    pieces(text, mark).next().unwrap_or_default()
}

/// What a control file is named after; of none, nothing that is.
pub(super) fn controller(file: &str) -> &str {
    match first(file, b'.') {
        "" => ".",
        controller => controller,
    }
}

/// The number in a file; -1 for no limit, which v1 writes as a number that is larger than any memory.
fn bytes(text: &str) -> Option<i64> {
    match text.trim_ascii_end() {
        "max" => Some(-1),
        text => match number(text.as_bytes())? {
            number @ 0..0x4000_0000_0000_0000 => Some(number as i64),
            _ => Some(-1),
        },
    }
}

/// What to write to have again what a file says now, where `text` is about to be written.
fn restoring(name: &str, now: &str, text: &str) -> String {
    let key = first(text, b' ');
    for line in pieces(now, b'\n') {
        if first(line, b' ') == key {
            return line.into();
        }
    }
    let line = first(now, b'\n');
    let line = line.strip_prefix("oom_kill_disable ").unwrap_or(line);
    let (before, value) = if first(key, b':') == key {
        // Without the newline an empty value would be no write at all.
        (line, "\n")
    } else if name == "io.max" {
        (first(text, b'='), "=max")
    } else if name.starts_with("blkio.throttle") {
        (key, " 0")
    } else {
        // A device without a line has no weight of its own.
        (key, " default")
    };
    [before, value].concat()
}

#[cfg(test)]
mod tests;
