//! One more process in a container: the same lowering, and nothing to make.

use super::super::{arena_size, process};
use super::{FACTS, Facts, base};
use init::plan::{Plan, Switch};
use init::sys::arena::Arena;

fn exec<R>(
    text: &str,
    facts: &Facts<'_>,
    see: impl FnOnce(Result<Plan<'_>, super::Refusal>) -> R,
) -> R {
    let mut config = base().to_string().into_bytes();
    let mut document = text.as_bytes().to_vec();
    let arena = Arena::new(arena_size(document.len())).unwrap();
    let spec = spec_min::parse_spec(&mut config).unwrap();
    let wanted = spec_min::parse_process(&mut document).unwrap();
    let plan = process(&wanted, &spec, facts, &arena, &mut |path, text| {
        panic!("{path}: {text}")
    });
    see(plan.map(|plan| *plan))
}

#[test]
fn nothing_is_made() {
    exec(
        r#"{"args": ["id", "-u"], "cwd": "/tmp", "user": {"uid": 7}}"#,
        &FACTS,
        |plan| {
            let plan = plan.unwrap();
            assert_eq!(plan.root.switch, Switch::Stay);
            assert_eq!(plan.namespaces.new | plan.namespaces.late, 0);
            assert!(
                plan.mounts.is_empty()
                    && plan.devices.is_empty()
                    && plan.links.is_empty()
                    && !plan.loopback
            );
            assert_eq!(plan.process.args.iter().collect::<Vec<_>>(), [c"id", c"-u"]);
            assert_eq!((plan.process.uid, plan.process.cwd), (7, c"/tmp"));
        },
    );
}

#[test]
fn refusals_name_the_document() {
    let facts = Facts {
        document: "process.json",
        ..FACTS
    };
    exec(r#"{"args": ["id"]}"#, &facts, |plan| {
        let line = plan.unwrap_err().to_string();
        assert_eq!(
            line,
            r#"process.json: process.cwd: required: the directory to start in, such as "/""#
        );
    });
}

#[test]
fn cpus() {
    for (list, mask) in [
        ("0", &[1][..]),
        ("0-3,7", &[0x8f]),
        (" 1 , 63-64,,", &[1 << 63 | 2, 1]),
        ("8191", &[&[0; 127][..], &[1 << 63]].concat()),
        ("", &[]),
    ] {
        let text = format!(
            r#"{{"args": ["a"], "cwd": "/", "execCPUAffinity": {{"initial": "{list}", "final": "5"}}}}"#
        );
        exec(&text, &FACTS, |plan| {
            let process = plan.unwrap().process;
            assert_eq!(
                (process.initial_cpus, process.cpus),
                (mask, &[32][..]),
                "{list}"
            );
        });
    }
    for list in [
        "x",
        "1-",
        "-1",
        "2-1",
        "8192",
        "0-99999999999999999999",
        "0 1",
        ",",
        "0-1-2",
    ] {
        let text =
            format!(r#"{{"args": ["a"], "cwd": "/", "execCPUAffinity": {{"final": "{list}"}}}}"#);
        exec(&text, &FACTS, |plan| {
            assert_eq!(
                plan.unwrap_err().to_string(),
                format!(
                    "config.json: process.execCPUAffinity.final: \"{list}\": expected CPUs from 0 to 8191, such as \"0-3,7\""
                )
            );
        });
    }
}
