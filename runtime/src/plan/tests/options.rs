//! Mount options: the table is the spec's, and what they add up to.

use super::super::mount_options;
use super::super::options::{effect, pieces};
use super::{FACTS, accepted};
use init::plan::{Mount, Source};
use linux_raw_sys::general::{
    MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY, MOUNT_ATTR_STRICTATIME, MS_PRIVATE, MS_REC, MS_SLAVE,
};

/// config.md, "Linux mount options", with the propagation words.
const SPEC: &str = "async atime bind defaults dev diratime dirsync exec idmap iversion lazytime loud mand noatime nodev \
    nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind \
    rdev rdiratime relatime remount rexec ridmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid \
    rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared \
    silent slave strictatime suid symfollow sync tmpcopyup unbindable";

#[test]
fn the_table_is_the_specs() {
    assert_eq!(
        mount_options().collect::<Vec<_>>(),
        SPEC.split_whitespace().collect::<Vec<_>>()
    );
}

#[test]
fn every_name_is_found() {
    for name in mount_options() {
        assert!(effect(name.as_bytes()).is_some(), "{name}");
    }
    assert!(effect(b"mode=755").is_none() && effect(b"").is_none() && effect(b"zzz").is_none());
}

fn mount(json: &str, see: impl FnOnce(&Mount<'_>)) {
    accepted(&[("/mounts/0", json)], &FACTS, |plan| see(&plan.mounts[0]));
}

fn bind(options: &str, see: impl FnOnce(&Mount<'_>)) {
    mount(
        &format!(
            r#"{{"destination": "/a", "source": "/b", "type": "junk", "options": [{options}]}}"#
        ),
        see,
    );
}

#[test]
fn the_last_of_opposites_counts() {
    bind(r#""bind", "ro", "nosuid", "rw", "nodev""#, |mount| {
        assert_eq!(mount.set, u64::from(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
        assert_eq!(mount.clear, u64::from(MOUNT_ATTR_RDONLY));
    });
    bind(r#""bind", "noatime", "strictatime""#, |mount| {
        assert_eq!(
            (mount.set, mount.clear),
            (
                u64::from(MOUNT_ATTR_STRICTATIME),
                u64::from(MOUNT_ATTR__ATIME)
            )
        );
    });
    bind(
        r#""rbind", "rnoatime", "ratime", "rro", "rnoexec", "rexec""#,
        |mount| {
            assert_eq!(mount.set_recursive, u64::from(MOUNT_ATTR_RDONLY));
            assert_eq!(
                mount.clear_recursive,
                u64::from(MOUNT_ATTR__ATIME | MOUNT_ATTR_NOEXEC)
            );
            assert_eq!((mount.set, mount.clear), (0, 0));
        },
    );
    bind(r#""bind", "noatime""#, |mount| {
        assert_eq!(mount.set, u64::from(MOUNT_ATTR_NOATIME))
    });
}

#[test]
fn binds() {
    bind(r#""bind""#, |mount| {
        assert!(matches!(mount.source, Source::Bind { path, recursive: false } if path == c"/b"));
    });
    bind(r#""bind", "rbind", "rprivate", "slave""#, |mount| {
        assert!(matches!(
            mount.source,
            Source::Bind {
                recursive: true,
                ..
            }
        ));
        assert_eq!(mount.propagation, [MS_PRIVATE | MS_REC, MS_SLAVE]);
    });
    bind(r#""remount", "bind", "ro""#, |mount| {
        assert!(matches!(mount.source, Source::Remount))
    });
    mount(
        r#"{"destination": "/a", "source": "b/c", "options": ["rbind"]}"#,
        |mount| {
            assert!(matches!(mount.source, Source::Bind { path, .. } if path == c"/bundle/b/c"));
        },
    );
}

