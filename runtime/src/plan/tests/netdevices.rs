//! `linux.netDevices`.

use super::{FACTS, accepted, refused};
use crate::plan::Facts;

#[test]
fn names() {
    for (text, expected) in [
        (r#"{"eth0": {}}"#, "eth0 eth0 "),
        (r#"{"eth0": {"name": ""}}"#, "eth0 eth0 "),
        (
            r#"{"eth0": {"name": "a%d"}, "eth1": {"name": "a%d"}}"#,
            "eth0 a%d eth1 a%d ",
        ),
        (r#"{"a": {"name": "b"}, "b": {"name": "a"}}"#, "a b b a "),
        (
            r#"{"fifteen-letters": {"name": "fifteen-letter2"}}"#,
            "fifteen-letters fifteen-letter2 ",
        ),
    ] {
        let got = accepted(&[("/linux/netDevices", text)], &FACTS, |plan| {
            plan.net_devices
                .iter()
                .map(|device| {
                    format!(
                        "{} {} ",
                        device.host.to_str().unwrap(),
                        device.name.to_str().unwrap()
                    )
                })
                .collect::<String>()
        });
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn refusals() {
    for text in [
        r#"{"": {}}"#,
        r#"{"sixteen-letters-": {}}"#,
        r#"{"a/b": {}}"#,
        r#"{"a:1": {}}"#,
        r#"{"a b": {}}"#,
        r#"{"..": {}}"#,
        r#"{"a%d": {}}"#,
        r#"{"a": {"name": "%d"}}"#,
        r#"{"a": {"name": "x%dy"}}"#,
        r#"{"a": {"name": "%s"}}"#,
    ] {
        let got = refused(&[("/linux/netDevices", text)], &FACTS);
        assert!(
            got.contains("the name of a network device is needed"),
            "{text}: {got}"
        );
    }
    let two = r#"{"a": {"name": "x"}, "b": {"name": "x"}}"#;
    let got = refused(&[("/linux/netDevices", two)], &FACTS);
    assert_eq!(
        got,
        "config.json: linux.netDevices: \"x\": two devices of one name"
    );
    let one = ("/linux/netDevices", r#"{"a": {}}"#);
    let got = refused(
        &[one, ("/linux/namespaces", r#"[{"type": "mount"}]"#)],
        &FACTS,
    );
    assert!(got.contains(r#"needs {"type": "network"}"#), "{got}");
    let facts = Facts {
        rootless: true,
        ..FACTS
    };
    assert!(refused(&[one], &facts).contains("it takes root"));
    let facts = Facts {
        joins_own_network: true,
        ..FACTS
    };
    assert!(refused(&[one], &facts).contains("is the host's"));
}
