//! Profiles: what is refused and with which line, and what seccomp(2) gets besides the program.

use super::{FACTS, Facts, arena_size};
use crate::plan::{Filter, filter};
use crate::seccomp::arch::{ARCHS, called};
use crate::seccomp::syscalls;
use init::sys::arena::Arena;
use serde_json::{Value, json};

/// Makes the filter for x86_64 and shows it, with the warnings on the way.
fn made<R>(
    profile: &Value,
    facts: &Facts<'_>,
    see: impl FnOnce(Result<Option<Filter<'_>>, String>, &[String]) -> R,
) -> R {
    let document = json!({"ociVersion": "1.2.0", "linux": {"seccomp": profile}});
    let mut text = document.to_string().into_bytes();
    let arena = Arena::new(arena_size(text.len())).unwrap();
    let spec = spec_min::parse_spec(&mut text).unwrap();
    let mut warnings = Vec::new();
    let warn = &mut |path: &str, text: &str| {
        warnings.push(format!("{path}: {text}"));
    };
    let machine = called(b"x86_64").unwrap();
    let filter = filter(&spec, machine, facts, &arena, warn);
    see(filter.map_err(|refusal| refusal.to_string()), &warnings)
}

fn refused(profile: &Value) -> String {
    made(profile, &FACTS, |filter, _| match filter {
        Ok(_) => panic!("accepted: {profile}"),
        Err(line) => line,
    })
}

#[test]
fn what_is_refused() {
    let rule = |rule: Value| json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]});
    let arg =
        |arg: Value| rule(json!({"names": ["read"], "action": "SCMP_ACT_KILL", "args": [arg]}));
    const ACTIONS: &str = "SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG or SCMP_ACT_NOTIFY";
    const OPS: &str = "SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT or SCMP_CMP_MASKED_EQ";
    let rows = [
        (
            json!({"defaultAction": "ALLOW"}),
            format!(r#".defaultAction: "ALLOW": expected {ACTIONS}"#),
        ),
        (
            json!({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL"}]}),
            format!(".defaultAction: required: {ACTIONS}"),
        ),
        (
            json!({"defaultAction": "SCMP_ACT_NOTIFY"}),
            ".defaultAction: SCMP_ACT_NOTIFY would ask about the calls that starting it takes".into(),
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}),
            ".defaultErrnoRet: 4096: at most 4095".into(),
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}),
            ".defaultErrnoRet: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE have a number".into(),
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86", "x86"]}),
            r#".architectures[1]: "x86": no such architecture, as in SCMP_ARCH_X86_64"#.into(),
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG", "LOG"]}),
            r#".flags[1]: "LOG": expected SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW or SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"#.into(),
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}),
            ".listenerMetadata: needs a listenerPath".into(),
        ),
        (
            rule(json!({"names": ["read"], "action": "SCMP_ACT_NOTIFY"})),
            ".listenerPath: required: a rule has SCMP_ACT_NOTIFY".into(),
        ),
        (
            rule(json!({"names": ["read", "write"], "action": "SCMP_ACT_NOTIFY"})),
            r#".syscalls[0].names[1]: "write": SCMP_ACT_NOTIFY would ask about the call that hands the listener over"#.into(),
        ),
        (
            rule(json!({"names": ["read", ""], "action": "SCMP_ACT_KILL"})),
            r#".syscalls[0].names[1]: "": no system call has this name"#.into(),
        ),
        (
            rule(json!({"names": ["read"]})),
            format!(".syscalls[0].action: required: {ACTIONS}"),
        ),
        (
            rule(json!({"names": ["read"], "action": "SCMP_ACT_TRACE", "errnoRet": 65536})),
            ".syscalls[0].errnoRet: 65536: at most 65535".into(),
        ),
        (
            arg(json!({"index": 6, "value": 1, "op": "SCMP_CMP_EQ"})),
            ".syscalls[0].args[0].index: 6: a system call has arguments 0 to 5".into(),
        ),
        (
            arg(json!({"index": 0, "value": 1, "op": "=="})),
            format!(r#".syscalls[0].args[0].op: "==": expected {OPS}"#),
        ),
        (
            arg(json!({"index": 0, "value": 1})),
            format!(".syscalls[0].args[0].op: required: {OPS}"),
        ),
    ];
    for (profile, line) in rows {
        assert_eq!(
            refused(&profile),
            format!("config.json: linux.seccomp{line}"),
            "{profile}"
        );
    }
}

#[test]
fn too_long() {
    // Neighbours differ everywhere, on all architectures.
    let rules: Vec<Value> = (1..=syscalls::COUNT as u16)
        .map(|id| {
            let name = syscalls::name(id);
            json!({"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 + id})
        })
        .collect();
    let archs: Vec<String> = ARCHS
        .iter()
        .map(|arch| format!("SCMP_ARCH_{}", arch.name))
        .collect();
    let profile =
        json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": archs, "syscalls": rules});
    assert_eq!(
        refused(&profile),
        "config.json: linux.seccomp: its filter is longer than the 4096 instructions that the kernel takes"
    );
}

#[test]
fn flags_and_listener() {
    let loaded = |profile: Value| {
        made(&profile, &FACTS, |filter, _| {
            let loaded = filter.unwrap().unwrap().loaded;
            let listener = loaded
                .listener
                .map(|it| (it.path.to_owned(), it.metadata.to_owned()));
            (loaded.flags, listener)
        })
    };
    let allow = "SCMP_ACT_ALLOW";
    // runc's default is SPEC_ALLOW.
    assert_eq!(loaded(json!({"defaultAction": allow})), (4, None));
    assert_eq!(
        loaded(json!({"defaultAction": allow, "flags": []})),
        (0, None)
    );
    let flags = ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"];
    let flags = flags.map(|flag| format!("SECCOMP_FILTER_FLAG_{flag}"));
    let path = "/run/agent";
    let mut profile = json!({"defaultAction": allow, "flags": flags, "listenerPath": path});
    assert_eq!(loaded(profile.clone()), (6, None));
    profile["syscalls"] = json!([{"names": ["mknod"], "action": "SCMP_ACT_NOTIFY"}]);
    let listener = (c"/run/agent".to_owned(), c"".to_owned());
    assert_eq!(loaded(profile.clone()), (2 | 4 | 8 | 32, Some(listener)));
    profile["listenerMetadata"] = json!("m");
    assert_eq!(loaded(profile).1.unwrap().1, c"m".to_owned());
}

#[test]
fn none() {
    for profile in [
        json!(null),
        json!({}),
        json!({"defaultAction": "", "syscalls": []}),
    ] {
        made(&profile, &FACTS, |filter, _| {
            assert!(filter.unwrap().is_none(), "{profile}")
        });
    }
}

#[test]
fn unknown_names() {
    let profile = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["read", "frobnicate"], "action": "SCMP_ACT_KILL"}
    ]});
    made(&profile, &FACTS, |filter, warnings| {
        assert!(filter.unwrap().is_some());
        assert_eq!(warnings, [] as [String; 0]);
    });
    let debug = Facts {
        debug: true,
        ..FACTS
    };
    made(&profile, &debug, |_, warnings| {
        let line =
            r#"linux.seccomp.syscalls[0].names[1]: "frobnicate": unknown system call, left out"#;
        assert_eq!(warnings, [line]);
    });
}
