//! Repeated keys: which are told of, and where.

use spec_min::{Slot, parse_spec, repeated_keys};

fn repeated(text: &str, slots: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut slots = vec![Slot::default(); slots];
    let told = repeated_keys(&mut text.as_bytes().to_vec(), &mut slots, 4, &mut |error| {
        assert_eq!(text.as_bytes()[error.offset], b'"');
        lines.push(error.to_string());
    });
    told.expect("JSON");
    lines
}

#[test]
fn lines() {
    const WHY: &str = "the object has this key twice; the last value counts";
    for (text, expected) in [
        (
            r#"{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": "a"}]}"#,
            vec![],
        ),
        (
            r#"["a", "a", {"a": "b", "b": "a"}, "a", ["a", "a"], {}, "a"]"#,
            vec![],
        ),
        ("{\"a\": 1,\n  \"a\": 2}", vec!["2:3: a"]),
        (r#"{"a": "x", "\u0061": "x"}"#, vec!["1:12: a"]),
        (
            r#"{"linux": {"resources": {"devices": [{}, {"allow": true, "type": "c", "allow": false}]}}, "linux": null}"#,
            vec!["1:71: linux.resources.devices[1].allow", "1:91: linux"],
        ),
        (
            r#"{"a": {}, "b": 1, "a": [], "b": 1, "": 1, "": 2}"#,
            vec!["1:19: a", "1:28: b", "1:43: [\"\"]"],
        ),
        (
            r#"{"annotations": {"a b": "", "a": "", "a b": ""}}"#,
            vec!["1:38: annotations[\"a b\"]"],
        ),
        // No more than four.
        (
            r#"{"a":1,"a":1,"a":1,"a":1,"a":1,"a":1}"#,
            vec!["1:8: a", "1:14: a", "1:20: a", "1:26: a"],
        ),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|place| format!("{place}: {WHY}"))
            .collect();
        assert_eq!(repeated(text, 64), expected, "{text}");
    }
}

#[test]
fn a_small_table_ends_the_search() {
    assert_eq!(repeated(r#"{"a": 1, "b": 1, "c": 1, "a": 1}"#, 4), [""; 0]);
    assert_eq!(repeated(r#"{"a": 1, "a": 1}"#, 0), [""; 0]);
}

#[test]
fn many_keys_take_linear_time() {
    let members: Vec<_> = (0..200_000).map(|n| format!("\"key{n}\":0")).collect();
    let text = format!("{{{},\"key7\":1}}", members.join(","));
    let start = std::time::Instant::now();
    assert_eq!(repeated(&text, 500_000).len(), 1);
    assert!(start.elapsed().as_secs() < 5);
}

/// What counts is the last value, whole; a `null` is no value.
#[test]
fn the_last_one_counts() {
    let mut text = *br#"{"hostname": "a", "root": {"path": "x", "readonly": true}, "hostname": "b", "hostname": null, "root": {"path": "y"}}"#;
    let spec = parse_spec(&mut text).unwrap();
    let root = spec.root.get().unwrap();
    assert_eq!(
        (spec.hostname, root.path, root.readonly),
        (Some(c"b"), Some(c"y"), false)
    );
}
