//! Every property of the runtime-spec, there and back: `data/full.json` has them all, and nothing that is unknown.

use serde_json::Value;
use spec_min::{Spec, parse_spec};

const FULL: &str = include_str!("data/full.json");

/// A value of the document with the way to it.
type Leaf = (String, String);

fn oracle() -> Value {
    serde_json::from_str(FULL).expect("full.json is JSON")
}

/// Each property arrives in the field that bears its name, and each declared field is in full.json.
#[test]
fn every_property_has_its_field() {
    let mut buf = FULL.as_bytes().to_vec();
    let spec = parse_spec(&mut buf).expect("full.json is a config.json");
    let printed = format!("{spec:#?}");
    for empty in ["None", ": [],", ": {},"] {
        assert!(
            !printed.contains(empty),
            "full.json lacks a declared field:\n{printed}"
        );
    }
    let mut read = leaves_of_debug(&printed);
    let mut written = Vec::new();
    leaves_of_json(&oracle(), String::new(), &mut written);
    read.sort();
    written.sort();
    let only = |some: &[Leaf], others: &[Leaf]| -> Vec<Leaf> {
        some.iter()
            .filter(|leaf| !others.contains(leaf))
            .cloned()
            .collect()
    };
    assert_eq!(
        only(&read, &written),
        only(&written, &read),
        "left was read, right is written"
    );
    assert_eq!(read.len(), written.len());
}

/// With a value of another type in its place, each property is refused, and the error leads to it.
#[test]
fn every_property_is_checked() {
    let mut checked = 0;
    let mut paths = Vec::new();
    pointers(&oracle(), String::new(), String::new(), &mut paths);
    for (pointer, path) in paths {
        let mut document = oracle();
        let place = document
            .pointer_mut(&pointer)
            .expect("a pointer made from this document");
        let (wrong, wanted) = match place {
            Value::String(_) => (Value::from(7), "a string"),
            Value::Bool(_) => (Value::from(1), "true or false"),
            Value::Number(_) => (Value::from("7"), "an integer"),
            Value::Array(_) => (Value::from("x"), "an array"),
            Value::Object(_) => (Value::from(false), "an object"),
            Value::Null => unreachable!("full.json has no null"),
        };
        *place = wrong;
        let mut text = serde_json::to_vec(&document).expect("a value can be written");
        let error = parse_spec(&mut text).expect_err(&path).to_string();
        let middle = if path.is_empty() {
            String::new()
        } else {
            format!("{path}: ")
        };
        assert!(
            error.contains(&format!(": {middle}expected {wanted}, found ")),
            "{path}: {error}"
        );
        checked += 1;
    }
    assert!(checked > 250, "{checked}");
}

/// From a path to line and column: those of the only string like it, in the value's place.
#[test]
fn every_property_has_its_place() {
    let mut paths = Vec::new();
    pointers(&oracle(), String::new(), String::new(), &mut paths);
    for (pointer, path) in paths.iter().filter(|(_, path)| !path.contains('"')) {
        let mut document = oracle();
        *document.pointer_mut(pointer).expect("it is there") = Value::from("the one é");
        let text = serde_json::to_string_pretty(&document).expect("a value can be written");
        let before = &text[..text.find("\"the one").expect("it is there")];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let expected = (before.lines().count().max(1), before.len() - line_start + 1);
        let mut text = text.into_bytes();
        spec_min::text::decode(&mut text).expect("it is JSON");
        assert_eq!(spec_min::place_of(&text, path), expected, "{path}");
    }
}

/// Of what isn't there it is the object or list that lacks it; of equal keys the last one.
#[test]
fn the_nearest_place() {
    let mut text = *b"{\"a\": 1,\n \"a\": {\"b\": [{}, 5]}}";
    spec_min::text::decode(&mut text).expect("it is JSON");
    for (path, place) in [
        ("", (1, 1)),
        ("x", (1, 1)),
        ("a", (2, 7)),
        ("a.x", (2, 7)),
        ("a.b", (2, 13)),
        ("a.b[0]", (2, 14)),
        ("a.b[0].x[3].y", (2, 14)),
        ("a.b[1].x", (2, 18)),
        ("a.b[2]", (2, 13)),
        ("a.b[", (2, 13)),
    ] {
        assert_eq!(spec_min::place_of(&text, path), place, "{path}");
    }
}

