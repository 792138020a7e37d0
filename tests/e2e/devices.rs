//! /dev: default and configured devices, links, ptmx, console; access rules.
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "devices",
    serial: false,
    cases: &[
        ("default_devices", defaults),
        ("links", links),
        ("configured_devices", configured),
        ("configured_outside_dev", outside_dev),
        ("configured_replaces_default", replaces),
        ("device_types_checked", bad_types),
        ("existing_other_node_refused", existing_other),
        ("works_through", works),
        ("deny_all_rule", denied),
        ("allow_rule", allowed),
        ("mknod_allowed_open_denied", mknod_rule),
        ("dev_bind_mounted", dev_bound),
        ("ptmx_is_the_containers", ptmx),
        ("no_dev_mount_at_all", no_dev),
        ("user_namespace_binds_devices", userns),
    ],
};

/// Path, device number and mode of the devices that every container has (config-linux.md).
const DEFAULTS: [(&str, &str); 6] = [
    ("/dev/null", "1:3"),
    ("/dev/zero", "1:5"),
    ("/dev/full", "1:7"),
    ("/dev/random", "1:8"),
    ("/dev/urandom", "1:9"),
    ("/dev/tty", "5:0"),
];

/// `probe ext PATHS` as (mode and type, owner, device, link) by path.
fn look(c: &Case, b: &mut Bundle, paths: &[&str]) -> R<Vec<String>> {
    let mut args = vec!["/bin/probe", "ext"];
    args.extend(paths);
    b.args(&args);
    let out = c.run(b)?.ok()?.out;
    Ok(out
        .lines()
        .filter_map(|l| Some(l.split_once('\t')?.1.to_string()))
        .collect())
}

fn defaults(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let seen = look(c, &mut b, &DEFAULTS.map(|d| d.0))?;
    for ((path, number), seen) in DEFAULTS.iter().zip(&seen) {
        same!(*seen, format!("20666 0:0 {number} -"), "{path}");
    }
    Ok(())
}

fn links(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    for (path, to) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
        ("/dev/ptmx", "pts/ptmx"),
    ] {
        let seen = look(c, &mut b, &[path])?;
        check!(seen[0].ends_with(&format!(" {to}")), "{path}: {seen:?}");
    }
    let core = look(c, &mut b, &["/dev/core"])?;
    let want = fs::exists("/proc/kcore")?;
    same!(
        core[0].ends_with("/proc/kcore"),
        want,
        "/dev/core: {core:?}"
    );
    let all = c.sh(&mut b, "ls /dev")?;
    let names: Vec<&str> = all.split_whitespace().filter(|n| *n != "core").collect();
    let mut want = [
        "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
        "stdout", "tty", "urandom", "zero",
    ];
    want.sort_unstable();
    same!(names, want, "and nothing of the host");
    Ok(())
}

fn device(path: &str, kind: &str, major: u32, minor: u32, mode: u32) -> Value {
    json!({"path": path, "type": kind, "major": major, "minor": minor, "fileMode": mode, "uid": 3, "gid": 4})
}

fn configured(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.push("/linux/devices", device("/dev/fuse", "c", 10, 229, 0o640));
    b.push(
        "/linux/devices",
        device("/dev/some/deep/disk", "b", 7, 300, 0o777),
    );
    b.push(
        "/linux/devices",
        device("/dev/unbuffered", "u", 1, 3, 0o600),
    );
    b.push(
        "/linux/devices",
        json!({"path": "/dev/pipe", "type": "p", "fileMode": 0o622}),
    );
    b.push(
        "/linux/devices",
        json!({"path": "/dev/plain", "type": "c", "major": 1, "minor": 5}),
    );
    let seen = look(
        c,
        &mut b,
        &[
            "/dev/fuse",
            "/dev/some/deep/disk",
            "/dev/unbuffered",
            "/dev/pipe",
        ],
    )?;
    same!(
        seen,
        [
            "20640 3:4 10:229 -",
            "60777 3:4 7:300 -",
            "20600 3:4 1:3 -",
            "10622 0:0 0:0 -"
        ]
    );
    let plain = look(c, &mut b, &["/dev/plain"])?;
    check!(plain[0].contains("0:0 1:5"), "{plain:?}");
    Ok(())
}

fn outside_dev(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.push("/linux/devices", device("/srv/null", "c", 1, 3, 0o666));
    same!(look(c, &mut b, &["/srv/null"])?, ["20666 3:4 1:3 -"]);
    Ok(())
}

fn replaces(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.push("/linux/devices", device("/dev/null", "c", 1, 3, 0o606));
    b.push(
        "/linux/resources/devices",
        json!({"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"}),
    );
    let out = look(c, &mut b, &["/dev/null"])?;
    check!(out[0].contains(" 1:3 "), "{out:?}");
    Ok(())
}

fn bad_types(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.push("/linux/devices", device("/dev/x", "q", 1, 3, 0o600));
    c.run(&b)?.refused(1, &[])?;
    b.set(
        "/linux/devices",
        json!([{"path": "/dev/x", "type": "c", "major": -1, "minor": 1_u64 << 40}]),
    );
    c.run(&b)?.refused(1, &[])?;
    b.set(
        "/linux/devices",
        json!([device("dev/relative", "c", 1, 3, 0o600)]),
    );
    let out = c.run(&b)?;
    check!(out.code == 1 || !b.rootfs("../dev").exists(), "{out:?}");
    Ok(())
}

