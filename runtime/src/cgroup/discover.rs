//! The hierarchies of this host: `/proc/self/cgroup` lists them, their mounts make them usable.

use super::group::{Group, Member};
use super::unit::Unit;
use super::{file, mountinfo, path};
use crate::error::{Error, Result, lossy};
use crate::files;
use crate::text::fill;
use core::ffi::CStr;
use init::plan::Cgroup;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, OFlags, fstat, fstatfs};
use rustix::io::Errno;

/// Which of the kernel's two interfaces a hierarchy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One of several, each with its controllers (kernel: admin-guide/cgroup-v1).
    V1,
    /// The unified one (kernel: admin-guide/cgroup-v2.rst).
    V2,
}

/// All usable hierarchies; empty on a host without cgroups. The path of each member is the caller's own there.
#[derive(Debug)]
pub struct Hierarchies(Vec<Member>);

/// Where everybody mounts them.
pub const BASE: &str = "/sys/fs/cgroup";

/// statfs(2) types, linux/magic.h.
const CGROUP_SUPER_MAGIC: i64 = 0x0027_e0eb;
const CGROUP2_SUPER_MAGIC: i64 = 0x6367_7270;

/// Directories of [`BASE`] where v2 is looked for: alone; beside v1; as systemd 232 had it.
const V2_NAMES: &[&str] = &[".", "unified", "systemd"];

/// kernfs numbers the top directory of every filesystem 1, so any other number means that the mount
/// shows a part of the hierarchy only.
const TOP_INODE: u64 = 1;

impl Hierarchies {
    /// Looks. `proc` is the top of a verified procfs.
    pub fn discover(proc: BorrowedFd<'_>) -> Result<Hierarchies> {
        let text = match file::read(proc, "self/cgroup") {
            // A kernel without CONFIG_CGROUPS has no such file.
            Err(Errno::NOENT) => return Ok(Hierarchies(Vec::new())),
            text => text.map_err(|errno| Error::call(packed!("read /proc/self/cgroup"), errno))?,
        };
        let base = files::open_at(CWD, BASE, PATH_DIR, 0).ok();
        let mut found = Hierarchies(Vec::new());
        let partial = found.add(&text, &base, None);
        // Where some are in the usual place, one that is not there is not meant to be used (runc looks
        // nowhere else then either); to read the mount table costs with the number of mounts.
        if partial || found.is_empty() {
            let table = files::read_at(proc, "self/mountinfo");
            let table =
                table.map_err(|errno| Error::call(packed!("read /proc/self/mountinfo"), errno))?;
            // Other people's mount points may have any bytes in them; they are passed over, not refused.
            found.add(&text, &base, Some(&lossy(&table)));
        }
        Ok(found)
    }

