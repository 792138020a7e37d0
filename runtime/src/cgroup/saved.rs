//! A group as text, for the state file: a line per directory,
//! `v1 MADE LENGTH CONTROLLERS PATH`: how many directories at the end of the path are ours, and how
//! many bytes of it are the mount point. v2 has `-` for its controllers. And where systemd makes them,
//! `unit user NAME` or `unit host NAME`.

use super::discover::Version;
use super::group::{Group, Member};
use super::unit::Unit;
use super::{file, path};
use crate::error::{Error, Result};
use crate::text::{decimal, fill, number};
use rustix::fs::OFlags;

impl Group {
    /// The text that [`Group::load`] reads. Before [`Group::create`] it counts what create is about to
    /// make, so it need not be written again after.
    pub fn save(&self) -> String {
        let mut text = String::new();
        for member in &self.members {
            let version = match member.version {
                Version::V1 => "v1",
                Version::V2 => "v2",
            };
            let controllers = match &*member.controllers {
                "" => "-",
                controllers => controllers,
            };
            text += &fill(
                "{} {} {} {} {}/{}\n",
                &[
                    version,
                    &decimal(member.promised(self.named) as u64),
                    &decimal(member.point.len() as u64),
                    controllers,
                    &member.point,
                    &member.path,
                ],
            );
        }
        if let Some(unit) = &self.unit {
            let of = if unit.user { USERS } else { HOSTS };
            text = fill("{}{}{}\n", &[&text, of, &unit.name]);
        }
        text
    }

    /// The group again. Its mounts are opened, and checked, as they are needed; the directories may
    /// be gone.
    pub fn load(text: &str) -> Result<Box<Group>> {
        let (mut members, mut unit) = (Vec::new(), None);
        for line in path::pieces(text.trim_ascii_end(), b'\n') {
            let name = |of| line.strip_prefix(of).filter(|name: &&str| !name.is_empty());
            if let Some(name) = name(USERS).or(name(HOSTS)) {
                unit = Some(Unit::old(name, line.starts_with(USERS)));
                continue;
            }
            match parse(line) {
                Some(member) => members.push(member),
                // A container in no cgroup has no line.
                None if line.is_empty() => {}
                None => return Err(Error::fill(packed!("state: not a cgroup: {}"), &[line])),
            }
        }
        let mut group = Box::new(Group::new(members));
        group.unit = unit;
        Ok(group)
    }
}

/// What stands before the name of a unit.
const USERS: &str = "unit user ";
const HOSTS: &str = "unit host ";

impl Member {
    /// How many directories are ours, or will be.
    fn promised(&self, named: bool) -> usize {
        match (self.made, self.mount()) {
            (Some(made), _) => made,
            (None, Ok(mount)) if named => {
                let missing = |dir: &&str| file::open(mount, dir, OFlags::PATH).is_err();
                path::steps(&self.path).filter(missing).count()
            }
            _ => 1,
        }
    }
}

fn parse(line: &str) -> Option<Member> {
    let mut words = path::pieces(line, b' ');
    let version = match words.next()? {
        "v1" => Version::V1,
        "v2" => Version::V2,
        _ => return None,
    };
    let made = number(words.next()?.as_bytes())? as usize;
    let length = number(words.next()?.as_bytes())? as usize;
    let controllers = match words.next()? {
        "-" => "",
        controllers => controllers,
    };
    let (point, path) = words.rest()?.split_at_checked(length)?;
    let path = path.strip_prefix("/")?;
    let safe = !path.is_empty() && path::clean(path) == path && made <= path::steps(path).count();
    (safe && point.starts_with("/")).then(|| {
        let mut member = Member::new(version, controllers, point.into(), path.into(), None);
        member.made = Some(made);
        member
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'t> = (Version, Option<usize>, &'t str, &'t str, &'t str);

    fn row(member: &Member) -> Row<'_> {
        let Member {
            version,
            controllers,
            point,
            path,
            made,
            ..
        } = member;
        (*version, *made, controllers, point, path)
    }

    #[test]
    fn lines() {
        // The length must end at a slash.
        assert!(parse("v1 1 22 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/a b/c").is_none());
        let (controllers, point) = ("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct");
        let member = parse("v1 1 26 cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/a b/c").unwrap();
        assert_eq!(
            row(&member),
            (Version::V1, Some(1), controllers, point, "a b/c")
        );
        let member = parse("v2 0 14 - /sys/fs/cgroup/x").unwrap();
        assert_eq!(
            row(&member),
            (Version::V2, Some(0), "", "/sys/fs/cgroup", "x")
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
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