#[test]
fn targets_are_plain() {
    for (target, clean) in [
        ("/a", "/a"),
        ("//a/./b/", "/a/b"),
        ("/a/../b", "/b"),
        ("/../..", "/"),
        ("/", "/"),
    ] {
        mount(
            &format!(r#"{{"destination": "{target}", "type": "tmpfs"}}"#),
            |mount| {
                assert_eq!(mount.target.to_str(), Ok(clean));
            },
        );
    }
}

#[test]
fn proc_is_guarded_but_not_closed() {
    for json in [
        r#"{"destination": "/proc", "type": "proc"}"#,
        r#"{"destination": "/proc", "source": "/proc", "options": ["rbind"]}"#,
        r#"{"destination": "/proc/loadavg", "source": "/x", "options": ["bind"]}"#,
        r#"{"destination": "/proc/sys/kernel/ns_last_pid", "source": "/x", "options": ["bind"]}"#,
        r#"{"destination": "/proc/sys", "options": ["remount", "ro"]}"#,
        r#"{"destination": "/process", "type": "tmpfs"}"#,
    ] {
        mount(json, |_| ());
    }
}

#[test]
fn data() {
    let options = r#""mode=755,size=1m", "sync", "newinstance", "async", "dirsync", "x=""#;
    mount(
        &format!(
            r#"{{"destination": "/a", "type": "ext4", "source": "/dev/x", "options": [{options}, "ro"]}}"#
        ),
        |mount| {
            let Source::Filesystem(fs) = mount.source else {
                panic!("{mount:?}")
            };
            assert_eq!((fs.kind, fs.source), (c"ext4", c"/dev/x"));
            assert_eq!(fs.flags, [c"ro", c"dirsync"]);
            let options: Vec<_> = fs
                .options
                .iter()
                .map(|option| (option.key, option.value))
                .collect();
            assert_eq!(
                options,
                [
                    (c"mode", Some(c"755")),
                    (c"size", Some(c"1m")),
                    (c"newinstance", None),
                    (c"x", Some(c""))
                ]
            );
            assert!(!mount.late_readonly && mount.set == u64::from(MOUNT_ATTR_RDONLY));
        },
    );
    let pieces = |text| {
        pieces(text)
            .map(|piece| String::from_utf8_lossy(piece).into_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(pieces(b"a=1,,b"), ["a=1", "b"]);
    assert_eq!(
        pieces(b"context=\"u:r:t:s0:c1,c2\",b"),
        ["context=\"u:r:t:s0:c1,c2\"", "b"]
    );
    assert_eq!(pieces(b"lowerdir=/a\\,b:/c,b"), ["lowerdir=/a\\,b:/c", "b"]);
}

#[test]
fn written_to_before_it_becomes_readonly() {
    for json in [
        r#"{"destination": "/a", "type": "tmpfs", "options": ["ro", "nosuid"]}"#,
        r#"{"destination": "/dev", "source": "/dev", "options": ["rbind", "ro", "nosuid"]}"#,
    ] {
        mount(json, |mount| {
            assert!(mount.late_readonly);
            assert_eq!(mount.set, u64::from(MOUNT_ATTR_NOSUID));
            assert!(!matches!(mount.source, Source::Filesystem(fs) if !fs.flags.is_empty()));
        });
    }
}

#[test]
fn kinds_of_sources() {
    for kind in ["cgroup", "cgroup2"] {
        mount(
            &format!(r#"{{"destination": "/a", "type": "{kind}", "options": ["ro"]}}"#),
            |mount| {
                assert!(matches!(mount.source, Source::Cgroup));
            },
        );
    }
    mount(
        r#"{"destination": "/a", "type": "tmpfs", "options": ["tmpcopyup"]}"#,
        |mount| {
            assert!(
                matches!(mount.source, Source::Filesystem(fs) if fs.copy_up && !fs.no_symlinks && fs.source == c"tmpfs")
            );
        },
    );
    mount(r#"{"destination": "/sys", "type": "sysfs"}"#, |mount| {
        assert!(matches!(mount.source, Source::Filesystem(fs) if fs.no_symlinks));
    });
}

#[test]
fn selinux_label() {
    let label = ("/linux/mountLabel", r#""u:o:t:s0:c1,c2""#);
    for (kind, count) in [
        ("tmpfs", 1),
        ("devpts", 1),
        ("proc", 0),
        ("sysfs", 0),
        ("mqueue", 0),
    ] {
        let mount = format!(r#"{{"destination": "/proc", "type": "{kind}"}}"#)
            .replace("/proc", if kind == "proc" { "/proc" } else { "/a" });
        accepted(&[label, ("/mounts/0", &mount)], &FACTS, |plan| {
            let Source::Filesystem(fs) = plan.mounts[0].source else {
                panic!("{kind}")
            };
            assert_eq!(fs.options.len(), count, "{kind}");
            assert!(
                fs.options
                    .iter()
                    .all(|option| option.key == c"context"
                        && option.value == Some(c"u:o:t:s0:c1,c2"))
            );
        });
    }
}

#[test]
fn id_maps() {
    let maps = r#""uidMappings": [{"containerID": 0, "hostID": 7, "size": 2}], "gidMappings": [{"containerID": 1, "hostID": 9, "size": 1}]"#;
    for (options, recursive) in [
        (r#""bind""#, false),
        (r#""bind", "idmap""#, false),
        (r#""rbind", "ridmap", "idmap""#, true),
    ] {
        let text =
            format!(r#"{{"destination": "/a", "source": "/b", "options": [{options}], {maps}}}"#);
        mount(&text, |mount| {
            let ids = mount.ids.expect("a map");
            assert_eq!(ids.recursive, recursive);
            assert_eq!((ids.uid_map[0].outside, ids.gid_map[0].inside), (7, 1));
        });
    }
    bind(r#""bind""#, |mount| assert!(mount.ids.is_none()));
}
