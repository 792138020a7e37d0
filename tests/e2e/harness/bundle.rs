//! A bundle under construction: the template of `spec`, edited, then written.
use super::{Case, R, Value, host, json};
use std::fs;
use std::path::PathBuf;

/// See the module.
pub struct Bundle {
    /// Where config.json and rootfs/ lie.
    pub dir: PathBuf,
    /// The container's id.
    pub id: String,
    /// The config, written by `write`.
    pub config: Value,
}

impl Bundle {
    /// The template with terminal off and `args`, over a fresh rootfs.
    pub fn new(case: &Case, args: &[&str]) -> R<Bundle> {
        let id = case.id();
        let dir = case.path(&format!("bundle-{id}"));
        fs::create_dir(&dir)?;
        host::rootfs(&case.base, &dir.join("rootfs"))?;
        let template = case.path("config.json");
        if !template.exists() {
            case.mote(&["spec", "-b"]).arg(&case.dir).go()?.ok()?;
        }
        let config = serde_json::from_slice(&fs::read(template)?)?;
        let mut bundle = Bundle { dir, id, config };
        bundle.set("/process/terminal", json!(false));
        bundle.set("/root/readonly", json!(false));
        bundle.args(args);
        Ok(bundle)
    }

    /// A path inside the rootfs, as the host sees it.
    pub fn rootfs(&self, name: &str) -> PathBuf {
        self.dir.join("rootfs").join(name)
    }

    /// Writes config.json.
    pub fn write(&self) -> R<()> {
        Ok(fs::write(
            self.dir.join("config.json"),
            serde_json::to_vec_pretty(&self.config)?,
        )?)
    }

    /// Sets process.args.
    pub fn args(&mut self, args: &[&str]) -> &mut Self {
        self.set("/process/args", json!(args))
    }

    /// Sets the value at a JSON pointer; objects on the way are made.
    pub fn set(&mut self, pointer: &str, value: Value) -> &mut Self {
        *self.at(pointer) = value;
        self
    }

    /// Appends to the array at a JSON pointer, which is made if absent.
    pub fn push(&mut self, pointer: &str, value: Value) -> &mut Self {
        let array = self.at(pointer);
        if !array.is_array() {
            *array = json!([]);
        }
        if let Some(list) = array.as_array_mut() {
            list.push(value);
        }
        self
    }

    /// Removes the member at a JSON pointer.
    pub fn del(&mut self, pointer: &str) -> &mut Self {
        if let Some((parent, key)) = pointer.rsplit_once('/')
            && let Some(object) = self.at(parent).as_object_mut()
        {
            object.remove(key);
        }
        self
    }

    fn at(&mut self, pointer: &str) -> &mut Value {
        let mut here = &mut self.config;
        for key in pointer.split('/').skip(1) {
            let index = key.parse::<usize>().ok().filter(|i| here.get(i).is_some());
            here = match index {
                Some(i) => &mut here[i],
                None => {
                    if !here.is_object() {
                        *here = json!({});
                    }
                    &mut here[key]
                }
            };
        }
        here
    }

    /// Adds a mount.
    pub fn mount(&mut self, to: &str, kind: &str, from: &str, options: &[&str]) -> &mut Self {
        let entry = json!({"destination": to, "type": kind, "source": from, "options": options});
        self.push("/mounts", entry)
    }

    /// Drops the mount at `to`.
    pub fn unmount(&mut self, to: &str) -> &mut Self {
        if let Some(list) = self.at("/mounts").as_array_mut() {
            list.retain(|m| m["destination"] != to);
        }
        self
    }

    /// Drops the namespace of this type from the list.
    pub fn share(&mut self, kind: &str) -> &mut Self {
        if let Some(list) = self.at("/linux/namespaces").as_array_mut() {
            list.retain(|n| n["type"] != kind);
        }
        self
    }

    /// Asks for a new namespace of this type, or joins the one at `path`.
    pub fn namespace(&mut self, kind: &str, path: Option<&str>) -> &mut Self {
        self.share(kind);
        let entry = match path {
            Some(path) => json!({"type": kind, "path": path}),
            None => json!({"type": kind}),
        };
        self.push("/linux/namespaces", entry)
    }

    /// All five capability sets as given.
    pub fn caps(&mut self, list: &[&str]) -> &mut Self {
        for set in [
            "bounding",
            "effective",
            "permitted",
            "inheritable",
            "ambient",
        ] {
            self.set(&format!("/process/capabilities/{set}"), json!(list));
        }
        self
    }

    /// Adds NAME=VALUE to the environment.
    pub fn env(&mut self, pair: &str) -> &mut Self {
        self.push("/process/env", json!(pair))
    }

    /// A user namespace whose root is `host` on the host, with 65536 ids.
    pub fn userns(&mut self, host: u32) -> &mut Self {
        let map = json!([{"containerID": 0, "hostID": host, "size": 65536}]);
        self.set("/linux/uidMappings", map.clone())
            .set("/linux/gidMappings", map);
        self.namespace("user", None)
    }

    /// Adds a hook that runs the host's (or container's) sh.
    pub fn hook(&mut self, kind: &str, script: &str) -> &mut Self {
        let entry = json!({"path": "/bin/sh", "args": ["sh", "-c", script]});
        self.push(&format!("/hooks/{kind}"), entry)
    }
}