/// `null` is the same as absent for every member of an object, unless the member is required.
#[test]
fn every_property_may_be_null() {
    let mut paths = Vec::new();
    pointers(&oracle(), String::new(), String::new(), &mut paths);
    for (pointer, path) in paths
        .iter()
        .filter(|(_, path)| !path.ends_with(']') && !path.is_empty())
    {
        let (parent, key) = pointer.rsplit_once('/').expect("not the top");
        let mut with_null = oracle();
        let mut without = oracle();
        *with_null.pointer_mut(pointer).expect("it is there") = Value::Null;
        let object = without
            .pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .expect("it is there");
        object.remove(key).expect("it is there");
        let outcome = |value: &Value| {
            let mut text = serde_json::to_vec(value).expect("a value can be written");
            parse_spec(&mut text)
                .map(|spec| format!("{spec:?}"))
                .map_err(|error| error.message.as_str().to_owned())
        };
        let map = ["sysctl", "unified", "rdma", "netDevices", "annotations"];
        if map.iter().any(|map| parent.ends_with(map)) {
            assert!(
                outcome(&with_null).is_err(),
                "{path}: a map's values have a type"
            );
        } else {
            assert_eq!(outcome(&with_null), outcome(&without), "{path}");
        }
    }
}

/// An empty document is an empty spec, and so are one full of nulls and one of unknown keys.
#[test]
fn nothing_is_required_at_the_top() {
    let empty = format!("{:?}", Spec::default());
    for text in [
        "{}",
        r#"{"process": null, "linux": null, "mounts": null, "annotations": null, "hostname": null}"#,
        r#"{"windows": {"layerFolders": ["C:\\x"], "a": [[1.5e3, {}], null, true]}, "vm": {}, "": 0}"#,
    ] {
        let mut buf = text.as_bytes().to_vec();
        assert_eq!(
            format!("{:?}", parse_spec(&mut buf).expect(text)),
            empty,
            "{text}"
        );
    }
}

/// What is optional may be left out where the spec's own examples leave it out.
#[test]
fn sparse_documents() {
    let mut buf = br#"{"ociVersion": "1.0.0", "root": {"path": "rootfs"}, "linux": {
        "netDevices": {"eth0": {"name": "container_eth0"}, "ens4": {}},
        "resources": {"rdma": {"mlx4_0": {"hcaObjects": 1000}}, "oomScoreAdj": 100, "devices": [{"allow": false}]},
        "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "flags": []}, "namespaces": [{"type": "pid"}],
        "timeOffsets": {"monotonic": {"secs": 5}}},
        "hooks": {"prestart": [{"path": "/usr/bin/setup-network"}, {"path": "/x", "env": []}]}}"#
        .to_vec();
    let spec = parse_spec(&mut buf).expect("a sparse document");
    assert!(!spec.process.is_some() && spec.mounts.is_empty() && spec.annotations.is_empty());
    let linux = spec.linux;
    let device = linux.net_devices.get(c"ens4").expect("ens4 is there");
    assert_eq!((linux.net_devices.len(), device.name), (2, None));
    let resources = linux.resources.get().expect("resources are there");
    let rdma = resources.rdma.get(c"mlx4_0").expect("mlx4_0 is there");
    assert_eq!((rdma.hca_handles, rdma.hca_objects), (None, Some(1000)));
    let rule = resources.devices.first().expect("a rule is there");
    assert_eq!((rule.allow, rule.kind, rule.major), (false, None, None));
    let seccomp = linux.seccomp.get().expect("seccomp is there");
    assert!(seccomp.flags.is_some_and(|flags| flags.is_empty()));
    assert_eq!(
        linux.namespaces.first().expect("a namespace is there").path,
        None
    );
    let offset = linux
        .time_offsets
        .monotonic
        .get()
        .expect("an offset is there");
    assert_eq!((offset.secs, offset.nanosecs), (5, 0));
    let envs: Vec<bool> = spec
        .hooks
        .prestart
        .iter()
        .map(|hook| hook.env.is_some())
        .collect();
    assert_eq!(envs, [false, true]);
}

