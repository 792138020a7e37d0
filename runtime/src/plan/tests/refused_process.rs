//! Everything else that is wrong, and the exact line that refuses each.

use super::{FACTS, Facts, accepted, check_refusals, refused};

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
            r#"ociVersion: "0.1.0": a form from before 1.0.0, which is no longer read; `spec --from-legacy` converts it"#,
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
            "hostname: \"0123456789012345678901234567890123456789012345678901234567890123x\": the kernel takes 64 bytes",
        ),
    ]);
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
            "process.user.additionalGids[0]: 4294967295: is no id",
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
            "process.rlimits[0].type: required: RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_LOCKS, \
             RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RSS, RLIMIT_RTPRIO, \
             RLIMIT_RTTIME, RLIMIT_SIGPENDING or RLIMIT_STACK",
        ),
        (
            "/process/rlimits",
            r#"[{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}, {"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]"#,
            r#"process.rlimits[1].type: "RLIMIT_CORE": listed a second time"#,
        ),
        (
            "/process/rlimits/0",
            r#"{"type": "RLIMIT_CORE", "soft": 18446744073709551615, "hard": 1}"#,
            "process.rlimits[0].soft: above the hard limit",
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
        (
            r#"{"policy": "SCHED_OTHER", "runtime": 18446744073709551615}"#,
            "runtime: only SCHED_DEADLINE has it",
        ),
        (
            r#"{"policy": "SCHED_DEADLINE"}"#,
            "runtime: 0: expected at least 1024, in nanoseconds",
        ),
        (
            r#"{"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 1999}"#,
            "deadline: 1999: less than the runtime",
        ),
        (
            r#"{"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 2000, "period": 1999}"#,
            "period: 1999: less than the deadline",
        ),
        (
            r#"{"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 9223372036854775808}"#,
            "deadline: expected at most 9223372036854775807",
        ),
        (
            r#"{"policy": "SCHED_ISO"}"#,
            r#"policy: "SCHED_ISO": no kernel has this policy"#,
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
    let host = Facts {
        joins_own_network: true,
        ..FACTS
    };
    assert_eq!(
        refused(&[("/linux/sysctl", r#"{"net.core.x": "1"}"#)], &host),
        r#"config.json: linux.sysctl: "net.core.x": the network namespace is the host's"#
    );
}

#[test]
fn labels() {
    let without = Facts {
        selinux: false,
        ..FACTS
    };
    for property in ["process.selinuxLabel", "linux.mountLabel"] {
        let pointer = format!("/{}", property.replace('.', "/"));
        assert_eq!(
            refused(&[(&pointer, r#""a:b:c""#)], &without),
            format!("config.json: {property}: \"a:b:c\": this kernel has no SELinux; leave it out")
        );
        accepted(&[(&pointer, r#""""#)], &without, |_| ());
    }
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
