//! `features`: what mote supports, for engines that ask before they write a config. The document
//! is the spec's (features.md, features-linux.md), with runc's order of keys and indentation.
//!
//! What has a table elsewhere is listed from that table, so the answer can't drift from what is
//! done.

use crate::SPEC_VERSION;
use crate::cli::{self, Code, Global, Options};
use crate::error::Result;
use crate::json::{Layout, Writer, indented};
use crate::plan::{
    ACTIONS, CAPABILITIES, FLAGS, MEMORY_POLICIES, MEMORY_POLICY_FLAGS, NAMESPACES,
    OCI_VERSION_MIN, OPERATORS, mount_options,
};
use crate::seccomp::arch::ARCHS;
use crate::text::{fill, unpacked};
use init::packed::Packed;

/// The kinds of hooks in the order in which they run.
const HOOKS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

/// The rest of `linux` and of the document. What is false here is refused when a config asks for it; an engine that
/// would offer checkpoints reads the annotation (runc's types/features). Only those of `--systemd-cgroup` change what
/// mote does.
const REST: Packed = packed!(
    r#",
"cgroup": {"v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true},
"apparmor": {"enabled": true},
"selinux": {"enabled": true},
"intelRdt": {"enabled": true, "schemata": true, "monitoring": true},
"netDevices": {"enabled": true},
"mountExtensions": {"idmap": {"enabled": true}}},
"annotations": {"org.opencontainers.runc.checkpoint.enabled": "false"},
"potentiallyUnsafeConfigAnnotations": ["org.systemd.property."]}"#
);

/// See the row in [`crate::cli::rows`].
pub fn run(_global: &Global, _options: &Options) -> Result<Code> {
    cli::print(&(document() + "\n"))?;
    Ok(0)
}

fn document() -> String {
    let mut json = Writer::new(Layout::Compact);
    json.open_object();
    json.text("ociVersionMin", OCI_VERSION_MIN);
    json.text("ociVersionMax", SPEC_VERSION);
    json.strings("hooks", &mut HOOKS.into_iter());
    json.strings("mountOptions", &mut mount_options());
    json.key("linux");
    json.open_object();
    json.strings("namespaces", &mut NAMESPACES.names());
    json.strings("capabilities", &mut CAPABILITIES.names());
    json.key("memoryPolicy");
    json.open_object();
    json.strings("modes", &mut MEMORY_POLICIES.names());
    json.strings("flags", &mut MEMORY_POLICY_FLAGS.names());
    json.close();
    seccomp(&mut json);
    indented(&(json.finish() + &unpacked(REST)), "    ")
}

fn seccomp(json: &mut Writer) {
    json.key("seccomp");
    json.open_object();
    json.switch("enabled", true);
    for (key, rows) in [("actions", ACTIONS), ("operators", OPERATORS)] {
        json.strings(key, &mut rows.names());
    }
    json.key("archs");
    json.open_array();
    for arch in &ARCHS {
        json.string(&fill("SCMP_ARCH_{}", &[arch.name]));
    }
    json.close();
    for key in ["knownFlags", "supportedFlags"] {
        json.strings(key, &mut FLAGS.names());
    }
    json.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn is_the_specs_document() {
        let features: Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(features["ociVersionMin"], "1.0.0");
        assert_eq!(features["ociVersionMax"], SPEC_VERSION);
        let has = |list: &Value, word: &str| list.as_array().unwrap().iter().any(|x| x == word);
        assert!(has(&features["mountOptions"], "rnosymfollow"));
        assert!(has(&features["mountOptions"], "ridmap"));
        assert!(has(&features["linux"]["namespaces"], "time"));
        assert!(has(
            &features["linux"]["capabilities"],
            "CAP_CHECKPOINT_RESTORE"
        ));
        assert!(has(
            &features["linux"]["memoryPolicy"]["modes"],
            "MPOL_LOCAL"
        ));
        let seccomp = &features["linux"]["seccomp"];
        assert_eq!(seccomp["enabled"], true);
        assert!(has(&seccomp["actions"], "SCMP_ACT_NOTIFY"));
        assert!(has(&seccomp["operators"], "SCMP_CMP_MASKED_EQ"));
        assert!(has(&seccomp["archs"], "SCMP_ARCH_S390X"));
        assert_eq!(seccomp["archs"].as_array().unwrap().len(), 23);
        assert_eq!(features["linux"]["cgroup"]["v2"], true);
        assert_eq!(
            features["linux"]["mountExtensions"]["idmap"]["enabled"],
            true
        );
        let capability = |name: &Value| {
            let name = name.as_str().unwrap();
            name.starts_with("CAP_") && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        };
        assert!(
            features["linux"]["capabilities"]
                .as_array()
                .unwrap()
                .iter()
                .all(capability)
        );
    }
}
