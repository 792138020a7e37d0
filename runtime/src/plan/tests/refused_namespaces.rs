//! Wrong namespaces and what goes with them, and the exact line that refuses each.

use super::{FACTS, Facts, accepted, check_refusals, refused};
use linux_raw_sys::general::CLONE_NEWUSER;

#[test]
fn namespaces() {
    let kinds = "pid, network, mount, ipc, uts, user, cgroup or time";
    check_refusals(&[
        (
            "/linux/namespaces/0/type",
            r#""pidd""#,
            &format!(r#"linux.namespaces[0].type: "pidd": expected {kinds}"#),
        ),
        (
            "/linux/namespaces/0/type",
            "",
            &format!("linux.namespaces[0].type: required: {kinds}"),
        ),
        (
            "/linux/namespaces/-",
            r#"{"type": "pid"}"#,
            r#"linux.namespaces[6].type: "pid": listed a second time"#,
        ),
        (
            "/linux/namespaces/0/path",
            r#""ns/pid""#,
            r#"linux.namespaces[0].path: "ns/pid": must be an absolute path"#,
        ),
        (
            "/linux/namespaces/-",
            r#"{"type": "user"}"#,
            "linux.uidMappings: required: a new user namespace without a map has no users",
        ),
        (
            "/linux/uidMappings",
            r#"[{"containerID": 0, "hostID": 0, "size": 1}]"#,
            r#"linux.uidMappings: needs {"type": "user"} in linux.namespaces"#,
        ),
        (
            "/linux/gidMappings",
            r#"[{"containerID": 0, "hostID": 0, "size": 1}]"#,
            r#"linux.gidMappings: needs {"type": "user"} in linux.namespaces"#,
        ),
        (
            "/linux/timeOffsets",
            r#"{"monotonic": {"secs": 1}}"#,
            r#"linux.timeOffsets: needs {"type": "time"} in linux.namespaces"#,
        ),
        (
            "/linux/timeOffsets",
            r#"{"boottime": {"nanosecs": 1000000000}}"#,
            "linux.timeOffsets.boottime.nanosecs: 1000000000: must be below 1000000000, a second",
        ),
    ]);
}

#[test]
fn what_needs_a_namespace() {
    let none = ("/linux/namespaces", "[]");
    for (pointer, text, line) in [
        (
            "/hostname",
            r#""a""#,
            r#"hostname: needs {"type": "uts"} in linux.namespaces"#,
        ),
        (
            "/domainname",
            r#""a""#,
            r#"domainname: needs {"type": "uts"} in linux.namespaces"#,
        ),
        (
            "/mounts/0",
            r#"{"destination": "/a", "type": "tmpfs"}"#,
            r#"mounts: needs {"type": "mount"} in linux.namespaces"#,
        ),
        (
            "/linux/maskedPaths",
            r#"["/a"]"#,
            r#"linux.maskedPaths: needs {"type": "mount"} in linux.namespaces"#,
        ),
        (
            "/linux/readonlyPaths",
            r#"["/a"]"#,
            r#"linux.readonlyPaths: needs {"type": "mount"} in linux.namespaces"#,
        ),
        (
            "/linux/rootfsPropagation",
            r#""slave""#,
            r#"linux.rootfsPropagation: needs {"type": "mount"} in linux.namespaces"#,
        ),
        (
            "/root/readonly",
            "true",
            r#"root.readonly: needs {"type": "mount"} in linux.namespaces"#,
        ),
        (
            "/linux/sysctl",
            r#"{"kernel.shmmax": "1"}"#,
            r#"linux.sysctl: "kernel.shmmax": needs {"type": "ipc"} in linux.namespaces"#,
        ),
        (
            "/linux/sysctl",
            r#"{"fs/mqueue/msg_max": "1"}"#,
            r#"linux.sysctl: "fs/mqueue/msg_max": needs {"type": "ipc"} in linux.namespaces"#,
        ),
        (
            "/linux/sysctl",
            r#"{"net.core.x": "1"}"#,
            r#"linux.sysctl: "net.core.x": needs {"type": "network"} in linux.namespaces"#,
        ),
        (
            "/linux/sysctl",
            r#"{"user.max_net_namespaces": "1"}"#,
            r#"linux.sysctl: "user.max_net_namespaces": needs {"type": "user"} in linux.namespaces"#,
        ),
        (
            "/linux/sysctl",
            r#"{"kernel.domainname": "1"}"#,
            r#"linux.sysctl: "kernel.domainname": needs {"type": "uts"} in linux.namespaces"#,
        ),
    ] {
        assert_eq!(
            refused(&[none, (pointer, text)], &FACTS),
            format!("config.json: {line}")
        );
    }
}

#[test]
fn id_maps() {
    let user = ("/linux/namespaces/-", r#"{"type": "user"}"#);
    let gids = (
        "/linux/gidMappings",
        r#"[{"containerID": 0, "hostID": 0, "size": 65536}]"#,
    );
    let many = format!(
        "[{}]",
        vec![r#"{"containerID": 0, "hostID": 0, "size": 1}"#; 341].join(",")
    );
    for (uids, line) in [
        (
            r#"[{"containerID": 0, "hostID": 0, "size": 0}]"#,
            "linux.uidMappings[0].size: 0: must be at least 1",
        ),
        (
            r#"[{"containerID": 4294967290, "hostID": 0, "size": 10}]"#,
            "linux.uidMappings[0].size: 10: reaches past the last id",
        ),
        (
            r#"[{"containerID": 0, "hostID": 9, "size": 10}, {"containerID": 5, "hostID": 100, "size": 1}]"#,
            "linux.uidMappings[1]: overlaps an earlier one",
        ),
        (
            r#"[{"containerID": 0, "hostID": 9, "size": 10}, {"containerID": 50, "hostID": 18, "size": 1}]"#,
            "linux.uidMappings[1]: overlaps an earlier one",
        ),
        (&many, "linux.uidMappings: the kernel takes 340 lines"),
        (
            r#"[{"containerID": 1, "hostID": 1, "size": 10}]"#,
            "process.user.uid: 0: linux.uidMappings don't have it",
        ),
    ] {
        assert_eq!(
            refused(&[user, gids, ("/linux/uidMappings", uids)], &FACTS),
            format!("config.json: {line}")
        );
    }
    let joined = (
        "/linux/namespaces/-",
        r#"{"type": "user", "path": "/proc/7/ns/user"}"#,
    );
    // Its maps may be said; whether they are its maps shows when it is joined.
    accepted(
        &[joined, gids, ("/linux/uidMappings", gids.1)],
        &FACTS,
        |plan| {
            assert_eq!(plan.namespaces.new & CLONE_NEWUSER, 0);
            let [line] = plan.namespaces.uid_map else {
                panic!("{:?}", plan.namespaces)
            };
            assert_eq!((line.inside, line.outside, line.count), (0, 0, 65536));
        },
    );
    accepted(&[joined, ("/process/user/uid", "65536")], &FACTS, |plan| {
        assert!(plan.namespaces.uid_map.is_empty());
    });
    assert_eq!(
        refused(&[joined, gids, ("/process/user/gid", "65536")], &FACTS),
        "config.json: process.user.gid: 65536: linux.gidMappings don't have it"
    );
    let maps = ("/linux/uidMappings", gids.1);
    assert_eq!(
        refused(
            &[
                user,
                gids,
                maps,
                ("/process/user/additionalGids", "[5, 65536]")
            ],
            &FACTS
        ),
        "config.json: process.user.additionalGids[1]: 65536: linux.gidMappings don't have it"
    );
    assert_eq!(
        refused(&[user, gids, maps, ("/process/user/gid", "65536")], &FACTS),
        "config.json: process.user.gid: 65536: linux.gidMappings don't have it"
    );
}

#[test]
fn joined_clocks() {
    assert_eq!(
        refused(
            &[
                (
                    "/linux/namespaces/-",
                    r#"{"type": "time", "path": "/proc/7/ns/time"}"#
                ),
                ("/linux/timeOffsets", r#"{"boottime": {"secs": 1}}"#),
            ],
            &FACTS
        ),
        "config.json: linux.timeOffsets: the clocks of a time namespace that is joined by its path can't be set"
    );
}

#[test]
fn propagation() {
    check_refusals(&[(
        "/linux/rootfsPropagation",
        r#""public""#,
        r#"linux.rootfsPropagation: "public": expected private, rprivate, shared, rshared, slave, rslave, unbindable or runbindable"#,
    )]);
    let no_pivot = Facts {
        no_pivot: true,
        ..FACTS
    };
    for word in ["private", "rprivate"] {
        assert_eq!(
            refused(
                &[("/linux/rootfsPropagation", &format!("\"{word}\""))],
                &no_pivot
            ),
            format!(
                "config.json: linux.rootfsPropagation: \"{word}\": can't be had together with --no-pivot"
            )
        );
    }
}
