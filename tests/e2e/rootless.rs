//! As an ordinary user: no helper, no systemd, no writable cgroup.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

/// The cases.
pub const MODULE: Module = Module {
    name: "rootless",
    serial: false,
    cases: &[
        ("a5_spec_rootless_and_run", run),
        ("lifecycle", lifecycle),
        ("j19_default_root_from_xdg", xdg),
        ("exec_and_kill", exec_kill),
        ("terminal_socket", console),
        ("devices_are_bound", devices),
        ("cgroup_is_not_writable", cgroup),
        ("limits_of_one_id_map", one_id),
        ("additional_gids_refused", gids),
        ("unmapped_user_refused", unmapped),
        ("subids_by_helpers", subids),
        ("without_user_namespace_refused", no_userns),
        ("inside_a_user_namespace", nested),
        ("pid_namespaces_inside_a_user_namespace", nested_pids),
        ("pid_file_and_detach", detached),
        ("setuid_helpers_not_needed", no_helpers),
        ("network_of_its_own", network),
        ("events_without_cgroups", events),
    ],
};

/// Who runs the container.
pub const USER: u32 = 1000;

/// A bundle of the user's with `spec --rootless`'s config, and a state root of theirs.
pub fn bundle(c: &Case, args: &[&str]) -> R<Bundle> {
    for name in ["home", "state"] {
        let dir = c.path(name);
        if !dir.exists() {
            fs::create_dir(&dir)?;
            chown(&dir, Some(USER), Some(USER))?;
        }
    }
    let mut b = c.bundle(args)?;
    for sub in [
        "",
        "rootfs",
        "rootfs/bin",
        "rootfs/proc",
        "rootfs/sys",
        "rootfs/dev",
        "rootfs/etc",
        "rootfs/root",
        "rootfs/run",
        "rootfs/tmp",
        "rootfs/var",
        "rootfs/home",
    ] {
        chown(b.dir.join(sub), Some(USER), Some(USER))?;
    }
    c.tool(&c.mote.display().to_string(), &["spec", "--rootless"])
        .user(USER)
        .cwd(&b.dir)
        .go()?
        .ok()?;
    b.config = serde_json::from_slice(&fs::read(b.dir.join("config.json"))?)?;
    fs::remove_file(b.dir.join("config.json"))?;
    b.set("/process/terminal", json!(false))
        .set("/root/readonly", json!(false))
        .args(args);
    Ok(b)
}

fn user(c: &Case, args: &[&str]) -> Cmd {
    c.mote(args)
        .user(USER)
        .env("HOME", c.path("home"))
        .cwd(&c.path("home"))
}

fn verb(c: &Case, verb: &str, b: &Bundle, extra: &[&str]) -> R<Cmd> {
    b.write()?;
    Ok(user(c, &[verb, "-b"]).arg(&b.dir).args(extra).arg(&b.id))
}

fn report(c: &Case, b: &mut Bundle) -> R<Report> {
    b.args(&["/bin/probe", "report"]);
    Report::parse(&verb(c, "run", b, &[])?.go()?.ok()?)
}

fn run(c: &Case) -> Res {
    let mut b = bundle(c, &[])?;
    let r = report(c, &mut b)?;
    same!(r.get("pid"), "1");
    same!(r.get("status.Uid"), "0\\t0\\t0\\t0");
    same!(
        r.get("uid_map").split_whitespace().collect::<Vec<_>>(),
        ["0", "1000", "1"]
    );
    same!(
        r.get("gid_map").split_whitespace().collect::<Vec<_>>(),
        ["0", "1000", "1"]
    );
    same!(r.get("setgroups"), "deny");
    same!(r.get("hostname"), "runc");
    b.set("/root/readonly", json!(true))
        .args(&["sh", "-c", "touch /x || echo ro"]);
    same!(verb(c, "run", &b, &[])?.go()?.ok()?.out, "ro\n");
    b.args(&["/bin/probe", "exit", "23"]);
    same!(verb(c, "run", &b, &[])?.go()?.code, 23);
    Ok(())
}

