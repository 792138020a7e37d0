//! Membership in cgroups, cgroupsPath, cgroup mounts, removal.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::path::Path;

/// The cases.
pub const MODULE: Module = Module {
    name: "cgroups",
    serial: false,
    cases: &[
        ("member_of_its_own", member),
        ("j16_nothing_about_cgroups_in_config", nothing),
        ("path_absolute", absolute),
        ("path_relative", relative),
        ("path_deep_parents_stay", deep),
        ("path_escape_stays_inside", escape),
        ("removed_with_children", removed_with_children),
        ("existing_with_processes_refused", busy),
        ("existing_empty_is_used", existing_empty),
        ("frozen_one_refused", frozen),
        ("exec_joins", exec_joins),
        ("exec_follows_who_has_left", exec_follows),
        ("exec_goes_below_unless_told_where", exec_below),
        ("cgroup_mount_v1", mount_v1),
        ("cgroup_mount_is_readonly", mount_ro),
        ("cgroup_mount_with_namespace", mount_namespace),
        ("j26_duplicate_cgroup_mounts_on_host", duplicates),
        ("host_without_cgroups", none_at_all),
        ("j5_read_only_hierarchies", read_only),
        ("v2_only_view", unified_only),
        ("delete_after_cgroup_vanished", vanished),
    ],
};

/// `:controllers:path` rows of /proc/PID/cgroup.
fn rows(pid: i32) -> R<Vec<(String, String)>> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let split = |l: &str| {
        let mut parts = l.splitn(3, ':').skip(1);
        Some((parts.next()?.to_string(), parts.next()?.to_string()))
    };
    Ok(text.lines().filter_map(split).collect())
}

fn sleeper(c: &Case, edit: impl Fn(&mut Bundle)) -> R<(Bundle, Vec<(String, String)>)> {
    let mut b = c.bundle(&["sleep", "60"])?;
    edit(&mut b);
    c.detach(&b)?;
    let rows = rows(c.pid(&b)?)?;
    Ok((b, rows))
}

fn has_cgroups() -> Res {
    match Path::new("/sys/fs/cgroup/devices").exists()
        || Path::new("/sys/fs/cgroup/cgroup.procs").exists()
    {
        true => Ok(()),
        false => skip("no cgroups on this host"),
    }
}

fn member(c: &Case) -> Res {
    has_cgroups()?;
    let (b, rows) = sleeper(c, |_| {})?;
    let own: Vec<_> = rows
        .iter()
        .filter(|(_, p)| p.ends_with(&format!("/{}", b.id)))
        .collect();
    check!(!own.is_empty(), "{rows:?}");
    for kind in ["freezer", "devices", "memory", "pids", "cpu"] {
        if let Some((_, path)) = rows.iter().find(|(k, _)| k.split(',').any(|k| k == kind)) {
            check!(path.ends_with(&b.id), "{kind} is {path}");
        }
    }
    c.force(&b)?;
    check!(leak::cgroups(&b.id).is_empty());
    Ok(())
}

fn nothing(c: &Case) -> Res {
    let (b, _) = sleeper(c, |b| {
        b.del("/linux/resources").unmount("/sys/fs/cgroup");
    })?;
    c.force(&b)?;
    let mut b = c.bundle(&["true"])?;
    b.set("/linux/resources", json!(null))
        .set("/linux/cgroupsPath", json!(""));
    c.run(&b)?.ok()?;
    b.set("/linux/resources", json!({}));
    c.run(&b)?.ok()?;
    Ok(())
}

fn absolute(c: &Case) -> Res {
    has_cgroups()?;
    let path = format!("/{}-abs/inner", c.token);
    let (b, rows) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(path));
    })?;
    check!(rows.iter().any(|(_, p)| *p == path), "{rows:?}");
    check!(
        rows.iter()
            .filter(|(_, p)| p.contains(&c.token))
            .all(|(_, p)| *p == path),
        "{rows:?}"
    );
    c.force(&b)?;
    remove_parents(c, &path)
}

