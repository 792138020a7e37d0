//! mounts[], the root filesystem, masked and read-only paths.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

/// The cases.
pub const MODULE: Module = Module {
    name: "mounts",
    serial: false,
    cases: &[
        ("template_mounts", template),
        ("simple_options", simple_options),
        ("negated_options", negated_options),
        ("atime_options", atime_options),
        ("data_options", data_options),
        ("propagation_options", propagation_options),
        ("bind_directory_and_file", bind),
        ("bind_is_not_recursive", bind_flat),
        ("rbind_is_recursive", rbind),
        ("bind_readonly", bind_readonly),
        ("bind_relative_source", bind_relative),
        ("recursive_readonly", recursive_readonly),
        ("j3_type_of_binds_ignored", bind_type_ignored),
        ("j3_type_bind_alone_is_no_bind", bind_type_alone),
        ("j9_proc_bound_over", proc_bound),
        ("j9_other_things_over_proc_refused", over_proc),
        ("j24_lxcfs_files", lxcfs),
        ("j23_tmpcopyup", tmpcopyup),
        ("mount_order", order),
        ("nested_targets_are_made", targets_made),
        ("target_is_a_dangling_link", dangling),
        ("relative_destination", relative_destination),
        ("dev_shm_and_tmpfs_modes", tmpfs_modes),
        ("tmpfs_keeps_mode_of_directory", tmpfs_inherits),
        ("bind_over_file_in_image", bind_over_file),
    ],
};

fn template(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let report = c.report(&mut b)?;
    for (at, kind, options) in [
        ("/proc", "proc", &["rw", "relatime"][..]),
        (
            "/dev",
            "tmpfs",
            &["rw", "nosuid", "mode=755", "size=65536k"],
        ),
        (
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666"],
        ),
        (
            "/dev/shm",
            "tmpfs",
            &["nosuid", "nodev", "noexec", "size=65536k"],
        ),
        ("/dev/mqueue", "mqueue", &["nosuid", "nodev", "noexec"]),
        ("/sys", "sysfs", &["ro", "nosuid", "nodev", "noexec"]),
    ] {
        let mount = report.mount(at).ok_or(format!("no mount at {at}"))?;
        same!(mount.kind, kind);
        for option in options {
            check!(mount.has(option), "{at} lacks {option}: {mount:?}");
        }
    }
    check!(
        !report.mount("/dev").ok_or("no /dev")?.has("relatime"),
        "strictatime"
    );
    Ok(())
}

/// Mounts a tmpfs with `options` at /m and gives mountinfo's view.
fn tmpfs(c: &Case, options: &[&str]) -> R<report::Mount> {
    let mut b = c.bundle(&[])?;
    b.mount("/m", "tmpfs", "tmpfs", options);
    let report = c.report(&mut b)?;
    report
        .mount("/m")
        .ok_or_else(|| format!("no mount with {options:?}").into())
}

fn simple_options(c: &Case) -> Res {
    for option in [
        "ro",
        "nosuid",
        "nodev",
        "noexec",
        "sync",
        "dirsync",
        "noatime",
        "nodiratime",
        "relatime",
        "rw",
    ] {
        let mount = tmpfs(c, &[option])?;
        check!(mount.has(option), "{option}: {mount:?}");
    }
    let all = tmpfs(
        c,
        &[
            "nosuid",
            "nodev",
            "noexec",
            "ro",
            "size=4k",
            "mode=700",
            "nr_inodes=10",
        ],
    )?;
    for option in [
        "nosuid",
        "nodev",
        "noexec",
        "ro",
        "size=4k",
        "mode=700",
        "nr_inodes=10",
    ] {
        check!(all.has(option), "{option}: {all:?}");
    }
    if !c.is_other("runc") {
        check!(tmpfs(c, &["nosymfollow"])?.has("nosymfollow"));
        check!(tmpfs(c, &["lazytime"])?.has("lazytime"));
    }
    Ok(())
}

fn negated_options(c: &Case) -> Res {
    let mount = tmpfs(
        c,
        &[
            "nosuid", "suid", "nodev", "dev", "noexec", "exec", "ro", "rw", "sync", "async",
            "defaults",
        ],
    )?;
    for option in ["nosuid", "nodev", "noexec", "sync"] {
        check!(!mount.has(option), "{option} was taken back: {mount:?}");
    }
    check!(mount.has("rw"));
    check!(tmpfs(c, &["suid", "nosuid"])?.has("nosuid"));
    Ok(())
}

