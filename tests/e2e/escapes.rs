//! Links in the image that lead to the host, and descriptors that lead outside.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The cases.
pub const MODULE: Module = Module {
    name: "escapes",
    serial: false,
    cases: &[
        ("cve_2019_19921_proc_and_sys_symlinks", proc_symlink),
        ("cve_2024_21626_cwd_through_fds", cwd_fds),
        ("cve_2024_21626_exec_cwd_through_fds", exec_cwd_fds),
        ("cve_2024_21626_program_through_fds", program_fds),
        ("cve_2024_45310_no_files_on_the_host", mkdir_escape),
        ("cve_2025_31133_dev_null_is_a_symlink", null_symlink),
        ("cve_2025_31133_dev_null_is_a_file", null_file),
        ("cve_2025_52565_dev_pts_is_a_symlink", pts_symlink),
        ("cve_2026_41579_dev_is_a_symlink", dev_symlink),
        ("masked_and_readonly_through_symlinks", masked_symlinks),
        ("masked_and_readonly_files_as_directories", masked_slash),
        ("tmpcopyup_through_symlink", copyup_symlink),
        ("passwd_is_a_symlink_to_the_host", passwd_symlink),
        ("passwd_is_a_fifo_or_endless", passwd_fifo),
        ("program_is_a_symlink_to_the_host", program_symlink),
    ],
};

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

/// A path that can't be opened is not taken for one that isn't there.
fn masked_slash(c: &Case) -> Res {
    for list in ["/linux/maskedPaths", "/linux/readonlyPaths"] {
        for path in ["/etc/group/", "/etc/group/.", "/etc/group/x"] {
            let mut b = c.bundle(&["cat", "/etc/group"])?;
            b.push(list, json!(path));
            c.run(&b)?.refused(1, &[path, "not a directory"])?;
        }
    }
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
