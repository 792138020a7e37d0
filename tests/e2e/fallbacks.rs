//! Older kernels and sandboxes: system calls that answer ENOSYS or EPERM. A container must come out the same,
//! or not at all with a reason.
use crate::harness::*;
use crate::namespaces::chown_rootfs;
use crate::rootless as user;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

/// The cases.
pub const MODULE: Module = Module {
    name: "fallbacks",
    serial: false,
    cases: &[
        ("j10_keyctl_enosys", |c| everything(c, NOSYS, "keyctl")),
        ("keyctl_eperm", |c| everything(c, PERM, "keyctl")),
        ("no_openat2", |c| everything(c, NOSYS, "openat2")),
        ("openat2_eperm", |c| everything(c, PERM, "openat2")),
        ("no_mount_calls", |c| everything(c, NOSYS, MOUNT_CALLS)),
        ("mount_calls_eperm", |c| everything(c, PERM, MOUNT_CALLS)),
        ("any_mount_call_missing", any_missing),
        ("no_clone3", |c| everything(c, NOSYS, "clone3")),
        ("clone3_eperm", |c| everything(c, PERM, "clone3")),
        ("no_close_range", no_close_range),
        ("no_memfd", |c| everything(c, NOSYS, "memfd_create")),
        ("no_mount_of_itself", |c| everything(c, NOSYS, "open_tree")),
        ("neither_memfd_nor_mount_of_itself", no_seal),
        ("none_of_them", |c| everything(c, NOSYS, ALL)),
        ("all_of_them_eperm", |c| everything(c, PERM, ALL)),
        ("user_namespace", user_namespace),
        ("joined_user_namespace", joined_user_namespace),
        ("mount_on_the_root", mount_on_root),
        ("no_pivot", no_pivot),
        ("propagation", propagation),
        ("recursive_options_say_so", recursive_options),
        ("symlinks_stay_inside", symlinks),
        ("image_with_links_for_proc_refused", proc_link),
        ("sysctl_and_label_files", sysctl),
        ("terminal", terminal),
        ("rootless", rootless),
    ],
};

/// The wrapper around the binary under test: where cargo has built it, or where MOTE_DENY says.
fn deny() -> R<String> {
    let built = option_env!("CARGO_BIN_EXE_deny").map(String::from);
    let path = std::env::var("MOTE_DENY").ok().or(built);
    match path.filter(|path| Path::new(path).exists()) {
        Some(path) => Ok(path),
        None => {
            skip("no `deny` for this machine: seccompiler, which makes its filter, knows three")
        }
    }
}
const NOSYS: u32 = 38;
const PERM: u32 = 1;
/// The calls of kernel 5.2 and 5.12 that mount by descriptors.
const MOUNT_CALLS: &str = "open_tree,move_mount,fsopen,fsconfig,fsmount,fspick,mount_setattr";
/// Everything that has a fallback; memfd_create is one itself.
const ALL: &str = "open_tree,move_mount,fsopen,fsconfig,fsmount,fspick,mount_setattr,\
    openat2,clone3,close_range,keyctl,statx,faccessat2";

/// `VERB -b BUNDLE EXTRA... ID` without these calls.
fn denied(c: &Case, errno: u32, calls: &str, words: &[&str]) -> R<Cmd> {
    let cmd = c.tool(&deny()?, &[&errno.to_string(), calls, "--"]);
    Ok(cmd.arg(&c.mote).arg("--root").arg(&c.root).args(words))
}

fn run(c: &Case, errno: u32, calls: &str, b: &Bundle) -> R<Out> {
    b.write()?;
    denied(
        c,
        errno,
        calls,
        &["run", "-b", &b.dir.display().to_string(), &b.id],
    )?
    .go()
}

/// The report of `b` without these calls.
fn report(c: &Case, errno: u32, calls: &str, b: &mut Bundle) -> R<Report> {
    b.args(&["/bin/probe", "report"]);
    Report::parse(&run(c, errno, calls, b)?.ok()?)
}

