//! Namespaces: new, shared, joined by path; what is set inside them.
use crate::exec;
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "namespaces",
    serial: false,
    cases: &[
        ("new_ones_differ", new_ones),
        ("shared_ones_are_the_hosts", shared_ones),
        ("join_each_by_path", join_each),
        ("join_all_of_a_container", join_all),
        ("duplicate_refused", duplicate),
        ("unknown_type_refused", unknown),
        ("path_of_wrong_type_refused", wrong_type),
        ("path_missing_refused", missing_path),
        ("loopback_up_in_new_net", loopback),
        ("j20_joined_net_untouched", joined_net),
        ("a3_network_between_create_and_start", network_between),
        ("user_namespace_maps", userns),
        ("user_namespace_devices_and_files", userns_files),
        ("user_namespace_joined", userns_joined),
        ("user_namespace_with_others_of_the_host", userns_foreign),
        ("user_namespace_without_root", userns_rootless),
        ("cgroup_namespace", cgroupns),
        ("ipc_is_private", ipc),
        ("no_namespaces_but_mount", few),
        ("a_container_without_pid_namespace", shared_pid),
    ],
};

const KINDS: [(&str, &str); 8] = [
    ("cgroup", "cgroup"),
    ("ipc", "ipc"),
    ("mount", "mnt"),
    ("network", "net"),
    ("pid", "pid"),
    ("time", "time"),
    ("user", "user"),
    ("uts", "uts"),
];

fn own(kind: &str) -> R<String> {
    Ok(fs::read_link(format!("/proc/self/ns/{kind}"))?
        .display()
        .to_string())
}

fn new_ones(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.namespace("cgroup", None)
        .namespace("time", None)
        .userns(100_000);
    if c.is_other("runc") {
        b.share("time");
    }
    chown_rootfs(&b, 100_000)?;
    let report = c.report(&mut b)?;
    for (kind, file) in KINDS {
        if kind != "time" || !c.is_other("runc") {
            check!(
                report.get(&format!("ns.{file}")) != own(file)?,
                "{kind} is the host's"
            );
        }
    }
    Ok(())
}

pub fn chown_rootfs(b: &Bundle, id: u32) -> Res {
    // The files are shared links; only the directories belong to this bundle.
    for sub in [
        "", "bin", "proc", "sys", "dev", "etc", "root", "run", "var", "home", "tmp",
    ] {
        std::os::unix::fs::chown(b.rootfs(sub), Some(id), Some(id))?;
    }
    Ok(())
}

fn shared_ones(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.share("network")
        .share("ipc")
        .share("uts")
        .share("cgroup")
        .del("/hostname");
    let report = c.report(&mut b)?;
    for file in ["net", "ipc", "uts", "user", "time", "cgroup"] {
        same!(report.get(&format!("ns.{file}")), own(file)?);
    }
    Ok(())
}

fn join_each(c: &Case) -> Res {
    let first = c.bundle(&["sleep", "60"])?;
    c.detach(&first)?;
    let pid = c.pid(&first)?;
    for (kind, file) in [
        ("ipc", "ipc"),
        ("network", "net"),
        ("uts", "uts"),
        ("pid", "pid"),
    ] {
        let mut b = c.bundle(&[])?;
        let path = format!("/proc/{pid}/ns/{file}");
        b.namespace(kind, Some(&path)).del("/hostname");
        if kind == "uts" {
            b.set("/hostname", json!("renamed"));
        }
        let report = c.report(&mut b)?;
        same!(
            report.get(&format!("ns.{file}")),
            fs::read_link(&path)?.display().to_string()
        );
        match kind {
            "pid" => check!(report.get("pid") != "1", "pid 1 is the other container's"),
            _ => same!(report.get("pid"), "1"),
        }
    }
    c.force(&first)?;
    Ok(())
}

fn join_all(c: &Case) -> Res {
    let first = c.bundle(&["sleep", "60"])?;
    c.detach(&first)?;
    let pid = c.pid(&first)?;
    let mut b = c.bundle(&[])?;
    b.del("/hostname");
    for (kind, file) in [
        ("pid", "pid"),
        ("ipc", "ipc"),
        ("network", "net"),
        ("uts", "uts"),
    ] {
        b.namespace(kind, Some(&format!("/proc/{pid}/ns/{file}")));
    }
    let report = c.report(&mut b)?;
    for file in ["pid", "ipc", "net", "uts"] {
        let other = fs::read_link(format!("/proc/{pid}/ns/{file}"))?
            .display()
            .to_string();
        same!(report.get(&format!("ns.{file}")), other);
    }
    same!(c.status(&first)?, "running", "the first one lives on");
    c.force(&first)?;
    Ok(())
}

fn duplicate(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.push("/linux/namespaces", json!({"type": "ipc"}));
    c.run(&b)?.refused(1, &["ipc"])?;
    Ok(())
}

fn unknown(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.push("/linux/namespaces", json!({"type": "weather"}));
    c.run(&b)?.refused(1, &["weather"])?;
    Ok(())
}

