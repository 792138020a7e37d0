//! A declared object with a field of each type, what serde_json makes of the same document, and documents for both.

use core::ffi::CStr;
use serde_json::{Map as JsonMap, Value};
use spec_min::{List, Map, object};

use crate::generate::{NUMBERS, Random, any, sequence, string};

object! {
    /// One field of each type.
    pub struct Zoo<'a> {
        /// Text.
        text: Option<&'a CStr> = "text",
        /// Flag.
        flag: bool = "flag",
        /// Short.
        short: u16 = "short",
        /// Word.
        word: Option<u32> = "word",
        /// Long.
        long: u64 = "long",
        /// Signed word.
        signed: Option<i32> = "signed",
        /// Signed long.
        wide: i64 = "wide",
        /// Texts.
        texts: List<'a, &'a CStr> = "texts",
        /// Numbers.
        numbers: Option<List<'a, i64>> = "numbers",
        /// Dictionary.
        map: Map<'a, &'a CStr> = "map",
        /// Objects.
        cages: List<'a, Cage<'a>> = "cages",
    }

    /// An object in an object.
    pub struct Cage<'a> {
        /// Required.
        size: u32 = required "size",
        /// By name.
        inmates: Map<'a, List<'a, bool>> = "inmates",
    }
}

/// The model: what [`Zoo`] ought to be, as a value; nothing if it ought to be refused.
pub fn model(value: &Value) -> Option<Value> {
    let whole = |min: i128, max: i128| {
        move |value: &Value| {
            let number: i128 = value.as_number()?.as_str().parse().ok()?;
            (number >= min && number <= max).then(|| Value::from(number.to_string()))
        }
    };
    let word = whole(0, u32::MAX.into());
    let signed = whole(i32::MIN.into(), i32::MAX.into());
    let text = |value: &Value| value.as_str().map(Value::from);
    let flag = |value: &Value| value.as_bool().map(Value::from);
    let zero = || Value::from("0");
    let cage = |value: &Value| {
        let size = member(value, "size", &word, Value::Null)?;
        let inmates = member(
            value,
            "inmates",
            &|map| each_value(map, &|list| each(list, &flag)),
            Value::Null,
        )?;
        (!size.is_null()).then(|| {
            Value::Array(vec![
                size,
                if inmates.is_null() {
                    JsonMap::new().into()
                } else {
                    inmates
                },
            ])
        })
    };
    let list = |name, element: &dyn Fn(&Value) -> Option<Value>| {
        member(
            value,
            name,
            &|list| each(list, element),
            Value::Array(vec![]),
        )
    };
    value.as_object()?;
    Some(Value::Array(vec![
        member(value, "text", &text, Value::Null)?,
        member(value, "flag", &flag, false.into())?,
        member(value, "short", &whole(0, u16::MAX.into()), zero())?,
        member(value, "word", &word, Value::Null)?,
        member(value, "long", &whole(0, u64::MAX.into()), zero())?,
        member(value, "signed", &signed, Value::Null)?,
        member(
            value,
            "wide",
            &whole(i64::MIN.into(), i64::MAX.into()),
            zero(),
        )?,
        list("texts", &text)?,
        member(
            value,
            "numbers",
            &|list| each(list, &whole(i64::MIN.into(), i64::MAX.into())),
            Value::Null,
        )?,
        member(
            value,
            "map",
            &|map| each_value(map, &text),
            JsonMap::new().into(),
        )?,
        list("cages", &cage)?,
    ]))
}

type Rule<'r> = &'r dyn Fn(&Value) -> Option<Value>;

fn member(object: &Value, key: &str, rule: Rule, absent: Value) -> Option<Value> {
    match object.as_object()?.get(key) {
        None | Some(Value::Null) => Some(absent),
        Some(value) => rule(value),
    }
}

fn each(list: &Value, rule: Rule) -> Option<Value> {
    if list.is_null() {
        return Some(Value::Array(vec![]));
    }
    list.as_array()?
        .iter()
        .map(rule)
        .collect::<Option<Vec<_>>>()
        .map(Value::Array)
}

fn each_value(map: &Value, rule: Rule) -> Option<Value> {
    map.as_object()?
        .iter()
        .map(|(key, value)| Some((key.clone(), rule(value)?)))
        .collect::<Option<_>>()
        .map(Value::Object)
}

/// A [`Zoo`] in the model's form.
pub fn shown(zoo: &Zoo) -> Value {
    let text = |text: &CStr| Value::from(text.to_str().expect("it is UTF-8"));
    let number = |number: &dyn ToString| Value::from(number.to_string());
    let named = |key: &CStr| key.to_str().expect("it is UTF-8").to_string();
    let list = |list: List<bool>| Value::Array(list.iter().map(Value::from).collect());
    let cage = |cage: Cage| {
        let inmates = cage
            .inmates
            .iter()
            .map(|(key, inmates)| (named(key), list(inmates)))
            .collect();
        Value::Array(vec![number(&cage.size), Value::Object(inmates)])
    };
    Value::Array(vec![
        zoo.text.map_or(Value::Null, text),
        zoo.flag.into(),
        number(&zoo.short),
        zoo.word.map_or(Value::Null, |word| number(&word)),
        number(&zoo.long),
        zoo.signed.map_or(Value::Null, |signed| number(&signed)),
        number(&zoo.wide),
        zoo.texts.iter().map(text).collect(),
        zoo.numbers.map_or(Value::Null, |numbers| {
            numbers.iter().map(|one| number(&one)).collect()
        }),
        Value::Object(
            zoo.map
                .iter()
                .map(|(key, value)| (named(key), text(value)))
                .collect(),
        ),
        zoo.cages.iter().map(cage).collect(),
    ])
}

/// A document that is often a good [`Zoo`].
pub fn document(random: &mut Random) -> String {
    let mut out = String::new();
    sequence(random, &mut out, "{}", |random, out| {
        let key = random.pick(&[
            "text", "flag", "short", "word", "long", "signed", "wide", "texts", "numbers", "map",
            "cages", "other",
        ]);
        out.push_str(&format!("{key:?}:"));
        let small =
            |random: &mut Random, out: &mut String| out.push_str(random.pick(&NUMBERS[..5]));
        match key {
            _ if random.below(12) == 0 => out.push_str("null"),
            _ if random.below(25) == 0 => any(random, 2, out),
            "text" => string(random, out),
            "flag" => out.push_str(random.pick(&["true", "false"])),
            "texts" => sequence(random, out, "[]", string),
            "numbers" => sequence(random, out, "[]", small),
            "map" => sequence(random, out, "{}", |random, out| {
                string(random, out);
                out.push(':');
                string(random, out);
            }),
            "cages" => sequence(random, out, "[]", |random, out| {
                let key = random.pick(&["size", "size", "size", "sizes"]);
                let inmates = random.pick(&[
                    "",
                    r#","inmates":{"a":[true,false],"b":null}"#,
                    r#","inmates":null"#,
                    r#","inmates":[]"#,
                ]);
                out.push_str(&format!(r#"{{"{key}":{}{inmates}}}"#, random.below(9)));
            }),
            "other" => any(random, 3, out),
            _ => out.push_str(random.pick(NUMBERS)),
        }
    });
    out
}
