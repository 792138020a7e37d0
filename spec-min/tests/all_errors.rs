//! All errors of a document in one go.

use std::cell::RefCell;

use spec_min::{Error, Spec, parse_all};

fn errors(text: &str) -> (Vec<String>, bool) {
    let found = RefCell::new(Vec::new());
    let tell = |error: Error| found.borrow_mut().push(error.to_string());
    let mut buffer = text.as_bytes().to_vec();
    let goes_on = parse_all::<Spec>(&mut buffer, &tell).is_some();
    (found.into_inner(), goes_on)
}

#[test]
fn one_after_the_other() {
    let text = r#"{
        "ociVersion": 1,
        "process": {"args": ["sh", 5, "x", null], "rlimits": [{"type": "RLIMIT_CPU"}, {"soft": -1, "hard": 1}, 7], "cwd": "/"},
        "hostname": {"a": [1, {"b": "]"}]},
        "annotations": {"a": "b", "c": 3},
        "linux": {"resources": {"memory": {"limit": "1g", "swap": 1.5}, "pids": []}}
    }"#;
    let (found, goes_on) = errors(text);
    let expected = [
        "2:23: ociVersion: expected a string, found 1",
        "3:36: process.args[1]: expected a string, found 5",
        "3:44: process.args[3]: expected a string, found null",
        "3:63: process.rlimits[0]: soft is missing",
        "3:96: process.rlimits[1].soft: expected an integer from 0 to 18446744073709551615, found -1",
        "3:112: process.rlimits[2]: expected an object, found 7",
        "4:21: hostname: expected a string, found an object",
        "5:40: annotations.c: expected a string, found 3",
        "6:53: linux.resources.memory.limit: expected an integer, found \"1g\"",
        "6:67: linux.resources.memory.swap: expected an integer, found 1.5",
        "6:81: linux.resources.pids: expected an object, found an array",
    ];
    assert_eq!(found, expected);
    assert!(goes_on);
}

#[test]
fn what_is_told_is_absent() {
    let found = RefCell::new(0);
    let tell = |_| *found.borrow_mut() += 1;
    let mut text =
        br#"{"process": {"env": ["A=", "B=", 3, "C="], "cwd": "/", "user": []}, "hostname": "h"}"#
            .to_vec();
    let spec: Spec = parse_all(&mut text, &tell).unwrap();
    let process = spec.process.get().unwrap();
    assert_eq!(format!("{:?}", process.env), r#"["A=", "B="]"#);
    assert_eq!((process.cwd, spec.hostname), (Some(c"/"), Some(c"h")));
    assert_eq!(*found.borrow(), 2);
}

#[test]
fn documents_that_are_no_object() {
    assert_eq!(
        errors("[]"),
        (
            vec!["1:1: expected an object, found an array".to_string()],
            true
        )
    );
    assert!(!errors("{").1);
    assert_eq!(errors("{}"), (vec![], true));
}
