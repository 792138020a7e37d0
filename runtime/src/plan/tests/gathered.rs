//! All problems of a document in one go.

use super::{Change, FACTS, base, change};
use crate::plan::{arena_size, check};
use core::cell::RefCell;
use init::sys::arena::Arena;

fn found(changes: &[Change<'_>]) -> Vec<String> {
    let mut document = base();
    change(&mut document, changes);
    let mut buffer = document.to_string().into_bytes();
    let arena = Arena::new(arena_size(buffer.len())).expect("memory");
    let spec = spec_min::parse_spec(&mut buffer).expect("types");
    let found = RefCell::default();
    check(&spec, &FACTS, &arena, &mut |_, _| {}, false, &found);
    found
        .into_inner()
        .iter()
        .map(|refusal| format!("{}: {}", refusal.path(), refusal.text()))
        .collect()
}

#[test]
fn nothing_to_say() {
    assert_eq!(found(&[]), [] as [&str; 0]);
}

#[test]
fn one_of_every_part() {
    let found = found(&[
        ("/ociVersion", "\"2.0.0\""),
        ("/process/cwd", "\"tmp\""),
        ("/process/args", "[]"),
        ("/process/env", "[\"A\", \"B=\", \"C\"]"),
        ("/process/oomScoreAdj", "2000"),
        (
            "/process/scheduler",
            "{\"policy\": \"SCHED_IDLE\", \"nice\": 50, \"priority\": 5}",
        ),
        (
            "/process/rlimits",
            "[{\"type\": \"RLIMIT_X\", \"soft\": 1, \"hard\": 1}, {\"type\": \"RLIMIT_CPU\", \"soft\": 2, \"hard\": 1}]",
        ),
        (
            "/mounts",
            "[{\"destination\": \"/a\"}, {\"destination\": \"/b\", \"type\": \"tmpfs\"}, {\"type\": \"tmpfs\"}]",
        ),
        ("/hooks/poststop", "[{\"path\": \"x\"}]"),
        (
            "/linux/uidMappings",
            "[{\"containerID\": 0, \"hostID\": 0, \"size\": 1}]",
        ),
        (
            "/linux/sysctl",
            "{\"vm.swappiness\": \"1\", \"net.core.somaxconn\": \"1\", \"kernel.hostname\": \"x\"}",
        ),
        (
            "/linux/devices",
            "[{\"path\": \"/dev/x\", \"type\": \"q\"}]",
        ),
        ("/linux/cgroupsPath", "\"../x\""),
        ("/linux/maskedPaths", "[\"proc\"]"),
    ]);
    let expected = [
        "ociVersion: \"2.0.0\"",
        "linux.uidMappings: needs",
        "mounts[0].type: required",
        "mounts[2].destination: required",
        "linux.devices[0].type: \"q\"",
        "hooks.poststop[0].path: \"x\"",
        "linux.maskedPaths[0]: \"proc\"",
        "linux.sysctl: \"vm.swappiness\"",
        "linux.sysctl: \"kernel.hostname\"",
        "process.env[0]: \"A\"",
        "process.env[2]: \"C\"",
        "process.args: required",
        "process.cwd: \"tmp\"",
        "process.rlimits[0].type: \"RLIMIT_X\"",
        "process.rlimits[1].soft: above",
        "process.oomScoreAdj: 2000",
        "process.scheduler.nice: 50",
        "process.scheduler.priority: 5",
        "linux.cgroupsPath: \"../x\"",
    ];
    for start in expected {
        assert!(
            found.iter().any(|line| line.starts_with(start)),
            "{start}\n{found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

/// A namespace with a misspelt type may be the one that something else needs, which then isn't wrong by itself.
#[test]
fn nothing_is_blamed_on_a_misspelt_namespace() {
    let found = found(&[
        (
            "/linux/namespaces",
            "[{\"type\": \"mnt\"}, {\"type\": \"pid\"}, {\"type\": \"pid\"}]",
        ),
        ("/hostname", "\"box\""),
        ("/root/readonly", "true"),
        ("/process/cwd", "\"tmp\""),
    ]);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("linux.namespaces[0].type: \"mnt\": expected"));
    assert_eq!(
        found[1],
        "linux.namespaces[2].type: \"pid\": listed a second time"
    );
    assert!(found[2].starts_with("process.cwd"));
}

/// What is refused of the namespaces to join takes no memory away from the others: found by fuzzing.
#[test]
fn namespaces_that_cannot_be_joined() {
    let found = found(&[(
        "/linux/namespaces",
        r#"[{"type": "mount"}, {"type": "ipc", "path": "proc"}, {"type": "uts", "path": "/a"}, {"type": "uts", "path": "/b"}]"#,
    )]);
    let expected = [
        "linux.namespaces[1].path: \"proc\"",
        "linux.namespaces[3].type: \"uts\"",
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (line, start) in found.iter().zip(expected) {
        assert!(line.starts_with(start), "{line}");
    }
}