/// JSON pointers (RFC 6901) to every value, with the path as our errors write it.
fn pointers(value: &Value, pointer: String, path: String, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let plain =
                    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let path = match (plain, path.is_empty()) {
                    (true, true) => key.clone(),
                    (true, false) => format!("{path}.{key}"),
                    (false, _) => format!("{path}[{}]", Value::from(key.as_str())),
                };
                pointers(value, format!("{pointer}/{key}"), path, out);
            }
        }
        Value::Array(elements) => {
            for (at, value) in elements.iter().enumerate() {
                pointers(
                    value,
                    format!("{pointer}/{at}"),
                    format!("{path}[{at}]"),
                    out,
                );
            }
        }
        _ => {}
    }
    out.push((pointer, path));
}

fn leaves_of_json(value: &Value, path: String, out: &mut Vec<Leaf>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                // The keys of dictionaries are data, and print quoted; those of objects are fields.
                let name = if is_map(&path) {
                    format!("{key:?}")
                } else {
                    field_name(key)
                };
                leaves_of_json(value, format!("{path}/{name}"), out);
            }
        }
        Value::Array(elements) => {
            for (at, value) in elements.iter().enumerate() {
                leaves_of_json(value, format!("{path}/{at}"), out);
            }
        }
        Value::String(text) => out.push((path, format!("{text:?}"))),
        other => out.push((path, other.to_string())),
    }
}

fn is_map(path: &str) -> bool {
    ["annotations", "sysctl", "unified", "net_devices", "rdma"]
        .iter()
        .any(|map| path.ends_with(map))
}

/// camelCase, with runs of capitals as one word, to snake_case; and the two keys that are Rust's own words.
fn field_name(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_small = at > 0 && !letters[at - 1].is_uppercase();
        let before_small = at > 0 && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || before_small) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    match name.as_str() {
        "type" => "kind".into(),
        "final" => "last".into(),
        _ => name,
    }
}

/// Takes apart what `{:#?}` prints: one line for each leaf, opening or closing bracket.
fn leaves_of_debug(printed: &str) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    // The step into each open bracket; none for `Some(`. The number is of the next element in it.
    let mut open: Vec<(Option<String>, usize)> = Vec::new();
    for line in printed
        .lines()
        .map(|line| line.trim_end_matches(',').trim())
    {
        if matches!(line, "}" | "]" | ")") {
            open.pop();
            continue;
        }
        let named = match line.strip_prefix('"') {
            // A quoted key is data: its end is the last quote before a colon.
            Some(_) => line
                .split_once("\": ")
                .map(|(key, value)| (format!("{key}\""), value)),
            None => line
                .split_once(": ")
                .map(|(key, value)| (key.to_string(), value)),
        };
        let (name, value) = match named {
            Some((name, value)) => (Some(name), value),
            None => (None, line),
        };
        let transparent = open.last().is_some_and(|(_, next)| *next == usize::MAX);
        let step = name.or_else(|| {
            let (_, next) = open.last_mut().filter(|_| !transparent)?;
            *next += 1;
            Some((*next - 1).to_string())
        });
        if value.ends_with(['{', '[', '(']) {
            let first = if value.ends_with('(') { usize::MAX } else { 0 };
            open.push((step, first));
        } else {
            let steps = open
                .iter()
                .filter_map(|(step, _)| step.as_ref())
                .chain(&step);
            leaves.push((
                steps.fold(String::new(), |path, step| path + "/" + step),
                value.to_string(),
            ));
        }
    }
    leaves
}
