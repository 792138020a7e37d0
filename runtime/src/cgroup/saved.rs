//! A group as text, for the state file: a line per directory,
//! `v1 MADE LENGTH CONTROLLERS PATH`: how many directories at the end of the path are ours, and how
//! many bytes of it are the mount point. v2 has `-` for its controllers.

use super::discover::Version;
use super::group::{Group, Member, Place};
use super::{file, path};
use crate::error::{Error, Result};
use core::fmt::Write;
use rustix::fs::OFlags;

const NAMES: [(Version, &str); 2] = [(Version::V1, "v1"), (Version::V2, "v2")];

impl Group {
    /// The text that [`Group::load`] reads. Before [`Group::create`] it counts what create is about to
    /// make, so it need not be written again after.
    pub fn save(&self) -> String {
        let mut text = String::new();
        for member in &self.members {
            let version = NAMES
                .iter()
                .find(|(version, _)| *version == member.version)
                .map_or("", |(_, name)| name);
            let controllers = if member.controllers.is_empty() {
                "-"
            } else {
                &member.controllers
            };
            let (point, path) = (&member.point, &member.path);
            // Writing to a String can't fail.
            let _ = writeln!(
                text,
                "{version} {} {} {controllers} {point}/{path}",
                member.promised(self.named),
                point.len()
            );
        }
        text
    }

    /// The group again. Its mounts are opened, and checked, as they are needed; the directories may
    /// be gone.
    pub fn load(text: &str) -> Result<Group> {
        let members = text.lines().map(|line| {
            let member =
                parse(line).ok_or_else(|| Error::new(format!("state: not a cgroup: {line}")))?;
            let (version, made, controllers, point, path) = member;
            let place = Place {
                controllers: controllers.into(),
                point: point.into(),
                path: path.into(),
            };
            let mut member = Member::new(version, place, None);
            member.made = Some(made);
            Ok(member)
        });
        Ok(Group::new(members.collect::<Result<_>>()?))
    }
}

impl Member {
    /// How many directories are ours, or will be.
    fn promised(&self, named: bool) -> usize {
        let steps = || path::steps(&self.path);
        match (self.made, self.mount()) {
            (Some(made), _) => made,
            (None, Ok(mount)) if named => {
                let there = |dir: &&str| file::open(mount, dir, OFlags::PATH).is_ok();
                steps().skip_while(there).count()
            }
            _ => 1,
        }
    }
}

/// Version, made, controllers, mount point, path.
fn parse(line: &str) -> Option<(Version, usize, &str, &str, &str)> {
    let mut words = line.splitn(5, ' ');
    let name = words.next()?;
    let version = NAMES.iter().find(|(_, known)| *known == name)?.0;
    let made = words.next()?.parse().ok()?;
    let length = words.next()?.parse().ok()?;
    let controllers = words
        .next()
        .map(|word| if word == "-" { "" } else { word })?;
    let (point, path) = words.next()?.split_at_checked(length)?;
    let path = path.strip_prefix('/')?;
    let safe = !path.is_empty() && path::clean(path) == path && made <= path.split('/').count();
    (safe && point.starts_with('/')).then_some((version, made, controllers, point, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(
            parse("v1 1 22 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/a b/c").map(|(v, m, c, p, r)| (
                v,
                m,
                c.len(),
                p.len(),
                r
            )),
            None,
            "the length must end at a slash"
        );
        assert_eq!(
            parse("v1 1 26 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/a b/c"),
            Some((
                Version::V1,
                1,
                "cpu,cpuacct",
                "/sys/fs/cgroup/cpu,cpuacct",
                "a b/c"
            ))
        );
        assert_eq!(
            parse("v2 0 14 - /sys/fs/cgroup/x"),
            Some((Version::V2, 0, "", "/sys/fs/cgroup", "x"))
        );
        for bad in [
            "",
            "v3 1 14 - /sys/fs/cgroup/x",
            "v2 2 14 - /sys/fs/cgroup/x",
            "v2 1 14 - /sys/fs/cgroup/",
            "v2 1 14 - /sys/fs/cgroup/../x",
            "v2 1 14 - /sys/fs/cgroup/a/../../x",
            "v2 1 14 - /sys/fs/cgroup//x",
            "v2 1 99 - /sys/fs/cgroup/x",
            "v2 -1 14 - /sys/fs/cgroup/x",
            "v2 1 0 - sys/fs/cgroup/x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
