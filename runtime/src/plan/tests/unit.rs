//! `--systemd-cgroup`: `linux.cgroupsPath` as `slice:prefix:name`, and annotations that are properties of the unit.

use super::{Change, FACTS, ORDINARY, ROOTLESS, accepted, refused};
use crate::dbus::wire::Wire;
use crate::plan::Facts;

const SYSTEMD: Facts<'static> = Facts {
    systemd: true,
    ..FACTS
};

const USERS: Facts<'static> = Facts {
    systemd: true,
    ..ORDINARY
};

fn path(path: &str) -> String {
    serde_json::to_string(path).unwrap()
}

#[test]
fn names() {
    for (asked, slice, name) in [
        ("", "system.slice", "runc-box.scope"),
        ("::x", "system.slice", "-x.scope"),
        (":docker:1f", "system.slice", "docker-1f.scope"),
        (
            "machine.slice:libpod:1f",
            "machine.slice",
            "libpod-1f.scope",
        ),
        ("a-b.slice:cri:x.y@z", "a-b.slice", "cri-x.y@z.scope"),
        ("-.slice:p:n", "-.slice", "p-n.scope"),
        (
            "kube.slice:p:kube-pod.slice",
            "kube.slice",
            "kube-pod.slice",
        ),
    ] {
        accepted(&[("/linux/cgroupsPath", &path(asked))], &SYSTEMD, |plan| {
            let unit = plan.cgroup.unit.expect("a unit");
            assert_eq!((unit.slice, unit.name), (slice, name), "{asked}");
            assert!(!unit.user && unit.properties.is_empty());
        });
    }
    accepted(&ROOTLESS, &USERS, |plan| {
        let unit = plan.cgroup.unit.expect("a unit");
        assert_eq!((unit.slice, unit.name), ("user.slice", "runc-box.scope"));
        assert!(unit.user);
    });
    // Without the option it is a path like any other.
    accepted(
        &[("/linux/cgroupsPath", "\"a.slice:b:c\"")],
        &FACTS,
        |plan| {
            assert!(plan.cgroup.unit.is_none());
        },
    );
}

#[test]
fn no_names() {
    const PARTS: &str = "expected \"slice:prefix:name\" because of --systemd-cgroup";
    const UNIT: &str =
        "this is no name for a unit: letters, digits and -_.\\@, 255 at most with .scope";
    const SLICE: &str = "a slice is called like a-b.slice, which is in a.slice";
    let long = ["a.slice:p:", &"x".repeat(250)].concat();
    for (asked, why) in [
        ("/mote/box", PARTS),
        ("a.slice:b", PARTS),
        ("a.slice:b:c:d", PARTS),
        ("a.slice:b:", UNIT),
        ("a.slice:b:c/d", UNIT),
        ("a.slice:b b:c", UNIT),
        ("a.slice:b:c'", UNIT),
        (&long, UNIT),
        ("a:b:c", SLICE),
        ("a/b.slice:p:c", SLICE),
        ("a--b.slice:p:c", SLICE),
        (".slice:p:c", SLICE),
        ("-a.slice:p:c", SLICE),
        ("::-.slice", SLICE),
        ("::a-.slice", SLICE),
        ("::.slice", SLICE),
    ] {
        let line = refused(&[("/linux/cgroupsPath", &path(asked))], &SYSTEMD);
        assert!(
            line.starts_with("config.json: linux.cgroupsPath: \""),
            "{line}"
        );
        assert!(line.ends_with(why), "{asked}: {line}");
    }
    let odd = Facts {
        id: c"a+b",
        ..SYSTEMD
    };
    let line = refused(&[], &odd);
    assert_eq!(
        line,
        ["config.json: linux.cgroupsPath: \"a+b\": ", UNIT].concat()
    );
}

#[test]
fn annotations_are_properties() {
    let annotations = r#"{"org.systemd.property.TimeoutStopSec": "uint64 7", "other": "[", "org.systemd.property.After": "['a']"}"#;
    let changes: [Change<'_>; 1] = [("/annotations", annotations)];
    let mut wire = Wire::default();
    wire.property("After", "as");
    wire.array(4, &mut |list| list.text("a"));
    wire.property("TimeoutStopUSec", "t");
    wire.number(8, 7_000_000);
    accepted(&changes, &SYSTEMD, |plan| {
        assert_eq!(plan.cgroup.unit.expect("a unit").properties, wire.0);
    });
    accepted(&changes, &FACTS, |plan| assert!(plan.cgroup.unit.is_none()));
    for (name, value, why) in [
        (
            "T",
            "true",
            "expected a property's name: letters, at least three",
        ),
        (
            "Tasks_Max",
            "1",
            "expected a property's name: letters, at least three",
        ),
        (
            "TasksMax",
            "",
            "expected a value such as true, uint64 7, 'text' or ['a', 'b']",
        ),
        ("TasksMax", "byte 256", "this number does not fit its type"),
        ("TasksMax", "7 7", "there is more behind the value"),
        ("TimeoutStopSec", "'7'", "expected a number of seconds"),
        (
            "After",
            "[]",
            "an empty list needs its type, such as @as []",
        ),
    ] {
        let key = ["org.systemd.property.", name].concat();
        let document = serde_json::json!({ &key: value }).to_string();
        let line = refused(&[("/annotations", &document)], &SYSTEMD);
        let want = format!("config.json: annotations[\"{key}\"]: \"{value}\": {why}");
        assert_eq!(line, want);
    }
}