fn atime_options(c: &Case) -> Res {
    check!(tmpfs(c, &[])?.has("relatime"), "the kernel's default");
    let strict = tmpfs(c, &["strictatime"])?;
    check!(
        !strict.has("relatime") && !strict.has("noatime"),
        "{strict:?}"
    );
    check!(tmpfs(c, &["noatime"])?.has("noatime"));
    Ok(())
}

fn data_options(c: &Case) -> Res {
    let mount = tmpfs(c, &["size=128k", "uid=12", "gid=34", "mode=1770"])?;
    for option in ["size=128k", "uid=12", "gid=34", "mode=1770"] {
        check!(mount.has(option), "{option}: {mount:?}");
    }
    let mut b = c.bundle(&["true"])?;
    b.mount("/m", "tmpfs", "tmpfs", &["nonsense=1"]);
    c.run(&b)?.refused(1, &["/m"])?;
    Ok(())
}

fn propagation_options(c: &Case) -> Res {
    for (option, want) in [
        ("shared", "shared:"),
        ("rshared", "shared:"),
        ("unbindable", "unbindable"),
    ] {
        let mount = tmpfs(c, &["nosuid", option])?;
        check!(
            mount.propagation.contains(want) && mount.has("nosuid"),
            "{option}: {mount:?}"
        );
    }
    for option in ["private", "rprivate", "slave", "rslave"] {
        same!(tmpfs(c, &[option])?.propagation, "", "{option}");
    }
    Ok(())
}

fn bind(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let (dir, file) = (c.path("dir"), c.path("file"));
    fs::create_dir(&dir)?;
    fs::write(dir.join("in"), "inside")?;
    fs::write(&file, "single")?;
    b.mount(
        "/mnt/d",
        "none",
        &dir.display().to_string(),
        &["bind", "nosuid", "nodev"],
    );
    b.mount("/mnt/f", "none", &file.display().to_string(), &["bind"]);
    same!(
        c.sh(
            &mut b,
            "cat /mnt/d/in /mnt/f; echo w > /mnt/f; echo n > /mnt/d/new"
        )?,
        "insidesingle"
    );
    same!(fs::read_to_string(&file)?, "w\n");
    check!(dir.join("new").exists());
    let report = c.report(&mut b)?;
    let mount = report.mount("/mnt/d").ok_or("no mount")?;
    check!(
        mount.has("nosuid") && mount.has("nodev") && !mount.has("noexec"),
        "{mount:?}"
    );
    Ok(())
}

/// A directory with a tmpfs in it, made in a mount namespace of the test's command.
fn with_inner(c: &Case, b: &Bundle, script: &str) -> R<Out> {
    b.write()?;
    let tree = c.path("tree");
    fs::create_dir_all(tree.join("sub"))?;
    fs::write(tree.join("sub/below"), "below")?;
    let setup = format!(
        "mount -t tmpfs inner {0}/sub && echo top > {0}/sub/top && {script}exec \"$@\"",
        tree.display()
    );
    let run = c.tool(
        "unshare",
        &["-m", "--propagation", "private", "sh", "-c", &setup, "-"],
    );
    run.arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .ok()
}

fn bind_flat(c: &Case) -> Res {
    let mut b = c.bundle(&["ls", "/t/sub"])?;
    b.mount(
        "/t",
        "bind",
        &c.path("tree").display().to_string(),
        &["bind"],
    );
    same!(with_inner(c, &b, "")?.out, "below\n");
    Ok(())
}

fn rbind(c: &Case) -> Res {
    let mut b = c.bundle(&["ls", "/t/sub"])?;
    b.mount(
        "/t",
        "bind",
        &c.path("tree").display().to_string(),
        &["rbind"],
    );
    same!(with_inner(c, &b, "")?.out, "top\n");
    Ok(())
}

fn bind_readonly(c: &Case) -> Res {
    let dir = c.path("dir");
    fs::create_dir(&dir)?;
    let mut b = c.bundle(&[])?;
    b.mount("/m", "bind", &dir.display().to_string(), &["bind", "ro"]);
    let out = c.sh(&mut b, "touch /m/x || echo refused")?;
    same!(out, "refused\n");
    let host = leak::mounts()
        .iter()
        .any(|m| m.contains(&dir.display().to_string()));
    check!(!host, "the bind is visible on the host");
    fs::write(dir.join("host-still-writes"), "")?;
    Ok(())
}

fn bind_relative(c: &Case) -> Res {
    let mut b = c.bundle(&["cat", "/data/x"])?;
    fs::create_dir(b.dir.join("data"))?;
    fs::write(b.dir.join("data/x"), "from the bundle")?;
    b.mount("/data", "bind", "data", &["bind"]);
    same!(c.run(&b)?.ok()?.out, "from the bundle");
    Ok(())
}

