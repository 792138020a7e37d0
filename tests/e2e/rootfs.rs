//! The root filesystem: pivot_root and without it, propagation, masked and read-only paths.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::symlink;

/// The cases.
pub const MODULE: Module = Module {
    name: "rootfs",
    serial: false,
    cases: &[
        ("symlink_in_image_stays_inside", symlink_inside),
        ("destination_root", destination_root),
        ("root_readonly", root_readonly),
        ("rootfs_propagation_private", |c| {
            propagation(c, "private", "")
        }),
        ("rootfs_propagation_slave", |c| propagation(c, "slave", "")),
        ("rootfs_propagation_shared", |c| {
            propagation(c, "shared", "shared:")
        }),
        ("rootfs_propagation_unbindable", |c| {
            propagation(c, "unbindable", "unbindable")
        }),
        ("host_sees_no_mount", host_sees_none),
        ("old_root_unreachable", old_root),
        ("masked_paths", masked),
        ("readonly_paths", readonly_paths),
        ("no_pivot", no_pivot),
        ("no_pivot_with_private_refused", no_pivot_private),
        ("absolute_rootfs_elsewhere", rootfs_elsewhere),
    ],
};

fn symlink_inside(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    let mut b = c.bundle(&[])?;
    symlink(&victim, b.rootfs("abs"))?;
    symlink("../../../../../..", b.rootfs("up"))?;
    b.mount("/abs/m", "tmpfs", "tmpfs", &[])
        .mount("/up/m", "tmpfs", "tmpfs", &[]);
    let report = c.report(&mut b)?;
    check!(
        fs::read_dir(&victim)?.next().is_none(),
        "the symlink was followed on the host"
    );
    check!(report.mount("/m").is_some(), "the second one is at /m");
    check!(
        report.mount(&format!("{}/m", victim.display())).is_some(),
        "resolved inside the root"
    );
    Ok(())
}

fn destination_root(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc refuses mounts on /");
    }
    let mut b = c.bundle(&["cat", "/marker"])?;
    let other = c.path("other");
    host::rootfs(&c.base, &other)?;
    fs::write(other.join("marker"), "other root")?;
    let mounts = b.config["mounts"].take();
    b.set("/mounts", json!([{"destination": "/", "type": "bind", "source": other.display().to_string(), "options": ["rbind"]}]));
    for mount in mounts.as_array().into_iter().flatten() {
        b.push("/mounts", mount.clone());
    }
    same!(c.run(&b)?.ok()?.out, "other root");
    Ok(())
}

fn root_readonly(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/root/readonly", json!(true))
        .caps(&["CAP_SYS_ADMIN"]);
    same!(
        c.sh(
            &mut b,
            "touch /x 2>/dev/null || echo ro; touch /dev/shm/x && echo rw"
        )?,
        "ro\nrw\n"
    );
    check!(c.report(&mut b)?.mount("/").is_some_and(|m| m.has("ro")));
    fs::write(b.rootfs("host-writes"), "")?;
    Ok(())
}