fn lifecycle(c: &Case) -> Res {
    let b = bundle(c, &["sleep", "60"])?;
    verb(c, "create", &b, &[])?.go()?.ok()?;
    let list = user(c, &["list"]).go()?.ok()?.out;
    check!(list.contains("created"), "{list}");
    user(c, &["start", &b.id]).go()?.ok()?;
    let state = user(c, &["state", &b.id]).go()?.ok()?.out;
    check!(state.contains("running"), "{state}");
    user(c, &["delete", &b.id]).go()?.refused(1, &[])?;
    user(c, &["kill", &b.id, "KILL"]).go()?.ok()?;
    c.until("stopped", || {
        Ok(user(c, &["state", &b.id]).go()?.out.contains("stopped"))
    })?;
    user(c, &["delete", &b.id]).go()?.ok()?;
    Ok(())
}

fn xdg(c: &Case) -> Res {
    let b = bundle(c, &["sleep", "60"])?;
    b.write()?;
    let dir = c.path("home").join("xdg");
    fs::create_dir(&dir)?;
    chown(&dir, Some(USER), Some(USER))?;
    let plain = |args: &[&str]| {
        c.tool(&c.mote.display().to_string(), args)
            .user(USER)
            .env("XDG_RUNTIME_DIR", &dir)
            .cwd(&b.dir)
    };
    plain(&["create", &b.id]).go()?.ok()?;
    let made: Vec<PathBuf> = fs::read_dir(&dir)?.flatten().map(|e| e.path()).collect();
    same!(made.len(), 1);
    same!(
        fs::metadata(&made[0])?.permissions().mode() & 0o7777,
        0o1700
    );
    check!(plain(&["list", "-q"]).go()?.ok()?.out.contains(&b.id));
    plain(&["delete", "--force", &b.id]).go()?.ok()?;
    Ok(())
}

fn exec_kill(c: &Case) -> Res {
    let b = bundle(
        c,
        &[
            "sh",
            "-c",
            "trap 'exit 4' TERM; while :; do sleep 0.05; done",
        ],
    )?;
    verb(c, "run", &b, &["-d"])?.go()?.ok()?;
    let r = Report::parse(
        &user(c, &["exec", &b.id, "/bin/probe", "report"])
            .go()?
            .ok()?,
    )?;
    same!(r.get("status.Uid"), "0\\t0\\t0\\t0");
    check!(r.get("pid") != "1" && r.get("hostname") == "runc");
    same!(
        user(c, &["exec", &b.id, "/bin/probe", "exit", "9"])
            .go()?
            .code,
        9
    );
    user(c, &["kill", &b.id, "TERM"]).go()?.ok()?;
    c.until("stopped", || {
        Ok(user(c, &["state", &b.id]).go()?.out.contains("stopped"))
    })?;
    user(c, &["delete", &b.id]).go()?.ok()?;
    Ok(())
}

fn console(c: &Case) -> Res {
    let mut b = bundle(c, &["sh", "-c", "tty; sleep 60"])?;
    b.set("/process/terminal", json!(true));
    let path = c.path("home").join("s");
    let socket = sock::FdSocket::listen(&path)?;
    verb(
        c,
        "run",
        &b,
        &["-d", "--console-socket", &path.display().to_string()],
    )?
    .go()?
    .ok()?;
    let mut pty = pty::Pty::from_master(socket.receive()?.1);
    pty.expect("/dev/pts/0")?;
    user(c, &["delete", "-f", &b.id]).go()?.ok()?;
    Ok(())
}

fn devices(c: &Case) -> Res {
    let mut b = bundle(c, &[])?;
    let r = report(c, &mut b)?;
    for path in [
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/dev/tty",
    ] {
        check!(r.mount(path).is_some(), "{path} is no bind");
    }
    b.args(&[
        "sh",
        "-c",
        "echo x > /dev/null && head -c 3 /dev/zero | wc -c",
    ]);
    same!(verb(c, "run", &b, &[])?.go()?.ok()?.out, "3\n");
    Ok(())
}