/// A bundle that asks for a mount of every sort.
fn rich(c: &Case) -> R<Bundle> {
    let mut b = c.bundle(&[])?;
    let volume = c.path("volume");
    if !volume.exists() {
        fs::create_dir_all(volume.join("sub"))?;
        fs::write(volume.join("file"), "from the host")?;
    }
    let (volume, file) = (
        volume.display().to_string(),
        volume.join("file").display().to_string(),
    );
    fs::create_dir_all(b.rootfs("copied/deep"))?;
    fs::write(b.rootfs("copied/deep/file"), "copied up")?;
    fs::set_permissions(b.rootfs("copied"), fs::Permissions::from_mode(0o751))?;
    fs::create_dir(b.rootfs("secret"))?;
    // There before the first run, as it is before the second: a tmpfs has the mode of what it covers.
    for dir in ["fixed", "frozen", "real/below"] {
        fs::create_dir_all(b.rootfs(dir))?;
    }
    fs::write(b.rootfs("secret-file"), "secret")?;
    symlink("/real", b.rootfs("alias"))?;
    b.mount(
        "/ro",
        "bind",
        &volume,
        &["bind", "ro", "nosuid", "noexec", "nosymfollow"],
    )
    .mount("/rec", "bind", &volume, &["rbind", "nodev"])
    .mount("/etc/one", "bind", &file, &["bind", "ro"])
    .mount(
        "/alias/below",
        "tmpfs",
        "tmpfs",
        &["size=64k", "noexec", "noatime"],
    )
    .mount("/frozen", "tmpfs", "tmpfs", &["ro", "nodiratime"])
    .mount("/frozen/within", "tmpfs", "tmpfs", &["strictatime"])
    .mount("/copied", "tmpfs", "tmpfs", &["tmpcopyup", "ro"])
    .push("/linux/maskedPaths", json!("/secret"))
    .push("/linux/maskedPaths", json!("/secret-file"))
    .push("/linux/maskedPaths", json!("/absent"))
    .push("/linux/readonlyPaths", json!("/fixed"))
    .push("/linux/readonlyPaths", json!("/alias/below"))
    .set(
        "/linux/devices",
        json!([{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640}]),
    )
    .set("/root/readonly", json!(true));
    Ok(b)
}

/// Every mount inside, as far as it can be the same twice.
fn mounts(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report
        .lines("mountinfo")
        .iter()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let root = fields.get(3)?.rsplit('/').next()?;
            // An id, and with it a cgroup, is of one run.
            let root = if root.starts_with("e2e") { "ID" } else { root };
            let line = format!("{root} {}", fields.get(4..)?.join(" "));
            // mount(2) makes the superblock of a read-only mount read-only as well.
            let readonly = fields.get(5)?.starts_with("ro");
            Some(if readonly {
                line.replace(" rw,", " ro,")
            } else {
                line
            })
        })
        .collect();
    lines.sort();
    lines
}

/// Fails with the first difference.
fn same_mounts(got: &Report, want: &Report) -> Res {
    let (got, want) = (mounts(got), mounts(want));
    let extra: Vec<_> = got.iter().filter(|l| !want.contains(l)).collect();
    let lacking: Vec<_> = want.iter().filter(|l| !got.contains(l)).collect();
    check!(
        extra.is_empty() && lacking.is_empty(),
        "extra {extra:?}, lacking {lacking:?}"
    );
    same!(got.len(), want.len(), "each once");
    Ok(())
}

/// What a container of [`rich`] can do, in lines.
const TRY: &str = "cat /secret-file /proc/keys /copied/deep/file /etc/one; ls -A /secret; stat -c ' %a' /copied
for f in / /ro /etc/one /frozen /copied /fixed /alias/below /secret; do touch $f/x 2>/dev/null && echo wrote $f; done
for f in /rec/x /frozen/within/x /dev/shm/x; do touch $f && echo wrote $f; done; rm /rec/x
echo x 2>/dev/null > /proc/sys/kernel/domainname && echo wrote sysctl; head -c 2 /dev/mine | wc -c; stat -c %a /dev/mine; echo x > /dev/null; readlink /dev/fd";

