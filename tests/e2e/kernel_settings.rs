//! What is set inside namespaces: host name, sysctl, clocks, keyring.
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "kernel_settings",
    serial: false,
    cases: &[
        ("hostname_and_domainname", hostname),
        ("hostname_without_uts_refused", hostname_without),
        ("sysctl", sysctl),
        ("sysctl_not_namespaced_refused", sysctl_refused),
        ("sysctl_with_slashes", sysctl_slashes),
        ("time_offsets", time_offsets),
        ("time_offsets_without_namespace_refused", time_refused),
        ("keyring_differs", keyring),
        ("no_new_keyring", no_new_keyring),
    ],
};

fn hostname_without(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.share("uts");
    c.run(&b)?.refused(1, &["hostname"])?;
    if !c.is_other("runc") {
        b.del("/hostname").set("/domainname", json!("x"));
        c.run(&b)?.refused(1, &["domainname"])?;
    }
    Ok(())
}

fn sysctl(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/linux/sysctl", json!({
        "net.ipv4.ip_forward": "1", "kernel.msgmax": "4242", "kernel.shm_rmid_forced": "1", "fs.mqueue.msg_max": "11",
        "kernel.sem": "1 2 3 4",
    }));
    let before = fs::read_to_string("/proc/sys/kernel/msgmax")?;
    let files =
        "net/ipv4/ip_forward kernel/msgmax kernel/shm_rmid_forced fs/mqueue/msg_max kernel/sem";
    same!(
        c.sh(&mut b, &format!("cd /proc/sys; cat {files}"))?,
        "1\n4242\n1\n11\n1\t2\t3\t4\n"
    );
    same!(fs::read_to_string("/proc/sys/kernel/msgmax")?, before);
    if !c.is_other("runc") {
        b.set("/linux/sysctl", json!({"kernel.domainname": "by.sysctl"}));
        same!(
            c.sh(&mut b, "cat /proc/sys/kernel/domainname")?,
            "by.sysctl\n"
        );
    }
    Ok(())
}

fn sysctl_refused(c: &Case) -> Res {
    for (key, share) in [
        ("kernel.core_pattern", ""),
        ("vm.swappiness", ""),
        ("kernel.hostname", ""),
        ("net.ipv4.ip_forward", "network"),
        ("kernel.msgmax", "ipc"),
        ("net/../kernel/core_pattern", ""),
        ("kernel.sem.", ""),
        ("", ""),
    ] {
        let mut b = c.bundle(&["true"])?;
        b.share(share).set("/linux/sysctl", json!({key: "1"}));
        let out = c.run(&b)?.refused(1, &[])?;
        check!(
            out.err.contains("sysctl") || out.err.contains(key),
            "{}",
            out.err
        );
    }
    Ok(())
}

fn sysctl_slashes(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set(
        "/linux/sysctl",
        json!({"net/ipv4/conf/lo/forwarding": "1", "net.ipv4.conf.lo.rp_filter": "2"}),
    );
    same!(
        c.sh(
            &mut b,
            "cd /proc/sys/net/ipv4/conf/lo; cat forwarding rp_filter"
        )?,
        "1\n2\n"
    );
    Ok(())
}

fn time_offsets(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.namespace("time", None);
    b.set("/linux/timeOffsets", json!({"monotonic": {"secs": 7881, "nanosecs": 2718281}, "boottime": {"secs": 1337, "nanosecs": 3141519}}));
    let report = c.report(&mut b)?;
    let rows: Vec<String> = report
        .lines("timens_offsets")
        .iter()
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    same!(rows, ["monotonic 7881 2718281", "boottime 1337 3141519"]);
    Ok(())
}

fn time_refused(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set("/linux/timeOffsets", json!({"boottime": {"secs": 1}}));
    c.run(&b)?.refused(1, &["time"])?;
    b.namespace("time", Some("/proc/self/ns/time"));
    c.run(&b)?.refused(1, &["time"])?;
    Ok(())
}

fn keys(c: &Case, extra: &[&str]) -> R<(String, String)> {
    let mut b = c.bundle(&["cat", "/proc/keys"])?;
    b.set("/linux/maskedPaths", json!([]));
    let out = c.verb("run", &b, extra)?.go()?.ok()?.out;
    Ok((b.id.clone(), out))
}

fn keyring(c: &Case) -> Res {
    let (id, out) = keys(c, &[])?;
    check!(
        out.contains(&format!("_ses.{id}")),
        "no session keyring of its own: {out}"
    );
    Ok(())
}

fn no_new_keyring(c: &Case) -> Res {
    let (id, out) = keys(c, &["--no-new-keyring"])?;
    check!(!out.contains(&format!("_ses.{id}")), "{out}");
    Ok(())
}

fn hostname(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/hostname", json!("inner-host"));
    if !c.is_other("runc") {
        b.set("/domainname", json!("inner.example"));
    }
    let before = fs::read_to_string("/proc/sys/kernel/hostname")?;
    let report = c.report(&mut b)?;
    same!(report.get("hostname"), "inner-host");
    if !c.is_other("runc") {
        same!(report.get("domainname"), "inner.example");
    }
    same!(fs::read_to_string("/proc/sys/kernel/hostname")?, before);
    Ok(())
}