/// `ro` leaves mounts below writable, `rro` does not.
fn recursive_readonly(c: &Case) -> Res {
    for (option, want) in [("ro", "wrote\n"), ("rro", "refused\n")] {
        let mut b = c.bundle(&[
            "sh",
            "-c",
            "touch /t/sub/x 2>/dev/null && echo wrote || echo refused",
        ])?;
        b.mount(
            "/t",
            "bind",
            &c.path("tree").display().to_string(),
            &["rbind", option],
        );
        same!(with_inner(c, &b, "")?.out, want, "{option}");
    }
    Ok(())
}

fn bind_type_ignored(c: &Case) -> Res {
    let dir = c.path("dir");
    fs::create_dir(&dir)?;
    fs::write(dir.join("x"), "bound")?;
    for kind in ["none", "", "bind", "junk", "tmpfs"] {
        let mut b = c.bundle(&["cat", "/m/x"])?;
        b.mount("/m", kind, &dir.display().to_string(), &["bind"]);
        same!(c.run(&b)?.ok()?.out, "bound", "type {kind:?}");
    }
    let mut b = c.bundle(&["cat", "/m/x"])?;
    b.push(
        "/mounts",
        json!({"destination": "/m", "source": dir.display().to_string(), "options": ["rbind"]}),
    );
    same!(c.run(&b)?.ok()?.out, "bound", "no type at all");
    Ok(())
}

fn bind_type_alone(c: &Case) -> Res {
    let dir = c.path("dir");
    fs::create_dir(&dir)?;
    let mut b = c.bundle(&["true"])?;
    b.mount("/m", "bind", &dir.display().to_string(), &["ro"]);
    c.run(&b)?.refused(1, &[])?;
    Ok(())
}

fn proc_bound(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.unmount("/proc").share("pid");
    b.set("/linux/maskedPaths", json!([]))
        .set("/linux/readonlyPaths", json!([]));
    b.mount("/proc", "none", "/proc", &["rbind"]);
    same!(c.sh(&mut b, "cat /proc/$$/comm; true")?, "sh\n");
    Ok(())
}

fn over_proc(c: &Case) -> Res {
    let dir = c.path("dir");
    fs::create_dir(&dir)?;
    let dir = dir.display().to_string();
    for (at, kind, from, options) in [
        ("/proc", "bind", dir.as_str(), &["bind"][..]),
        ("/proc/self/attr", "bind", &dir, &["bind"]),
        ("/proc/sys/kernel", "tmpfs", "tmpfs", &[]),
        ("/proc/../proc/sys", "tmpfs", "tmpfs", &[]),
    ] {
        let mut b = c.bundle(&["true"])?;
        b.mount(at, kind, from, options);
        c.run(&b)?.refused(1, &["proc"])?;
    }
    Ok(())
}

fn lxcfs(c: &Case) -> Res {
    let file = c.path("fake");
    fs::write(&file, "fake\n")?;
    for name in [
        "cpuinfo",
        "diskstats",
        "meminfo",
        "stat",
        "swaps",
        "uptime",
        "loadavg",
        "slabinfo",
    ] {
        if !std::path::Path::new("/proc").join(name).exists() {
            continue;
        }
        let path = format!("/proc/{name}");
        let mut b = c.bundle(&["cat", &path])?;
        b.mount(&path, "bind", &file.display().to_string(), &["bind"]);
        same!(c.run(&b)?.ok()?.out, "fake\n", "{path}");
    }
    Ok(())
}

fn tmpcopyup(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let dir = b.rootfs("etc/deep/er");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("file"), "content")?;
    fs::set_permissions(dir.join("file"), fs::Permissions::from_mode(0o644))?;
    std::os::unix::fs::chown(dir.join("file"), Some(11), Some(12))?;
    symlink("../passwd", b.rootfs("etc/deep/link"))?;
    b.mount("/etc", "tmpfs", "tmpfs", &["tmpcopyup", "nodev"]);
    // /tmp of the container's image isn't there at all.
    fs::remove_dir(b.rootfs("tmp"))?;
    let out = c.sh(&mut b, "cat /etc/deep/er/file; stat -c ' %a %u %g' /etc/deep/er/file; readlink /etc/deep/link; echo new > /etc/passwd")?;
    same!(out, "content 644 11 12\n../passwd\n");
    check!(
        !fs::read_to_string(b.rootfs("etc/passwd"))?.contains("new"),
        "written through to the image"
    );
    let report = c.report(&mut b)?;
    let mount = report.mount("/etc").ok_or("no tmpfs")?;
    check!(mount.kind == "tmpfs" && mount.has("nodev"), "{mount:?}");
    Ok(())
}