/// Even below a shared mount of the host nothing propagates out.
fn host_sees_none(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    let dir = c.dir.display();
    let script = format!(
        "mount --bind {dir} {dir} && mount --make-shared {dir} && before=$(cat /proc/self/mountinfo) && \"$@\" && \
         test \"$before\" = \"$(cat /proc/self/mountinfo)\" && echo same"
    );
    let run = c
        .tool("unshare", &["-m", "sh", "-c", &script, "-"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root);
    let out = run.args(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?.ok()?;
    same!(out.out, "same\n");
    Ok(())
}

fn old_root(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let report = c.report(&mut b)?;
    let strange: Vec<String> = report
        .lines("mountinfo")
        .into_iter()
        .filter(|l| l.contains("cgroup/unified /") || l.contains(" / /mnt"))
        .collect();
    check!(strange.is_empty(), "{strange:?}");
    let outside = c.sh(&mut b, "cd /; cd ..; cd ../..; ls -d work home/user lib64 2>/dev/null; cat /proc/1/root/etc/passwd | head -1")?;
    check!(
        outside.starts_with("root:x:0:0:root:/root:/bin/sh") || !outside.contains("lib64"),
        "{outside}"
    );
    Ok(())
}

fn masked(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    fs::create_dir(b.rootfs("secret"))?;
    fs::write(b.rootfs("secret/x"), "s")?;
    fs::write(b.rootfs("secret-file"), "s")?;
    b.push("/linux/maskedPaths", json!("/secret"))
        .push("/linux/maskedPaths", json!("/secret-file"));
    b.push("/linux/maskedPaths", json!("/not/there"));
    let out = c.sh(&mut b, "cat /proc/keys /proc/kcore /secret-file; ls -A /secret /sys/firmware /proc/scsi; touch /secret/x || echo ro")?;
    same!(
        out.replace("/secret:\n", "")
            .replace("/sys/firmware:\n", "")
            .replace("/proc/scsi:\n", "")
            .trim(),
        "ro"
    );
    let report = c.report(&mut b)?;
    check!(
        report
            .mount("/secret")
            .is_some_and(|m| m.kind == "tmpfs" && m.has("ro"))
    );
    check!(
        report.mount("/not/there").is_none() && !b.rootfs("not").exists(),
        "missing paths are skipped"
    );
    Ok(())
}

fn readonly_paths(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    fs::create_dir(b.rootfs("fixed"))?;
    b.push("/linux/readonlyPaths", json!("/fixed"))
        .push("/linux/readonlyPaths", json!("/absent"));
    let out = c.sh(&mut b, "touch /fixed/x || echo ro; echo 1 > /proc/sys/kernel/domainname || echo ro; echo h > /proc/sysrq-trigger || echo ro")?;
    same!(out, "ro\nro\nro\n");
    let report = c.report(&mut b)?;
    let sys = report.mount("/proc/sys").ok_or("no mount on /proc/sys")?;
    check!(sys.has("ro"), "{sys:?}");
    Ok(())
}

fn no_pivot(c: &Case) -> Res {
    let mut b = c.bundle(&[
        "sh",
        "-c",
        "echo $$; ls / | grep -c bundle; cd ../..; ls -d lib64",
    ])?;
    let out = c.verb("run", &b, &["--no-pivot"])?.go()?;
    same!(out.out, "1\n0\n");
    b.args(&["/bin/probe", "report"]);
    let report = Report::parse(&c.verb("run", &b, &["--no-pivot"])?.go()?.ok()?)?;
    check!(report.mount("/proc").is_some_and(|m| m.kind == "proc"));
    Ok(())
}

fn no_pivot_private(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set("/linux/rootfsPropagation", json!("rprivate"));
    c.verb("run", &b, &["--no-pivot"])?
        .go()?
        .refused(1, &["pivot"])?;
    Ok(())
}

fn rootfs_elsewhere(c: &Case) -> Res {
    let mut b = c.bundle(&["cat", "/marker"])?;
    let other = c.path("other root ü");
    host::rootfs(&c.base, &other)?;
    fs::write(other.join("marker"), "elsewhere")?;
    b.set("/root/path", json!(other.display().to_string()));
    same!(c.run(&b)?.ok()?.out, "elsewhere");
    Ok(())
}

fn propagation(c: &Case, value: &str, want: &str) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/linux/rootfsPropagation", json!(value));
    let root = c.report(&mut b)?.mount("/").ok_or("no root mount")?;
    check!(
        if want.is_empty() {
            !root.propagation.contains("shared")
        } else {
            root.propagation.contains(want)
        },
        "{root:?}"
    );
    b.set("/linux/rootfsPropagation", json!("sideways"));
    c.run(&b)?.refused(1, &["ropagation"])?;
    Ok(())
}
