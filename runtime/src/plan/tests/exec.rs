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
    see(process(&wanted, &spec, facts, &arena, &mut |path, text| {
        panic!("{path}: {text}")
    }))
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
