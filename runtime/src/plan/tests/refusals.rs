//! One wrong document a row, and the exact line that refuses it.

use super::{FACTS, check_refusals, refused};

#[test]
fn top() {
    check_refusals(&[
        (
            "/ociVersion",
            "",
            r#"ociVersion: required: the version of the spec it follows, such as "1.3.0""#,
        ),
        (
            "/ociVersion",
            r#""0.1.0""#,
            r#"ociVersion: "0.1.0": a form from before 1.0.0, which is no longer read; `spec` writes a current one"#,
        ),
        (
            "/ociVersion",
            r#""1.4.0""#,
            r#"ociVersion: "1.4.0": newer than this runtime, which reads 1.0.0 to 1.3.x"#,
        ),
        (
            "/ociVersion",
            r#""2.0.0""#,
            r#"ociVersion: "2.0.0": newer than this runtime, which reads 1.0.0 to 1.3.x"#,
        ),
        (
            "/ociVersion",
            r#""1.0""#,
            r#"ociVersion: "1.0": expected a version such as "1.3.0""#,
        ),
        (
            "/ociVersion",
            r#""1.0.0.0""#,
            r#"ociVersion: "1.0.0.0": expected a version such as "1.3.0""#,
        ),
        (
            "/ociVersion",
            r#""+1.0.0""#,
            r#"ociVersion: "+1.0.0": expected a version such as "1.3.0""#,
        ),
        (
            "/ociVersion",
            r#""1.0.x""#,
            r#"ociVersion: "1.0.x": expected a version such as "1.3.0""#,
        ),
        (
            "/ociVersion",
            r#""1.0.0-""#,
            r#"ociVersion: "1.0.0-": expected a version such as "1.3.0""#,
        ),
        (
            "/process",
            "",
            "process: required: what runs in the container",
        ),
        (
            "/root",
            "",
            "root: required: where the container's files are",
        ),
        (
            "/root/path",
            "",
            "root.path: required: the directory of the container's files",
        ),
        (
            "/root/path",
            r#""""#,
            "root.path: required: the directory of the container's files",
        ),
        (
            "/annotations",
            r#"{"a": "b", "": "c"}"#,
            r#"annotations: "": a key must not be empty"#,
        ),
        (
            "/hostname",
            r#""0123456789012345678901234567890123456789012345678901234567890123x""#,
            "hostname: 65 bytes long: the kernel takes 64",
        ),
    ]);
}

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
            r#"hostname: "a": needs {"type": "uts"} in linux.namespaces"#,
        ),
        (
            "/domainname",
            r#""a""#,
            r#"domainname: "a": needs {"type": "uts"} in linux.namespaces"#,
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
            "linux.uidMappings[1]: overlaps linux.uidMappings[0]",
        ),
        (
            r#"[{"containerID": 0, "hostID": 9, "size": 10}, {"containerID": 50, "hostID": 18, "size": 1}]"#,
            "linux.uidMappings[1]: overlaps linux.uidMappings[0]",
        ),
        (&many, "linux.uidMappings: 341 lines: the kernel takes 340"),
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
    assert_eq!(
        refused(&[joined, ("/linux/uidMappings", gids.1)], &FACTS),
        "config.json: linux.uidMappings: the user namespace is joined by its path and has its own map already"
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
    let no_pivot = super::Facts {
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

#[test]
fn mounts() {
    let mount = |rest: &str| format!(r#"{{"destination": "/a", {rest}}}"#);
    for (text, line) in [
        (
            r#"{"type": "tmpfs"}"#.to_owned(),
            "mounts[0].destination: required: where in the container it is mounted",
        ),
        (
            mount(r#""source": "x""#),
            r#"mounts[0].type: required: a file system, unless the options hold "bind" or "rbind""#,
        ),
        (
            mount(r#""type": "bind", "source": "/x""#),
            r#"mounts[0].type: "bind": it is the option "bind" or "rbind" that makes a bind mount"#,
        ),
        (
            mount(r#""options": ["bind"]"#),
            "mounts[0].source: required: what is bound",
        ),
        (
            mount(r#""source": "/x", "options": ["bind", "foo"]"#),
            r#"mounts[0].options: "foo": a bind mount has no such option"#,
        ),
        (
            mount(r#""options": ["remount", "mode=1"]"#),
            r#"mounts[0].options: "mode=1": a remount has no such option"#,
        ),
        (
            mount(r#""type": "proc", "options": ["tmpcopyup"]"#),
            r#"mounts[0].options: "tmpcopyup": only a tmpfs has it"#,
        ),
        (
            mount(r#""source": "/x", "options": ["bind", "idmap"]"#),
            r#"mounts[0].options: "idmap": id-mapped mounts are not supported yet"#,
        ),
        (
            mount(r#""source": "/x", "options": ["rbind", "ridmap"]"#),
            r#"mounts[0].options: "ridmap": id-mapped mounts are not supported yet"#,
        ),
        (
            mount(
                r#""source": "/x", "options": ["rbind"], "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]"#,
            ),
            "mounts[0].gidMappings: id-mapped mounts are not supported yet",
        ),
    ] {
        assert_eq!(
            refused(&[("/mounts/0", &text)], &FACTS),
            format!("config.json: {line}")
        );
    }
    for (target, kind) in [
        ("/proc", "tmpfs"),
        ("/proc/sys", "proc"),
        ("//proc/../proc/1", "tmpfs"),
        ("proc/", "cgroup"),
    ] {
        let line = refused(
            &[(
                "/mounts/0",
                &format!(r#"{{"destination": "{target}", "type": "{kind}"}}"#),
            )],
            &FACTS,
        );
        let clean = if target == "/proc/sys" {
            target
        } else if target.ends_with('1') {
            "/proc/1"
        } else {
            "/proc"
        };
        assert_eq!(
            line,
            format!(
                "config.json: mounts[0].destination: \"{clean}\": only a procfs goes on /proc, and only files that lxcfs makes below it"
            )
        );
    }
    check_refusals(&[(
        "/linux/maskedPaths",
        r#"["/a", "b"]"#,
        r#"linux.maskedPaths[1]: "b": must be an absolute path"#,
    )]);
}

#[test]
fn devices() {
    for (text, line) in [
        (
            r#"{"type": "c", "major": 1, "minor": 1}"#,
            "path: required: where in the container it is made",
        ),
        (
            r#"{"type": "c", "path": "dev/x", "major": 1, "minor": 1}"#,
            r#"path: "dev/x": must be an absolute path"#,
        ),
        (
            r#"{"path": "/dev/x", "major": 1, "minor": 1}"#,
            "type: required: c, u, b or p",
        ),
        (
            r#"{"type": "99", "path": "/dev/x"}"#,
            r#"type: "99": expected c, u, b or p"#,
        ),
        (
            r#"{"type": "b", "path": "/dev/x", "minor": 1}"#,
            "major: required, but for the type p",
        ),
        (
            r#"{"type": "b", "path": "/dev/x", "major": 1}"#,
            "minor: required, but for the type p",
        ),
        (
            r#"{"type": "b", "path": "/dev/x", "major": -1, "minor": 1}"#,
            "major: -1: expected a number from 0 to 4095",
        ),
        (
            r#"{"type": "b", "path": "/dev/x", "major": 1, "minor": 1048576}"#,
            "minor: 1048576: expected a number from 0 to 1048575",
        ),
        (
            r#"{"type": "b", "path": "/dev/x", "major": 1, "minor": 1, "fileMode": 8624}"#,
            "fileMode: 8624: expected permissions of at most 511 (octal 777)",
        ),
    ] {
        assert_eq!(
            refused(&[("/linux/devices/0", text)], &FACTS),
            format!("config.json: linux.devices[0].{line}")
        );
    }
    for (text, line) in [
        (
            r#"{"type": "p", "access": "r"}"#,
            r#"type: "p": expected a, b or c"#,
        ),
        (r#"{"allow": true}"#, "access: required: some of r, w and m"),
        (
            r#"{"access": "rx"}"#,
            r#"access: "rx": expected some of r, w and m"#,
        ),
        (
            r#"{"access": "r", "major": -2}"#,
            "major: -2: expected a device number, or -1 for all",
        ),
        (
            r#"{"access": "r", "minor": 4294967296}"#,
            "minor: 4294967296: expected a device number, or -1 for all",
        ),
    ] {
        assert_eq!(
            refused(&[("/linux/resources/devices/0", text)], &FACTS),
            format!("config.json: linux.resources.devices[0].{line}")
        );
    }
}

#[test]
fn process() {
    check_refusals(&[
        (
            "/process/args",
            "[]",
            "process.args: required: the program to run, and its arguments",
        ),
        (
            "/process/args",
            r#"[""]"#,
            "process.args: required: the program to run, and its arguments",
        ),
        (
            "/process/cwd",
            "",
            r#"process.cwd: required: the directory to start in, such as "/""#,
        ),
        (
            "/process/cwd",
            r#""tmp""#,
            r#"process.cwd: "tmp": must be an absolute path"#,
        ),
        (
            "/process/env/-",
            r#""A""#,
            r#"process.env[1]: "A": expected NAME=value"#,
        ),
        (
            "/process/env/0",
            r#""=A""#,
            r#"process.env[0]: "=A": expected a name before the "=""#,
        ),
        (
            "/process/user/uid",
            "4294967295",
            "process.user.uid: 4294967295: is no id",
        ),
        (
            "/process/user/gid",
            "4294967295",
            "process.user.gid: 4294967295: is no id",
        ),
        (
            "/process/user/umask",
            "512",
            "process.user.umask: 512: expected at most 511 (octal 777)",
        ),
        (
            "/process/user/additionalGids",
            "[4294967295]",
            "process.user.additionalGids[0]: 4294967295: linux.gidMappings don't have it",
        ),
        (
            "/process/oomScoreAdj",
            "1001",
            "process.oomScoreAdj: 1001: expected -1000 to 1000",
        ),
        (
            "/process/oomScoreAdj",
            "-1001",
            "process.oomScoreAdj: -1001: expected -1000 to 1000",
        ),
        (
            "/process/rlimits/0",
            r#"{"soft": 1, "hard": 1}"#,
            "process.rlimits[0].type: required: such as RLIMIT_NOFILE",
        ),
        (
            "/process/rlimits",
            r#"[{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}, {"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]"#,
            r#"process.rlimits[1].type: "RLIMIT_CORE": listed a second time"#,
        ),
        (
            "/process/rlimits/0",
            r#"{"type": "RLIMIT_CORE", "soft": 18446744073709551615, "hard": 1}"#,
            "process.rlimits[0].soft: 18446744073709551615: above the hard limit, 1",
        ),
    ]);
    let line = refused(
        &[(
            "/process/rlimits/0",
            r#"{"type": "NOFILE", "soft": 1, "hard": 1}"#,
        )],
        &FACTS,
    );
    assert!(
        line.starts_with(r#"config.json: process.rlimits[0].type: "NOFILE": expected RLIMIT_AS, "#),
        "{line}"
    );
}

#[test]
fn scheduling() {
    let policies =
        "SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE or SCHED_DEADLINE";
    for (text, line) in [
        ("{}", &*format!("policy: required: {policies}")),
        (
            r#"{"policy": "FIFO"}"#,
            &format!(r#"policy: "FIFO": expected {policies}"#),
        ),
        (
            r#"{"policy": "SCHED_OTHER", "nice": 20}"#,
            "nice: 20: expected -20 to 19",
        ),
        (
            r#"{"policy": "SCHED_BATCH", "nice": -21}"#,
            "nice: -21: expected -20 to 19",
        ),
        (
            r#"{"policy": "SCHED_IDLE", "nice": 1}"#,
            "nice: 1: only SCHED_OTHER and SCHED_BATCH have it",
        ),
        (
            r#"{"policy": "SCHED_RR", "priority": 0}"#,
            "priority: 0: expected 1 to 99",
        ),
        (
            r#"{"policy": "SCHED_FIFO", "priority": 100}"#,
            "priority: 100: expected 1 to 99",
        ),
        (
            r#"{"policy": "SCHED_OTHER", "priority": 1}"#,
            "priority: 1: only SCHED_FIFO and SCHED_RR have it",
        ),
        (
            r#"{"policy": "SCHED_OTHER", "runtime": 1}"#,
            "runtime: 1: only SCHED_DEADLINE has it",
        ),
        (
            r#"{"policy": "SCHED_OTHER", "deadline": 1}"#,
            "deadline: 1: only SCHED_DEADLINE has it",
        ),
        (
            r#"{"policy": "SCHED_OTHER", "period": 1}"#,
            "period: 1: only SCHED_DEADLINE has it",
        ),
    ] {
        assert_eq!(
            refused(&[("/process/scheduler", text)], &FACTS),
            format!("config.json: process.scheduler.{line}")
        );
    }
    let line = refused(
        &[(
            "/process/scheduler",
            r#"{"policy": "SCHED_RR", "priority": 1, "flags": ["X"]}"#,
        )],
        &FACTS,
    );
    assert!(
        line.starts_with(
            r#"config.json: process.scheduler.flags: "X": expected SCHED_FLAG_RESET_ON_FORK, "#
        ),
        "{line}"
    );
    check_refusals(&[
        (
            "/process/ioPriority",
            r#"{"class": "X", "priority": 1}"#,
            r#"process.ioPriority.class: "X": expected IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE"#,
        ),
        (
            "/process/ioPriority",
            r#"{"class": "IOPRIO_CLASS_BE", "priority": 8}"#,
            "process.ioPriority.priority: 8: expected 0 to 7",
        ),
        (
            "/process/ioPriority",
            r#"{"class": "IOPRIO_CLASS_BE", "priority": -1}"#,
            "process.ioPriority.priority: -1: expected 0 to 7",
        ),
        (
            "/linux/personality",
            "{}",
            "linux.personality.domain: required: LINUX or LINUX32",
        ),
        (
            "/linux/personality",
            r#"{"domain": "BSD"}"#,
            r#"linux.personality.domain: "BSD": expected LINUX or LINUX32"#,
        ),
        (
            "/linux/personality",
            r#"{"domain": "LINUX", "flags": ["X"]}"#,
            r#"linux.personality.flags: "X": the spec has none"#,
        ),
    ]);
}

#[test]
fn hooks() {
    check_refusals(&[
        (
            "/hooks/createRuntime/0",
            "{}",
            "hooks.createRuntime[0].path: required: the program",
        ),
        (
            "/hooks/poststop/0",
            r#"{"path": "x"}"#,
            r#"hooks.poststop[0].path: "x": must be an absolute path"#,
        ),
        (
            "/hooks/poststart/0",
            r#"{"path": "/x", "timeout": 0}"#,
            "hooks.poststart[0].timeout: 0: expected a number of seconds from 1 to 4294967295",
        ),
        (
            "/hooks/prestart/0",
            r#"{"path": "/x", "timeout": -1}"#,
            "hooks.prestart[0].timeout: -1: expected a number of seconds from 1 to 4294967295",
        ),
    ]);
}

#[test]
fn sysctl_and_cgroup() {
    check_refusals(&[
        (
            "/linux/sysctl",
            r#"{"vm.swappiness": "1"}"#,
            r#"linux.sysctl: "vm.swappiness": is the whole host's, not a container's"#,
        ),
        (
            "/linux/sysctl",
            r#"{"kernel.core_pattern": "|x"}"#,
            r#"linux.sysctl: "kernel.core_pattern": is the whole host's, not a container's"#,
        ),
        (
            "/linux/sysctl",
            r#"{"kernel/hostname": "x"}"#,
            r#"linux.sysctl: "kernel/hostname": use the property hostname"#,
        ),
        (
            "/linux/sysctl",
            r#"{"net/../kernel/x": "1"}"#,
            r#"linux.sysctl: "net/../kernel/x": is not a name below /proc/sys"#,
        ),
        (
            "/linux/sysctl",
            r#"{"net..x": "1"}"#,
            r#"linux.sysctl: "net..x": is not a name below /proc/sys"#,
        ),
        (
            "/linux/sysctl",
            r#"{"/net/x": "1"}"#,
            r#"linux.sysctl: "/net/x": is not a name below /proc/sys"#,
        ),
        (
            "/linux/sysctl",
            r#"{"": "1"}"#,
            r#"linux.sysctl: "": is not a name below /proc/sys"#,
        ),
        (
            "/linux/cgroupsPath",
            r#""/a/../../b""#,
            r#"linux.cgroupsPath: "/a/../../b": must not lead out of its hierarchy by "..""#,
        ),
    ]);
    let host = super::Facts {
        joins_own_network: true,
        ..FACTS
    };
    assert_eq!(
        refused(&[("/linux/sysctl", r#"{"net.core.x": "1"}"#)], &host),
        r#"config.json: linux.sysctl: "net.core.x": the network namespace is the host's"#
    );
}

/// Whatever the document holds, the line stays one line, and not a long one.
#[test]
fn odd_text() {
    check_refusals(&[(
        "/process/cwd",
        r#""\n\u001b[31m\"x\\""#,
        r#"process.cwd: "\u000a\u001b[31m\"x\\": must be an absolute path"#,
    )]);
    let long = format!("\"{}\"", "x".repeat(5000));
    let line = refused(&[("/process/cwd", &long)], &FACTS);
    assert_eq!(
        line,
        format!(
            "config.json: process.cwd: \"{}...\": must be an absolute path",
            "x".repeat(120)
        )
    );
}
