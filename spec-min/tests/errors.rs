//! The exact lines that a person gets to read.

use core::ffi::CStr;
use spec_min::{List, Map, parse, parse_process, parse_resources, parse_spec};

/// A document, and the line about it.
const CASES: &[(&str, &str)] = &[
    ("", "1:1: expected a value, found the end of the text"),
    ("\n\n  ", "3:3: expected a value, found the end of the text"),
    ("[]", "1:1: expected an object, found an array"),
    ("null", "1:1: expected an object, found null"),
    (
        "{\n  \"linux\": {\n\t\"resources\": {\"memory\": {\"limit\": \"1g\"}}}}",
        "3:36: linux.resources.memory.limit: expected an integer, found \"1g\"",
    ),
    (
        r#"{"mounts": [{}, {"options": ["ro"]}, {"destination": 3}]}"#,
        "1:54: mounts[2].destination: expected a string, found 3",
    ),
    (
        r#"{"mounts": [{}, null]}"#,
        "1:17: mounts[1]: expected an object, found null",
    ),
    (
        r#"{"mounts": {}}"#,
        "1:12: mounts: expected an array, found an object",
    ),
    (
        r#"{"process": {"args": ["a\nb", "c", 1.50]}}"#,
        "1:36: process.args[2]: expected a string, found 1.50",
    ),
    (
        r#"{"root": {"readonly": "yes"}}"#,
        "1:23: root.readonly: expected true or false, found \"yes\"",
    ),
    (
        r#"{"annotations": {"com.example.a": "", "com.example.b": true}}"#,
        "1:56: annotations[\"com.example.b\"]: expected a string, found true",
    ),
    (
        r#"{"annotations": {"a\"\n": 1}}"#,
        "1:27: annotations[\"a\\\"\\u000a\"]: expected a string, found 1",
    ),
    (
        r#"{"linux": {"uidMappings": [{"containerID": 0, "size": 1}]}}"#,
        "1:28: linux.uidMappings[0]: hostID is missing",
    ),
    (
        r#"{"linux": {"uidMappings": [{"containerID": 0, "hostID": null, "size": 1}]}}"#,
        "1:28: linux.uidMappings[0]: hostID is missing",
    ),
    (
        r#"{"linux": {"uidMappings": [{"containerID": 4294967296, "hostID": 0, "size": 1}]}}"#,
        "1:44: linux.uidMappings[0].containerID: expected an integer from 0 to 4294967295, found 4294967296",
    ),
    (
        r#"{"process": {"oomScoreAdj": -2147483649}}"#,
        "1:29: process.oomScoreAdj: expected an integer from -2147483648 to 2147483647, found -2147483649",
    ),
    (
        r#"{"hostname": "a" "x"}"#,
        "1:18: hostname: expected ',' or '}', found '\"'",
    ),
    (r#"{"hostname": "a",}"#, "1:18: expected a key, found '}'"),
    (
        r#"{"hostname"; "a"}"#,
        "1:12: hostname: expected ':', found ';'",
    ),
    (
        r#"{hostname: "a"}"#,
        "1:2: expected a key or '}', found 'h'",
    ),
    (
        r#"{"process": {"args": ["sh" "-c"]}}"#,
        "1:28: process.args[0]: expected ',' or ']', found '\"'",
    ),
    (
        r#"{"process": {"args": ["sh",]}}"#,
        "1:28: process.args[1]: expected a value, found ']'",
    ),
    (
        r#"{"process": {"umask": 022}}"#,
        "1:23: process.umask: a number starts with a needless 0",
    ),
    (
        r#"{"process": {"cwd": "/\u0000"}}"#,
        "1:23: process.cwd: \\u0000 can't be part of a string given to the kernel",
    ),
    (
        r#"{"process": {"cwd\u0000": "/"}}"#,
        "1:18: process: \\u0000 can't be part of a string given to the kernel",
    ),
    (
        r#"{"windows": {"x": ["\u0000"]}}"#,
        "1:21: windows.x[0]: \\u0000 can't be part of a string given to the kernel",
    ),
    (
        "{\"hostname\": \"a\\nb\\nc\",\n \"ärger\": \"é\", \"hostname\": [\n\n1]}",
        "2:30: hostname: expected a string, found an array",
    ),
    ("{}\n}", "2:1: expected the end of the text, found '}'"),
    (
        "{\"hostname\": \"h\u{9b}1m\u{7f}\\u001b[2J\", \"domainname\": 1}",
        "1:47: domainname: expected a string, found 1",
    ),
    (
        "{\"root\": \"h\u{9b}1m\u{7f}\\u001b[2J\"}",
        "1:10: root: expected an object, found \"h\\u009b1m\\u007f\\u001b[2J\"",
    ),
];

#[test]
fn lines() {
    for (text, line) in CASES {
        let mut buf = text.as_bytes().to_vec();
        let error = parse_spec(&mut buf).expect_err(text);
        assert_eq!(error.to_string(), *line, "{text}");
        // The line and the column lead to the offset.
        let before = &text.as_bytes()[..error.offset];
        assert_eq!(
            error.line,
            before.iter().filter(|byte| **byte == b'\n').count() + 1,
            "{text}"
        );
        assert_eq!(
            error.column,
            before
                .iter()
                .rev()
                .take_while(|byte| **byte != b'\n')
                .count()
                + 1,
            "{text}"
        );
    }
}

#[test]
fn other_documents() {
    let line = parse_process(&mut br#"{"user": {"uid": -1}}"#.to_vec())
        .expect_err("uid")
        .to_string();
    assert_eq!(
        line,
        "1:18: user.uid: expected an integer from 0 to 4294967295, found -1"
    );
    let line = parse_resources(&mut br#"{"cpu": {"quota": "max"}}"#.to_vec())
        .expect_err("quota")
        .to_string();
    assert_eq!(line, "1:19: cpu.quota: expected an integer, found \"max\"");
    let line = parse::<List<&CStr>>(&mut br#"["a", []]"#.to_vec())
        .expect_err("list")
        .to_string();
    assert_eq!(line, "1:7: [1]: expected a string, found an array");
}

#[test]
fn long_things_are_cut() {
    let mut text = format!(r#"{{"root": "{}"}}"#, "é".repeat(100)).into_bytes();
    let line = parse_spec(&mut text).expect_err("a text").to_string();
    // 48 bytes of room: the quotation mark and 23 letters of two bytes.
    assert_eq!(
        line,
        format!(
            "1:10: root: expected an object, found \"{}...",
            "é".repeat(23)
        )
    );

    // Of a long path the end is kept, step by step.
    let (open, close) = (r#"{"a_rather_long_key": ["#.repeat(20), "]}".repeat(20));
    let mut text = format!("{open}x{close}").into_bytes();
    let line = spec_min::text::decode(&mut text)
        .expect_err("an x")
        .to_string();
    let kept = ["a_rather_long_key[0]"; 5].join(".");
    assert_eq!(
        line,
        format!("1:461: ...[0].{kept}: expected a value, found 'x'")
    );

    // A single step that is too long keeps its beginning.
    let mut text = format!(r#"{{"{}": 1}}"#, "k".repeat(1000)).into_bytes();
    let line = parse::<Map<&CStr>>(&mut text)
        .expect_err("a number")
        .to_string();
    assert_eq!(
        line,
        format!("1:1006: {}...: expected a string, found 1", "k".repeat(128))
    );
}

/// The last of two values counts, both are checked, and nothing of the first one stays.
#[test]
fn repeated_keys() {
    let mut buf = br#"{"hostname": "a", "process": {"cwd": "/a", "user": {"uid": 5, "gid": 5}, "user": {"gid": 6}},
        "hostname": "b", "hostname": null, "process": {"args": ["x"]}, "\u0068ooks": null}"#
        .to_vec();
    let spec = parse_spec(&mut buf).expect("keys may come twice");
    assert_eq!(spec.hostname, Some(c"b"));
    let process = spec.process.get().expect("it is there");
    assert_eq!((process.cwd, process.args.first()), (None, Some(c"x")));

    let mut buf = br#"{"user": {"uid": 5, "gid": 5}, "user": {"gid": 6}}"#.to_vec();
    let user = parse_process(&mut buf).expect("keys may come twice").user;
    assert_eq!((user.uid, user.gid), (0, 6));

    let mut buf = br#"{"hostname": 1, "hostname": "b"}"#.to_vec();
    assert!(parse_spec(&mut buf).is_err());
    // Keys are compared decoded.
    let mut buf = br#"{"host\u006eame": "escaped", "Hostname": 1}"#.to_vec();
    assert_eq!(
        parse_spec(&mut buf).expect("an escaped key").hostname,
        Some(c"escaped")
    );
}
