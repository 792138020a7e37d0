//! What serde_json says of a document, beside what we say: the verdict, the values, and where an error is.
//!
//! The fuzz targets (`tests/fuzz`) judge with this file too.

use serde::Deserialize;
use serde_json::{Map as JsonMap, Value};
use spec_min::{Error, text};

/// What phase one left, as a value: a second, naive reader of its output.
fn decoded(text: &[u8], at: &mut usize, repeated: &mut bool) -> Value {
    // A mark in the place of a colon or comma tells the truth about where the next key or value is.
    let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let skip = |at: &mut usize| {
        let blanks = |at: usize| text[at..].iter().take_while(|byte| blank(byte)).count();
        *at += blanks(*at);
        if let mark @ (1..=7 | 0x11..=0x1f | b',') = text[*at] {
            let distance = 1 + blanks(*at + 1);
            let told = usize::from(mark & 0xf);
            assert!(mark == b',' && distance > 15 || told == distance);
            *at += distance;
        }
    };
    skip(at);
    let start = *at;
    *at += 1;
    match text[start] {
        first @ 0x80.. => {
            let length = text[*at..]
                .iter()
                .position(|byte| *byte == 0)
                .expect("a string ends in NUL");
            assert_eq!(usize::from(first), 0x80 | length.min(0x7f));
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
pub fn check_place(error: &Error, document: &[u8]) {
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

/// What serde_json keeps numbers in where it doesn't round them. A document with such a key is none to it.
const PRIVATE: &[u8] = b"$serde_json::private";

/// Compares the two judgements, and the values. Tells whether the document was good, and whether a key is repeated in it.
pub fn compare(document: &[u8], repeated: &mut bool) -> Option<Value> {
    let private = |window: &[u8]| window == PRIVATE;
    if document.windows(PRIVATE.len()).any(private) {
        return None;
    }
    let shown = String::from_utf8_lossy(document);
    let mut buf = document.to_vec();
    match text::decode(&mut buf) {
        Ok(()) => {
            // It nests no deeper than our limit, so that serde_json needs none.
            let mut reader = serde_json::Deserializer::from_slice(document);
            reader.disable_recursion_limit();
            let value =
                Value::deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
            let value = value.unwrap_or_else(|error| panic!("serde_json says {error}: {shown}"));
            assert_eq!(decoded(&buf, &mut 0, repeated), value, "{shown}");
            Some(value)
        }
        Err(error) => {
            check_place(&error, document);
            let stricter = STRICTER
                .iter()
                .find(|(why, _)| error.message.as_str().ends_with(why));
            match stricter {
                Some((_, justified)) => {
                    assert!(justified(document, error.offset), "{error}: {shown}")
                }
                None => assert!(
                    serde_json::from_slice::<Value>(document).is_err(),
                    "{error}: {shown}"
                ),
            }
            None
        }
    }
}

/// Whether a refusal is right about the document at this offset.
type Justified = fn(&[u8], usize) -> bool;

/// Where we are stricter than serde_json, or have another limit: the message, and what must be true then.
const STRICTER: &[(&str, Justified)] = &[
    (
        "\\u0000 can't be part of a string given to the kernel",
        |document, at| document[at..].starts_with(b"\\u0000"),
    ),
    (
        "arrays and objects nest deeper than 128 levels",
        |document, at| depth(&document[..at]) == text::MAX_DEPTH,
    ),
];

/// How many brackets are open at the end of a good document's beginning.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth
}