/// What create made beside the container's own cgroup belongs to whoever asked for the path.
fn remove_parents(c: &Case, path: &str) -> Res {
    for dir in leak::cgroups(&c.token) {
        check!(
            !dir.ends_with(path.trim_start_matches('/')),
            "{} is still there",
            dir.display()
        );
    }
    leak::cgroups(&c.token)
        .iter()
        .for_each(|dir| leak::remove_cgroup(dir));
    Ok(())
}

fn relative(c: &Case) -> Res {
    has_cgroups()?;
    let path = format!("{}-rel", c.token);
    let (b, rows) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(path));
    })?;
    check!(
        rows.iter().any(|(_, p)| p.ends_with(&format!("/{path}"))),
        "{rows:?}"
    );
    c.force(&b)?;
    remove_parents(c, &path)
}

fn deep(c: &Case) -> Res {
    has_cgroups()?;
    let (parent, path) = (
        format!("/{}-deep", c.token),
        format!("/{}-deep/a/b", c.token),
    );
    let (b, rows) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(path));
    })?;
    check!(rows.iter().any(|(_, p)| p.starts_with(&parent)));
    c.force(&b)?;
    remove_parents(c, &path)
}

fn escape(c: &Case) -> Res {
    has_cgroups()?;
    for path in [
        format!("../../../{}-esc", c.token),
        format!("/x/../../../{}-esc", c.token),
    ] {
        let mut b = c.bundle(&["true"])?;
        b.set("/linux/cgroupsPath", json!(path));
        let out = c.run(&b)?;
        check!(out.code <= 1, "{out:?}");
        check!(!Path::new(&format!("/sys/fs/{}-esc", c.token)).exists());
    }
    remove_parents(c, "none")
}

fn removed_with_children(c: &Case) -> Res {
    has_cgroups()?;
    let (b, _) = sleeper(c, |_| {})?;
    for dir in leak::cgroups(&b.id) {
        fs::create_dir_all(dir.join("one/two")).ok();
    }
    c.kill(&b, "KILL")?;
    c.wait_status(&b, "stopped")?;
    c.delete(&b)?;
    check!(leak::cgroups(&b.id).is_empty());
    Ok(())
}

fn busy(c: &Case) -> Res {
    has_cgroups()?;
    if c.is_other("runc") {
        return skip("runc 1.1 only warns");
    }
    let path = format!("/{}-busy", c.token);
    let (first, _) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(path));
    })?;
    let mut b = c.bundle(&["true"])?;
    b.set("/linux/cgroupsPath", json!(path));
    c.run(&b)?.refused(1, &["cgroup"])?;
    same!(c.status(&first)?, "running");
    c.force(&first)?;
    Ok(())
}

fn existing_empty(c: &Case) -> Res {
    has_cgroups()?;
    let path = format!("/{}-old", c.token);
    let (b, _) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(path));
    })?;
    let dirs = leak::cgroups(&c.token);
    c.force(&b)?;
    for dir in &dirs {
        fs::create_dir(dir).ok();
    }
    let (b, _) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(path));
    })?;
    c.force(&b)?;
    remove_parents(c, "none")
}

/// In one hierarchy only, too: the container's process would stop there for good.
fn frozen(c: &Case) -> Res {
    has_cgroups()?;
    let mut b = c.bundle(&["true"])?;
    let name = format!("{}-cold", c.token);
    let [dir, file, state] = match v1() {
        Ok(()) => ["/sys/fs/cgroup/freezer", "freezer.state", "FROZEN"],
        Err(_) => ["/sys/fs/cgroup", "cgroup.freeze", "1"],
    };
    let dir = Path::new(dir).join(&name);
    fs::create_dir(&dir)?;
    fs::write(dir.join(file), state)?;
    b.set("/linux/cgroupsPath", json!(format!("/{name}")));
    for verb in ["run", "create"] {
        let out = c.verb(verb, &b, &[])?.go();
        out?.refused(1, &["the container's cgroup", "frozen"])?;
    }
    fs::remove_dir(&dir)?;
    Ok(())
}

