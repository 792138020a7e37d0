//! `spec`: a template config.json, field for field runc's; also the default of `run --rootfs`.

use crate::SPEC_VERSION;
use crate::cli::{Global, Options};
use crate::error::{Error, Result};
use crate::json::{Layout, Writer};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// What differs between one default config and another.
pub struct Template<'a> {
    /// The process is given a terminal.
    pub terminal: bool,
    /// The command.
    pub args: &'a [&'a [u8]],
    /// `root.path`, relative to the bundle if not absolute.
    pub root: &'a [u8],
    /// `root.readonly`.
    pub readonly: bool,
    /// A cgroup namespace is among the new ones.
    pub cgroup_namespace: bool,
    /// The effective uid and gid of a user without privileges, who becomes the container's root.
    pub rootless: Option<(u32, u32)>,
}

/// Rows of destination, type, source, options.
const MOUNTS: [(&str, &str, &str, &[&str]); 7] = [
    ("/proc", "proc", "proc", &[]),
    (
        "/dev",
        "tmpfs",
        "tmpfs",
        &["nosuid", "strictatime", "mode=755", "size=65536k"],
    ),
    (
        "/dev/pts",
        "devpts",
        "devpts",
        &[
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5",
        ],
    ),
    (
        "/dev/shm",
        "tmpfs",
        "shm",
        &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
    ),
    (
        "/dev/mqueue",
        "mqueue",
        "mqueue",
        &["nosuid", "noexec", "nodev"],
    ),
    (
        "/sys",
        "sysfs",
        "sysfs",
        &["nosuid", "noexec", "nodev", "ro"],
    ),
    (
        "/sys/fs/cgroup",
        "cgroup",
        "cgroup",
        &["nosuid", "noexec", "nodev", "relatime", "ro"],
    ),
];

/// A user who doesn't own the network namespace can't mount a sysfs, but may bind the host's.
const ROOTLESS_SYS: (&str, &str, &str, &[&str]) = (
    "/sys",
    "none",
    "/sys",
    &["rbind", "nosuid", "noexec", "nodev", "ro"],
);

const ENV: [&str; 2] = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM=xterm",
];

const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const MASKED_PATHS: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
];

