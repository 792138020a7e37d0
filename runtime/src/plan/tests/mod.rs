//! The plan of whole documents: a small valid config, changed at a few places.

mod exec;
mod expected;
mod gathered;
mod host;
mod netdevices;
mod nothing_asked;
mod options;
mod process;
mod rdt;
mod refused_files;
mod refused_namespaces;
mod refused_process;
mod resources;
mod seccomp;
mod unit;
mod warnings;

use super::{Facts, Refusal, arena_size, container};
use init::plan::Plan;
use init::sys::arena::Arena;
use serde_json::{Value, json};

/// What root on an ordinary host finds out.
const FACTS: Facts<'static> = Facts {
    id: c"box",
    bundle: c"/bundle",
    kcore: true,
    ..Facts::OF_DOCUMENT
};

/// What an ordinary user does.
const ORDINARY: Facts<'static> = Facts {
    rootless: true,
    euid: 1000,
    egid: 1000,
    ..FACTS
};

/// A JSON pointer (RFC 6901) and what to put there; an empty text takes away what is there.
type Change<'t> = (&'t str, &'t str);

/// A config with all kinds of namespaces but user and time.
fn base() -> Value {
    json!({
        "ociVersion": "1.2.0",
        "process": {"args": ["sh"], "cwd": "/", "env": ["PATH=/bin"]},
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [
            {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}
        ]}
    })
}

/// The changes of the base that give it a user namespace in which an ordinary user is root.
const ROOTLESS: [Change<'static>; 3] = [
    ("/linux/namespaces/-", r#"{"type": "user"}"#),
    (
        "/linux/uidMappings",
        r#"[{"containerID": 0, "hostID": 1000, "size": 1}]"#,
    ),
    (
        "/linux/gidMappings",
        r#"[{"containerID": 0, "hostID": 1000, "size": 1}]"#,
    ),
];

fn change(document: &mut Value, changes: &[Change<'_>]) {
    for (pointer, text) in changes {
        let (mut keys, mut at) = (pointer[1..].split('/').peekable(), &mut *document);
        while let Some(key) = keys.next() {
            if keys.peek().is_none() && text.is_empty() {
                at.as_object_mut().expect(pointer).remove(key);
                break;
            }
            if at.is_null() {
                *at = if key == "-" || key == "0" {
                    json!([])
                } else {
                    json!({})
                };
            }
            at = match at {
                Value::Array(list) => {
                    let index = key.parse().unwrap_or(list.len());
                    if index == list.len() {
                        list.push(Value::Null);
                    }
                    &mut list[index]
                }
                other => &mut other[key],
            };
            if keys.peek().is_none() {
                *at = serde_json::from_str(text).expect(text);
            }
        }
    }
}

/// Makes the plan of a text and shows it, with the warnings on the way.
fn plan_of<R>(
    text: &str,
    facts: &Facts<'_>,
    see: impl FnOnce(Result<Plan<'_>, Refusal>, &[String]) -> R,
) -> R {
    let mut buffer = text.as_bytes().to_vec();
    let arena = Arena::new(arena_size(buffer.len())).expect("memory");
    let spec = match spec_min::parse_spec(&mut buffer) {
        Ok(spec) => spec,
        Err(error) => panic!("{error}\n{text}"),
    };
    let mut warnings = Vec::new();
    let plan = container(&spec, facts, &arena, &mut |path, text| {
        warnings.push(format!("{path}: {text}"))
    });
    see(plan.map(|plan| *plan), &warnings)
}

/// The same for the base with changes.
fn plan<R>(
    changes: &[Change<'_>],
    facts: &Facts<'_>,
    see: impl FnOnce(Result<Plan<'_>, Refusal>, &[String]) -> R,
) -> R {
    let mut document = base();
    change(&mut document, changes);
    plan_of(&document.to_string(), facts, see)
}

/// The plan of the base with changes, which must be accepted without a warning.
fn accepted<R>(changes: &[Change<'_>], facts: &Facts<'_>, see: impl FnOnce(Plan<'_>) -> R) -> R {
    plan(changes, facts, |plan, warnings| {
        assert_eq!(warnings, [] as [String; 0], "{changes:?}");
        match plan {
            Ok(plan) => see(plan),
            Err(refusal) => panic!("{refusal}\n{changes:?}"),
        }
    })
}

/// The one line that refuses the base with changes.
fn refused(changes: &[Change<'_>], facts: &Facts<'_>) -> String {
    plan(changes, facts, |plan, _| match plan {
        Ok(_) => panic!("accepted: {changes:?}"),
        Err(refusal) => refusal.to_string(),
    })
}

/// Checks a table of changes, each a single one, and the lines that refuse them.
fn check_refusals(rows: &[(&str, &str, &str)]) {
    for (pointer, text, line) in rows {
        assert_eq!(
            refused(&[(pointer, text)], &FACTS),
            format!("config.json: {line}"),
            "{pointer} {text}"
        );
    }
}