fn wrong_type(c: &Case) -> Res {
    for (kind, path) in [
        ("network", "/proc/self/ns/ipc"),
        ("ipc", "/proc/self/ns/net"),
        ("uts", "/etc/passwd"),
        ("network", "/proc"),
    ] {
        let mut b = c.bundle(&["true"])?;
        b.del("/hostname").namespace(kind, Some(path));
        c.run(&b)?.refused(1, &[])?;
    }
    Ok(())
}

fn missing_path(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.namespace("network", Some("/run/netns/no-such-netns"));
    c.run(&b)?.refused(1, &["no-such-netns"])?;
    Ok(())
}

fn loopback(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let out = c.sh(&mut b, "ip -o addr show lo")?;
    check!(out.contains("127.0.0.1"), "{out}");
    let link = c.sh(&mut b, "ip link; ls /sys/class/net")?;
    check!(link.contains("LOOPBACK,UP"), "{link}");
    Ok(())
}

/// A network namespace held by a sleeping process; lo is down in it.
fn holder(c: &Case) -> R<Running> {
    let run = c
        .tool("unshare", &["-n", "sh", "-c", "echo ready; exec sleep 60"])
        .spawn()?;
    c.until("unshare", || Ok(run.so_far().contains("ready")))?;
    Ok(run)
}

fn joined_net(c: &Case) -> Res {
    let mut holder = holder(c)?;
    let mut b = c.bundle(&[])?;
    b.namespace("network", Some(&format!("/proc/{}/ns/net", holder.pid())));
    let out = c.sh(&mut b, "ip link show lo");
    holder.child.kill()?;
    holder.child.wait()?;
    let out = out?;
    check!(
        !out.contains("UP"),
        "lo was set up in a namespace that isn't ours: {out}"
    );
    Ok(())
}

fn network_between(c: &Case) -> Res {
    let b = c.bundle(&["ip", "-o", "addr", "show", "eth7"])?;
    let out = c.create(&b)?;
    let pid = c.pid(&b)?;
    check!(std::path::Path::new(&format!("/proc/{pid}/ns/net")).exists());
    // Named after the case, so that a crash leaves something recognisable.
    let name = format!("v{}", std::process::id() % 100_000);
    let script = format!(
        "ip link add {name} type veth peer name {name}p && ip link set {name}p netns {pid} && \
         nsenter -t {pid} -n sh -c 'ip link set {name}p name eth7 && ip addr add 10.11.12.13/24 dev eth7 && ip link set eth7 up'"
    );
    if !std::path::Path::new("/sbin/ip").exists() && !std::path::Path::new("/usr/sbin/ip").exists()
    {
        c.force(&b)?;
        return skip("no ip program: apt-get install iproute2");
    }
    c.tool("sh", &["-c", &script]).go()?.ok()?;
    c.start(&b)?;
    c.wait_status(&b, "stopped")?;
    let seen = out.later();
    c.delete(&b)?;
    c.tool(
        "sh",
        &["-c", &format!("ip link del {name} 2>/dev/null; true")],
    )
    .go()?;
    check!(seen.contains("10.11.12.13"), "{seen}");
    Ok(())
}

fn userns(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 1000}, {"containerID": 1000, "hostID": 200_000, "size": 5}]);
    b.set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map)
        .namespace("user", None);
    chown_rootfs(&b, 100_000)?;
    let report = c.report(&mut b)?;
    let squeeze = |key: &str| {
        report
            .lines(key)
            .iter()
            .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    same!(squeeze("uid_map"), ["0 100000 1000", "1000 200000 5"]);
    same!(squeeze("gid_map"), ["0 100000 1000", "1000 200000 5"]);
    same!(report.get("status.Uid"), "0\\t0\\t0\\t0");
    b.set(
        "/process/user",
        json!({"uid": 1000, "gid": 1001, "additionalGids": [1002]}),
    )
    .args(&["sleep", "30"]);
    c.detach(&b)?;
    let status = fs::read_to_string(format!("/proc/{}/status", c.pid(&b)?))?;
    check!(
        status.contains("Uid:\t200000\t")
            && status.contains("Gid:\t200001\t")
            && status.contains("Groups:\t200002"),
        "{status}"
    );
    c.force(&b)?;
    Ok(())
}

fn userns_files(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.userns(100_000);
    chown_rootfs(&b, 100_000)?;
    let out = c.sh(&mut b, "echo x > /dev/null && head -c 3 /dev/zero | wc -c && touch /made && stat -c %u /made && stat -c %u /proc/1/ns /dev/pts /dev/shm")?;
    same!(out, "3\n0\n0\n0\n0\n");
    use std::os::unix::fs::MetadataExt;
    same!(fs::metadata(b.rootfs("made"))?.uid(), 100_000);
    Ok(())
}