const TRIED: &str = "copied upfrom the host 751\nwrote /rec/x\nwrote /frozen/within/x\nwrote /dev/shm/x\n2\n640\n/proc/self/fd\n";

/// The whole of it: mounts as with the calls, what they forbid, the life of a container and processes in it.
fn everything(c: &Case, errno: u32, calls: &str) -> Res {
    let mut b = rich(c)?;
    let want = c.report(&mut b)?;
    let got = report(c, errno, calls, &mut b)?;
    same_mounts(&got, &want)?;
    same!(got.get("status.CapBnd"), want.get("status.CapBnd"));
    same!(got.get("session"), want.get("session"));
    same!(got.fds(), [0, 1, 2]);
    b.args(&["sh", "-c", TRY]);
    same!(run(c, errno, calls, &b)?.ok()?.out, TRIED);
    lifecycle(c, errno, calls, &mut b)
}

/// create, start, exec, kill and delete.
fn lifecycle(c: &Case, errno: u32, calls: &str, b: &mut Bundle) -> Res {
    b.args(&["sleep", "60"]).write()?;
    let go = |words: &[&str]| denied(c, errno, calls, words)?.go();
    go(&["create", "-b", &b.dir.display().to_string(), &b.id])?.ok()?;
    same!(c.status(b)?, "created");
    go(&["start", &b.id])?.ok()?;
    let out = go(&["exec", &b.id, "/bin/probe", "report"])?.ok()?;
    let inside = Report::parse(&out)?;
    same!(inside.fds(), [0, 1, 2]);
    for kind in ["mnt", "pid", "ipc", "uts", "net"] {
        let theirs = fs::read_link(format!("/proc/{}/ns/{kind}", c.pid(b)?))?;
        same!(
            inside.get(&format!("ns.{kind}")),
            theirs.display().to_string()
        );
    }
    same!(go(&["exec", &b.id, "sh", "-c", "exit 9"])?.code, 9);
    go(&["pause", &b.id])?.ok()?;
    go(&["resume", &b.id])?.ok()?;
    go(&["kill", &b.id, "KILL"])?.ok()?;
    c.wait_status(b, "stopped")?;
    go(&["delete", &b.id])?.ok()?;
    Ok(())
}

/// Sandboxes know some of them and not the others.
fn any_missing(c: &Case) -> Res {
    let mut b = rich(c)?;
    let want = c.report(&mut b)?;
    for call in MOUNT_CALLS.split(',') {
        for errno in [NOSYS, PERM] {
            same_mounts(&report(c, errno, call, &mut b)?, &want)?;
        }
    }
    Ok(())
}

