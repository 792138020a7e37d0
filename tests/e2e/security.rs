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
        ("cve_2019_19921_proc_and_sys_symlinks", proc_symlink),
        ("cve_2021_43784_long_strings", long_strings),
        ("cve_2021_43784_many_id_maps", many_maps),
        ("cve_2022_29162_no_inheritable_capabilities", inheritable),
        ("cve_2024_21626_cwd_through_fds", cwd_fds),
        ("cve_2024_21626_exec_cwd_through_fds", exec_cwd_fds),
        ("cve_2024_21626_program_through_fds", program_fds),
        ("cve_2024_45310_no_files_on_the_host", mkdir_escape),
        ("cve_2025_31133_dev_null_is_a_symlink", null_symlink),
        ("cve_2025_31133_dev_null_is_a_file", null_file),
        ("cve_2025_52565_dev_pts_is_a_symlink", pts_symlink),
        ("cve_2025_52881_sysctl_with_overmount", sysctl_overmount),
        ("cve_2026_41579_dev_is_a_symlink", dev_symlink),
        ("masked_and_readonly_through_symlinks", masked_symlinks),
        ("tmpcopyup_through_symlink", copyup_symlink),
        ("passwd_is_a_symlink_to_the_host", passwd_symlink),
        ("passwd_is_a_fifo_or_endless", passwd_fifo),
        ("program_is_a_symlink_to_the_host", program_symlink),
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

fn proc_symlink(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    for name in ["proc", "sys"] {
        for target in [
            "/tmp/x",
            "tmp/x",
            "../../../victim",
            &victim.display().to_string(),
        ] {
            let b = c.bundle(&["true"])?;
            fs::create_dir(b.rootfs("tmp/x"))?;
            fs::remove_dir(b.rootfs(name))?;
            symlink(target, b.rootfs(name))?;
            let out = c.run(&b)?;
            check!(out.code == 1, "/{name} -> {target}: {out:?}");
            check!(
                fs::read_dir(&victim)?.next().is_none(),
                "mounted on the host"
            );
        }
    }
    Ok(())
}