fn userns_joined(c: &Case) -> Res {
    let mut first = c.bundle(&["sleep", "60"])?;
    first.userns(100_000);
    chown_rootfs(&first, 100_000)?;
    c.detach(&first)?;
    let path = format!("/proc/{}/ns/user", c.pid(&first)?);
    let mut b = c.bundle(&[])?;
    chown_rootfs(&b, 100_000)?;
    b.namespace("user", Some(&path));
    let report = c.report(&mut b)?;
    same!(
        report.get("ns.user"),
        fs::read_link(&path)?.display().to_string()
    );
    same!(report.get("status.Uid"), "0\\t0\\t0\\t0");
    // Engines say its maps as well: right, and wrong.
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
    b.set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map);
    same!(c.report(&mut b)?.get("status.Uid"), "0\\t0\\t0\\t0");
    b.set("/linux/gidMappings/0/hostID", json!(100_001));
    c.run(&b)?
        .refused(1, &["linux.gidMappings: not the map of the user namespace"])?;
    c.force(&first)?;
    Ok(())
}

/// Those that an engine made before, and that belong to no user namespace of the container's.
fn userns_foreign(c: &Case) -> Res {
    let host = c.bundle(&["sleep", "60"])?;
    c.detach(&host)?;
    let pid = c.pid(&host)?;
    let mut owner = c.bundle(&["sleep", "60"])?;
    owner.userns(100_000);
    chown_rootfs(&owner, 100_000)?;
    c.detach(&owner)?;
    let user = format!("/proc/{}/ns/user", c.pid(&owner)?);
    for joined in [None, Some(user.as_str())] {
        let mut b = c.bundle(&["sleep", "60"])?;
        chown_rootfs(&b, 100_000)?;
        match joined {
            None => b.userns(100_000),
            Some(path) => b.namespace("user", Some(path)),
        };
        // What is mounted of such namespaces, their owner alone may mount.
        b.unmount("/sys").unmount("/sys/fs/cgroup");
        b.unmount("/dev/mqueue").del("/hostname");
        for (kind, file) in [("network", "net"), ("uts", "uts"), ("ipc", "ipc")] {
            b.namespace(kind, Some(&format!("/proc/{pid}/ns/{file}")));
        }
        c.detach(&b)?;
        let report = exec::report(c, &b, &[])?;
        for file in ["net", "uts", "ipc"] {
            let other = fs::read_link(format!("/proc/{pid}/ns/{file}"))?;
            let other = other.display().to_string();
            same!(report.get(&format!("ns.{file}")), other);
        }
        check!(report.get("ns.user") != own("user")?);
        same!(report.get("status.Uid"), "0\\t0\\t0\\t0");
        c.force(&b)?;
    }
    c.force(&owner)?;
    c.force(&host)?;
    Ok(())
}

/// Only one id is mapped, and it isn't 0.
fn userns_rootless(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("not before runc 1.6");
    }
    let mut b = c.bundle(&["sleep", "60"])?;
    b.userns(100_000);
    chown_rootfs(&b, 100_000)?;
    let map = json!([{"containerID": 1000, "hostID": 100_000, "size": 1}]);
    b.set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map)
        .set("/process/user", json!({"uid": 1000, "gid": 1000}));
    b.unmount("/dev/pts").mount(
        "/dev/pts",
        "devpts",
        "devpts",
        &["newinstance", "ptmxmode=0666"],
    );
    c.detach(&b)?;
    let shown = c.exec(&b, &["sh", "-c", "id -u; id -g; cat /proc/1/uid_map"])?;
    let shown = shown.ok()?.out;
    same!(
        shown.split_whitespace().collect::<Vec<_>>(),
        ["1000", "1000", "1000", "100000", "1"]
    );
    c.force(&b)?;
    Ok(())
}

fn cgroupns(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.namespace("cgroup", None);
    let report = c.report(&mut b)?;
    let rows = report.lines("cgroup");
    let inside: Vec<&String> = rows.iter().filter(|l| !l.ends_with(":/")).collect();
    check!(inside.is_empty(), "{inside:?}");
    Ok(())
}

fn ipc(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    same!(
        c.sh(
            &mut b,
            "cat /proc/sysvipc/shm | wc -l; ls /dev/mqueue | wc -l"
        )?,
        "1\n0\n"
    );
    Ok(())
}

fn few(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/linux/namespaces", json!([{"type": "mount"}]))
        .del("/hostname");
    b.unmount("/dev/mqueue")
        .unmount("/sys")
        .unmount("/sys/fs/cgroup");
    let report = c.report(&mut b)?;
    same!(report.get("ns.pid"), own("pid")?);
    check!(report.get("ns.mnt") != own("mnt")?);
    Ok(())
}

fn shared_pid(c: &Case) -> Res {
    let mut b = c.bundle(&["sleep", "30"])?;
    b.share("pid");
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    same!(
        fs::read_link(format!("/proc/{pid}/ns/pid"))?
            .display()
            .to_string(),
        own("pid")?
    );
    c.kill(&b, "TERM")?;
    c.wait_status(&b, "stopped")?;
    c.delete(&b)?;
    Ok(())
}