fn exec_joins(c: &Case) -> Res {
    has_cgroups()?;
    // The template of a pure v2 host hides the path.
    let (b, rows) = sleeper(c, |b| {
        b.share("cgroup");
    })?;
    let inside = c.exec(&b, &["cat", "/proc/self/cgroup"])?.ok()?.out;
    for (kind, path) in &rows {
        if path.contains(&b.id) {
            check!(
                inside.contains(&format!(":{kind}:{path}\n")),
                "{kind}: {inside}"
            );
        }
    }
    c.force(&b)?;
    Ok(())
}

/// The container's process is in another v2 cgroup, and its own is gone.
fn exec_follows(c: &Case) -> Res {
    has_cgroups()?;
    if c.is_other("runc") {
        return skip("not before runc 1.4.1");
    }
    let unified = Path::new("/sys/fs/cgroup/unified");
    let top = match unified.exists() {
        true => unified,
        false => Path::new("/sys/fs/cgroup"),
    };
    let name = format!("{}-left", c.token);
    let (b, _) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(format!("/{name}")))
            .share("cgroup");
    })?;
    let elsewhere = format!("{name}-elsewhere");
    fs::create_dir(top.join(&elsewhere))?;
    let pid = c.pid(&b)?.to_string();
    fs::write(top.join(&elsewhere).join("cgroup.procs"), pid)?;
    fs::remove_dir(top.join(&name))?;
    let inside = c.exec(&b, &["cat", "/proc/self/cgroup"])?.ok()?.out;
    check!(inside.contains(&format!("0::/{elsewhere}\n")), "{inside}");
    c.force(&b)?;
    fs::remove_dir(top.join(&elsewhere))?;
    Ok(())
}

/// A cgroup that gives controllers to its children takes no process.
fn exec_below(c: &Case) -> Res {
    let top = Path::new("/sys/fs/cgroup");
    let given = fs::read_to_string(top.join("cgroup.subtree_control")).unwrap_or_default();
    if !given.contains("pids") {
        return skip("cgroup v2 gives no pids controller here");
    }
    let name = format!("{}-gives", c.token);
    let (b, _) = sleeper(c, |b| {
        b.set("/linux/cgroupsPath", json!(format!("/{name}")))
            .share("cgroup");
    })?;
    let dir = top.join(&name);
    fs::create_dir(dir.join("sub"))?;
    let pid = c.pid(&b)?.to_string();
    fs::write(dir.join("sub/cgroup.procs"), pid)?;
    fs::write(dir.join("cgroup.subtree_control"), "+pids")?;
    let inside = c.exec(&b, &["cat", "/proc/self/cgroup"])?.ok()?.out;
    same!(inside, format!("0::/{name}/sub\n"));
    let named = c.mote(&["exec", "--cgroup", "/", &b.id, "true"]).go()?;
    named.refused(255, &["EBUSY"])?;
    c.force(&b)?;
    Ok(())
}

fn v1() -> Res {
    match Path::new("/sys/fs/cgroup/freezer").exists() {
        true => Ok(()),
        false => skip("no cgroup v1 on this host"),
    }
}

fn mount_v1(c: &Case) -> Res {
    v1()?;
    let mut b = c.bundle(&[])?;
    let out = c.sh(
        &mut b,
        "ls /sys/fs/cgroup; cat /sys/fs/cgroup/freezer/cgroup.procs | wc -l",
    )?;
    check!(out.contains("freezer") && out.contains("memory"), "{out}");
    // The container's own cgroup is the root of what it sees: its shell, cat and wc.
    same!(out.lines().last(), Some("3"), "{out}");
    Ok(())
}

