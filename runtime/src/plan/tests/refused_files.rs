//! Wrong mounts and devices, and the exact line that refuses each.

use super::{FACTS, check_refusals, refused};

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
            "mounts[0].options: without uidMappings and gidMappings the mount takes those of the container, which has no user namespace",
        ),
        (
            mount(r#""type": "tmpfs", "options": ["ridmap"]"#),
            "mounts[0].options: only a bind mount has an id map",
        ),
        (
            mount(
                r#""source": "/x", "options": ["rbind"], "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]"#,
            ),
            "mounts[0].options: uidMappings and gidMappings are needed, or neither",
        ),
        (
            mount(
                r#""source": "/x", "options": ["rbind"], "uidMappings": [{"containerID": 0, "hostID": 1, "size": 0}],
                "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]"#,
            ),
            "mounts[0].uidMappings[0].size: 0: must be at least 1",
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
fn a_warning_about_the_process_does_not_hide_a_refusal_before_it() {
    let changes = [
        ("/linux/readonlyPaths/0", r#""$/proc""#),
        ("/process/capabilities/effective/0", r#""CAP_ODD""#),
    ];
    assert_eq!(
        refused(&changes, &FACTS),
        "config.json: linux.readonlyPaths[0]: \"$/proc\": must be an absolute path"
    );
}
