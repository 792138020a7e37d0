//! What is refused until it is supported, and the values that ask for nothing.

use super::{FACTS, accepted, refused};

#[test]
fn by_name() {
    assert_eq!(
        refused(&[("/linux/netDevices", r#"{"eth0": {}}"#)], &FACTS),
        "config.json: linux.netDevices: not supported yet; leave it out"
    );
}

#[test]
fn what_asks_for_nothing_passes() {
    for (pointer, text) in [
        ("/linux/seccomp", "null"),
        ("/linux/netDevices", "{}"),
        ("/process/execCPUAffinity", "{}"),
        ("/linux/memoryPolicy", "{}"),
    ] {
        accepted(&[(pointer, text)], &FACTS, |_| ());
    }
}
