//! `spec`: a template config.json, field for field runc's; also the default of `run --rootfs`. With `--from-legacy` a
//! current config.json made from an old one.

use crate::SPEC_VERSION;
use crate::cli::{Code, Global, Options};
use crate::error::{Error, Result};
use crate::files;
use crate::json::{Layout, Writer, indented};
use crate::legacy;
use crate::text::{c, decimal, fill, unpacked};
use core::ffi::CStr;
use init::packed::Packed;
use rustix::fd::AsFd;
use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
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

/// All of it, with a place for each thing that differs.
const DOCUMENT: Packed = packed!(
    r#"{"ociVersion": "{}", "process": {{}"user": {"uid": 0, "gid": 0}, "args": {},
"env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
"cwd": "/",
"capabilities": {
"bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
"effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
"permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]},
"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
"noNewPrivileges": true},
"root": {"path": {}{}},
"hostname": "runc",
"mounts": [
{"destination": "/proc", "type": "proc", "source": "proc"},
{"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
"options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
{"destination": "/dev/pts", "type": "devpts", "source": "devpts",
"options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"{}]},
{"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
"options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
{"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
"options": ["nosuid", "noexec", "nodev"]},
{"destination": "/sys", {}"nosuid", "noexec", "nodev", "ro"]},
{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
"options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}],
"linux": {{}"namespaces": [{"type": "pid"}, {}{"type": "ipc"}, {"type": "uts"}, {"type": "mount"}{}{}],
"maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
"readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]}}"#
);

/// In a user namespace with one id, other ids can't be given to files.
const TTY_GROUP: &str = r#", "gid=5""#;

const SYS: &str = r#""type": "sysfs", "source": "sysfs",
"options": ["#;

/// A user who doesn't own the network namespace can't mount a sysfs, but may bind the host's.
const SYS_OF_HOST: &str = r#""type": "none", "source": "/sys",
"options": ["rbind", "#;

/// The rule that starts every list of allowed devices: none.
const NO_DEVICES: &str = r#""resources": {"devices": [{"allow": false, "access": "rwm"}]},
"#;

/// A user outside has no network devices to give away.
const NETWORK: &str = r#"{"type": "network"}, "#;

/// See the row in [`crate::cli::rows`].
pub fn run(_global: &Global, options: &Options) -> Result<Code> {
    let directory = options.text("bundle").unwrap_or(OsStr::new("."));
    let file = |name: &str| c(&[directory.as_bytes(), b"/", name.as_bytes()]);
    let path = file("config.json");
    if options.flag("from-legacy") {
        let old = file("config.json.legacy");
        let text = converted(directory.as_bytes())?;
        // The old one stays, under a name that is free.
        rustix::fs::renameat_with(CWD, &path, CWD, &old, RenameFlags::NOREPLACE)
            .map_err(|errno| Error::of("keeping config.json as", old.to_bytes(), errno))?;
        return write(&path, &text).inspect_err(|_| {
            let _ = rustix::fs::rename(&old, &path);
        });
    }
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
    write(&path, &text)
}

/// What `--from-legacy` makes of a bundle.
fn converted(directory: &[u8]) -> Result<String> {
    let read = |name: &str| {
        let path = [directory, name.as_bytes()].concat();
        let text = files::read(Path::new(OsStr::from_bytes(&path)));
        (text, path)
    };
    let (config, path) = read("/config.json");
    let config = config.map_err(|errno| Error::of("", &path, errno))?;
    legacy::convert(config, read("/runtime.json").0.unwrap_or(b"{}".to_vec()))
}

/// Makes a file; nothing is left of one that can't be written.
fn write(path: &CStr, text: &str) -> Result<Code> {
    let failed = |errno| match errno {
        Errno::EXIST => {
            Error::fill_bytes(packed!("{} exists: remove it first"), &[path.to_bytes()])
        }
        _ => Error::of("", path.to_bytes(), errno),
    };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let file =
        files::open(Path::new(OsStr::from_bytes(path.to_bytes())), flags, 0o666).map_err(failed)?;
    files::write_all(file.as_fd(), text.as_bytes()).map_err(|errno| {
        // Half a config would stand in the way of the next attempt.
        let _ = rustix::fs::unlink(path);
        failed(errno)
    })?;
    Ok(0)
}

/// Whether `/sys/fs/cgroup` is cgroup v2 alone.
pub fn unified_cgroups() -> bool {
    const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270; // include/uapi/linux/magic.h
    let found = rustix::fs::statfs(c"/sys/fs/cgroup");
    found.is_ok_and(|statfs| statfs.f_type as u64 == CGROUP2_SUPER_MAGIC)
}

/// The whole config, indented by tabs, without a line feed at its end.
pub fn default_config(template: &Template) -> String {
    let rootless = template.rootless.is_some();
    let either = |yes, one, other| if yes { one } else { other };
    let pieces = [
        SPEC_VERSION,
        either(template.terminal, "\"terminal\": true, ", ""),
        &words(template.args),
        &string(template.root),
        either(template.readonly, ", \"readonly\": true", ""),
        either(rootless, "", TTY_GROUP),
        either(rootless, SYS_OF_HOST, SYS),
        &template.rootless.map_or(NO_DEVICES.to_string(), id_maps),
        either(rootless, "", NETWORK),
        either(template.cgroup_namespace, ", {\"type\": \"cgroup\"}", ""),
        either(rootless, ", {\"type\": \"user\"}", ""),
    ];
    indented(&fill(&unpacked(DOCUMENT), &pieces), "\t")
}

/// The container's root is the user outside.
fn id_maps((uid, gid): (u32, u32)) -> String {
    let map = |id: u32| {
        fill(
            r#"[{"containerID": 0, "hostID": {}, "size": 1}],"#,
            &[&decimal(id.into())],
        )
    };
    fill(
        r#""uidMappings": {}"gidMappings": {}"#,
        &[&map(uid), &map(gid)],
    )
}

fn string(word: &[u8]) -> String {
    let mut json = Writer::new(Layout::Compact);
    json.bytes(word);
    json.finish()
}

/// An array of strings.
fn words(words: &[&[u8]]) -> String {
    let mut json = Writer::new(Layout::Compact);
    json.open_array();
    for word in words {
        json.bytes(word);
    }
    json.close();
    json.finish()
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