/// A node of another number in the image must not be taken for the one asked for.
fn existing_other(c: &Case) -> Res {
    let b = &mut c.bundle(&["true"])?;
    let disk = b.rootfs("srv");
    fs::create_dir_all(&disk)?;
    c.tool(
        "mknod",
        &[&disk.join("dev").display().to_string(), "c", "1", "5"],
    )
    .go()?
    .ok()?;
    b.push("/linux/devices", device("/srv/dev", "c", 1, 3, 0o666));
    let seen = look(c, b, &["/srv/dev"]);
    match seen {
        Ok(seen) => check!(
            seen[0].contains(" 1:3 "),
            "the image's node was taken: {seen:?}"
        ),
        Err(_) => {
            c.run(b)?.refused(1, &["/srv/dev"])?;
        }
    }
    Ok(())
}

fn works(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let script = "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; echo y > /dev/full || echo full";
    same!(c.sh(&mut b, script)?, "4\n5\nfull\n");
    Ok(())
}

/// A character device of this host that opens without capabilities and is no default device.
pub fn some_device() -> R<(u32, u32)> {
    for path in [
        "/dev/fuse",
        "/dev/loop-control",
        "/dev/net/tun",
        "/dev/rtc0",
        "/dev/kvm",
    ] {
        if let Ok(stat) = rustix::fs::stat(path)
            && fs::File::open(path).is_ok()
        {
            return Ok((
                rustix::fs::major(stat.st_rdev),
                rustix::fs::minor(stat.st_rdev),
            ));
        }
    }
    skip("no harmless device to open on this machine")
}

/// The template denies everything; the host's devices stay out of reach even with CAP_MKNOD.
fn denied(c: &Case) -> Res {
    let (major, minor) = some_device()?;
    let mut b = c.bundle(&[])?;
    b.caps(&["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]);
    let script = format!(
        "mknod /tmp/d c {major} {minor}; (exec 3</tmp/d) 2>/dev/null && echo open || echo denied"
    );
    same!(c.sh(&mut b, &script)?, "denied\n");
    Ok(())
}

fn allowed(c: &Case) -> Res {
    let (major, minor) = some_device()?;
    let mut b = c.bundle(&[])?;
    let rule = |allow: bool| json!({"allow": allow, "type": "c", "major": major, "minor": minor, "access": "rw"});
    b.push("/linux/resources/devices", rule(true));
    b.push(
        "/linux/devices",
        json!({"path": "/dev/d", "type": "c", "major": major, "minor": minor, "fileMode": 0o666}),
    );
    let script = "(exec 3</dev/d) 2>/dev/null && echo open || echo denied";
    same!(c.sh(&mut b, script)?, "open\n");
    b.push("/linux/resources/devices", rule(false));
    same!(c.sh(&mut b, script)?, "denied\n", "later rules win");
    Ok(())
}

/// runc's own first rule: mknod of anything is fine, opening is what is denied.
fn mknod_rule(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.caps(&["CAP_MKNOD"]);
    let script = "mknod /tmp/disk b 254 0 && mknod /tmp/tun c 10 200 && echo made; (exec 3</tmp/disk) 2>/dev/null || echo denied";
    same!(c.sh(&mut b, script)?, "made\ndenied\n");
    Ok(())
}

/// Some cases make device nodes in the test's own directory, and systemd mounts /tmp `nodev`.
fn devices_work(c: &Case) -> Res {
    let node = c.path("null");
    c.tool("mknod", &[&*node.to_string_lossy(), "c", "1", "3"])
        .go()?
        .ok()?;
    match fs::File::open(&node) {
        Ok(_) => Ok(()),
        Err(error) => skip(format!("no device works in the test's directory: {error}")),
    }
}

/// /dev of the image or of the host instead of a tmpfs: nothing is made in it.
fn dev_bound(c: &Case) -> Res {
    devices_work(c)?;
    let dir = c.path("hostdev");
    fs::create_dir(&dir)?;
    for (name, minor) in [("null", "3"), ("zero", "5")] {
        c.tool(
            "mknod",
            &[&dir.join(name).display().to_string(), "c", "1", minor],
        )
        .go()?
        .ok()?;
    }
    let mut b = c.bundle(&["sh", "-c", "echo x > /dev/null && echo fine"])?;
    for at in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] {
        b.unmount(at);
    }
    b.mount("/dev", "bind", &dir.display().to_string(), &["bind"]);
    same!(c.run(&b)?.ok()?.out, "fine\n");
    let mut names: Vec<String> = fs::read_dir(&dir)?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    same!(names, ["null", "zero"], "a bound /dev is left as it is");
    Ok(())
}

fn ptmx(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let seen = look(c, &mut b, &["/dev/pts/ptmx"])?;
    check!(
        seen[0].starts_with("20666 0:") && seen[0].contains(" 5:2 "),
        "{seen:?}"
    );
    same!(
        c.sh(&mut b, "ls /dev/pts")?,
        "ptmx\n",
        "the host's terminals are invisible"
    );
    Ok(())
}

fn no_dev(c: &Case) -> Res {
    devices_work(c)?;
    let mut b = c.bundle(&["sh", "-c", "echo x > /dev/null && echo fine"])?;
    for at in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] {
        b.unmount(at);
    }
    same!(c.run(&b)?.ok()?.out, "fine\n");
    Ok(())
}

fn userns(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.userns(100_000);
    for sub in ["", "dev", "proc", "sys", "bin"] {
        std::os::unix::fs::chown(b.rootfs(sub), Some(100_000), Some(100_000))?;
    }
    let report = c.report(&mut b)?;
    let null = report.mount("/dev/null").ok_or("no bind on /dev/null")?;
    same!(null.kind, "devtmpfs");
    same!(look(c, &mut b, &["/dev/null"])?[0].contains(" 1:3 "), true);
    Ok(())
}
