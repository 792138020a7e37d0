//! The guest `appliance`: a kernel and one initramfs whose only programs are mote and the containers' own, which are
//! busybox. What it shows are lines of results in a directory that its containers share, printed by the last one.

use super::cpio::Archive;
use crate::apt;
use crate::sh::Result;
use crate::toolchain::Arch;

/// One container.
struct Service {
    name: &'static str,
    /// `org.mote.init.*`, as members of an object.
    annotations: &'static str,
    capabilities: &'static str,
    /// Whether it sees all of the machine's processes.
    sees_all: bool,
    script: &'static str,
}

const PLAIN: Service = Service {
    name: "",
    annotations: "",
    capabilities: "",
    sees_all: false,
    script: "",
};

/// Three that are to live for ever, with two policies, and those that try them.
const SERVICES: &[Service] = &[
    Service {
        name: "alive",
        annotations: r#""org.mote.init.restart": "always""#,
        script: "trap 'exit 41' TERM; while :; do sleep 1; done",
        ..PLAIN
    },
    Service {
        name: "crashes",
        annotations: r#""org.mote.init.restart": "on-failure""#,
        script: "echo >>/results/crashes; sleep 1; exit 3",
        ..PLAIN
    },
    Service {
        name: "steady",
        annotations: r#""org.mote.init.restart": "always""#,
        script: "trap 'exit 42' TERM; echo >>/results/steady; while :; do sleep 1; done",
        ..PLAIN
    },
    Service {
        name: "orphans",
        annotations: r#""org.mote.init.ready": "exit""#,
        sees_all: true,
        script: include_str!("appliance/orphans.sh"),
        ..PLAIN
    },
    Service {
        name: "escapes",
        annotations: r#""org.mote.init.ready": "exit""#,
        capabilities: r#""CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE""#,
        script: include_str!("appliance/escapes.sh"),
        ..PLAIN
    },
    Service {
        name: "kills",
        annotations: r#""org.mote.init.ready": "exit", "org.mote.init.after": "orphans escapes""#,
        capabilities: r#""CAP_KILL", "CAP_SYS_PTRACE""#,
        sees_all: true,
        script: include_str!("appliance/kills.sh"),
    },
    Service {
        name: "ends",
        annotations: r#""org.mote.init.after": "kills""#,
        capabilities: r#""CAP_KILL""#,
        sees_all: true,
        script: include_str!("appliance/ends.sh"),
    },
];

/// What process 1 says at the end, in this order: what was started last is stopped first.
pub const STOPPED: &[&str] = &[
    "mote init: stopping all containers",
    "mote init: steady exited with status 42",
    "mote init: alive exited with status 41",
    "mote init: powering off, status 3",
];

/// The names that busybox goes by in the containers.
const APPLETS: &[&str] = &[
    "cat", "echo", "grep", "kill", "ls", "nsenter", "readlink", "sh", "sleep", "umount",
];

/// Adds the bundles and their root; `orphans`: how many there are.
pub fn add(archive: &mut Archive, arch: &Arch, orphans: u32) -> Result {
    let root = apt::closure(arch.debian, "busybox-static", &["busybox-static"])?;
    archive.directories("programs/bin/");
    for name in ["dev", "proc", "sys", "results"] {
        archive.directory(&format!("programs/{name}"));
    }
    let busybox = crate::sh::read_bytes(&root.join("usr/bin/busybox"))?;
    archive.file("programs/bin/busybox", 0o755, &busybox);
    for name in APPLETS {
        archive.link(&format!("programs/bin/{name}"), "busybox");
    }
    for service in SERVICES {
        let place = format!("containers/{}/", service.name);
        archive.directories(&place);
        let config = config(service, orphans);
        archive.file(&format!("{place}config.json"), 0o644, config.as_bytes());
    }
    Ok(())
}

fn config(service: &Service, orphans: u32) -> String {
    let Service {
        annotations,
        capabilities,
        ..
    } = service;
    let script = service.script.replace('\\', "\\\\").replace('"', "\\\"");
    let script = script.replace('\n', "\\n");
    let pid = match service.sees_all {
        true => "",
        false => r#"{"type": "pid"}, "#,
    };
    format!(
        r#"{{
  "ociVersion": "1.2.1",
  "process": {{
    "user": {{"uid": 0, "gid": 0}},
    "args": ["/bin/sh", "-c", "{script}"],
    "env": ["PATH=/bin", "ORPHANS={orphans}"],
    "cwd": "/",
    "capabilities": {{"bounding": [{capabilities}], "effective": [{capabilities}], "permitted": [{capabilities}]}}
  }},
  "root": {{"path": "/programs", "readonly": true}},
  "annotations": {{{annotations}}},
  "mounts": [
    {{"destination": "/proc", "type": "proc", "source": "proc"}},
    {{"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro"]}},
    {{"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]}},
    {{"destination": "/results", "type": "bind", "source": "/run", "options": ["bind"]}}
  ],
  "linux": {{
    "namespaces": [{pid}{{"type": "network"}}, {{"type": "ipc"}}, {{"type": "uts"}}, {{"type": "mount"}}],
    "resources": {{"devices": [{{"allow": true, "access": "rwm"}}]}}
  }}
}}
"#
    )
}
