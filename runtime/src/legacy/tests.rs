//! Whole documents of the old forms, and what becomes of them.

use super::convert;
use serde_json::{Value, json};

fn converted(config: &Value, runtime: &Value) -> Value {
    let text = match convert(
        config.to_string().into_bytes(),
        runtime.to_string().into_bytes(),
    ) {
        Ok(text) => text,
        Err(error) => panic!("{error}"),
    };
    serde_json::from_str(&text).expect("JSON")
}

/// The two files of 0.1.0 and 0.2.0, with all that `runc spec` put into them.
#[test]
fn two_files() {
    let config = json!({
        "version": "0.1.0",
        "platform": {"os": "linux", "arch": "amd64"},
        "process": {
            "terminal": true,
            "user": {"uid": 0, "gid": 0, "additionalGids": null},
            "args": ["sh", "-c", "echo \"\u{e9}\"\n\\"],
            "env": ["PATH=/bin", "EMPTY="],
            "cwd": ""
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "shell",
        "mounts": [{"name": "proc", "path": "/proc"}, {"name": "my.data", "path": "/data"}],
        "linux": {"capabilities": ["CAP_KILL", "AUDIT_WRITE"]}
    });
    let runtime = json!({
        "mounts": {
            "my.data": {"type": "bind", "source": "/srv", "options": ["rbind", "rw"]},
            "proc": {"type": "proc", "source": "proc", "options": null},
            "unused": {"type": "tmpfs", "source": "tmpfs", "options": null}
        },
        "hooks": {"prestart": [{"path": "/bin/true"}], "poststop": null},
        "linux": {
            "uidMappings": null,
            "gidMappings": null,
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": u64::MAX, "soft": 0}],
            "sysctl": null,
            "resources": {
                "disableOOMKiller": true,
                "oomScoreAdj": 100,
                "memory": {"limit": 1048576, "reservation": 0, "swap": u64::MAX, "kernel": 0, "swappiness": -1},
                "cpu": {"shares": 0, "quota": 0, "cpus": "", "mems": ""},
                "pids": {"limit": 0},
                "blockIO": {
                    "blkioWeight": 10,
                    "blkioWeightDevice": [{"major": 8, "minor": 0, "weight": 500}],
                    "blkioThrottleReadBpsDevice": "",
                    "blkioThrottleWriteIopsDevice": null
                },
                "hugepageLimits": null,
                "network": {"classId": "", "priorities": null}
            },
            "cgroupsPath": "",
            "namespaces": [{"type": "pid", "path": ""}, {"type": "network", "path": "/run/netns/a"}],
            "devices": [
                {"path": "/dev/null", "type": 99, "major": 1, "minor": 3, "permissions": "rwm", "fileMode": 438, "uid": 0, "gid": 0},
                {"path": "", "type": 98, "major": 8, "minor": -1, "permissions": "r", "fileMode": 0, "uid": 0, "gid": 0}
            ],
            "apparmorProfile": "profile",
            "selinuxProcessLabel": "label",
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": null,
                "syscalls": [{"name": "ptrace", "action": "SCMP_ACT_ERRNO", "args": null}]},
            "rootfsPropagation": "",
            "noNewPrivileges": true
        }
    });
    let set = json!(["CAP_KILL", "CAP_AUDIT_WRITE"]);
    let expected = json!({
        "ociVersion": "1.3.0",
        "process": {
            "terminal": true,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh", "-c", "echo \"\u{e9}\"\n\\"],
            "env": ["PATH=/bin", "EMPTY="],
            "cwd": "/",
            "capabilities": {"bounding": set, "effective": set, "permitted": set},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": u64::MAX, "soft": 0}],
            "noNewPrivileges": true,
            "apparmorProfile": "profile",
            "selinuxLabel": "label",
            "oomScoreAdj": 100
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "shell",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "rw"]}
        ],
        "hooks": {"prestart": [{"path": "/bin/true"}]},
        "linux": {
            "resources": {
                "memory": {"limit": 1048576, "disableOOMKiller": true},
                "blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 500}]},
                "devices": [
                    {"allow": false, "access": "rwm"},
                    {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
                    {"allow": true, "type": "b", "major": 8, "access": "r"}
                ]
            },
            "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/a"}],
            "devices": [{"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0}],
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO"}]}
        }
    });
    assert_eq!(converted(&config, &runtime), expected);
}

/// One file, as from 0.3.0 to the release candidates.
#[test]
fn one_file() {
    let config = json!({
        "ociVersion": "0.5.0-dev",
        "platform": {"os": "linux", "arch": "amd64"},
        "process": {"args": ["sh"], "cwd": "/home", "capabilities": ["CAP_KILL"], "noNewPrivileges": true},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "annotations": {"a.b": "c"},
        "linux": {
            "resources": {"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 0}]},
            "namespaces": [{"type": "mount"}],
            "devices": [{"path": "/dev/x", "type": "c", "major": 10, "minor": 0, "fileMode": 8630}]
        }
    });
    let mut expected = config.clone();
    expected["ociVersion"] = json!("1.3.0");
    expected.as_object_mut().unwrap().remove("platform");
    let set = json!(["CAP_KILL"]);
    expected["process"]["capabilities"] =
        json!({"bounding": set, "effective": set, "permitted": set});
    expected["linux"]["devices"][0]["fileMode"] = json!(8630 & 0o777);
    assert_eq!(converted(&config, &json!({})), expected);
    // What is current already stays.
    assert_eq!(converted(&expected, &json!({})), expected);
}

#[test]
fn half_a_config_is_refused() {
    let refused = |config: &Value, runtime: &Value| {
        let result = convert(
            config.to_string().into_bytes(),
            runtime.to_string().into_bytes(),
        );
        result.expect_err("refused").to_string()
    };
    let config = json!({"version": "0.1.0", "mounts": [{"name": "a", "path": "/a"}]});
    assert_eq!(
        refused(&config, &json!({})),
        "linux.namespaces is neither in config.json nor in a runtime.json beside it"
    );
    let runtime = json!({"linux": {"namespaces": []}, "mounts": {"b": {"type": "tmpfs"}}});
    assert_eq!(
        refused(&config, &runtime),
        "runtime.json: mounts: \"a\" is missing"
    );
    let text = |config: &[u8], runtime: &[u8]| {
        let result = convert(config.to_vec(), runtime.to_vec());
        result.expect_err("refused").to_string()
    };
    assert_eq!(
        text(b"{", b"{}"),
        "config.json:1:2: expected a key or '}', found the end of the text"
    );
    assert_eq!(
        text(b"{}", b"]"),
        "runtime.json:1:1: expected a value, found ']'"
    );
}
