//! The spec's JSON schema and the declared structs say the same: every property, no other, of the same type.

use serde_json::Value;
use spec_min::{OTHER_SYSTEMS, Shape, Shaped, Spec};

/// The schema's text.
const SCHEMA: &str = include_str!("data/config-schema.json");

/// Walks schema and shape side by side, and notes each difference.
struct Walk {
    schema: Value,
    differences: Vec<String>,
}

impl Walk {
    /// The schema that a `$ref` means, with the members of `allOf` and the one of `anyOf` put together.
    fn resolve(&self, schema: &Value) -> Value {
        let mut whole = serde_json::Map::new();
        let mut parts = vec![schema.clone()];
        while let Some(part) = parts.pop() {
            for (key, value) in part.as_object().expect("a schema is an object") {
                match (key.as_str(), value) {
                    ("$ref", Value::String(name)) => {
                        let pointer = name.strip_prefix('#').expect("a reference to this file");
                        parts.push(self.schema.pointer(pointer).expect(name).clone());
                    }
                    ("allOf" | "anyOf", Value::Array(all)) => parts.extend(all.iter().cloned()),
                    ("properties", Value::Object(more)) => {
                        let known = whole
                            .entry(key)
                            .or_insert_with(|| Value::Object(Default::default()));
                        known
                            .as_object_mut()
                            .expect("an object")
                            .extend(more.clone());
                    }
                    ("required", Value::Array(more)) => {
                        let known = whole.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                        known
                            .as_array_mut()
                            .expect("an array")
                            .extend(more.iter().cloned());
                    }
                    _ => {
                        whole.entry(key).or_insert_with(|| value.clone());
                    }
                }
            }
        }
        Value::Object(whole)
    }

    fn differ(&mut self, path: &str, why: &str) {
        self.differences.push(format!("{path}: {why}"));
    }

    fn compare(&mut self, path: &str, schema: &Value, shape: &Shape) {
        let schema = self.resolve(schema);
        let inner = |name: &str| match path {
            "" => name.to_owned(),
            _ => format!("{path}.{name}"),
        };
        match (schema["type"].as_str().unwrap_or("object"), shape) {
            ("boolean", Shape::Boolean) | ("string", Shape::Text) => {}
            ("integer", Shape::Integer { min, max }) => self.range(path, &schema, *min, *max),
            ("array", Shape::List(of)) => self.compare(&format!("{path}[]"), &schema["items"], of),
            ("object", Shape::Map(of)) => {
                let patterns = schema["patternProperties"].as_object();
                let any = patterns.and_then(|patterns| patterns.values().next());
                let of_schema = any.unwrap_or(&schema["additionalProperties"]);
                self.compare(&format!("{path}{{}}"), of_schema, of);
            }
            ("object", Shape::Object(properties)) => {
                let known = schema["properties"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default();
                let required = |name: &str| {
                    let list = schema["required"].as_array();
                    list.is_some_and(|list| list.iter().any(|key| key == name))
                };
                for property in *properties {
                    let path = inner(property.name);
                    if property.required && !required(property.name) {
                        self.differ(&path, "required here, not in the schema");
                    }
                    match known.get(property.name) {
                        Some(schema) => self.compare(&path, schema, property.shape),
                        None => self.differ(&path, "not in the schema"),
                    }
                }
                for name in known.keys() {
                    let path = inner(name);
                    if properties.iter().all(|property| property.name != name)
                        && !OTHER_SYSTEMS.contains(&&*path)
                    {
                        self.differ(&path, "in the schema only");
                    }
                }
            }
            (kind, shape) => self.differ(path, &format!("{kind} in the schema, here {shape:?}")),
        }
    }

    /// Every number that the schema allows must be readable; a narrower rule is the runtime's.
    fn range(&mut self, path: &str, schema: &Value, min: i64, max: u64) {
        let least = schema["minimum"].as_i64().unwrap_or(min);
        let greatest = schema["maximum"].as_u64().unwrap_or(max);
        if least < min || greatest > max {
            self.differ(
                path,
                &format!("{least} to {greatest} in the schema, here {min} to {max}"),
            );
        }
    }
}

#[test]
fn the_same_properties() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let mut walk = Walk {
        schema: schema.clone(),
        differences: Vec::new(),
    };
    walk.compare("", &schema, &Spec::SHAPE);
    assert!(walk.differences.is_empty(), "{:#?}", walk.differences);
    // The exceptions are none that the schema doesn't have.
    for path in OTHER_SYSTEMS {
        let pointer = format!("/properties/{}", path.replace('.', "/properties/"));
        assert!(schema.pointer(&pointer).is_some(), "{path}");
    }
}