fn order(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.mount("/a", "tmpfs", "one", &[])
        .mount("/a/b", "tmpfs", "two", &["size=8k"])
        .mount("/a/b/c", "tmpfs", "three", &[]);
    let report = c.report(&mut b)?;
    check!(
        report.mount("/a/b").is_some_and(|m| m.has("size=8k")) && report.mount("/a/b/c").is_some()
    );
    Ok(())
}

fn targets_made(c: &Case) -> Res {
    let file = c.path("file");
    fs::write(&file, "x")?;
    let mut b = c.bundle(&["cat", "/new/dir/and/file"])?;
    b.mount(
        "/new/dir/and/file",
        "bind",
        &file.display().to_string(),
        &["bind"],
    );
    b.mount("/other/new/dir", "tmpfs", "tmpfs", &[]);
    same!(c.run(&b)?.ok()?.out, "x");
    check!(b.rootfs("new/dir/and/file").is_file() && b.rootfs("other/new/dir").is_dir());
    Ok(())
}

/// Images come with links such as /etc/resolv.conf that lead to what only a running system has.
fn dangling(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc 1.1 makes the place of the link");
    }
    let file = c.path("file");
    fs::write(&file, "x")?;
    let mut b = c.bundle(&["cat", "/run/made/resolv"])?;
    symlink("/jump/resolv", b.rootfs("etc/resolv"))?;
    symlink("../run/made", b.rootfs("jump"))?;
    let source = file.display().to_string();
    b.mount("/etc/resolv", "bind", &source, &["bind"]);
    same!(c.run(&b)?.ok()?.out, "x");
    check!(b.rootfs("run/made/resolv").is_file() && b.rootfs("etc/resolv").is_symlink());
    // Never outside.
    let mut b = c.bundle(&["true"])?;
    let victim = c.path("victim");
    symlink(&victim, b.rootfs("etc/out"))?;
    symlink("out/", b.rootfs("etc/slash"))?;
    symlink("round", b.rootfs("etc/round"))?;
    b.mount("/etc/out", "bind", &source, &["bind"]);
    c.run(&b)?.ok()?;
    check!(!victim.exists(), "made on the host");
    b.mount("/etc/round", "bind", &source, &["bind"]);
    c.run(&b)?.refused(1, &["/etc/round", "ELOOP"])?;
    Ok(())
}

fn relative_destination(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.mount("rel/m", "tmpfs", "tmpfs", &[]);
    let out = c.run(&b)?;
    if out.code == 0 {
        check!(b.rootfs("rel/m").is_dir(), "relative means relative to /");
    }
    Ok(())
}

fn tmpfs_modes(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    same!(
        c.sh(&mut b, "stat -c '%a' /dev /dev/shm /dev/pts")?,
        "755\n1777\n755\n"
    );
    Ok(())
}

fn tmpfs_inherits(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    fs::create_dir(b.rootfs("m"))?;
    fs::set_permissions(b.rootfs("m"), fs::Permissions::from_mode(0o1730))?;
    b.mount("/m", "tmpfs", "tmpfs", &[]);
    // What is not there has no mode to give.
    b.mount("/new", "tmpfs", "tmpfs", &[]);
    same!(c.sh(&mut b, "stat -c '%a' /m /new")?, "1730\n1777\n");
    Ok(())
}

fn bind_over_file(c: &Case) -> Res {
    let file = c.path("resolv");
    fs::write(&file, "nameserver 1.2.3.4\n")?;
    let mut b = c.bundle(&["cat", "/etc/resolv.conf"])?;
    fs::write(b.rootfs("etc/resolv.conf"), "image's own\n")?;
    b.mount(
        "/etc/resolv.conf",
        "bind",
        &file.display().to_string(),
        &["rbind", "rprivate", "ro"],
    );
    same!(c.run(&b)?.ok()?.out, "nameserver 1.2.3.4\n");
    // Engines explain this error, by its words.
    for (target, source) in [("/etc", &*file), ("/etc/resolv.conf", c.dir.as_path())] {
        b.mount(target, "bind", &source.display().to_string(), &["bind"]);
        c.run(&b)?.refused(1, &[target, "not a directory"])?;
        b.unmount(target);
    }
    Ok(())
}
