//! Devices and ownership.

use super::*;
use init::plan::{ACCESS_READ, DeviceRule};
use init::sys::bpf;
use rustix::fs::{Uid, stat};

const DENY_ALL: DeviceRule = DeviceRule {
    allow: false,
    kind: b'a',
    major: None,
    minor: None,
    access: 7,
};
const KMSG: DeviceRule = DeviceRule {
    allow: true,
    kind: b'c',
    major: Some(1),
    minor: Some(11),
    access: ACCESS_READ,
};

/// Whether a process in the group can open each file for reading.
fn may_open(group: &Group, file: &str) -> bool {
    let command = "read go; exec 3<\"$0\"";
    let mut child = Command::new("sh")
        .args(["-c", command, file])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    join(group, &child);
    drop(child.stdin.take());
    child.wait().unwrap().success()
}

fn device_rules(it: &Scratch) {
    assert!(may_open(&it.0, "/dev/kmsg"));
    assert_eq!(it.0.restrict_devices(&[]).unwrap(), Enforced::Yes);
    assert!(!may_open(&it.0, "/dev/kmsg"));
    assert!(may_open(&it.0, "/dev/null"));
    it.0.restrict_devices(&[DENY_ALL, KMSG]).unwrap();
    assert!(may_open(&it.0, "/dev/kmsg"));
    it.0.restrict_devices(&[DENY_ALL]).unwrap();
    assert!(!may_open(&it.0, "/dev/kmsg"));
    it.0.restrict_devices(&[
        DENY_ALL,
        DeviceRule {
            allow: true,
            ..DENY_ALL
        },
    ])
    .unwrap();
    assert!(may_open(&it.0, "/dev/kmsg"));
}

#[test]
fn devices_v1() {
    let Some(it) = scratch_of(Version::V1) else {
        return;
    };
    device_rules(&it);
    it.0.restrict_devices(&[DENY_ALL]).unwrap();
    let list =
        it.0.member("devices")
            .unwrap()
            .read("devices.list")
            .unwrap();
    assert_eq!(list.lines().count(), devices::EVERYONE.len(), "{list}");
}

#[test]
fn devices_v2() {
    let Some(it) = scratch_of(Version::V2) else {
        return;
    };
    device_rules(&it);
    let dir = it.0.members[0].open("", OFlags::RDONLY).unwrap();
    let count = || bpf::device_filters(&dir, &mut [0; bpf::MOST_FILTERS]).unwrap();
    assert_eq!(count(), 0);
    for _ in 0..200 {
        it.0.restrict_devices(&[DENY_ALL]).unwrap();
    }
    assert_eq!(count(), 1);
}

#[test]
fn handing_over() {
    let Some(mut it) = scratch_of(Version::V2) else {
        return;
    };
    it.0.unified = true;
    it.0.delegate(Uid::from_raw(12345)).unwrap();
    let (_, path) = it.0.paths().next().unwrap();
    assert_eq!(stat(&*path).unwrap().st_uid, 12345);
    assert_eq!(stat(format!("{path}/cgroup.procs")).unwrap().st_uid, 12345);
    assert_eq!(stat(format!("{path}/cgroup.events")).unwrap().st_uid, 0);
}
