//! Whole documents: the default template, and that nothing is allocated for it.

use super::{FACTS, plan_of};
use init::plan::{DeviceRule, Source};
use linux_raw_sys::general::{
    CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS, MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MOUNT_ATTR_STRICTATIME,
};

/// The text that `spec` writes.
const TEMPLATE: &str = include_str!("../../verb/spec/expected.json");

#[test]
fn the_template() {
    plan_of(TEMPLATE, &FACTS, |plan, warnings| {
        assert!(warnings.is_empty(), "{warnings:?}");
        let plan = plan.unwrap();
        assert_eq!(
            plan.namespaces.new,
            CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS
        );
        assert!(
            plan.namespaces.late == 0
                && plan.namespaces.join.is_empty()
                && plan.namespaces.uid_map.is_empty()
        );
        assert!(plan.root.readonly && plan.root.path == c"/bundle/rootfs" && plan.loopback);
        assert_eq!((plan.hostname, plan.domainname), (Some(c"runc"), None));
        assert_eq!(
            (plan.masked_paths.len(), plan.readonly_paths.len()),
            (10, 5)
        );
        let everything = DeviceRule {
            allow: false,
            kind: b'a',
            major: None,
            minor: None,
            access: 7,
        };
        assert_eq!(plan.cgroup.devices, [everything]);
        assert!(plan.cgroup.path.is_none() && !plan.cgroup.private);
        mounts(plan.mounts);
        let process = plan.process;
        assert!(
            process.terminal
                && process.no_new_privileges
                && process.find_home
                && process.set_groups
        );
        let sets = process.capabilities;
        assert_eq!(
            (sets.bounding, sets.effective, sets.permitted),
            (0x2000_0420, 0x2000_0420, 0x2000_0420)
        );
        assert_eq!((sets.inheritable, sets.ambient), (0, 0));
        assert_eq!(process.args.iter().collect::<Vec<_>>(), [c"sh"]);
        assert_eq!(
            process.path,
            c"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        );
        assert_eq!(
            (
                process.rlimits[0].resource,
                process.rlimits[0].soft,
                process.rlimits[0].hard
            ),
            (7, 1024, 1024)
        );
    });
}

fn mounts(mounts: &[init::plan::Mount<'_>]) {
    let all = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    let expected = [
        (c"/proc", "proc", 0),
        (c"/dev", "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME),
        (c"/dev/pts", "devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC),
        (c"/dev/shm", "tmpfs", all),
        (c"/dev/mqueue", "mqueue", all),
        (c"/sys", "sysfs", all | MOUNT_ATTR_RDONLY),
        (c"/sys/fs/cgroup", "", all | MOUNT_ATTR_RDONLY),
    ];
    assert_eq!(mounts.len(), expected.len());
    for (mount, (target, kind, set)) in mounts.iter().zip(expected) {
        let found = match mount.source {
            Source::Filesystem(fs) => fs.kind.to_str().unwrap(),
            Source::Cgroup => "",
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (mount.target, found, mount.set),
            (target, kind, u64::from(set))
        );
        assert!(!mount.late_readonly && mount.propagation.is_empty());
    }
}

/// Counted: a plan that is accepted takes nothing from the heap, and its arena has room to spare.
#[test]
fn nothing_is_allocated() {
    let mut longest = super::base();
    let many: Vec<String> = (0..2000).map(|at| format!("N{at}=x")).collect();
    longest["process"]["env"] = serde_json::json!(many);
    longest["annotations"] = serde_json::json!({"a": "b\n"});
    longest["linux"]["sysctl"] = serde_json::json!({"net.a": "1"});
    longest["mounts"] = (0..500)
        .map(|_| serde_json::json!({"destination": "/a", "type": "t"}))
        .collect();
    for text in [TEMPLATE.to_owned(), longest.to_string()] {
        let mut buffer = text.into_bytes();
        let arena = init::sys::arena::Arena::new(super::arena_size(buffer.len())).unwrap();
        let mut accepted = false;
        let counted = allocation_counter::measure(|| {
            let spec = spec_min::parse_spec(&mut buffer).expect("valid");
            accepted = super::container(&spec, &FACTS, &arena, &mut |_, _| ()).is_ok();
        });
        assert!(accepted);
        assert_eq!(counted.count_total, 0);
    }
}

/// The densest lists there are: a few bytes each in the document, and much more in the plan.
#[test]
fn the_arena_is_large_enough() {
    // Just above a power of two, where the hash table of the environment is at its emptiest.
    const COUNT: usize = 33_000;
    for (pointer, item, count) in [
        (
            "/mounts",
            r#"{"destination":"/a","type":"t","options":[]}"#,
            COUNT,
        ),
        ("/process/env", r#""A=""#, COUNT),
        ("/process/args", r#""a""#, COUNT),
        ("/process/user/additionalGids", "1", COUNT),
        ("/linux/maskedPaths", r#""/""#, COUNT),
        ("/linux/devices", r#"{"type":"p","path":"/"}"#, COUNT),
        ("/linux/resources/devices", r#"{"access":"r"}"#, COUNT),
        ("/hooks/poststop", r#"{"path":"/"}"#, COUNT),
    ] {
        let list = format!("[{}]", vec![item; count].join(","));
        super::accepted(&[(pointer, &list)], &FACTS, |_| ());
    }
    let options = format!(
        r#"{{"destination":"/a","type":"t","options":[{}]}}"#,
        vec![r#""a""#; COUNT].join(",")
    );
    super::accepted(&[("/mounts/0", &options)], &FACTS, |_| ());
    let commas = format!(
        r#"{{"destination":"/a","type":"t","options":["{}"]}}"#,
        vec!["a"; COUNT].join(",")
    );
    super::accepted(&[("/mounts/0", &commas)], &FACTS, |_| ());
    let annotations = serde_json::json!({"a": "\"".repeat(COUNT)}).to_string();
    super::accepted(&[("/annotations", &annotations)], &FACTS, |_| ());
}