    /// Adds what is mounted in the usual place; with the mount table, what is not. Says whether something there shows
    /// a part of a hierarchy only.
    #[inline(never)]
    fn add(&mut self, text: &str, base: &Option<OwnedFd>, table: Option<&str>) -> bool {
        let (mut partial, none) = (false, self.is_empty());
        for line in path::pieces(text, b'\n') {
            let Some(row) = parse(line) else { continue };
            let found = match (usual(base, row), table) {
                (Usual::Whole(member), None) => Some(member),
                (Usual::Partial, None) => {
                    partial = true;
                    None
                }
                (Usual::Partial, Some(table)) => elsewhere(table, row),
                (_, Some(table)) if none => elsewhere(table, row),
                _ => None,
            };
            if let Some(member) = found {
                self.0.push(member);
            }
        }
        partial
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether v2 is all there is.
    pub fn is_unified(&self) -> bool {
        matches!(self.0.as_slice(), [only] if only.version == Version::V2)
    }

    /// Whether a controller, by the name that its version has for it, can be asked for.
    #[inline(never)]
    pub fn control(&self, controller: &[u8]) -> bool {
        let controller = core::str::from_utf8(controller).unwrap_or_default();
        for member in &self.0 {
            let list = member
                .mount()
                .and_then(|top| file::read(top, "cgroup.controllers"));
            let list = list.unwrap_or_default();
            let list = path::pieces(list.strip_suffix("\n").unwrap_or(&list), b' ');
            if member.has(controller) || list.has(controller) {
                return true;
            }
        }
        false
    }

    /// The place of container `id` in each hierarchy; nothing is made yet.
    ///
    /// `asked.path` is `linux.cgroupsPath`: absolute counts from the mount point; relative, or none at
    /// all (then it is the id), from the caller's own cgroup in v1. In v2 it counts from the parent
    /// of that, as runc does: a v2 cgroup with processes can't give controllers to its children.
    /// With a unit the place is systemd's choice, which is known beforehand.
    ///
    /// `asked.lenient` (rootless): where there is no permission the container stays in the caller's cgroup,
    /// unless the config named a path. A cgroup that exists is taken when nobody is in it and it isn't frozen.
    pub fn group(self, asked: &Cgroup<'_>, id: &str) -> Result<Group> {
        let unified = self.is_unified();
        let mut group = match &asked.unit {
            Some(unit) => self.of_unit(unit)?,
            None => self.own(asked.path, id)?,
        };
        group.lenient = asked.lenient && !group.named;
        for at in (0..group.members.len()).rev() {
            if group.lenient && group.unit.is_none() && !group.members[at].may_make() {
                group.skip(at);
            }
        }
        group.check_place()?;
        group.unified = unified;
        Ok(group)
    }

    fn own(self, cgroups_path: Option<&CStr>, id: &str) -> Result<Group> {
        // A document is UTF-8, or was refused.
        let asked = cgroups_path.and_then(|path| path.to_str().ok());
        let asked = asked.filter(|path| !path.is_empty());
        let place = asked.unwrap_or(id);
        let (absolute, below) = (place.starts_with("/"), path::clean(place));
        if below.is_empty() {
            return Err(Error::fill(
                packed!(
                    "cgroupsPath {}: names no cgroup of the container's own; give it a name, like /mote/{}"
                ),
                &[place, id],
            ));
        }
        let mut group = Group::new(self.0);
        for member in &mut group.members {
            let from = match (absolute, member.version) {
                (true, _) => "",
                (false, Version::V1) => &*member.path,
                (false, Version::V2) => path::parent(&member.path),
            };
            member.path = path::join(from, &below);
        }
        group.named = asked.is_some();
        Ok(group)
    }

    fn of_unit(self, planned: &init::plan::Unit<'_>) -> Result<Group> {
        if planned.user && !self.is_unified() {
            return Err(Error::new(packed!(
                "--systemd-cgroup: a user's systemd can give no limits unless cgroup v2 is all that the host has; \
                 leave the option out"
            )));
        }
        let (unit, place) = Unit::new(planned)?;
        let mut group = Group::new(self.0);
        for member in &mut group.members {
            member.path.clone_from(&place);
        }
        group.unit = Some(unit);
        Ok(group)
    }
}

/// A hierarchy as `/proc/self/cgroup` has it: version, controllers, the caller's path.
type Row<'a> = (Version, &'a str, &'a str);

/// `number:controllers:path`; v2 is the one numbered 0 (cgroups(7)).
fn parse(line: &str) -> Option<Row<'_>> {
    let mut fields = path::pieces(line, b':');
    let (number, controllers) = (fields.next()?, fields.next()?);
    let own = fields.rest()?;
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
    /// All of it.
    Whole(Member),
    /// A mount of that kind, but of a part: seen from a container, say.
    Partial,
    /// Nothing of that kind.
    Absent,
}

#[inline(never)]
fn usual(base: &Option<OwnedFd>, (version, controllers, own): Row<'_>) -> Usual {
    let Some(base) = base else {
        return Usual::Absent;
    };
    // `cpu,cpuacct` is a directory of that name, with a link to it from each, or just `cpu`.
    let first = path::pieces(controllers, b',').next().unwrap_or_default();
    let names = match version {
        Version::V1 => &[controllers, first],
        Version::V2 => V2_NAMES,
    };
    for name in names {
        let name = name.strip_prefix("name=").unwrap_or(name);
        // The link is followed.
        let Ok(mount) = files::open_at(base.as_fd(), name, PATH_DIR, 0) else {
            continue;
        };
        if !is_cgroup(&mount, version) {
            continue;
        }
        if !fstat(&mount).is_ok_and(|stat| stat.st_ino == TOP_INODE) {
            return Usual::Partial;
        }
        let point = match name {
            "." => BASE.into(),
            name => fill("{}/{}", &[BASE, name]),
        };
        let own = own_path(own, "");
        return Usual::Whole(Member::new(version, controllers, point, own, Some(mount)));
    }
    Usual::Absent
}

/// The hierarchy if the mount table has it, wherever that is.
fn elsewhere(table: &str, (version, controllers, own): Row<'_>) -> Option<Member> {
    let found = mountinfo::find(table, version, controllers, &path::clean(own))?;
    let mount = open_mount(&found.point, version).ok()?;
    let own = own_path(own, &found.root);
    Some(Member::new(
        version,
        controllers,
        found.point,
        own,
        Some(mount),
    ))
}

/// Opens a mount by path and makes sure that it is what it should be (ENODEV otherwise).
pub(super) fn open_mount(point: &str, version: Version) -> core::result::Result<OwnedFd, Errno> {
    let mount = files::open_at(CWD, point, PATH_DIR, 0)?;
    match is_cgroup(&mount, version) {
        true => Ok(mount),
        false => Err(Errno::NODEV),
    }
}

const PATH_DIR: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);

#[inline(never)]
fn is_cgroup(dir: &OwnedFd, version: Version) -> bool {
    let wanted = match version {
        Version::V1 => CGROUP_SUPER_MAGIC,
        Version::V2 => CGROUP2_SUPER_MAGIC,
    };
    #[allow(
        clippy::unnecessary_cast,
        reason = "f_type has another width on s390x and musl"
    )]
    let found = fstatfs(dir).map(|fs| fs.f_type as i64);
    found == Ok(wanted)
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
