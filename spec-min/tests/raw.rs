//! Documents of any shape.

use spec_min::{Any, Raw, parse};

fn shown(raw: Raw<'_>) -> String {
    match raw.any() {
        Any::Null => "null".into(),
        Any::Word(word) => word.into(),
        Any::String(text) => format!("{text:?}"),
        Any::Array(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(",")),
        Any::Object(map) => {
            let members = map
                .iter()
                .map(|(key, value)| format!("{key:?}:{}", shown(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn every_kind_of_value() {
    for (text, expected) in [
        (
            r#" { "a" : [ 1 , -2.5e3, "x\u00e9\n" , "" , null, true ], "b": {}, "c": [], "a": {"": "y"} } "#,
            r#"{"a":[1,-2.5e3,"xé\n","",null,true],"b":{},"c":[],"a":{"":"y"}}"#,
        ),
        ("\"x\"", "\"x\""),
        ("17", "17"),
        ("null", "null"),
        ("[[[[]]],[\"]\"]]", "[[[[]]],[\"]\"]]"),
    ] {
        let mut buffer = text.as_bytes().to_vec();
        let raw: Raw<'_> = parse(&mut buffer).unwrap();
        assert_eq!(shown(raw).replace("\\xc3\\xa9", "é"), expected);
    }
}

#[test]
fn members_of_members() {
    let mut buffer =
        br#"{"a": {"b": 1, "c": {}, "b": [2], "": "x"}, "d": "", "e": null, "f": []}"#.to_vec();
    let raw: Raw<'_> = parse(&mut buffer).unwrap();
    for (path, expected, given) in [
        ("a.b", "[2]", true),
        ("a.c", "{}", false),
        ("a.", "\"x\"", true),
        ("d", "\"\"", false),
        ("f", "[]", false),
        ("e", "null", false),
        ("a.b.c", "null", false),
        ("x.y", "null", false),
        ("", "null", false),
    ] {
        assert_eq!(
            (
                shown(raw.at(path.as_bytes())).as_str(),
                raw.at(path.as_bytes()).is_given()
            ),
            (expected, given),
            "{path}"
        );
    }
}
