//! Documents too large to keep: engines' configs grown to a size, and a synthetic one with very long lists.

use crate::target::ROOT;
use init::sys::arena::Arena;
use runtime::plan;
use serde_json::{Value, json};
use std::fmt::Write;

/// What engines hand to a runtime: its name and the document.
pub const ENGINES: &[(&str, &str)] = &[
    (
        "docker",
        include_str!("../../../spec-min/tests/data/engines/docker.json"),
    ),
    (
        "podman",
        include_str!("../../../spec-min/tests/data/engines/podman.json"),
    ),
    (
        "containerd",
        include_str!("../../../spec-min/tests/data/engines/containerd.json"),
    ),
];

/// Adds to an engine's config what makes such a one large, until it has `bytes`: service variables, volumes and labels.
pub fn grown(document: &str, bytes: usize) -> Value {
    let mut value: Value = serde_json::from_str(document).expect("an engine's config is JSON");
    let mut length = value.to_string().len();
    for at in 0.. {
        if length >= bytes {
            break;
        }
        let env = json!(format!(
            "SERVICE_{at}_PORT_8080_TCP_ADDR=10.96.{}.{}",
            at / 256,
            at % 256
        ));
        let mount = json!({
            "destination": format!("/srv/volume-{at}"), "type": "bind", "options": ["rbind", "rprivate", "ro"],
            "source": format!("/var/lib/volumes/0b5f8a9c-{at}/_data")
        });
        let label = json!(format!("{{\"value\":\"{at}\",\"path\":\"C:\\\\{at}\"}}"));
        length += env.to_string().len() + mount.to_string().len() + label.to_string().len() + 30;
        push(&mut value["process"]["env"], env);
        push(&mut value["mounts"], mount);
        value["annotations"][format!("com.example.label.{at:06}")] = label;
    }
    value
}

/// Makes a plan; where it is refused, if it is.
pub fn refused_at(document: &str) -> Result<(), String> {
    let mut buffer = document.as_bytes().to_vec();
    let arena = Arena::new(plan::arena_size(document.len())).expect("memory");
    let spec = spec_min::parse_spec(&mut buffer).map_err(|error| error.to_string())?;
    let plan = plan::container(&spec, &ROOT, &arena, &mut |_, _| ());
    plan.map(drop)
        .map_err(|refusal| format!("{}: {}", refusal.path(), refusal.text()))
}

fn push(list: &mut Value, element: Value) {
    list.as_array_mut()
        .expect("engines write both lists")
        .push(element);
}

/// A config with so many variables and mounts; 50,000 and 5,000 make one of 4 MiB.
pub fn synthetic(variables: usize, mounts: usize) -> String {
    let mut text = String::from(
        "{\n\t\"ociVersion\": \"1.2.0\",\n\t\"process\": {\n\t\t\"args\": [\"sh\"],\n\t\t\"cwd\": \"/\",\n\t\t\"env\": [",
    );
    for at in 0..variables {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}\n\t\t\t\"VARIABLE_{at:06}=the value of the variable with number {at:06}\""
        );
    }
    text.push_str("\n\t\t]\n\t},\n\t\"root\": {\"path\": \"rootfs\"},\n\t\"mounts\": [");
    for at in 0..mounts {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}\n\t\t{{\n\t\t\t\"destination\": \"/srv/data/{at:06}\",\n\t\t\t\"type\": \"bind\",\n\
             \t\t\t\"source\": \"/var/lib/volumes/{at:06}/_data\",\n\
             \t\t\t\"options\": [\"rbind\", \"rprivate\", \"nosuid\", \"nodev\", \"ro\"]\n\t\t}}"
        );
    }
    text.push_str(
        "\n\t],\n\t\"linux\": {\"namespaces\": [{\"type\": \"mount\"}, {\"type\": \"pid\"}]}\n}\n",
    );
    text
}
