//! `linux.intelRdt`.

use super::{FACTS, accepted, refused};

fn lines(text: &str) -> String {
    accepted(&[("/linux/intelRdt", text)], &FACTS, |plan| {
        let rdt = plan.rdt.expect("a class");
        let lines: Vec<_> = rdt
            .lines
            .iter()
            .map(|line| line.escape_ascii().to_string())
            .collect();
        format!(
            "{:?} {} {} {}",
            rdt.class,
            rdt.named,
            lines.join("|"),
            rdt.monitor
        )
    })
}

#[test]
fn lowered() {
    let id = format!("{:?}", FACTS.id);
    for (text, expected) in [
        ("{}", format!("{id} false  false")),
        (r#"{"closID": "gold"}"#, "\"gold\" true  false".into()),
        (
            r#"{"closID": "/", "enableMonitoring": true}"#,
            "\"\" true  true".into(),
        ),
        (
            r#"{"schemata": ["L2:0=3"], "memBwSchema": "MB:0=20", "l3CacheSchema": "L3:0=f"}"#,
            format!("{id} false L3:0=f|MB:0=20|L2:0=3 false"),
        ),
        (
            r#"{"l3CacheSchema": "MB:0=10\nL3:0=f\n", "memBwSchema": "MB:0=20"}"#,
            format!("{id} false L3:0=f|MB:0=20 false"),
        ),
        (
            r#"{"l3CacheSchema": "MB:0=10\nL3:0=f"}"#,
            format!("{id} false MB:0=10|L3:0=f false"),
        ),
    ] {
        assert_eq!(lines(text), expected, "{text}");
    }
}

#[test]
fn refusals() {
    for (text, expected) in [
        (
            r#"{"closID": "a/b"}"#,
            r#"closID: "a/b": a name without slashes"#,
        ),
        (r#"{"closID": ".."}"#, r#"closID: "..": a name without"#),
        (r#"{"closID": "info"}"#, r#"closID: "info": a name without"#),
        (
            r#"{"memBwSchema": "L3:0=f"}"#,
            "memBwSchema: one line that begins with MB: is needed",
        ),
        (
            r#"{"memBwSchema": "MB:0=1\nL3:0=f"}"#,
            "memBwSchema: one line",
        ),
    ] {
        let got = refused(&[("/linux/intelRdt", text)], &FACTS);
        assert!(
            got.starts_with(&format!("config.json: linux.intelRdt.{expected}")),
            "{got}"
        );
    }
}
