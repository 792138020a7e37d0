//! Syntax and strings: what phase one accepts, refuses and makes of it.

use core::ffi::CStr;
use spec_min::{List, Map, Text, parse, text};

/// Decodes one string on its own.
fn string(json: &str) -> Result<Vec<u8>, String> {
    let mut buf = json.as_bytes().to_vec();
    parse::<&CStr>(&mut buf)
        .map(|text| text.to_bytes().to_vec())
        .map_err(|error| error.to_string())
}

fn accepts(json: impl AsRef<[u8]>) -> bool {
    text::decode(&mut json.as_ref().to_vec()).is_ok()
}

#[test]
fn strings_are_decoded_where_they_stand() {
    let mut buf =
        br#" [ "plain", "", "a\u00e9\n", "\uD83D\uDE00!" , "\"\\\/\b\f\n\r\t" ] "#.to_vec();
    let before = buf.clone();
    text::decode(&mut buf).expect("it is JSON");
    let expected =
        b" [ \x85plain\0\x12 \x80\0\x12 \x84a\xc3\xa9\n\0\0\0\0\0\0\x12 \x85\xf0\x9f\x98\x80!\0\0\0\0\0\0\0\0\0 \x12 \
        \x88\"\\/\x08\x0c\n\r\t\0\0\0\0\0\0\0\0\0 ] ";
    assert_eq!(
        buf.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    assert_eq!(buf.len(), before.len());
}

/// A length that doesn't fit beside the bit has to be looked for.
#[test]
fn long_strings_have_no_length() {
    for length in [126, 127, 128, 129, 300] {
        for end in ["\\n", "n"] {
            let content = "x".repeat(length - 1);
            let mut buf = format!("[\"{content}{end}\", 1]").into_bytes();
            let mut copy = buf.clone();
            let list = parse::<List<&CStr>>(&mut copy);
            assert_eq!(list.expect_err("a number").offset, buf.len() - 2);
            text::decode(&mut buf).expect("it is JSON");
            assert_eq!(buf[1], 0x80 + length.min(127) as u8);
        }
    }
}

#[test]
fn every_escape() {
    for (json, text) in [
        (r#""""#, ""),
        (r#""\u0041\u007a""#, "Az"),
        (r#""\u0001\u001f\u007f""#, "\u{1}\u{1f}\u{7f}"),
        (
            r#""\u0080\u07ff\u0800\uffff""#,
            "\u{80}\u{7ff}\u{800}\u{ffff}",
        ),
        (r#""\ud7ff\ue000""#, "\u{d7ff}\u{e000}"),
        (r#""\ud800\udc00\uDBFF\uDFFF""#, "\u{10000}\u{10ffff}"),
        (r#""x\ud83d\ude00y\n\nz""#, "x😀y\n\nz"),
        (r#""aä\u00e4日本\n語😀""#, "aää日本\n語😀"),
        ("\"\u{7f}\u{80}\u{2028}\"", "\u{7f}\u{80}\u{2028}"),
    ] {
        assert_eq!(string(json), Ok(text.as_bytes().to_vec()), "{json}");
    }
}

/// The special bytes at each place of each alignment of the eight bytes that are looked at together.
#[test]
fn escapes_at_every_alignment() {
    for before in 0..20 {
        for after in 0..20 {
            let (left, right) = ("l".repeat(before), "é".repeat(after));
            let text = format!("{left}\\n{right}");
            assert_eq!(
                string(&format!("\"{text}\"")),
                Ok(format!("{left}\n{right}").into_bytes())
            );
            for control in [0u8, 1, 0x1f] {
                let bad = format!("\"{left}{}{right}\"", char::from(control));
                assert!(string(&bad).is_err(), "{bad:?}");
            }
            assert!(string(&format!("\"{left}{right}")).is_err());
        }
    }
}

#[test]
fn refused_strings() {
    const LONE: &str = "half of a surrogate pair stands alone in a string";
    const NUL: &str = "\\u0000 can't be part of a string given to the kernel";
    for (json, error) in [
        (r#""ab\ud800""#, format!("1:4: {LONE}")),
        (r#""ab\ud800x""#, format!("1:4: {LONE}")),
        (r#""ab\ud800\n""#, format!("1:4: {LONE}")),
        (r#""ab\ud800\u0041""#, format!("1:4: {LONE}")),
        (r#""ab\ud800\ud800\udc00""#, format!("1:4: {LONE}")),
        (r#""\udc00\ud800""#, format!("1:2: {LONE}")),
        (r#""\n\n\u0000""#, format!("1:6: {NUL}")),
        (
            r#""\u00""#,
            "1:6: expected four hexadecimal digits after \\u, found '\"'".into(),
        ),
        (
            r#""\u00g0""#,
            "1:6: expected four hexadecimal digits after \\u, found 'g'".into(),
        ),
        (
            r#""\u+123""#,
            "1:4: expected four hexadecimal digits after \\u, found '+'".into(),
        ),
        (
            r#""\x41""#,
            "1:3: expected one of \" \\ / b f n r t u after '\\', found 'x'".into(),
        ),
        (
            r#""\"#,
            "1:3: expected one of \" \\ / b f n r t u after '\\', found the end of the text".into(),
        ),
        (r#""\"abc"#, "1:1: a string isn't closed".into()),
        (
            "\"a\nb\"",
            "1:3: a control character in a string isn't written as \\u00XX".into(),
        ),
        (
            "\"a\0b\"",
            "1:3: a control character in a string isn't written as \\u00XX".into(),
        ),
    ] {
        assert_eq!(string(json), Err(error), "{json}");
    }
}

#[test]
fn only_utf8() {
    for (bytes, error) in [
        (&b"\"\xff\""[..], "1:2: a string isn't UTF-8"),
        (b"\"0123456789\xc3\"", "1:12: a string isn't UTF-8"),
        (b"\"\xc0\x80\"", "1:2: a string isn't UTF-8"),
        (b"\"\xed\xa0\x80\"", "1:2: a string isn't UTF-8"),
        (b"\"\\n\xe2\x82\\n\"", "1:4: a string isn't UTF-8"),
        (b"\"\xf4\x90\x80\x80\"", "1:2: a string isn't UTF-8"),
        (b"\xff", "1:1: expected a value, found the byte 0xff"),
        (
            b"\xef\xbb\xbf{}",
            "1:1: the text starts with a byte order mark, which JSON forbids",
        ),
        (
            b"{} \xc3\xa9",
            "1:4: expected the end of the text, found 'é'",
        ),
    ] {
        let mut buf = bytes.to_vec();
        let found = text::decode(&mut buf)
            .expect_err("it isn't UTF-8")
            .to_string();
        assert_eq!(found, error, "{}", bytes.escape_ascii());
    }
}

#[test]
fn numbers() {
    for good in [
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "0.5",
        "-0.0",
        "1e5",
        "1E+5",
        "12.50e-07",
        "123456789012345678901234567890",
    ] {
        assert!(accepts(good), "{good}");
        assert!(accepts(format!("[{good}]")), "{good}");
    }
    for bad in [
        "01",
        "-01",
        "00",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "--1",
        "1a",
        "0x10",
        "1_000",
        "NaN",
        "Infinity",
        "-Infinity",
        "1 2",
    ] {
        assert!(!accepts(bad), "{bad}");
        assert!(!accepts(format!("[{bad}]")), "{bad}");
    }
}

#[test]
fn structure() {
    for good in [
        "null",
        " true ",
        "\t\r\n false",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[[],{}]",
        "[1,2]",
        r#"{"a":1,"b":[{}]}"#,
        r#"{"":""}"#,
        r#"{"a":1,"a":2}"#,
    ] {
        assert!(accepts(good), "{good}");
    }
    for bad in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "'a'",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "[1 2]",
        "[1}",
        "{1:2}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1]"#,
        r#"{,}"#,
        r#"{"a" 1}"#,
        r#"{"a"::1}"#,
        "{} {}",
        "{},",
        "{}\0",
        "\0{}",
        "[1,\x0b2]",
        "[\u{a0}1]",
        "// c\n{}",
        "{a:1}",
        "[\"a\"\"b\"]",
        r#"{"a":1 "b":2}"#,
    ] {
        assert!(!accepts(bad), "{bad}");
    }
}

#[test]
fn nesting() {
    let nested =
        |open: &str, close: &str, depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
    for (open, close) in [("[", "]"), ("{\"k\":", "}")] {
        assert!(accepts(nested(open, close, text::MAX_DEPTH)));
        let deep = nested(open, close, text::MAX_DEPTH + 1);
        let error = text::decode(&mut deep.clone().into_bytes()).expect_err("it is too deep");
        assert_eq!(error.offset, open.len() * text::MAX_DEPTH);
        assert!(
            error
                .to_string()
                .ends_with("arrays and objects nest deeper than 128 levels")
        );
        assert!(!accepts(open.repeat(1_000_000)));
    }
    // Depth is counted, not the number of brackets.
    assert!(accepts(format!("[{}[]]", "[],".repeat(1000))));
    assert!(!accepts("[{]}"));
}

#[test]
fn lists_and_maps() {
    let mut buf = br#"{"b": ["x", "y\n", "[\"]"], "": [], "n": null, "b": ["last"]}"#.to_vec();
    let map: Map<List<&CStr>> = parse(&mut buf).expect("a map of lists");
    assert_eq!((map.len(), map.is_empty()), (4, false));
    let keys: Vec<_> = map.iter().map(|(key, list)| (key, list.len())).collect();
    assert_eq!(keys, [(c"b", 3), (c"", 0), (c"n", 0), (c"b", 1)]);
    let (_, list) = map.iter().next().expect("it has four");
    assert_eq!(list.iter().collect::<Vec<_>>(), [c"x", c"y\n", c"[\"]"]);
    assert_eq!(list.first(), Some(c"x"));
    assert_eq!(map.get(c"b").and_then(|list| list.first()), Some(c"last"));
    assert!(
        map.get(c"n")
            .is_some_and(|list| list.is_empty() && list.first().is_none())
    );
    assert!(map.get(c"B").is_none());

    let mut buf = b"[[1, 2], [], [3]]".to_vec();
    let lists: List<List<u32>> = parse(&mut buf).expect("lists of numbers");
    let copy = lists;
    assert_eq!(
        copy.into_iter()
            .map(|list| list.iter().sum())
            .collect::<Vec<u32>>(),
        [3, 0, 3]
    );
    assert_eq!(format!("{lists:?}"), "[[1, 2], [], [3]]");

    let empty = List::<u32>::default();
    assert!(empty.is_empty() && empty.first().is_none() && empty.iter().next().is_none());
    assert!(Map::<u32>::default().iter().next().is_none());
}

/// Lists are as long as the text; there is no table to overflow.
#[test]
fn long_lists() {
    let mounts: Vec<String> = (0..50_000)
        .map(|n| format!(r#"{{"destination":"/m{n}","options":["ro","x={n}"]}}"#))
        .collect();
    let mut buf = format!(r#"{{"mounts":[{}]}}"#, mounts.join(",")).into_bytes();
    let spec = spec_min::parse_spec(&mut buf).expect("a long list");
    assert_eq!(spec.mounts.len(), 50_000);
    let last = spec.mounts.iter().last().expect("it has many");
    assert_eq!(last.destination.map(Text::bytes), Some(&b"/m49999"[..]));
    let option = last.options.iter().nth(1);
    assert_eq!(option.map(Text::bytes), Some(&b"x=49999"[..]));
}
