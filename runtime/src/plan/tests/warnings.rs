//! What is odd but not wrong.

use super::{FACTS, plan};

#[test]
fn one_each() {
    for (pointer, text, warning) in [
        (
            "/mounts/0",
            r#"{"destination": "a", "type": "tmpfs"}"#,
            r#"mounts[0].destination: "a": not absolute; taken as seen from /"#,
        ),
        (
            "/mounts/0",
            r#"{"destination": "/a", "source": "/b", "options": ["bind", "sync"]}"#,
            "mounts[0].options: what concerns the whole file system is left as it is",
        ),
        (
            "/mounts/0",
            r#"{"destination": "/a", "type": "cgroup", "options": ["nsdelegate"]}"#,
            "mounts[0].options: options of the cgroup file system are the host's",
        ),
        (
            "/hooks/prestart/0",
            r#"{"path": "/h"}"#,
            "hooks.prestart: deprecated; use createRuntime, createContainer or startContainer",
        ),
        (
            "/linux/resources/memory/kernel",
            "1",
            "linux.resources.memory.kernel: deprecated, ignored",
        ),
        (
            "/linux/resources/memory/kernelTCP",
            "1",
            "linux.resources.memory.kernelTCP: deprecated, ignored",
        ),
        (
            "/linux/resources/memory/useHierarchy",
            "true",
            "linux.resources.memory.useHierarchy: deprecated, ignored",
        ),
    ] {
        plan(&[(pointer, text)], &FACTS, |plan, warnings| {
            assert!(plan.is_ok(), "{plan:?}");
            assert_eq!(warnings, [warning]);
        });
    }
}
