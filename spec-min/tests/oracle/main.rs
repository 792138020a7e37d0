//! Thousands of generated and damaged documents, judged by serde_json too.

mod generate;
mod zoo;

use generate::{Random, any, damage};
use serde_json::{Map as JsonMap, Value};
use spec_min::{Error, parse, text};
use zoo::Zoo;

/// What phase one left, as a value: a second, naive reader of its output.
fn decoded(text: &[u8], at: &mut usize, repeated: &mut bool) -> Value {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':');
    let skip = |at: &mut usize| *at += text[*at..].iter().take_while(|byte| blank(byte)).count();
    skip(at);
    let start = *at;
    *at += 1;
    match text[start] {
        b'"' => {
            let length = text[*at..]
                .iter()
                .position(|byte| *byte == 0)
                .expect("a string ends in NUL");
            let content = text[*at..*at + length].to_vec();
            *at += length;
            *at += text[*at..].iter().take_while(|byte| **byte == 0).count();
            Value::String(String::from_utf8(content).expect("a decoded string is UTF-8"))
        }
        b'[' => {
            let mut elements = Vec::new();
            while {
                skip(at);
                text[*at] != b']'
            } {
                elements.push(decoded(text, at, repeated));
            }
            *at += 1;
            Value::Array(elements)
        }
        b'{' => {
            let mut members = JsonMap::new();
            while {
                skip(at);
                text[*at] != b'}'
            } {
                let Value::String(key) = decoded(text, at, repeated) else {
                    panic!("a key is a string")
                };
                *repeated |= members.insert(key, decoded(text, at, repeated)).is_some();
            }
            *at += 1;
            Value::Object(members)
        }
        _ => {
            *at = start
                + text[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
                    .count();
            serde_json::from_slice(&text[start..*at]).expect("a number or name")
        }
    }
}

/// Whether an error's line and column are those of its offset. No newline is part of a string before the offset, so
/// that all of them count.
fn check_place(error: &Error, document: &[u8]) {
    let before = &document[..error.offset];
    assert_eq!(
        error.line,
        before.iter().filter(|byte| **byte == b'\n').count() + 1,
        "{error}"
    );
    assert_eq!(
        error.column,
        before
            .iter()
            .rev()
            .take_while(|byte| **byte != b'\n')
            .count()
            + 1,
        "{error}"
    );
}

/// Compares the two judgements, and the values. Tells whether the document was good.
fn compare(document: &[u8], repeated: &mut bool) -> Option<Value> {
    let shown = String::from_utf8_lossy(document);
    let oracle = serde_json::from_slice::<Value>(document);
    let mut buf = document.to_vec();
    match (text::decode(&mut buf), oracle) {
        (Ok(()), Ok(value)) => {
            assert_eq!(decoded(&buf, &mut 0, repeated), value, "{shown}");
            Some(value)
        }
        (Err(error), oracle) => {
            check_place(&error, document);
            // The one thing on which we are stricter.
            let nul = error.to_string().contains("\\u0000 can't be");
            assert!(nul || oracle.is_err(), "{error}: {shown}");
            assert!(!nul || shown.contains("\\u0000"), "{error}: {shown}");
            None
        }
        (Ok(()), Err(error)) => panic!("serde_json says {error}: {shown}"),
    }
}

#[test]
fn syntax() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad) = (0, 0);
    for round in 0..6000 {
        let mut document = String::new();
        any(&mut random, 5, &mut document);
        let mut document = document.into_bytes();
        if round % 3 > 0 {
            damage(&mut random, &mut document);
        }
        match compare(&document, &mut false) {
            Some(_) => good += 1,
            None => bad += 1,
        }
    }
    assert!(good > 1500 && bad > 1500, "{good} good, {bad} bad");
}

/// Every beginning of a good document is bad, and none of its bytes may become a NUL or a 0xff.
#[test]
fn pieces() {
    let whole = include_bytes!("../data/full.json").trim_ascii();
    let part = &whole[..2000];
    for length in 0..part.len() {
        assert!(compare(&part[..length], &mut false).is_none());
    }
    for at in (0..whole.len()).step_by(7) {
        for byte in [0, 0xff] {
            let mut document = whole.to_vec();
            document[at] = byte;
            assert!(compare(&document, &mut false).is_none());
        }
    }
}

#[test]
fn types() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut good, mut bad) = (0, 0);
    for round in 0..8000 {
        let mut document = zoo::document(&mut random).into_bytes();
        if round % 4 == 0 {
            damage(&mut random, &mut document);
        }
        let mut repeated = false;
        let Some(value) = compare(&document, &mut repeated) else {
            continue;
        };
        // Of repeated keys serde_json keeps one, and can't tell about the other.
        if repeated {
            continue;
        }
        let mut buf = document.clone();
        let read = parse::<Zoo>(&mut buf);
        if let Err(error) = &read {
            check_place(error, &document);
        }
        assert_eq!(
            read.as_ref().ok().map(zoo::shown),
            zoo::model(&value),
            "{}",
            String::from_utf8_lossy(&document)
        );
        match read {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
    }
    assert!(good > 1000 && bad > 1000, "{good} good, {bad} bad");
}
