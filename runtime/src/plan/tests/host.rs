//! What the host and the command line change.

use super::{FACTS, Facts, ORDINARY, ROOTLESS, accepted, refused};
use init::plan::Switch;
use linux_raw_sys::general::{
    CLONE_NEWCGROUP, CLONE_NEWTIME, CLONE_NEWUSER, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE,
    MS_UNBINDABLE,
};

#[test]
fn roots() {
    accepted(&[], &FACTS, |plan| {
        assert_eq!(
            (plan.root.path, plan.root.switch),
            (c"/bundle/rootfs", Switch::Pivot)
        );
        assert_eq!(
            (plan.root.host_propagation, plan.root.propagation),
            (MS_SLAVE | MS_REC, 0)
        );
    });
    accepted(
        &[("/root/path", r#""/r""#)],
        &Facts {
            no_pivot: true,
            ..FACTS
        },
        |plan| {
            assert_eq!((plan.root.path, plan.root.switch), (c"/r", Switch::Move));
        },
    );
    accepted(&[("/linux/namespaces", "[]")], &FACTS, |plan| {
        assert_eq!(plan.root.switch, Switch::Chroot)
    });
}

#[test]
fn propagation() {
    for (word, host, own) in [
        ("rshared", MS_SHARED | MS_REC, MS_SHARED | MS_REC),
        ("shared", MS_SHARED, MS_SHARED),
        ("private", MS_PRIVATE | MS_REC, MS_PRIVATE),
        ("slave", MS_SLAVE | MS_REC, MS_SLAVE),
        ("unbindable", MS_PRIVATE | MS_REC, MS_UNBINDABLE),
        ("runbindable", MS_PRIVATE | MS_REC, MS_UNBINDABLE | MS_REC),
        ("", MS_SLAVE | MS_REC, 0),
    ] {
        accepted(
            &[("/linux/rootfsPropagation", &format!("\"{word}\""))],
            &FACTS,
            |plan| {
                assert_eq!(
                    (plan.root.host_propagation, plan.root.propagation),
                    (host, own),
                    "{word}"
                );
            },
        );
    }
}

#[test]
fn namespaces_of_others() {
    let list = r#"[{"type": "mount", "path": "/m"}, {"type": "network", "path": "/n"}, {"type": "user", "path": "/u"},
        {"type": "cgroup"}, {"type": "time"}, {"type": "pid", "path": ""}]"#;
    accepted(
        &[
            ("/linux/namespaces", list),
            (
                "/linux/timeOffsets",
                r#"{"boottime": {"secs": -5, "nanosecs": 7}}"#,
            ),
        ],
        &FACTS,
        |plan| {
            let order: Vec<_> = plan.namespaces.join.iter().map(|join| join.path).collect();
            assert_eq!(order, [c"/u", c"/n", c"/m"]);
            assert_eq!(plan.namespaces.late, CLONE_NEWCGROUP | CLONE_NEWTIME);
            assert_eq!(plan.namespaces.new, linux_raw_sys::general::CLONE_NEWPID);
            assert!(!plan.loopback && plan.bind_devices);
            let offset = plan.namespaces.offsets[0];
            assert_eq!(
                (offset.clock, offset.secs, offset.nanos),
                (c"boottime", -5, 7)
            );
        },
    );
}

#[test]
fn an_ordinary_user() {
    accepted(&ROOTLESS, &ORDINARY, |plan| {
        assert!(
            plan.namespaces.new & CLONE_NEWUSER != 0 && plan.bind_devices && plan.cgroup.lenient
        );
        assert_eq!(plan.namespaces.uid_map.len(), 1);
        assert_eq!(plan.namespaces.uid_map[0].outside, 1000);
    });
    assert_eq!(
        refused(&[], &ORDINARY),
        r#"config.json: linux.namespaces: an ordinary user needs {"type": "user"} in it; `spec --rootless` writes such a config"#
    );
    let mut changes = ROOTLESS.to_vec();
    changes.push((
        "/mounts/0",
        r#"{"destination": "/dev/pts", "type": "devpts", "options": ["gid=5"]}"#,
    ));
    assert_eq!(
        refused(&changes, &ORDINARY),
        r#"config.json: mounts[0].options: "gid=5": linux.gidMappings don't have it"#
    );
}

#[test]
fn devices_and_links() {
    let paths = |plan: &init::plan::Plan<'_>| {
        plan.devices
            .iter()
            .map(|device| device.path.to_owned())
            .collect::<Vec<_>>()
    };
    accepted(&[], &FACTS, |plan| {
        assert_eq!(
            paths(&plan),
            [
                c"/dev/null",
                c"/dev/zero",
                c"/dev/full",
                c"/dev/random",
                c"/dev/urandom",
                c"/dev/tty"
            ]
            .map(|path| path.to_owned())
        );
        assert!(plan.devices.iter().all(|device| device.mode == 0o20666));
        assert_eq!(plan.links.len(), 6);
    });
    accepted(
        &[],
        &Facts {
            kcore: false,
            in_user_namespace: true,
            ..FACTS
        },
        |plan| {
            assert_eq!(plan.links.len(), 5);
            assert!(plan.bind_devices);
        },
    );
    let own = r#"[{"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 432, "uid": 4, "gid": 5},
        {"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2}, {"path": "/x//y", "type": "p", "fileMode": 4532},
        {"path": "/dev/b", "type": "b", "major": 8, "minor": 1}]"#;
    accepted(&[("/linux/devices", own)], &FACTS, |plan| {
        let last: Vec<_> = plan.devices[5..]
            .iter()
            .map(|device| (device.path, device.mode, device.major, device.minor))
            .collect();
        assert_eq!(
            last,
            [
                (c"/dev/null", 0o20660, 1, 3),
                (c"/x/y", 0o10664, 0, 0),
                (c"/dev/b", 0o60666, 8, 1)
            ]
        );
        assert_eq!((plan.devices[5].uid, plan.devices[5].gid), (4, 5));
    });
    accepted(
        &[(
            "/mounts/0",
            r#"{"destination": "/dev/", "source": "/dev", "options": ["rbind"]}"#,
        )],
        &FACTS,
        |plan| {
            assert!(plan.devices.is_empty() && plan.links.is_empty());
        },
    );
}

