//! The hierarchies of this host: `/proc/self/cgroup` lists them, their mounts make them usable.

use super::group::{Group, Member, Place};
use super::{file, mountinfo, path};
use crate::error::{Error, Result};
use core::ffi::CStr;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, fstat, fstatfs, openat};
use rustix::io::Errno;

/// Which of the kernel's two interfaces a hierarchy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One of several, each with its controllers (kernel: admin-guide/cgroup-v1).
    V1,
    /// The unified one (kernel: admin-guide/cgroup-v2.rst).
    V2,
}

/// All usable hierarchies; empty on a host without cgroups.
#[derive(Debug)]
pub struct Hierarchies(Vec<Hierarchy>);

/// One of them.
#[derive(Debug)]
struct Hierarchy {
    version: Version,
    /// As `/proc/self/cgroup` writes them: `cpu,cpuacct`, `name=systemd`, empty for v2.
    controllers: String,
    /// The caller's own cgroup, below the mount.
    own: String,
    /// The top of the mount.
    mount: OwnedFd,
    /// Its path.
    point: String,
}

/// Where everybody mounts them.
const BASE: &str = "/sys/fs/cgroup";

/// statfs(2) types, linux/magic.h.
const MAGIC: [(Version, i64); 2] = [(Version::V1, 0x0027_e0eb), (Version::V2, 0x6367_7270)];

/// Directories of [`BASE`] where v2 is looked for: alone; beside v1; as systemd 232 had it.
const V2_NAMES: [&str; 3] = [".", "unified", "systemd"];

/// kernfs numbers the top directory of every filesystem 1, so any other number means that the mount
/// shows a part of the hierarchy only.
const TOP_INODE: u64 = 1;

impl Hierarchies {
    /// Looks. `proc` is the top of a verified procfs.
    pub fn discover(proc: BorrowedFd<'_>) -> Result<Hierarchies> {
        let text = match file::read(proc, "self/cgroup") {
            // A kernel without CONFIG_CGROUPS has no such file.
            Err(Errno::NOENT) => return Ok(Hierarchies(Vec::new())),
            text => text.map_err(|errno| Error::os("read /proc/self/cgroup", errno))?,
        };
        let base = openat(CWD, BASE, PATH_DIR, Mode::empty()).ok();
        let mut found = Vec::new();
        let (mut partial, mut absent) = (Vec::new(), Vec::new());
        for row in text.lines().filter_map(parse) {
            let (version, controllers, own) = row;
            match base
                .as_ref()
                .map_or(Usual::Absent, |base| usual(base, version, controllers))
            {
                Usual::Whole(mount, point) => found.push(Hierarchy {
                    version,
                    controllers: controllers.into(),
                    own: own_path(own, ""),
                    mount,
                    point,
                }),
                Usual::Partial => partial.push(row),
                Usual::Absent => absent.push(row),
            }
        }
        // Where some are in the usual place, one that is not there is not meant to be used (runc looks
        // nowhere else then either); to read the mount table costs with the number of mounts.
        if found.is_empty() {
            partial.append(&mut absent);
        }
        if !partial.is_empty() {
            found.append(&mut elsewhere(proc, &partial)?);
        }
        Ok(Hierarchies(found))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether v2 is all there is.
    pub fn is_unified(&self) -> bool {
        matches!(self.0.as_slice(), [only] if only.version == Version::V2)
    }

    /// The place of container `id` in each hierarchy; nothing is made yet.
    ///
    /// `cgroups_path` is `linux.cgroupsPath`: absolute counts from the mount point; relative, or none at
    /// all (then it is the id), from the caller's own cgroup in v1. In v2 it counts from the parent
    /// of that, as runc does: a v2 cgroup with processes can't give controllers to its children.
    ///
    /// `lenient` (rootless): where there is no permission the container stays in the caller's cgroup,
    /// unless the config named a path. A cgroup that exists is taken when nobody is in it and it isn't frozen.
    pub fn group(self, cgroups_path: Option<&CStr>, id: &str, lenient: bool) -> Result<Group> {
        let asked = cgroups_path.filter(|path| !path.is_empty());
        let asked = asked.map(|path| {
            path.to_str()
                .map_err(|_| Error::new("cgroupsPath: not UTF-8"))
        });
        let asked = asked.transpose()?;
        let place = asked.unwrap_or(id);
        let (absolute, below) = (place.starts_with('/'), path::clean(place));
        if below.is_empty() {
            return Err(Error::new(format!(
                "cgroupsPath {place}: names no cgroup of the container's own; give it a name, like /mote/{id}"
            )));
        }
        let unified = self.is_unified();
        let members = self.0.into_iter().map(|hierarchy| {
            let from = match (absolute, hierarchy.version) {
                (true, _) => "",
                (false, Version::V1) => hierarchy.own.as_str(),
                (false, Version::V2) => path::parent(&hierarchy.own),
            };
            let place = Place {
                controllers: hierarchy.controllers,
                point: hierarchy.point,
                path: path::join(from, &below),
            };
            Member::new(hierarchy.version, place, Some(hierarchy.mount))
        });
        let mut group = Group::new(members.collect());
        group.named = asked.is_some();
        group.lenient = lenient && !group.named;
        if group.lenient {
            group.members.retain(Member::may_make);
        }
        group.check_place()?;
        group.unified = unified;
        Ok(group)
    }
}

/// A hierarchy as `/proc/self/cgroup` has it: version, controllers, the caller's path.
type Row<'a> = (Version, &'a str, &'a str);

/// `number:controllers:path`; v2 is the one numbered 0 (cgroups(7)).
fn parse(line: &str) -> Option<Row<'_>> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, own) = (fields.next()?, fields.next()?, fields.next()?);
    match (number, controllers) {
        ("0", "") => Some((Version::V2, "", own)),
        (_, "") => None,
        _ => Some((Version::V1, controllers, own)),
    }
}

