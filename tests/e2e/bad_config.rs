//! config.json that is missing, broken, huge or of the wrong types.
use crate::bad_input::edit;
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The cases.
pub const MODULE: Module = Module {
    name: "bad_config",
    serial: false,
    cases: &[
        ("config_missing", config_missing),
        ("config_unreadable", config_unreadable),
        ("config_is_a_directory", config_directory),
        ("config_not_json", config_not_json),
        ("config_huge", config_huge),
        ("config_deeply_nested", config_nested),
        ("config_wrong_types", config_types),
        ("config_nulls_are_fine", config_nulls),
        ("config_unknown_properties_are_fine", config_unknown),
        ("version_missing_or_wrong", version),
        ("nul_in_strings", nul),
        ("uid_negative_or_huge", uid_range),
        ("uid_unmapped", uid_unmapped),
        ("maps_without_user_namespace", maps_without),
        ("scheduler_nonsense", scheduler),
    ],
};

fn config_missing(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.mote(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .refused(1, &["config.json"])?;
    Ok(())
}

fn config_unreadable(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    fs::set_permissions(b.dir.join("config.json"), fs::Permissions::from_mode(0o000))?;
    fs::create_dir(&c.root)?;
    std::os::unix::fs::chown(&c.root, Some(1000), Some(1000))?;
    let run = c.mote(&["run", "-b"]).arg(&b.dir).arg(&b.id).user(1000);
    run.go()?.refused(1, &["config.json"])?;
    Ok(())
}

fn config_directory(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    fs::create_dir(b.dir.join("config.json"))?;
    c.mote(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .refused(1, &["config.json"])?;
    Ok(())
}

/// Runs a config of these bytes.
fn raw(c: &Case, b: &Bundle, text: &[u8]) -> R<Out> {
    fs::write(b.dir.join("config.json"), text)?;
    c.mote(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()
}

fn config_not_json(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let good = serde_json::to_string(&b.config)?;
    let texts: [&[u8]; 9] = [
        b"",
        b" \n",
        b"{",
        b"[]",
        b"null",
        b"{\"ociVersion\": \"1.0.2\",}",
        b"\xff\xfe{}",
        b"{\"a\": 1 \"b\": 2}",
        &good.as_bytes()[..good.len() - 1],
    ];
    for text in texts {
        raw(c, &b, text)?.refused(1, &[])?;
    }
    Ok(())
}

/// Big but right: 20,000 annotations and environment variables.
fn config_huge(c: &Case) -> Res {
    let mut b = c.bundle(&["sh", "-c", "env | wc -l"])?;
    for n in 0..5000 {
        b.env(&format!("VARIABLE_{n}={}", "x".repeat(20)));
        b.set(
            &format!("/annotations/org.example.number-{n}"),
            json!("y".repeat(20)),
        );
    }
    let out = c.run(&b)?;
    check!(
        out.code == 0 && out.out.trim().parse::<u32>().is_ok_and(|n| n >= 5000) || out.code == 1,
        "{out:?}"
    );
    if out.code == 1 {
        out.refused(1, &[])?;
    }
    Ok(())
}

fn config_nested(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let mut text = serde_json::to_string(&b.config)?;
    text.pop();
    let deep = format!(
        "{text},\"x\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let out = raw(c, &b, deep.as_bytes())?;
    check!(out.code == 0 || out.code == 1, "{out:?}");
    let open = format!("{text},\"x\":{}", "[".repeat(100_000));
    raw(c, &b, open.as_bytes())?.refused(1, &[])?;
    Ok(())
}

fn config_types(c: &Case) -> Res {
    for (pointer, value) in [
        ("/process/args", json!("sh")),
        ("/process/args", json!([1])),
        ("/process/terminal", json!("yes")),
        ("/process/user/uid", json!("0")),
        ("/process/user/uid", json!(1.5)),
        ("/process/cwd", json!(7)),
        ("/mounts", json!({})),
        ("/linux", json!([])),
        ("/linux/namespaces", json!("pid")),
        ("/root", json!("rootfs")),
        ("/hostname", json!(["x"])),
        ("/process/env", json!({})),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_CORE", "soft": -1, "hard": 5}]),
        ),
        (
            "/linux/uidMappings",
            json!([{"containerID": 0, "hostID": -5, "size": 1}]),
        ),
    ] {
        let mut b = c.bundle(&["true"])?;
        b.set(pointer, value.clone());
        let out = c.run(&b)?;
        check!(out.code == 1, "{pointer} = {value}: {out:?}");
        out.refused(1, &[])?;
    }
    Ok(())
}

fn config_nulls(c: &Case) -> Res {
    let mut b = c.bundle(&["echo", "fine"])?;
    for pointer in [
        "/hooks",
        "/annotations",
        "/process/rlimits",
        "/process/capabilities",
        "/process/user/additionalGids",
        "/linux/devices",
        "/linux/sysctl",
        "/linux/seccomp",
        "/linux/uidMappings",
        "/linux/maskedPaths",
        "/linux/timeOffsets",
        "/linux/resources",
        "/linux/intelRdt",
        "/process/oomScoreAdj",
        "/process/consoleSize",
        "/linux/rootfsPropagation",
        "/process/apparmorProfile",
    ] {
        b.set(pointer, json!(null));
    }
    same!(c.run(&b)?.ok()?.out, "fine\n");
    Ok(())
}

fn config_unknown(c: &Case) -> Res {
    let mut b = c.bundle(&["echo", "fine"])?;
    b.set("/new", json!({"a": [1, {"b": null}]}))
        .set("/process/later", json!(1e300))
        .set("/linux/x/y", json!("\u{7}"));
    b.set("/windows", json!({"layerFolders": []}))
        .set("/vm", json!({"kernel": {"path": "/x"}}))
        .set("/zos", json!({}));
    same!(c.run(&b)?.ok()?.out, "fine\n");
    Ok(())
}

fn version(c: &Case) -> Res {
    for good in ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1+dev", "1.3.0"] {
        let mut b = c.bundle(&["true"])?;
        b.set("/ociVersion", json!(good));
        c.run(&b)?.ok()?;
    }
    if !c.is_other("runc") {
        for bad in ["2.0.0", "0.1.0", "", "one", "1"] {
            edit(c, &["ociVersion"], |b| b.set("/ociVersion", json!(bad)))?;
        }
    }
    Ok(())
}

fn nul(c: &Case) -> Res {
    for pointer in [
        "/process/args/0",
        "/process/cwd",
        "/process/env/0",
        "/hostname",
        "/mounts/0/destination",
        "/mounts/1/options/0",
        "/linux/maskedPaths/0",
        "/root/path",
    ] {
        let mut b = c.bundle(&["true"])?;
        let old = b
            .config
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_string();
        b.set(pointer, json!(format!("{old}\u{0}x")));
        c.run(&b)?.refused(1, &[])?;
    }
    Ok(())
}

fn uid_range(c: &Case) -> Res {
    for uid in [
        json!(-1),
        json!(4_294_967_295_u32),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
    ] {
        let mut b = c.bundle(&["id", "-u"])?;
        b.set("/process/user/uid", uid.clone());
        let out = c.run(&b)?;
        check!(out.code == 1 && out.out.is_empty(), "uid {uid}: {out:?}");
    }
    Ok(())
}

fn uid_unmapped(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set(
        "/linux/uidMappings",
        json!([{"containerID": 0, "hostID": 100_000, "size": 10}]),
    );
    b.set(
        "/linux/gidMappings",
        json!([{"containerID": 0, "hostID": 100_000, "size": 10}]),
    )
    .namespace("user", None);
    for sub in ["", "dev", "proc", "sys", "bin"] {
        std::os::unix::fs::chown(b.rootfs(sub), Some(100_000), Some(100_000))?;
    }
    for who in [
        json!({"uid": 11, "gid": 0}),
        json!({"uid": 0, "gid": 11}),
        json!({"uid": 0, "gid": 0, "additionalGids": [500]}),
    ] {
        b.set("/process/user", who);
        c.run(&b)?.refused(1, &[])?;
    }
    Ok(())
}

/// runc ignores such maps; refusing them is fine too, half using them is not.
fn maps_without(c: &Case) -> Res {
    let map = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    let mut b = c.bundle(&["cat", "/proc/self/uid_map"])?;
    b.set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map);
    let out = c.run(&b)?;
    if out.code == 0 {
        same!(
            out.out.split_whitespace().collect::<Vec<_>>(),
            ["0", "0", "4294967295"]
        );
        return Ok(());
    }
    out.refused(1, &["ap"])?;
    Ok(())
}

fn scheduler(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("process.scheduler is newer than runc 1.1");
    }
    for value in [
        json!({"policy": "SCHED_NONSENSE"}),
        json!({"policy": "SCHED_OTHER", "nice": 40}),
        json!({"policy": "SCHED_OTHER", "priority": 5}),
        json!({"policy": "SCHED_FIFO", "priority": 500}),
        json!({"policy": "SCHED_BATCH", "runtime": 5}),
    ] {
        edit(c, &[], |b| b.set("/process/scheduler", value.clone()))?;
    }
    edit(c, &[], |b| {
        b.set(
            "/process/ioPriority",
            json!({"class": "IOPRIO_CLASS_BE", "priority": 9}),
        )
    })
}