fn long_strings(c: &Case) -> Res {
    let long = format!("/{}", "x".repeat(70_000));
    for edit in [
        |b: &mut Bundle, s: &str| drop(b.del("/hostname").namespace("uts", Some(s))),
        |b: &mut Bundle, s: &str| drop(b.mount("/m", "bind", s, &["bind"])),
        |b: &mut Bundle, s: &str| drop(b.mount(s, "tmpfs", "x", &[])),
        |b: &mut Bundle, s: &str| drop(b.mount("/m", "tmpfs", "x", &[s])),
        |b: &mut Bundle, s: &str| drop(b.set("/hostname", json!(s))),
        |b: &mut Bundle, s: &str| drop(b.set("/process/cwd", json!(s))),
        |b: &mut Bundle, s: &str| drop(b.set("/root/path", json!(s))),
        |b: &mut Bundle, s: &str| drop(b.args(&[s])),
        |b: &mut Bundle, s: &str| drop(b.set("/linux/cgroupsPath", json!(s))),
        |b: &mut Bundle, s: &str| drop(b.set("/linux/sysctl", json!({s: "1"}))),
    ] {
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

/// A working directory through some descriptor of the runtime's never leads outside.
fn outside(out: &Out) -> bool {
    out.code == 0 || out.out.contains("lib64") || out.out.contains("unreachable")
}

fn cwd_fds(c: &Case) -> Res {
    let mut b = c.bundle(&["ls", "-d", "../../../../../../../../lib64", "."])?;
    for fd in 0..40 {
        for form in [
            format!("/proc/self/fd/{fd}"),
            format!("/proc/self/fd/{fd}/"),
        ] {
            b.set("/process/cwd", json!(form));
            let out = c.run(&b)?;
            check!(!outside(&out), "cwd {form}: {out:?}");
        }
    }
    Ok(())
}

fn exec_cwd_fds(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.detach(&b)?;
    for fd in 0..40 {
        let cwd = format!("/proc/self/fd/{fd}");
        let out = c
            .mote(&[
                "exec",
                "--cwd",
                &cwd,
                &b.id,
                "ls",
                "-d",
                "../../../../../../../../lib64",
                ".",
            ])
            .go()?;
        check!(!outside(&out), "exec --cwd {cwd}: {out:?}");
    }
    c.force(&b)?;
    Ok(())
}

fn program_fds(c: &Case) -> Res {
    let mut b = c.bundle(&["sleep", "60"])?;
    c.detach(&b)?;
    for fd in 3..24 {
        for up in ["", "../../../../../../../../"] {
            let program = format!("/proc/self/fd/{fd}/{up}bin/bash");
            let out = c.exec(&b, &[&program, "-c", "ls /lib64"])?;
            check!(out.code != 0, "{program}: {out:?}");
        }
    }
    c.force(&b)?;
    for fd in 3..16 {
        b.args(&[
            &format!("/proc/self/fd/{fd}/../../../../../../bin/bash"),
            "-c",
            "ls /lib64",
        ]);
        let out = c.run(&b)?;
        check!(out.code != 0, "{out:?}");
    }
    Ok(())
}

/// Links in the path of a mount point that doesn't exist yet.
fn mkdir_escape(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    let b = &mut c.bundle(&["true"])?;
    for (n, target) in [
        victim.display().to_string(),
        "../../../victim".into(),
        format!("{}/not/yet", victim.display()),
        "/proc/1/root/tmp".into(),
    ]
    .iter()
    .enumerate()
    {
        symlink(target, b.rootfs(&format!("l{n}")))?;
        b.mount(&format!("/l{n}/new/dir"), "tmpfs", "x", &[]);
        b.mount(&format!("/l{n}/new/file"), "bind", "/etc/passwd", &["bind"]);
    }
    b.set("/process/cwd", json!("/l0/cwd"));
    let out = c.run(b)?;
    check!(out.code <= 1);
    let left: Vec<_> = fs::read_dir(&victim)?.flatten().map(|e| e.path()).collect();
    check!(left.is_empty(), "made on the host: {left:?}");
    Ok(())
}

/// A bundle whose /dev is the image's own directory.
fn image_dev(c: &Case, args: &[&str]) -> R<Bundle> {
    let mut b = c.bundle(args)?;
    for at in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] {
        b.unmount(at);
    }
    Ok(b)
}

fn null_symlink(c: &Case) -> Res {
    let pattern = "/proc/sys/kernel/core_pattern";
    let before = fs::read_to_string(pattern)?;
    let script = "for f in /proc/keys /proc/kcore /proc/timer_list; do echo '|/owned' > $f; done 2>/dev/null; echo '|/owned' > /dev/null; true";
    for bound in [false, true] {
        let mut b = image_dev(c, &["sh", "-c", script])?;
        let dev = if bound {
            c.path("dev")
        } else {
            b.rootfs("dev")
        };
        fs::create_dir_all(&dev)?;
        symlink(pattern, dev.join("null"))?;
        if bound {
            b.mount("/dev", "bind", &dev.display().to_string(), &["bind"]);
        }
        let out = c.run(&b)?;
        let after = fs::read_to_string(pattern)?;
        fs::write(pattern, &before)?;
        same!(after, before, "core_pattern of the host");
        check!(
            out.code == 1,
            "a /dev/null that is a symlink was used (bound: {bound}): {out:?}"
        );
    }
    Ok(())
}

fn null_file(c: &Case) -> Res {
    let dev = c.path("dev");
    fs::create_dir(&dev)?;
    fs::write(dev.join("null"), "just a file\n")?;
    let mut b = image_dev(c, &["cat", "/proc/keys"])?;
    b.mount("/dev", "bind", &dev.display().to_string(), &["bind"]);
    let out = c.run(&b)?;
    check!(
        !out.out.contains("just a file"),
        "a masked path shows a file of the image"
    );
    Ok(())
}

fn pts_symlink(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    for target in [victim.display().to_string(), "../../../victim".into()] {
        let mut b = c.bundle(&["true"])?;
        b.unmount("/dev")
            .unmount("/dev/shm")
            .unmount("/dev/mqueue")
            .set("/process/terminal", json!(true));
        symlink(&target, b.rootfs("dev/pts"))?;
        symlink(format!("{target}/console"), b.rootfs("dev/console"))?;
        symlink(format!("{target}/ptmx"), b.rootfs("dev/ptmx"))?;
        let path = c.path(&format!("s{}", c.fresh()));
        let _socket = sock::FdSocket::listen(&path)?;
        let out = c
            .verb(
                "create",
                &b,
                &["--console-socket", &path.display().to_string()],
            )?
            .go()?;
        check!(out.code <= 1, "{out:?}");
        c.force(&b)?;
        check!(fs::read_dir(&victim)?.next().is_none(), "made on the host");
    }
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

fn dev_symlink(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    let before: Vec<String> = names(Path::new("/dev"))?;
    for target in ["../../../victim", &victim.display().to_string(), "."] {
        for mounted in [true, false] {
            let b = if mounted {
                c.bundle(&["true"])?
            } else {
                image_dev(c, &["true"])?
            };
            fs::remove_dir(b.rootfs("dev"))?;
            symlink(target, b.rootfs("dev"))?;
            let out = c.run(&b)?;
            check!(out.code <= 1, "{out:?}");
            check!(
                fs::read_dir(&victim)?.next().is_none(),
                "made on the host: {:?}",
                names(&victim)?
            );
        }
    }
    same!(names(Path::new("/dev"))?, before);
    Ok(())
}

fn names(dir: &Path) -> R<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(dir)?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

fn masked_symlinks(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    fs::write(victim.join("file"), "host")?;
    let mut b = c.bundle(&["cat", "/etc/group"])?;
    symlink(&victim, b.rootfs("m"))?;
    symlink("/etc/group", b.rootfs("g"))?;
    for list in ["/linux/maskedPaths", "/linux/readonlyPaths"] {
        b.push(list, json!("/m"))
            .push(list, json!("/m/file"))
            .push(list, json!("/../../../../etc/nothing"));
    }
    let out = c.run(&b)?;
    check!(out.code <= 1, "{out:?}");
    same!(fs::read_to_string(victim.join("file"))?, "host");
    Ok(())
}

fn copyup_symlink(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    fs::write(victim.join("secret"), "host secret")?;
    let mut b = c.bundle(&["sh", "-c", "ls -R /m /n; cat /m/* /n/*; true"])?;
    symlink(&victim, b.rootfs("m"))?;
    fs::create_dir(b.rootfs("n"))?;
    symlink(victim.join("secret"), b.rootfs("n/link"))?;
    b.mount("/m", "tmpfs", "x", &["tmpcopyup"])
        .mount("/n", "tmpfs", "x", &["tmpcopyup"]);
    let out = c.run(&b)?;
    check!(!out.out.contains("host secret"), "{out:?}");
    same!(names(&victim)?, ["secret"]);
    Ok(())
}

fn passwd_symlink(c: &Case) -> Res {
    let host = c.path("passwd");
    fs::write(&host, "x:x:0:0::/from/the/host:/bin/sh\n")?;
    for target in [host.display().to_string(), "../../../passwd".into()] {
        let b = c.bundle(&["env"])?;
        fs::remove_file(b.rootfs("etc/passwd"))?;
        symlink(target, b.rootfs("etc/passwd"))?;
        let out = c.run(&b)?;
        check!(!out.out.contains("/from/the/host"), "{out:?}");
    }
    Ok(())
}

fn passwd_fifo(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc waits for a writer");
    }
    let b = c.bundle(&["true"])?;
    fs::remove_file(b.rootfs("etc/passwd"))?;
    c.tool("mkfifo", &[&b.rootfs("etc/passwd").display().to_string()])
        .go()?
        .ok()?;
    check!(c.verb("run", &b, &[])?.limit(5).go()?.code <= 1);
    let b = c.bundle(&["true"])?;
    fs::remove_file(b.rootfs("etc/passwd"))?;
    symlink("/dev/zero", b.rootfs("etc/passwd"))?;
    check!(c.verb("run", &b, &[])?.limit(5).go()?.code <= 1);
    Ok(())
}

fn program_symlink(c: &Case) -> Res {
    let host = c.path("program");
    fs::write(&host, "#!/bin/sh\necho host program\n")?;
    fs::set_permissions(&host, fs::Permissions::from_mode(0o755))?;
    let b = c.bundle(&["/srv/run"])?;
    fs::create_dir(b.rootfs("srv"))?;
    symlink(&host, b.rootfs("srv/run"))?;
    let out = c.run(&b)?;
    check!(
        out.code != 0 && !out.out.contains("host program"),
        "{out:?}"
    );
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