#[test]
fn sysctl_paths() {
    let map = r#"{"net.ipv4.conf.eth0/1.forwarding": "1", "net/ipv4/conf/eth0.1/x": "2", "kernel.sem": "3", "kernel/domainname": "d"}"#;
    accepted(&[("/linux/sysctl", map)], &FACTS, |plan| {
        let mut paths: Vec<_> = plan.sysctl.iter().map(|sysctl| sysctl.path).collect();
        paths.sort();
        assert_eq!(
            paths,
            [
                c"sys/kernel/domainname",
                c"sys/kernel/sem",
                c"sys/net/ipv4/conf/eth0.1/forwarding",
                c"sys/net/ipv4/conf/eth0.1/x"
            ]
        );
    });
}

#[test]
fn hooks_and_their_state() {
    let changes = [
        (
            "/hooks/createRuntime/0",
            r#"{"path": "/h", "args": ["h", "x"], "env": [], "timeout": 3}"#,
        ),
        ("/hooks/poststop/0", r#"{"path": "/p"}"#),
        ("/annotations", r#"{"a\"b": "c\n\\", "ö": ""}"#),
    ];
    accepted(&changes, &FACTS, |plan| {
        let hook = plan.hooks.create_runtime[0];
        assert_eq!(hook.args.iter().collect::<Vec<_>>(), [c"h", c"x"]);
        assert_eq!(
            (hook.env.map(|env| env.iter().count()), hook.timeout),
            (Some(0), Some(3))
        );
        let hook = plan.hooks.poststop[0];
        assert_eq!(hook.args.iter().collect::<Vec<_>>(), [c"/p"]);
        assert!(hook.env.is_none() && hook.timeout.is_none());
        let state = [
            plan.state.head,
            b"created",
            plan.state.middle,
            b"7",
            plan.state.tail,
        ]
        .concat();
        let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
        assert_eq!(
            state,
            serde_json::json!({"ociVersion": "1.3.0", "id": "box", "status": "created", "pid": 7, "bundle": "/bundle",
                "annotations": {"a\"b": "c\n\\", "ö": ""}})
        );
    });
}

#[test]
fn versions() {
    for version in [
        "1.0.0",
        "1.0.2-dev",
        "1.1.0+dev",
        "1.2.1",
        "1.3.0",
        "1.3.9-rc.1",
        "1.0.0-rc5",
    ] {
        accepted(
            &[("/ociVersion", &format!("\"{version}\""))],
            &FACTS,
            |_| (),
        );
    }
}
