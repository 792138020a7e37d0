//! What becomes of each property. `one.json` has all of them; each is given the value that `other.json` has, alone, and the
//! plan tells what that changed.

use init::sys::arena::Arena;
use runtime::plan::{self, Facts};
use serde_json::Value;
use spec_min::{OTHER_SYSTEMS, Shape, Shaped, Spec};

/// One property.
#[derive(Debug)]
pub struct Row {
    /// As in `process.rlimits[].soft`.
    pub path: String,
    /// What it's read as.
    pub kind: String,
    /// What becomes of it.
    pub support: Support,
}

/// What becomes of a property.
#[derive(Debug)]
pub enum Support {
    /// It changes the plan, or is checked; with what else there is to say.
    Honoured(&'static str),
    /// It's refused by its name.
    Refused(String),
    /// It's accepted and changes nothing.
    Ignored(String),
}

/// What cgroup v2 has nothing like.
const V1_ONLY: &str = "cgroup v1 only; a warning elsewhere";

/// What the table says of a property besides.
const NOTES: &[(&str, &str)] = &[
    ("process.execCPUAffinity.initial", "for `exec`"),
    ("process.execCPUAffinity.final", "for `exec`"),
    (
        "linux.personality.flags",
        "the spec has none, so each is refused",
    ),
    (
        "process.capabilities.ambient",
        "unknown names are left out with a warning, in all five sets",
    ),
    ("linux.resources.unified", "cgroup v2 only"),
    ("linux.resources.memory.swappiness", V1_ONLY),
    ("linux.resources.memory.disableOOMKiller", V1_ONLY),
    ("linux.resources.cpu.realtimeRuntime", V1_ONLY),
    ("linux.resources.cpu.realtimePeriod", V1_ONLY),
    ("linux.resources.blockIO.leafWeight", V1_ONLY),
    ("linux.resources.blockIO.weightDevice[].leafWeight", V1_ONLY),
    ("linux.resources.network.classID", V1_ONLY),
    ("linux.resources.network.priorities[].name", V1_ONLY),
    ("linux.resources.network.priorities[].priority", V1_ONLY),
    ("process.consoleSize.height", "with a terminal"),
    ("process.consoleSize.width", "with a terminal"),
];

const FACTS: Facts<'static> = Facts {
    id: c"box",
    bundle: c"/bundle",
    kcore: true,
    ..Facts::OF_DOCUMENT
};

/// What the plan makes of a document.
struct Outcome {
    /// The plan's text, or where and why it was refused.
    plan: Result<String, (String, String)>,
    warnings: Vec<String>,
}

/// The plans of a container, and of one more process in it.
fn outcome(document: &Value) -> Outcome {
    let mut buffer = document.to_string().into_bytes();
    let arena = Arena::new(3 * plan::arena_size(buffer.len())).expect("memory");
    let spec = spec_min::parse_spec(&mut buffer).expect("a document of the right types");
    let mut warnings = Vec::new();
    let container = plan::container(&spec, &FACTS, &arena, &mut |path, text| {
        warnings.push(format!("{path}: {text}"));
    });
    let process = spec.process.get().expect("a process");
    let process = plan::process(process, &spec, &FACTS, &arena, &mut |_, _| ());
    let plan = match (container, process) {
        (Ok(container), Ok(process)) => {
            // Made once the process is there, so not in its plan.
            let filter = plan::program(container, &spec, &FACTS, &arena, &mut |_, _| ());
            let filter = filter.expect("what was planned can be made");
            Ok(format!("{container:?}{process:?}{filter:?}"))
        }
        (Err(refusal), _) | (_, Err(refusal)) => {
            Err((refusal.path().to_owned(), refusal.text().to_owned()))
        }
    };
    Outcome { plan, warnings }
}

/// All properties in the order of the declarations.
pub fn rows() -> Vec<Row> {
    let mut one: Value = serde_json::from_str(include_str!("one.json")).expect("JSON");
    let other: Value = serde_json::from_str(include_str!("other.json")).expect("JSON");
    let refused = take_refused(&mut one);
    let before = outcome(&one);
    let mut leaves = Vec::new();
    collect(&Spec::SHAPE, String::new(), &mut leaves);
    let mut rows = Vec::new();
    for (path, kind) in leaves {
        let support = match refused.iter().find(|(start, _)| path.starts_with(start)) {
            Some((_, why)) => Support::Refused(why.clone()),
            None => support(&one, &other, &path, &before),
        };
        rows.push(Row {
            path,
            kind,
            support,
        });
    }
    skipped(&one, &before);
    rows
}