/// CVE-2023-25809: /sys/fs/cgroup comes along with the rbind of /sys.
fn cgroup(c: &Case) -> Res {
    let script = "for f in $(ls -d /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs 2>/dev/null); do \
                  (echo 0 > $f) 2>/dev/null && echo wrote $f; done; echo end";
    let mut b = bundle(c, &["sh", "-c", script])?;
    same!(verb(c, "run", &b, &[])?.go()?.ok()?.out, "end\n");
    b.mount(
        "/sys/fs/cgroup",
        "cgroup",
        "cgroup",
        &["nosuid", "noexec", "nodev", "relatime", "ro"],
    );
    let out = verb(c, "run", &b, &[])?.go()?;
    check!(!out.out.contains("wrote"), "{}", out.out);
    Ok(())
}

fn one_id(c: &Case) -> Res {
    let mut b = bundle(c, &[])?;
    let r = report(c, &mut b)?;
    // Dropped groups can't be dropped here: setgroups is denied; the user has none.
    same!(r.get("status.Groups").trim(), "");
    same!(r.get("status.CapEff").trim_start_matches('0'), "20000420");
    Ok(())
}

fn gids(c: &Case) -> Res {
    let mut b = bundle(c, &["true"])?;
    b.set("/process/user/additionalGids", json!([5]));
    verb(c, "run", &b, &[])?.go()?.refused(1, &[])?;
    Ok(())
}

fn unmapped(c: &Case) -> Res {
    let mut b = bundle(c, &["true"])?;
    b.set("/process/user", json!({"uid": 7, "gid": 0}));
    let out = verb(c, "run", &b, &[])?.go()?.refused(1, &[])?;
    check!(
        out.err.contains('7') || out.err.contains("map") || out.err.contains("uid"),
        "{}",
        out.err
    );
    Ok(())
}

/// newuidmap and newgidmap, with subordinate ids that only this test's mount namespace has (J4).
fn subids(c: &Case) -> Res {
    for path in [
        "/usr/bin/newuidmap",
        "/usr/bin/newgidmap",
        "/etc/subuid",
        "/etc/subgid",
    ] {
        if !fs::exists(path)? {
            return skip(format!("no {path}: apt-get install uidmap"));
        }
    }
    let mut b = bundle(c, &["/bin/probe", "report"])?;
    let map = json!([{"containerID": 0, "hostID": USER, "size": 1}, {"containerID": 1, "hostID": 300_000, "size": 1000}]);
    b.set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map);
    b.set(
        "/process/user",
        json!({"uid": 5, "gid": 6, "additionalGids": [7]}),
    )
    .write()?;
    let ids = c.path("subids");
    fs::write(&ids, format!("{USER}:300000:1000\n"))?;
    let script = format!(
        "mount --bind {0} /etc/subuid; mount --bind {0} /etc/subgid; \
         exec setpriv --reuid {USER} --regid {USER} --clear-groups -- \"$@\"",
        ids.display()
    );
    let run = c.tool(
        "unshare",
        &["-m", "--propagation", "private", "sh", "-ec", &script, "-"],
    );
    let run = run
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id);
    let out = run.go()?;
    if c.is_other("runc") && out.err.contains("additional groups") {
        return skip("runc 1.1 never sets additional groups when rootless");
    }
    let r = Report::parse(&out.ok()?)?;
    same!(r.get("status.Uid"), "5\\t5\\t5\\t5");
    same!(r.get("status.Groups").trim(), "7");
    same!(r.get("setgroups"), "allow");
    Ok(())
}

fn no_userns(c: &Case) -> Res {
    let mut b = bundle(c, &["true"])?;
    b.share("user")
        .del("/linux/uidMappings")
        .del("/linux/gidMappings");
    verb(c, "run", &b, &[])?.go()?.refused(1, &[])?;
    Ok(())
}

/// Root of a user namespace, as in a container with a runtime in it (J6).
fn nested(c: &Case) -> Res {
    let mut b = bundle(c, &["sh", "-c", "id -u; echo x > /dev/null && echo fine"])?;
    b.share("user")
        .del("/linux/uidMappings")
        .del("/linux/gidMappings")
        .write()?;
    let run = c
        .tool("unshare", &["-U", "-r", "-m", "--propagation", "slave"])
        .arg(&c.mote)
        .user(USER);
    let run = run
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id);
    let out = run.go()?;
    if c.is_other("runc") && out.code != 0 {
        return skip(format!("runc 1.1: {}", out.err.trim()));
    }
    same!(out.ok()?.out, "0\nfine\n");
    Ok(())
}

