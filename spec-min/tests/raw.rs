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
