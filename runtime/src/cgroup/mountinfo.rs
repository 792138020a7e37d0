//! `/proc/self/mountinfo`, for hosts whose cgroup mounts are not where everybody has them (proc_pid_mountinfo(5)).

use super::discover::{BASE, Version};
use super::path;
use crate::error::{Error, Result, lossy};
use crate::files;
use rustix::fd::BorrowedFd;

/// One cgroup mount that shows the hierarchy sought.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub point: String,
    /// The path in the hierarchy that its top shows, clean.
    pub root: String,
}

/// The mount to reach hierarchy `controllers` by, for a caller whose own cgroup there is `own`.
///
/// Of several (shared subtrees list one twice, engines mount copies) it is one that shows `own`, below
/// `/sys/fs/cgroup`, that shows most of the hierarchy, and is listed last: the uppermost.
pub fn find(text: &str, version: Version, controllers: &str, own: &str) -> Option<Mount> {
    let (mut best, mut least) = (None, 0);
    for line in path::pieces(text, b'\n') {
        let Some(mount) = parse(line, version, controllers) else {
            continue;
        };
        // From the least to the most important; a root is shorter than 4096 bytes (PATH_MAX).
        let rank = 4096usize.saturating_sub(mount.root.len())
            + (usize::from(path::inside(&mount.point, BASE).is_some()) << 13)
            + (usize::from(path::inside(own, &mount.root).is_some()) << 14);
        if best.is_none() || rank >= least {
            (best, least) = (Some(mount), rank);
        }
    }
    best
}

/// Where the first file system of a type is mounted. `proc` is the top of a verified procfs.
pub fn mount_of(proc: BorrowedFd<'_>, kind: &str) -> Result<Option<String>> {
    let table = files::read_at(proc, "self/mountinfo")
        .map_err(|errno| Error::call(packed!("read /proc/self/mountinfo"), errno))?;
    let table = lossy(&table);
    let mut mounts = path::pieces(&table, b'\n').filter_map(split);
    let found = mounts.find(|[_, _, of, _]| *of == kind);
    Ok(found.and_then(|[_, point, ..]| unescape(point)))
}

/// Root, mount point, type and the file system's options.
/// `id parent major:minor ROOT POINT options [tags] - TYPE source SUPER`
fn split(line: &str) -> Option<[&str; 4]> {
    let mut words = path::pieces(line, b' ');
    let (root, point) = (words.nth(3)?, words.next()?);
    while words.next()? != "-" {}
    Some([root, point, words.next()?, words.nth(1)?])
}

fn parse(line: &str, version: Version, controllers: &str) -> Option<Mount> {
    let [root, point, kind, options] = split(line)?;
    let matches = match version {
        Version::V1 => {
            let first = path::pieces(controllers, b',').next()?;
            kind == "cgroup" && path::pieces(options, b',').has(first)
        }
        Version::V2 => kind == "cgroup2",
    };
    let (root, point) = (unescape(root)?, unescape(point)?);
    // A root of `/..` lies outside the caller's cgroup namespace: its real name can't be known.
    (matches && !path::climbs(&root)).then(|| Mount {
        point,
        root: path::clean(&root),
    })
}

/// The kernel writes blank, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> Option<String> {
    let mut parts = path::pieces(text, b'\\');
    let mut out = String::from(parts.next()?);
    for part in parts {
        let (octal, plain) = part.split_at_checked(3)?;
        let code = match octal {
            "040" => ' ',
            "011" => '\t',
            "134" => '\\',
            // The saved form of a group has one line per directory.
            _ => return None,
        };
        out.push(code);
        out.push_str(plain);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::Version::{V1, V2};
    use super::*;

    const V1_HOST: &str = "\
30 23 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory
";
    /// Docker without a cgroup namespace: the top of the mount is the container's own cgroup.
    const NESTED: &str = "\
900 899 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
901 899 0:29 / /host/cgroup/memory ro - cgroup cgroup rw,memory
";
    /// The same mount twice, and once more elsewhere.
    const TWICE: &str = "\
33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
44 33 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
55 30 0:29 / /var/lib/box/cgroup rw - cgroup cgroup rw,memory
";
    const V2_HOST: &str =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const ODD: &str = "30 23 0:26 / /mnt/two\\040words rw - cgroup2 none rw\n";
    const OUTSIDE: &str = "30 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 none rw\n";

    #[test]
    fn choice() {
        type Row = (
            &'static str,
            Version,
            &'static str,
            &'static str,
            Option<(&'static str, &'static str)>,
        );
        const ROWS: [Row; 11] = [
            (
                V1_HOST,
                V1,
                "memory",
                "",
                Some(("/sys/fs/cgroup/memory", "")),
            ),
            (
                V1_HOST,
                V1,
                "cpu,cpuacct",
                "u/a",
                Some(("/sys/fs/cgroup/cpu,cpuacct", "")),
            ),
            (
                V1_HOST,
                V1,
                "name=systemd",
                "",
                Some(("/sys/fs/cgroup/systemd", "")),
            ),
            (V1_HOST, V1, "pids", "", None),
            (V1_HOST, V2, "", "", None),
            (
                NESTED,
                V1,
                "memory",
                "docker/abc/x",
                Some(("/sys/fs/cgroup/memory", "docker/abc")),
            ),
            (
                NESTED,
                V1,
                "memory",
                "other",
                Some(("/host/cgroup/memory", "")),
            ),
            (
                TWICE,
                V1,
                "memory",
                "a",
                Some(("/sys/fs/cgroup/memory", "")),
            ),
            (V2_HOST, V2, "", "user.slice", Some(("/sys/fs/cgroup", ""))),
            (ODD, V2, "", "", Some(("/mnt/two words", ""))),
            (OUTSIDE, V2, "", "", None),
        ];
        for (text, version, controllers, own, want) in ROWS {
            let got = find(text, version, controllers, own);
            let got = got.as_ref().map(|m| (m.point.as_str(), m.root.as_str()));
            assert_eq!(got, want, "{controllers} of {text}");
        }
    }

    #[test]
    fn nonsense_is_passed_over() {
        for line in [
            "",
            " - ",
            "a - b",
            "1 2 3 4 5 - cgroup2 x",
            "1 2 3 / /a\\9 - cgroup2 x y",
        ] {
            assert_eq!(find(line, V2, "", ""), None, "{line}");
        }
    }
}
