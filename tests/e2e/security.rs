//! What broke in other runtimes, tried on this one from outside. Each case is named after
//! the advisory, or after the rule that it checks.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The cases.
pub const MODULE: Module = Module {
    name: "security",
    serial: false,
    cases: &[
        ("cve_2016_3697_numeric_user_name", numeric_user_name),
        ("cve_2016_9962_nothing_visible_during_exec", nothing_visible),
        ("cve_2019_5736_entrypoint_is_proc_self_exe", entry_self_exe),
        ("cve_2019_5736_overwrite_through_exe", overwrite),
        ("cve_2019_16884_fake_proc_volume", fake_proc),
        ("cve_2021_43784_long_strings", long_strings),
        ("cve_2021_43784_many_id_maps", many_maps),
        ("cve_2022_29162_no_inheritable_capabilities", inheritable),
        ("cve_2025_52881_sysctl_with_overmount", sysctl_overmount),
        ("image_is_not_changed", image_unchanged),
        ("hook_state_has_no_injection", injection),
        ("state_is_private", state_private),
        ("host_cgroup_not_writable", cgroup_write),
        ("sysrq_and_core_pattern_not_writable", proc_write),
    ],
};

fn numeric_user_name(c: &Case) -> Res {
    let mut b = c.bundle(&["id", "-u"])?;
    fs::write(
        b.rootfs("etc/passwd"),
        "1000:x:0:0::/root:/bin/sh\nroot:x:0:0::/root:/bin/sh\n",
    )?;
    b.set("/process/user", json!({"uid": 1000, "gid": 1000}));
    same!(c.run(&b)?.ok()?.out, "1000\n");
    b.args(&["sleep", "30"]);
    c.detach(&b)?;
    same!(
        c.mote(&["exec", "-u", "1000", &b.id, "id", "-u"])
            .go()?
            .ok()?
            .out,
        "1000\n"
    );
    c.force(&b)?;
    Ok(())
}

/// While exec starts, root in the container looks at every process it can see.
fn nothing_visible(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "scan", "2"])?;
    let out = c.detach(&b)?;
    c.until("scan", || Ok(out.later().contains("scanning")))?;
    let end = std::time::Instant::now() + std::time::Duration::from_millis(1800);
    while std::time::Instant::now() < end {
        c.exec(&b, &["true"])?;
    }
    c.wait_status(&b, "stopped")?;
    let seen = out.later();
    let (root, name) = (c.root.display().to_string(), c.mote.display().to_string());
    for line in seen.lines() {
        let bad = line.contains(&root)
            || line.contains(&name)
            || line.contains("memfd:")
            || line.contains("cgroup");
        check!(!bad, "the container saw: {line}");
    }
    c.delete(&b)?;
    Ok(())
}