const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// See the row in [`crate::cli::rows`].
pub fn run(_global: &Global, options: &Options) -> Result<u8> {
    let directory = Path::new(options.text("bundle").unwrap_or(OsStr::new(".")));
    let ids = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let text = default_config(&Template {
        terminal: true,
        args: &[b"sh"],
        root: b"rootfs",
        readonly: true,
        cgroup_namespace: unified_cgroups(),
        rootless: options.flag("rootless").then_some(ids),
    });
    let path = directory.join("config.json");
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::new(format!("{} exists: remove it first", path.display()))
        }
        _ => Error::io(path.display(), &error),
    };
    let mut file = create(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(|error| {
        // Half a template would stand in the way of the next attempt.
        let _ = std::fs::remove_file(&path);
        failed(error)
    })?;
    Ok(0)
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Whether `/sys/fs/cgroup` is cgroup v2 alone.
pub fn unified_cgroups() -> bool {
    const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270; // include/uapi/linux/magic.h
    let found = rustix::fs::statfs("/sys/fs/cgroup");
    found.is_ok_and(|statfs| statfs.f_type as u64 == CGROUP2_SUPER_MAGIC)
}

/// The whole config, indented by tabs, without a line feed at its end.
pub fn default_config(template: &Template) -> String {
    let mut json = Writer::new(Layout::Indented("\t"));
    json.open_object();
    json.text("ociVersion", SPEC_VERSION);
    process(&mut json, template);
    json.key("root");
    json.open_object();
    json.key("path");
    json.bytes(template.root);
    if template.readonly {
        json.switch("readonly", true);
    }
    json.close();
    json.text("hostname", "runc");
    json.key("mounts");
    json.open_array();
    for row in MOUNTS {
        mount(&mut json, row, template.rootless.is_some());
    }
    json.close();
    linux(&mut json, template);
    json.close();
    json.finish()
}

fn process(json: &mut Writer, template: &Template) {
    json.key("process");
    json.open_object();
    if template.terminal {
        json.switch("terminal", true);
    }
    json.key("user");
    json.open_object();
    number(json, "uid", 0);
    number(json, "gid", 0);
    json.close();
    json.key("args");
    json.open_array();
    for word in template.args {
        json.bytes(word);
    }
    json.close();
    json.strings("env", ENV);
    json.text("cwd", "/");
    json.key("capabilities");
    json.open_object();
    for set in ["bounding", "effective", "permitted"] {
        json.strings(set, CAPABILITIES);
    }
    json.close();
    json.key("rlimits");
    json.open_array();
    json.open_object();
    json.text("type", "RLIMIT_NOFILE");
    number(json, "hard", 1024);
    number(json, "soft", 1024);
    json.close();
    json.close();
    json.switch("noNewPrivileges", true);
    json.close();
}

fn mount(json: &mut Writer, row: (&str, &str, &str, &[&str]), rootless: bool) {
    let row = if rootless && row.0 == ROOTLESS_SYS.0 {
        ROOTLESS_SYS
    } else {
        row
    };
    // In a user namespace with one id, other ids can't be given to files.
    let kept =
        |option: &&&str| !(rootless && (option.starts_with("gid=") || option.starts_with("uid=")));
    json.open_object();
    json.text("destination", row.0);
    json.text("type", row.1);
    json.text("source", row.2);
    if !row.3.is_empty() {
        json.strings("options", row.3.iter().filter(kept).copied());
    }
    json.close();
}

fn linux(json: &mut Writer, template: &Template) {
    json.key("linux");
    json.open_object();
    match template.rootless {
        Some((uid, gid)) => {
            id_map(json, "uidMappings", uid);
            id_map(json, "gidMappings", gid);
        }
        None => no_devices(json),
    }
    let rootless = template.rootless.is_some();
    let namespaces = [
        ("pid", true),
        ("network", !rootless),
        ("ipc", true),
        ("uts", true),
        ("mount", true),
        ("cgroup", template.cgroup_namespace),
        ("user", rootless),
    ];
    json.key("namespaces");
    json.open_array();
    for (kind, _) in namespaces.iter().filter(|(_, wanted)| *wanted) {
        json.open_object();
        json.text("type", kind);
        json.close();
    }
    json.close();
    json.strings("maskedPaths", MASKED_PATHS);
    json.strings("readonlyPaths", READONLY_PATHS);
    json.close();
}

fn id_map(json: &mut Writer, key: &str, id: u32) {
    json.key(key);
    json.open_array();
    json.open_object();
    number(json, "containerID", 0);
    number(json, "hostID", id);
    number(json, "size", 1);
    json.close();
    json.close();
}

/// The rule that starts every list of allowed devices: none.
fn no_devices(json: &mut Writer) {
    json.key("resources");
    json.open_object();
    json.key("devices");
    json.open_array();
    json.open_object();
    json.switch("allow", false);
    json.text("access", "rwm");
    json.close();
    json.close();
    json.close();
}

fn number(json: &mut Writer, key: &str, value: u32) {
    json.key(key);
    json.unsigned(value.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parsed(rootless: Option<(u32, u32)>, cgroup_namespace: bool) -> Value {
        let text = default_config(&Template {
            terminal: true,
            args: &[b"sh"],
            root: b"rootfs",
            readonly: true,
            cgroup_namespace,
            rootless,
        });
        assert!(
            text.starts_with("{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t\"terminal\"")
        );
        serde_json::from_str(&text).unwrap()
    }

    fn expected() -> Value {
        serde_json::from_str(include_str!("spec/expected.json")).unwrap()
    }

    #[test]
    fn is_runcs_template() {
        assert_eq!(parsed(None, false), expected());
        let mut unified = expected();
        unified["linux"]["namespaces"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": "cgroup"}));
        assert_eq!(parsed(None, true), unified);
    }

    #[test]
    fn rootless_is_runcs_template() {
        let mut config = expected();
        let linux = config["linux"].as_object_mut().unwrap();
        linux.remove("resources");
        linux.insert(
            "uidMappings".into(),
            json!([{"containerID": 0, "hostID": 1000, "size": 1}]),
        );
        linux.insert(
            "gidMappings".into(),
            json!([{"containerID": 0, "hostID": 100, "size": 1}]),
        );
        let namespaces = linux["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "network");
        namespaces.push(json!({"type": "user"}));
        for mount in config["mounts"].as_array_mut().unwrap() {
            if mount["destination"] == "/sys" {
                *mount = json!({"destination": "/sys", "type": "none", "source": "/sys",
                    "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]});
            }
            if let Some(options) = mount.get_mut("options") {
                options
                    .as_array_mut()
                    .unwrap()
                    .retain(|option| option != "gid=5");
            }
        }
        assert_eq!(parsed(Some((1000, 100)), false), config);
    }

    #[test]
    fn what_a_caller_puts_in_comes_out() {
        let text = default_config(&Template {
            terminal: false,
            args: &[b"echo", b"\"a\\b\n<"],
            root: b"/srv/r \"x\"",
            readonly: false,
            cgroup_namespace: false,
            rootless: None,
        });
        let config: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["process"]["args"], json!(["echo", "\"a\\b\n<"]));
        assert_eq!(config["root"], json!({"path": "/srv/r \"x\""}));
        assert_eq!(config["process"].get("terminal"), None);
    }
}