/// Where no privilege is had over the pid namespace that mote runs in, as in rootless podman.
fn nested_pids(c: &Case) -> Res {
    let shared = |args: &[&str]| -> R<Bundle> {
        let mut b = bundle(c, args)?;
        b.share("user")
            .del("/linux/uidMappings")
            .del("/linux/gidMappings")
            .write()?;
        Ok(b)
    };
    let first = shared(&["sleep", "60"])?;
    let mut second = shared(&["sh", "-c", "ps | grep -c [s]leep"])?;
    let [pid, pids] = ["pid", "pids"].map(|name| c.path("home").join(name).display().to_string());
    second.namespace("pid", Some(&pids)).write()?;
    let script = format!(
        "mote='{mote} --root {root}'
        $mote run -d -b {dir} --pid-file {pid} {id}
        trap \"$mote delete -f {id}\" EXIT
        $mote exec {id} sh -c 'echo as $(id -u); exit 7' || echo exit $?
        $mote exec -d {id} sleep 60
        $mote exec {id} ps | grep -c [s]leep
        touch {pids}
        mount --bind /proc/$(cat {pid})/ns/pid {pids}
        $mote run -b {other} {other_id}",
        mote = c.mote.display(),
        root = c.root.display(),
        dir = first.dir.display(),
        id = first.id,
        other = second.dir.display(),
        other_id = second.id,
    );
    let run = c
        .tool("unshare", &["-U", "-r", "-m", "--propagation", "slave"])
        .args(&["sh", "-ec", &script])
        .user(USER);
    same!(run.go()?.ok()?.out, "as 0\nexit 7\n2\n2\n");
    Ok(())
}

fn detached(c: &Case) -> Res {
    let b = bundle(c, &["sleep", "60"])?;
    let file = c.path("home").join("pid");
    verb(
        c,
        "run",
        &b,
        &["-d", "--pid-file", &file.display().to_string()],
    )?
    .go()?
    .ok()?;
    let pid: u32 = fs::read_to_string(&file)?.parse()?;
    check!(leak::alive(pid));
    user(c, &["delete", "-f", &b.id]).go()?.ok()?;
    c.until("death", || Ok(!leak::alive(pid)))?;
    Ok(())
}

/// With no newuidmap in PATH and no_new_privs, which makes setuid programs useless.
fn no_helpers(c: &Case) -> Res {
    let b = bundle(c, &["echo", "fine"])?;
    b.write()?;
    let run = c
        .tool("/usr/bin/setpriv", &["--no-new-privs", "--"])
        .arg(&c.mote)
        .user(USER)
        .env("PATH", "/nowhere");
    let out = run
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .ok()?;
    same!(out.out, "fine\n");
    Ok(())
}

fn network(c: &Case) -> Res {
    let mut b = bundle(c, &["ip", "-o", "addr", "show", "lo"])?;
    b.namespace("network", None);
    // sysfs of a foreign network namespace can't be rbound but may be mounted afresh.
    let out = verb(c, "run", &b, &[])?.go()?.ok()?.out;
    check!(out.contains("127.0.0.1"), "{out}");
    Ok(())
}

/// Where there is no cgroup of the container's own the numbers are 0, and the end is told all the same.
fn events(c: &Case) -> Res {
    let b = bundle(c, &["sleep", "60"])?;
    verb(c, "run", &b, &["-d"])?.go()?.ok()?;
    let out = user(c, &["events", "--stats", &b.id]).go()?.ok()?;
    let line: Value = serde_json::from_str(&out.out)?;
    same!(line["data"]["network_interfaces"], json!(null));
    let events = user(c, &["events", "--interval", "1h", &b.id]).spawn()?;
    user(c, &["kill", &b.id, "KILL"]).go()?.ok()?;
    events.wait()?.ok()?;
    user(c, &["delete", &b.id]).go()?.ok()?;
    Ok(())
}