fn mount_ro(c: &Case) -> Res {
    v1()?;
    let mut b = c.bundle(&[])?;
    b.caps(&["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]);
    let out = c.sh(
        &mut b,
        "mkdir /sys/fs/cgroup/freezer/x 2>/dev/null || echo ro",
    )?;
    same!(out, "ro\n");
    Ok(())
}

fn mount_namespace(c: &Case) -> Res {
    v1()?;
    let mut b = c.bundle(&[])?;
    b.namespace("cgroup", None);
    let report = c.report(&mut b)?;
    let mount = report
        .mount("/sys/fs/cgroup/freezer")
        .ok_or("no freezer hierarchy")?;
    same!(mount.root, "/");
    same!(mount.kind, "cgroup");
    Ok(())
}

/// Runs in a private mount namespace prepared by `script`.
fn in_view(c: &Case, b: &Bundle, script: &str) -> R<Out> {
    in_view_with(c, b, script, "auto")
}

fn in_view_with(c: &Case, b: &Bundle, script: &str, rootless: &str) -> R<Out> {
    b.write()?;
    let script = format!("{script}; exec \"$@\"");
    let run = c.tool(
        "unshare",
        &["-m", "--propagation", "private", "sh", "-ec", &script, "-"],
    );
    run.arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&["--rootless", rootless, "run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()
}

fn duplicates(c: &Case) -> Res {
    v1()?;
    let b = c.bundle(&["echo", "fine"])?;
    let other = c.path("other");
    fs::create_dir(&other)?;
    let script = format!(
        "mount --bind /sys/fs/cgroup/freezer {0}; mount --bind /sys/fs/cgroup/freezer /sys/fs/cgroup/freezer; mount --make-rshared /sys/fs/cgroup/freezer",
        other.display()
    );
    same!(in_view(c, &b, &script)?.ok()?.out, "fine\n");
    Ok(())
}

fn none_at_all(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc needs cgroups");
    }
    let mut b = c.bundle(&["echo", "fine"])?;
    b.del("/linux/resources").unmount("/sys/fs/cgroup");
    let script = "umount -l /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup";
    same!(in_view(c, &b, script)?.ok()?.out, "fine\n");
    Ok(())
}

/// Hierarchies that can't be written to: root is told how to go on, and who asks for rootless does without.
fn read_only(c: &Case) -> Res {
    const READ_ONLY: &str = "while read -r _ at kind _; do case $kind in cgroup*) mount -o remount,bind,ro $at;; esac; done < /proc/mounts";
    let mut b = c.bundle(&["echo", "fine"])?;
    b.del("/linux/resources").unmount("/sys/fs/cgroup");
    in_view(c, &b, READ_ONLY)?.refused(
        1,
        &["read-only file system (EROFS)", "remount it read-write"],
    )?;
    let out = in_view_with(c, &b, READ_ONLY, "true")?;
    same!(out.ok()?.out, "fine\n");
    Ok(())
}

/// A host whose only hierarchy is v2: the v1 mounts are out of sight.
fn unified_only(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc fails where v2 has no controllers");
    }
    if !Path::new("/sys/fs/cgroup/unified/cgroup.procs").exists() {
        return skip("no hybrid hierarchy to look at");
    }
    let b = c.bundle(&[
        "sh",
        "-c",
        "cat /proc/self/cgroup; ls /sys/fs/cgroup/cgroup.procs",
    ])?;
    let script = "umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup";
    let out = in_view(c, &b, script)?.ok()?.out;
    check!(
        out.lines().any(|l| l.starts_with("0::") && l != "0::/"),
        "{out}"
    );
    check!(out.contains("/sys/fs/cgroup/cgroup.procs"), "{out}");
    Ok(())
}

/// Somebody removed the cgroup of a stopped container.
fn vanished(c: &Case) -> Res {
    let (b, _) = sleeper(c, |_| {})?;
    c.kill(&b, "KILL")?;
    c.wait_status(&b, "stopped")?;
    leak::reap();
    for dir in leak::cgroups(&b.id) {
        fs::remove_dir(dir).ok();
    }
    c.delete(&b)?;
    Ok(())
}
