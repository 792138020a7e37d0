//! Documents from before 1.0.0: refused with the way out, converted, and then run.
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "legacy",
    serial: false,
    cases: &[
        ("two_files_are_converted_and_run", two_files),
        ("flat_capability_list_is_named", flat_capabilities),
        ("device_type_99_is_named", device_type),
        ("version_0_5_is_named", old_version),
        ("a_first_conversion_is_kept", twice),
        ("half_a_bundle_is_refused", half),
    ],
};

const WAY_OUT: &str = "spec --from-legacy";

/// A bundle as runc wrote it in 2015.
fn old_bundle(c: &Case) -> R<Bundle> {
    let b = c.bundle(&[
        "sh",
        "-c",
        "hostname; id -u; ls /dev/null; grep CapBnd /proc/self/status",
    ])?;
    let config = json!({
        "version": "0.1.0",
        "platform": {"os": "linux", "arch": "amd64"},
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0, "additionalGids": null},
            "args": b.config["process"]["args"],
            "env": ["PATH=/bin:/usr/bin:/sbin"],
            "cwd": ""
        },
        "root": b.config["root"],
        "hostname": "shell",
        "mounts": [{"name": "proc", "path": "/proc"}, {"name": "dev", "path": "/dev"}],
        "linux": {"capabilities": ["KILL"]}
    });
    let runtime = json!({
        "mounts": {
            "proc": {"type": "proc", "source": "proc", "options": null},
            "dev": {"type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}
        },
        "hooks": {"prestart": null, "poststop": null},
        "linux": {
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "resources": {"disableOOMKiller": false, "memory": {"limit": 0, "swappiness": -1}, "pids": {"limit": 0}},
            "cgroupsPath": "",
            "namespaces": [{"type": "pid", "path": ""}, {"type": "ipc", "path": ""}, {"type": "uts", "path": ""}, {"type": "mount", "path": ""}],
            "devices": [{"path": "/dev/null", "type": 99, "major": 1, "minor": 3, "permissions": "rwm", "fileMode": 438, "uid": 0, "gid": 0}],
            "apparmorProfile": "", "selinuxProcessLabel": "", "rootfsPropagation": ""
        }
    });
    fs::write(b.dir.join("config.json"), config.to_string())?;
    fs::write(b.dir.join("runtime.json"), runtime.to_string())?;
    Ok(b)
}

/// Runs what stands in the bundle, not what the harness would write there.
fn run(c: &Case, b: &Bundle) -> R<Out> {
    c.mote(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()
}

fn convert(c: &Case, b: &Bundle) -> R<Out> {
    c.mote(&["spec", "--from-legacy", "-b"]).arg(&b.dir).go()
}

fn two_files(c: &Case) -> Res {
    let b = old_bundle(c)?;
    run(c, &b)?.refused(
        1,
        &["ociVersion", "called version", "runtime.json", WAY_OUT],
    )?;
    convert(c, &b)?.ok()?;
    let out = run(c, &b)?.ok()?;
    same!(out.out, "shell\n0\n/dev/null\nCapBnd:\t0000000000000020\n");
    check!(fs::read_to_string(b.dir.join("config.json.legacy"))?.contains("0.1.0"));
    Ok(())
}

fn flat_capabilities(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set("/process/capabilities", json!(["CAP_KILL"]));
    c.run(&b)?.refused(
        1,
        &[
            "config.json:",
            "process.capabilities: expected an object, found an array",
            "flat list",
            WAY_OUT,
        ],
    )?;
    convert(c, &b)?.ok()?;
    run(c, &b)?.ok()?;
    Ok(())
}

fn device_type(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.push(
        "/linux/devices",
        json!({"path": "/dev/x", "type": 99, "major": 1, "minor": 3, "permissions": "rwm"}),
    );
    c.run(&b)?.refused(
        1,
        &[
            "linux.devices[0].type: expected a string, found 99",
            "c for 99",
            WAY_OUT,
        ],
    )?;
    convert(c, &b)?.ok()?;
    run(c, &b)?.ok()?;
    Ok(())
}

fn old_version(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set("/ociVersion", json!("0.5.0"));
    c.run(&b)?
        .refused(1, &["ociVersion", "0.5.0", "before 1.0.0", WAY_OUT])?;
    convert(c, &b)?.ok()?;
    run(c, &b)?.ok()?;
    Ok(())
}

fn twice(c: &Case) -> Res {
    let b = old_bundle(c)?;
    convert(c, &b)?.ok()?;
    convert(c, &b)?.refused(1, &["config.json.legacy", "EEXIST"])?;
    run(c, &b)?.ok()?;
    Ok(())
}

fn half(c: &Case) -> Res {
    let b = old_bundle(c)?;
    let before = fs::read(b.dir.join("config.json"))?;
    fs::remove_file(b.dir.join("runtime.json"))?;
    convert(c, &b)?.refused(1, &["linux.namespaces", "runtime.json"])?;
    same!(fs::read(b.dir.join("config.json"))?, before);
    check!(!b.dir.join("config.json.legacy").exists());
    Ok(())
}