/// The interpreter of the entry point is the runtime itself.
fn entry_self_exe(c: &Case) -> Res {
    let before = fs::read(&c.mote)?;
    let mut b = c.bundle(&["/srv/entry"])?;
    b.caps(&["CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]);
    fs::create_dir(b.rootfs("srv"))?;
    fs::write(b.rootfs("srv/entry"), "#!/proc/self/exe\n")?;
    fs::set_permissions(b.rootfs("srv/entry"), fs::Permissions::from_mode(0o755))?;
    symlink("/proc/self/exe", b.rootfs("srv/self"))?;
    for args in [
        ["/srv/entry", "list"],
        ["/srv/self", "list"],
        ["/proc/self/exe", "list"],
    ] {
        b.args(&args);
        let out = c.verb("run", &b, &[])?.limit(10).go()?;
        check!(out.code <= 255, "{args:?}: {out:?}");
    }
    b.args(&["sleep", "30"]);
    c.detach(&b)?;
    for program in ["/srv/entry", "/srv/self", "/proc/self/exe"] {
        let out = c.exec(&b, &[program, "list"])?;
        check!(out.code <= 255, "{out:?}");
    }
    c.force(&b)?;
    check!(
        fs::read(&c.mote)? == before,
        "the runtime's binary has changed"
    );
    Ok(())
}

/// Pins the exe of whatever exec brings in, then writes to it once it is not busy any more.
fn overwrite(c: &Case) -> Res {
    let before = fs::read(&c.mote)?;
    let mut b = c.bundle(&["/bin/probe", "overwrite", "2"])?;
    b.caps(&[
        "CAP_DAC_OVERRIDE",
        "CAP_SYS_ADMIN",
        "CAP_SYS_PTRACE",
        "CAP_FOWNER",
    ])
    .set("/process/noNewPrivileges", json!(false));
    fs::create_dir(b.rootfs("srv"))?;
    symlink("/proc/self/exe", b.rootfs("srv/self"))?;
    let out = c.detach(&b)?;
    c.until("the attacker", || Ok(out.later().contains("waiting")))?;
    let end = std::time::Instant::now() + std::time::Duration::from_millis(1500);
    while std::time::Instant::now() < end {
        c.exec(&b, &["/srv/self", "list"])?;
        c.exec(&b, &["true"])?;
    }
    c.wait_status(&b, "stopped")?;
    let seen = out.later();
    check!(!seen.contains("Ok("), "a write went through: {seen}");
    check!(
        fs::read(&c.mote)? == before,
        "the runtime's binary has changed"
    );
    c.delete(&b)?;
    Ok(())
}

/// An image with VOLUME /proc: files that look like /proc's must never be written for real ones.
fn fake_proc(c: &Case) -> Res {
    let fake = c.path("fake");
    for dir in [
        "self/attr/apparmor",
        "thread-self/attr/apparmor",
        "1/attr",
        "sys/net/ipv4",
    ] {
        fs::create_dir_all(fake.join(dir))?;
    }
    for file in [
        "self/oom_score_adj",
        "self/attr/exec",
        "self/attr/apparmor/exec",
        "sys/net/ipv4/ip_forward",
    ] {
        fs::write(fake.join(file), "fake")?;
    }
    for (kind, from, options) in [
        ("bind", fake.display().to_string(), &["bind"][..]),
        ("tmpfs", "tmpfs".into(), &[]),
    ] {
        let mut b = c.bundle(&["true"])?;
        b.set("/process/oomScoreAdj", json!(500))
            .set("/linux/sysctl", json!({"net.ipv4.ip_forward": "1"}));
        b.mount("/proc", kind, &from, options);
        let out = c.run(&b)?;
        check!(out.code == 1, "{kind} over /proc was taken: {out:?}");
        b.unmount("/proc");
        b.mount("/proc", kind, &from, options);
        let out = c.run(&b)?;
        check!(out.code == 1, "{kind} in place of /proc was taken: {out:?}");
    }
    same!(
        fs::read_to_string(fake.join("sys/net/ipv4/ip_forward"))?,
        "fake"
    );
    same!(fs::read_to_string(fake.join("self/oom_score_adj"))?, "fake");
    Ok(())
}

/// A change that takes a string.
type Edit = for<'a> fn(&'a mut Bundle, &str) -> &'a mut Bundle;

fn long_strings(c: &Case) -> Res {
    let long = format!("/{}", "x".repeat(70_000));
    let edits: [Edit; 10] = [
        |b, s| b.del("/hostname").namespace("uts", Some(s)),
        |b, s| b.mount("/m", "bind", s, &["bind"]),
        |b, s| b.mount(s, "tmpfs", "x", &[]),
        |b, s| b.mount("/m", "tmpfs", "x", &[s]),
        |b, s| b.set("/hostname", json!(s)),
        |b, s| b.set("/process/cwd", json!(s)),
        |b, s| b.set("/root/path", json!(s)),
        |b, s| b.args(&[s]),
        |b, s| b.set("/linux/cgroupsPath", json!(s)),
        |b, s| b.set("/linux/sysctl", json!({s: "1"})),
    ];
    for edit in edits {
        let mut b = c.bundle(&["true"])?;
        edit(&mut b, &long);
        let out = c.run(&b)?;
        check!(out.code == 1, "{out:?}");
    }
    let mut b = c.bundle(&["true"])?;
    b.push("/linux/maskedPaths", json!(long))
        .push("/linux/readonlyPaths", json!(long));
    check!(c.run(&b)?.code <= 1);
    Ok(())
}

fn many_maps(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.namespace("user", None);
    let maps: Vec<Value> = (0..5000)
        .map(|n| json!({"containerID": n, "hostID": 100_000 + n, "size": 1}))
        .collect();
    b.set("/linux/uidMappings", json!(maps))
        .set("/linux/gidMappings", json!(maps));
    let out = c.run(&b)?;
    check!(out.code == 1 && !out.err.is_empty(), "{out:?}");
    Ok(())
}

fn inheritable(c: &Case) -> Res {
    let mut b = c.bundle(&["sleep", "30"])?;
    b.del("/process/capabilities/inheritable")
        .del("/process/capabilities/ambient");
    c.detach(&b)?;
    let status = fs::read_to_string(format!("/proc/{}/status", c.pid(&b)?))?;
    check!(status.contains("CapInh:\t0000000000000000"), "{status}");
    let out = c
        .mote(&[
            "exec",
            "--cap",
            "CAP_SYS_ADMIN",
            &b.id,
            "cat",
            "/proc/self/status",
        ])
        .go()?
        .ok()?
        .out;
    check!(
        out.contains("CapInh:\t0000000000000000") && out.contains("CapAmb:\t0000000000000000"),
        "{out}"
    );
    c.force(&b)?;
    Ok(())
}

fn sysctl_overmount(c: &Case) -> Res {
    let decoy = c.path("decoy");
    fs::write(&decoy, "decoy")?;
    for (at, kind, from, options) in [
        (
            "/proc/sys/net/ipv4/ip_forward",
            "bind",
            decoy.display().to_string(),
            &["bind"][..],
        ),
        ("/proc/sys/net", "tmpfs", "x".into(), &[]),
        (
            "/proc/sys/net/ipv4/ip_forward",
            "bind",
            "/proc/sys/kernel/domainname".into(),
            &["bind"],
        ),
    ] {
        let mut b = c.bundle(&["cat", "/proc/sys/net/ipv4/ip_forward"])?;
        b.set("/linux/sysctl", json!({"net.ipv4.ip_forward": "1"}))
            .mount(at, kind, &from, options);
        let before = fs::read_to_string("/proc/sys/kernel/domainname")?;
        let out = c.run(&b)?;
        check!(out.code == 1 || out.out == "1\n", "{at}: {out:?}");
        same!(fs::read_to_string(&decoy)?, "decoy");
        same!(fs::read_to_string("/proc/sys/kernel/domainname")?, before);
    }
    Ok(())
}

fn tree(dir: &Path) -> R<Vec<String>> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir)?.flatten() {
            let meta = entry.metadata()?;
            found.push(format!(
                "{} {:o} {}",
                entry.path().display(),
                meta.permissions().mode(),
                meta.len()
            ));
            if meta.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The template's mounts all have their directories: a run leaves the image as it was.
fn image_unchanged(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set("/root/readonly", json!(true));
    let before = tree(&b.rootfs(""))?;
    c.run(&b)?.ok()?;
    b.args(&["sleep", "30"]);
    c.detach(&b)?;
    c.exec(&b, &["true"])?.ok()?;
    c.force(&b)?;
    same!(tree(&b.rootfs(""))?, before);
    Ok(())
}

/// Strings from the config come out of state, list and hooks as what they were.
fn injection(c: &Case) -> Res {
    let nasty = "\",\"pid\":1,\"x\":\"\u{1}\\\n\u{7f}\u{2028}";
    let log = c.path("log");
    let mut b = c.bundle(&["true"])?;
    b.set("/annotations", json!({nasty: nasty}))
        .hook("createRuntime", &format!("cat > {}", log.display()));
    c.create(&b)?;
    for text in [
        c.mote(&["state", &b.id]).go()?.ok()?.out,
        fs::read_to_string(&log)?,
    ] {
        let v: Value = serde_json::from_str(&text)?;
        same!(v["annotations"][nasty], json!(nasty));
        check!(v["pid"] != json!(1) && v["x"].is_null());
    }
    let list: Value = serde_json::from_str(&c.mote(&["list", "-f", "json"]).go()?.ok()?.out)?;
    same!(list[0]["annotations"][nasty], json!(nasty));
    c.delete(&b)?;
    Ok(())
}

fn state_private(c: &Case) -> Res {
    let mut b = c.bundle(&["sleep", "30"])?;
    b.set("/process/user", json!({"uid": 1000, "gid": 1000}));
    c.create(&b)?;
    let out = c
        .tool("ls", &[&c.root.display().to_string()])
        .user(1000)
        .go()?;
    check!(out.code != 0, "any user can list the state: {out:?}");
    for args in [
        &["delete", "--force", &b.id][..],
        &["kill", &b.id, "KILL"],
        &["start", &b.id],
    ] {
        let out = c.mote(args).user(1000).go()?;
        check!(out.code != 0 || args[0] == "delete", "{args:?}: {out:?}");
    }
    same!(c.status(&b)?, "created");
    c.force(&b)?;
    Ok(())
}

fn cgroup_write(c: &Case) -> Res {
    let script = "for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/*/release_agent; do /bin/probe try-write $f; done";
    let mut b = c.bundle(&[])?;
    b.caps(&["CAP_DAC_OVERRIDE"]);
    let out = c.sh(&mut b, script)?;
    check!(!out.contains("writable"), "{out}");
    Ok(())
}

fn proc_write(c: &Case) -> Res {
    let paths = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/modprobe",
        "/proc/kcore",
        "/proc/sys/vm/swappiness",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/uevent_helper",
    ];
    let mut args = vec!["/bin/probe", "try-write"];
    args.extend(paths);
    let mut b = c.bundle(&args)?;
    b.caps(&["CAP_DAC_OVERRIDE"]);
    // A masked file is /dev/null: open for writing and without effect.
    let out = c.run(&b)?.ok()?.out;
    let open: Vec<&str> = out
        .lines()
        .filter(|l| l.ends_with("writable") && !l.starts_with("/proc/kcore"))
        .collect();
    check!(open.is_empty(), "{open:?}");
    Ok(())
}
