//! What is refused until it is supported, and the values that ask for nothing.

use super::{FACTS, accepted, refused};

#[test]
fn by_name() {
    for (pointer, text) in [
        ("/linux/intelRdt", r#"{"closID": "a"}"#),
        ("/linux/netDevices", r#"{"eth0": {}}"#),
    ] {
        let property = pointer[1..].replace('/', ".");
        assert_eq!(
            refused(&[(pointer, text)], &FACTS),
            format!("config.json: {property}: not supported yet; leave it out"),
            "{text}"
        );
    }
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