/// Takes away what isn't supported until nothing is refused; the paths of it, and the reasons.
fn take_refused(document: &mut Value) -> Vec<(String, String)> {
    let mut refused = Vec::new();
    while let Err((path, why)) = outcome(document).plan {
        assert!(is_refused(&why), "one.json: {path}: {why}");
        let pointer = path.replace(['.', '['], "/").replace(']', "");
        let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", &pointer));
        let parent = if parent.is_empty() {
            String::new()
        } else {
            format!("/{parent}")
        };
        let parent = document.pointer_mut(&parent).expect(&path).as_object_mut();
        parent.expect(&path).remove(key).expect(&path);
        refused.push((general(&path), why));
    }
    refused
}

/// Whether a refusal is about the property itself, and not about its value.
fn is_refused(why: &str) -> bool {
    why.contains("not supported")
}

/// A path with `[]` for any place in a list.
fn general(path: &str) -> String {
    let mut general = String::new();
    for part in path.split('[') {
        let rest = part.split_once(']').map_or(part, |(_, rest)| rest);
        general.push_str(if general.is_empty() { "" } else { "[]" });
        general.push_str(rest);
    }
    general
}

/// Every property that isn't an object with properties of its own.
fn collect(shape: &Shape, path: String, leaves: &mut Vec<(String, String)>) {
    match shape {
        Shape::Object(properties) => {
            for property in *properties {
                let dot = if path.is_empty() { "" } else { "." };
                collect(
                    property.shape,
                    format!("{path}{dot}{}", property.name),
                    leaves,
                );
            }
        }
        Shape::List(of) if matches!(of, Shape::Object(_)) => collect(of, path + "[]", leaves),
        Shape::Map(of) if matches!(of, Shape::Object(_)) => collect(of, path + "{}", leaves),
        shape => leaves.push((path, kind(shape))),
    }
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "boolean".to_owned(),
        Shape::Text => "string".to_owned(),
        Shape::Integer { min: 0, max } => format!("uint{}", u64::BITS - max.leading_zeros()),
        Shape::Integer { max, .. } => format!("int{}", u64::BITS - max.leading_zeros() + 1),
        Shape::List(of) => format!("list of {}", kind(of)),
        Shape::Map(of) => format!("{} by name", kind(of)),
        Shape::Object(_) => "object".to_owned(),
    }
}

/// What another value of this property does to the plan.
fn support(one: &Value, other: &Value, path: &str, before: &Outcome) -> Support {
    let mut changed = one.clone();
    let places = places(one, path);
    let place = places.iter().find(|place| other.pointer(place).is_some());
    let place = place.unwrap_or_else(|| panic!("{path} is not in one.json and other.json"));
    let value = other.pointer(place).expect(path);
    assert_ne!(
        one.pointer(place),
        Some(value),
        "{path} has the same value in both files"
    );
    *changed.pointer_mut(place).expect(path) = value.clone();
    let note = NOTES
        .iter()
        .find(|(of, _)| *of == path)
        .map_or("", |(_, note)| note);
    let after = outcome(&changed);
    match after.plan {
        Err((_, why)) if is_refused(&why) => Support::Refused(why),
        Err((at, _)) if general(&at).starts_with(path) => Support::Honoured(note),
        Err((at, why)) => panic!("{path} in other.json: {at}: {why}"),
        Ok(_) if after.plan != before.plan => Support::Honoured(note),
        Ok(_) => {
            let start = format!("{path}: ");
            let warned = before
                .warnings
                .iter()
                .find_map(|line| line.strip_prefix(&start));
            let why = warned.map(|why| why.trim_end_matches(", ignored"));
            Support::Ignored(
                why.unwrap_or_else(|| panic!("{path} changes nothing"))
                    .to_owned(),
            )
        }
    }
}

/// JSON pointers to everything in the document that a path means.
fn places(document: &Value, path: &str) -> Vec<String> {
    let mut places = vec![String::new()];
    for key in path.replace("[]", ".[]").replace("{}", ".{}").split('.') {
        let mut next = Vec::new();
        for place in places {
            match (key, document.pointer(&place)) {
                ("[]", Some(Value::Array(list))) => {
                    next.extend((0..list.len()).map(|at| format!("{place}/{at}")));
                }
                ("{}", Some(Value::Object(map))) => {
                    next.extend(map.keys().map(|key| format!("{place}/{key}")));
                }
                (key, Some(Value::Object(map))) if map.contains_key(key) => {
                    next.push(format!("{place}/{key}"));
                }
                _ => {}
            }
        }
        places = next;
    }
    places
}

/// What is for other systems changes nothing, whatever it is.
fn skipped(one: &Value, before: &Outcome) {
    for path in OTHER_SYSTEMS {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        let parent = parent.split('.').filter(|key| !key.is_empty());
        let mut changed = one.clone();
        let at = parent.fold(&mut changed, |at, key| &mut at[key]);
        at[key] = serde_json::json!([{"any": ["thing"]}]);
        assert_eq!(outcome(&changed).plan, before.plan, "{path}");
    }
}