/// The caller's path below a mount that shows `root`; the mount's top where it can't be told.
fn own_path(own: &str, root: &str) -> String {
    // Seen from a cgroup namespace, a process outside of it is at `/..`.
    if path::climbs(own) {
        return String::new();
    }
    let own = path::clean(own);
    path::inside(&own, root).unwrap_or_default().into()
}

/// What the usual place of a hierarchy has.
enum Usual {
    /// All of it, and the path of that.
    Whole(OwnedFd, String),
    /// A mount of that kind, but of a part: seen from a container, say.
    Partial,
    /// Nothing of that kind.
    Absent,
}

fn usual(base: &OwnedFd, version: Version, controllers: &str) -> Usual {
    // `cpu,cpuacct` is a directory of that name, with a link to it from each, or just `cpu`.
    let first = controllers.split(',').next().unwrap_or_default();
    let v1 = [controllers, first].map(|name| name.strip_prefix("name=").unwrap_or(name));
    let names: &[&str] = match version {
        Version::V1 if v1[0] == v1[1] => &v1[..1],
        Version::V1 => &v1,
        Version::V2 => &V2_NAMES,
    };
    for name in names {
        let Ok(mount) = openat(base, *name, PATH_DIR, Mode::empty()) else {
            continue;
        };
        if !is_cgroup(&mount, version) {
            continue;
        }
        if !fstat(&mount).is_ok_and(|stat| stat.st_ino == TOP_INODE) {
            return Usual::Partial;
        }
        let point = if *name == "." {
            BASE.into()
        } else {
            [BASE, "/", name].concat()
        };
        return Usual::Whole(mount, point);
    }
    Usual::Absent
}

/// Those of `rows` that the mount table has, wherever they are.
fn elsewhere(proc: BorrowedFd<'_>, rows: &[Row<'_>]) -> Result<Vec<Hierarchy>> {
    let table = file::read_bytes(proc, "self/mountinfo")
        .map_err(|errno| Error::os("read /proc/self/mountinfo", errno))?;
    // Other people's mount points may have any bytes in them; they are passed over, not refused.
    let table = String::from_utf8_lossy(&table);
    let found = rows.iter().filter_map(|&(version, controllers, own)| {
        let found = mountinfo::find(&table, version, controllers, &path::clean(own))?;
        Some(Hierarchy {
            version,
            controllers: controllers.into(),
            own: own_path(own, &found.root),
            mount: open_mount(&found.point, version).ok()?,
            point: found.point,
        })
    });
    Ok(found.collect())
}

/// Opens a mount by path and makes sure that it is what it should be (ENODEV otherwise).
pub(super) fn open_mount(point: &str, version: Version) -> core::result::Result<OwnedFd, Errno> {
    let mount = openat(CWD, point, PATH_DIR, Mode::empty())?;
    if is_cgroup(&mount, version) {
        Ok(mount)
    } else {
        Err(Errno::NODEV)
    }
}

const PATH_DIR: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn is_cgroup(dir: impl AsFd, version: Version) -> bool {
    #[allow(
        clippy::unnecessary_cast,
        reason = "f_type has another width on s390x and musl"
    )]
    let found = fstatfs(dir).map(|fs| fs.f_type as i64);
    MAGIC
        .iter()
        .any(|&(of, magic)| of == version && found == Ok(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_self_cgroup() {
        const ROWS: [(&str, Option<Row<'static>>); 7] = [
            ("0::/", Some((Version::V2, "", "/"))),
            (
                "0::/user.slice/a:b",
                Some((Version::V2, "", "/user.slice/a:b")),
            ),
            ("9:name=systemd:/", Some((Version::V1, "name=systemd", "/"))),
            (
                "4:cpu,cpuacct:/docker/abc",
                Some((Version::V1, "cpu,cpuacct", "/docker/abc")),
            ),
            ("4::/odd", None),
            ("4", None),
            ("", None),
        ];
        for (line, want) in ROWS {
            assert_eq!(parse(line), want, "{line}");
        }
    }

    #[test]
    fn own_below_the_mount() {
        const ROWS: [(&str, &str, &str); 6] = [
            ("/", "", ""),
            ("/a/b", "", "a/b"),
            ("/docker/abc", "docker/abc", ""),
            ("/docker/abc/in", "docker/abc", "in"),
            ("/docker/abcd", "docker/abc", ""),
            ("/../x", "", ""),
        ];
        for (own, root, want) in ROWS {
            assert_eq!(own_path(own, root), want, "{own} in {root}");
        }
    }
}