fn no_close_range(c: &Case) -> Res {
    everything(c, NOSYS, "close_range")?;
    let mut b = c.bundle(&["/bin/probe", "fds"])?;
    // A limit below the number of what the caller left open.
    b.set(
        "/process/rlimits",
        json!([{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]),
    );
    b.write()?;
    let line = format!(
        "exec 8</etc/passwd 900</; exec {} 38 close_range -- {} --root {} run -b {} {}",
        deny()?,
        c.mote.display(),
        c.root.display(),
        b.dir.display(),
        b.id
    );
    let out = c.tool("bash", &["-c", &line]).go()?.ok()?.out;
    same!(out.lines().count(), 3, "{out}");
    Ok(())
}

fn no_seal(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    for errno in [NOSYS, PERM] {
        run(c, errno, "open_tree,memfd_create", &b)?.refused(1, &["memfd_create", "read-only"])?;
    }
    Ok(())
}

/// Devices are bound there, and file systems belong to the namespace.
fn user_namespace(c: &Case) -> Res {
    for (errno, calls) in [
        (NOSYS, ALL),
        (PERM, MOUNT_CALLS),
        (NOSYS, "fsopen"),
        (PERM, "clone3,openat2"),
    ] {
        let mut b = rich(c)?;
        b.userns(100_000).del("/linux/devices");
        chown_rootfs(&b, 100_000)?;
        chown(b.rootfs("copied"), Some(100_000), Some(100_000))?;
        let want = c.report(&mut b)?;
        let got = report(c, errno, calls, &mut b)?;
        same_mounts(&got, &want)?;
        same!(got.get("uid_map"), want.get("uid_map"));
        check!(got.mount("/dev/null").is_some(), "devices are bound");
        lifecycle(c, errno, calls, &mut b)?;
    }
    Ok(())
}

/// The process that joins makes the container as its sibling.
fn joined_user_namespace(c: &Case) -> Res {
    let mut first = c.bundle(&["sleep", "60"])?;
    first.userns(100_000);
    chown_rootfs(&first, 100_000)?;
    c.detach(&first)?;
    let mut b = c.bundle(&[])?;
    chown_rootfs(&b, 100_000)?;
    let path = format!("/proc/{}/ns/user", c.pid(&first)?);
    b.namespace("user", Some(&path));
    let want = c.report(&mut b)?;
    for (errno, calls) in [
        (NOSYS, ALL),
        (PERM, MOUNT_CALLS),
        (NOSYS, "clone3"),
        (PERM, "clone3"),
    ] {
        same_mounts(&report(c, errno, calls, &mut b)?, &want)?;
    }
    c.force(&first)?;
    Ok(())
}

fn mount_on_root(c: &Case) -> Res {
    let mut b = c.bundle(&["cat", "/marker"])?;
    let other = c.path("other");
    host::rootfs(&c.base, &other)?;
    fs::write(other.join("marker"), "other root")?;
    let mounts = b.config["mounts"].take();
    let bind = json!({"destination": "/", "type": "bind", "source": other.display().to_string(), "options": ["rbind"]});
    b.set("/mounts", json!([bind]));
    for mount in mounts.as_array().into_iter().flatten() {
        b.push("/mounts", mount.clone());
    }
    for calls in [MOUNT_CALLS, ALL] {
        same!(run(c, NOSYS, calls, &b)?.ok()?.out, "other root");
    }
    b.set("/root/readonly", json!(true));
    b.args(&["sh", "-c", "touch /x || echo ro; ls /proc/self/exe"]);
    same!(
        run(c, NOSYS, MOUNT_CALLS, &b)?.ok()?.out,
        "ro\n/proc/self/exe\n"
    );
    Ok(())
}

fn no_pivot(c: &Case) -> Res {
    let mut b = rich(c)?;
    b.args(&["sh", "-c", TRY]).write()?;
    let words = [
        "run",
        "--no-pivot",
        "-b",
        &b.dir.display().to_string(),
        &b.id,
    ];
    for calls in [MOUNT_CALLS, ALL] {
        same!(denied(c, NOSYS, calls, &words)?.go()?.ok()?.out, TRIED);
    }
    Ok(())
}

fn propagation(c: &Case) -> Res {
    for kind in ["private", "slave", "shared", "unbindable"] {
        let mut b = c.bundle(&[])?;
        b.set("/linux/rootfsPropagation", json!(kind));
        b.mount("/m", "tmpfs", "tmpfs", &["shared"]).mount(
            "/n",
            "tmpfs",
            "tmpfs",
            &["rslave", "unbindable"],
        );
        let (want, got) = (c.report(&mut b)?, report(c, NOSYS, MOUNT_CALLS, &mut b)?);
        for at in ["/", "/m", "/n"] {
            // A peer group's number is of one run.
            let kinds = |r: &Report| {
                r.mount(at)
                    .map(|m| m.propagation.replace(|x: char| x.is_ascii_digit(), ""))
            };
            same!(kinds(&got), kinds(&want), "{kind} {at}");
        }
    }
    Ok(())
}

/// mount(2) can't do that to a whole tree.
fn recursive_options(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.mount(
        "/m",
        "bind",
        &c.base.display().to_string(),
        &["rbind", "rro"],
    );
    run(c, NOSYS, MOUNT_CALLS, &b)?.refused(1, &["/m", "mount_setattr"])?;
    Ok(())
}

fn symlinks(c: &Case) -> Res {
    let victim = c.path("victim");
    fs::create_dir(&victim)?;
    let victim = victim.display().to_string();
    for calls in ["openat2", ALL] {
        let mut b = c.bundle(&[])?;
        symlink(&victim, b.rootfs("abs"))?;
        symlink("../../../../../../..", b.rootfs("up"))?;
        symlink(".././../bin/..//abs/../target/", b.rootfs("chain"))?;
        symlink("loop", b.rootfs("loop"))?;
        // Without a mode the second would have that of what the first left there.
        b.mount("/abs/m", "tmpfs", "tmpfs", &["mode=700"])
            .mount("/up/m", "tmpfs", "tmpfs", &["mode=700", "ro"])
            .mount("/chain/m", "tmpfs", "tmpfs", &["mode=700"])
            .push("/linux/maskedPaths", json!("/up/etc/passwd"))
            .push("/linux/readonlyPaths", json!("/abs"));
        let want = c.report(&mut b)?;
        same_mounts(&report(c, NOSYS, calls, &mut b)?, &want)?;
        check!(
            fs::read_dir(&victim)?.next().is_none(),
            "the symlink was followed on the host"
        );
        b.mount("/loop/m", "tmpfs", "tmpfs", &[]);
        run(c, NOSYS, calls, &b)?.refused(1, &["/loop/m", "ELOOP"])?;
    }
    Ok(())
}

/// CVE-2019-19921.
fn proc_link(c: &Case) -> Res {
    for calls in ["openat2", MOUNT_CALLS, ALL] {
        let b = c.bundle(&["true"])?;
        fs::remove_dir(b.rootfs("proc"))?;
        symlink("/tmp", b.rootfs("proc"))?;
        run(c, NOSYS, calls, &b)?.refused(1, &["/proc", "real directory"])?;
    }
    Ok(())
}

/// What is written below /proc goes there by the host's procfs, also without openat2.
fn sysctl(c: &Case) -> Res {
    let mut b = c.bundle(&["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"])?;
    b.set(
        "/linux/sysctl",
        json!({"net.ipv4.ip_unprivileged_port_start": "77"}),
    );
    b.set("/process/oomScoreAdj", json!(345));
    for calls in ["openat2", ALL] {
        same!(run(c, NOSYS, calls, &b)?.ok()?.out, "77\n");
    }
    Ok(())
}

fn terminal(c: &Case) -> Res {
    let mut b = c.bundle(&["sh", "-c", "tty; test -c /dev/console && echo console"])?;
    b.set("/process/terminal", json!(true)).write()?;
    for calls in ["openat2", MOUNT_CALLS, ALL] {
        let mut pty = pty::Pty::new()?;
        let deny = ["-c", &deny()?, "38", calls, "--"];
        let cmd = c
            .tool("setsid", &deny)
            .arg(&c.mote)
            .arg("--root")
            .arg(&c.root);
        let run = cmd
            .args(&["run", &b.id])
            .on_tty(pty.slave()?)?
            .cwd(&b.dir)
            .spawn()?;
        pty.expect("/dev/pts/0")?;
        pty.expect("console")?;
        run.wait()?.ok()?;
    }
    Ok(())
}

/// An ordinary user with one id.
fn rootless(c: &Case) -> Res {
    let b = user::bundle(c, &["/bin/probe", "report"])?;
    b.write()?;
    let (dir, state) = (b.dir.display().to_string(), c.path("state"));
    let go = |cmd: Cmd| {
        let cmd = cmd
            .arg("--root")
            .arg(&state)
            .args(&["run", "-b", &dir, &b.id]);
        Report::parse(&cmd.user(user::USER).cwd(&c.path("home")).go()?.ok()?)
    };
    let want = go(Cmd::new(c, &c.mote))?;
    for (errno, calls) in [
        ("38", MOUNT_CALLS),
        ("38", ALL),
        ("1", "clone3"),
        ("1", "keyctl,openat2"),
    ] {
        let got = go(c.tool(&deny()?, &[errno, calls, "--"]).arg(&c.mote))?;
        same_mounts(&got, &want)?;
        same!(got.get("uid_map"), want.get("uid_map"));
    }
    Ok(())
}
