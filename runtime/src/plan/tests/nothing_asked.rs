//! Values that ask for nothing.

use super::{FACTS, accepted};

#[test]
fn pass() {
    for (pointer, text) in [
        ("/linux/seccomp", "null"),
        ("/linux/netDevices", "{}"),
        ("/process/execCPUAffinity", "{}"),
        ("/linux/memoryPolicy", "{}"),
    ] {
        accepted(&[(pointer, text)], &FACTS, |_| ());
    }
}
