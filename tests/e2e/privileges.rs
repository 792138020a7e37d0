//! User, groups, capabilities, limits and scheduling of the container's process.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The cases.
pub const MODULE: Module = Module {
    name: "privileges",
    serial: false,
    cases: &[
        ("user_and_group", user),
        ("additional_gids", additional_gids),
        ("no_host_groups", no_groups),
        ("umask_default", |c| umask(c, None, "0022")),
        ("umask_given", |c| umask(c, Some(0o77), "0077")),
        ("umask_zero", |c| umask(c, Some(0), "0000")),
        ("caps_template", caps_template),
        ("caps_none", caps_none),
        ("caps_all_five_sets", caps_five),
        ("caps_for_ordinary_user", caps_user),
        ("caps_count_for_the_programs_file", caps_override),
        ("caps_unknown_name_is_no_failure", caps_unknown),
        ("no_new_privs", no_new_privs),
        ("rlimits", rlimits),
        ("rlimit_unlimited_and_zero", rlimit_edges),
        ("j31_oom_score_adj_untouched", oom_untouched),
        ("oom_score_adj", oom_given),
        ("scheduler_batch", |c| {
            scheduler(
                c,
                json!({"policy": "SCHED_BATCH", "nice": 5}),
                "3",
                "5",
                "0",
            )
        }),
        ("scheduler_idle", |c| {
            scheduler(c, json!({"policy": "SCHED_IDLE"}), "5", "0", "0")
        }),
        ("scheduler_fifo", |c| {
            scheduler(
                c,
                json!({"policy": "SCHED_FIFO", "priority": 7}),
                "1",
                "0",
                "7",
            )
        }),
        ("scheduler_other_nice", |c| {
            scheduler(
                c,
                json!({"policy": "SCHED_OTHER", "nice": 11}),
                "0",
                "11",
                "0",
            )
        }),
        ("io_priority", io_priority),
        ("personality_linux32", personality),
    ],
};

fn additional_gids(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set(
        "/process/user",
        json!({"uid": 5, "gid": 6, "additionalGids": [10, 2147483647, 0, 300]}),
    );
    let report = c.report(&mut b)?;
    let mut groups: Vec<&str> = report.get("status.Groups").split_whitespace().collect();
    groups.sort_unstable();
    same!(groups, ["0", "10", "2147483647", "300"]);
    Ok(())
}

fn no_groups(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "report"])?;
    b.write()?;
    let run = c
        .tool("setpriv", &["--groups", "7,8,9"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root);
    let out = run.args(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?.ok()?;
    same!(Report::parse(&out)?.get("status.Groups"), "");
    Ok(())
}

const SETS: [(&str, &str); 5] = [
    ("inheritable", "status.CapInh"),
    ("permitted", "status.CapPrm"),
    ("effective", "status.CapEff"),
    ("bounding", "status.CapBnd"),
    ("ambient", "status.CapAmb"),
];

fn sets(report: &Report) -> [String; 5] {
    SETS.map(|(_, key)| report.get(key).trim_start_matches('0').to_string())
}

fn caps_template(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.del("/process/capabilities/ambient");
    let got = sets(&c.report(&mut b)?);
    // CAP_KILL 5, CAP_NET_BIND_SERVICE 10, CAP_AUDIT_WRITE 29.
    same!(
        got,
        ["", "20000420", "20000420", "20000420", ""].map(String::from)
    );
    Ok(())
}

fn caps_none(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/process/capabilities", json!({}));
    same!(sets(&c.report(&mut b)?), [""; 5].map(String::from));
    b.del("/process/capabilities");
    same!(
        sets(&c.report(&mut b)?),
        [""; 5].map(String::from),
        "no capabilities object at all"
    );
    Ok(())
}

fn caps_five(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set(
        "/process/capabilities",
        json!({
            "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SYS_ADMIN"],
            "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"],
            "effective": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"],
            "inheritable": ["CAP_CHOWN", "CAP_KILL"],
            "ambient": ["CAP_CHOWN"],
        }),
    );
    // As an ordinary user: for uid 0 execve would add the whole bounding set.
    b.set("/process/user", json!({"uid": 1000, "gid": 1000}));
    same!(
        sets(&c.report(&mut b)?),
        ["21", "1", "1", "2000a1", "1"].map(String::from)
    );
    Ok(())
}

fn caps_user(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.caps(&["CAP_NET_ADMIN"])
        .set("/process/user", json!({"uid": 1000, "gid": 1000}));
    same!(sets(&c.report(&mut b)?), ["1000"; 5].map(String::from));
    Ok(())
}

/// execve(2) asks the capabilities of an ordinary user, access(2) doesn't.
fn caps_override(c: &Case) -> Res {
    let mut b = c.bundle(&["/tmp/busybox", "true"])?;
    fs::copy(c.base.join("busybox"), b.rootfs("tmp/busybox"))?;
    fs::set_permissions(b.rootfs("tmp/busybox"), fs::Permissions::from_mode(0o744))?;
    b.set("/process/user", json!({"uid": 1000, "gid": 1000}))
        .caps(&[]);
    c.run(&b)?
        .refused(1, &["/tmp/busybox: permission denied"])?;
    b.caps(&["CAP_DAC_OVERRIDE"]);
    c.run(&b)?.ok()?;
    Ok(())
}

fn caps_unknown(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.caps(&["CAP_KILL", "CAP_FROM_THE_FUTURE"]);
    same!(sets(&c.report(&mut b)?), ["20"; 5].map(String::from));
    Ok(())
}

fn no_new_privs(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    same!(
        c.report(&mut b)?.get("status.NoNewPrivs"),
        "1",
        "the template"
    );
    b.set("/process/noNewPrivileges", json!(false));
    same!(c.report(&mut b)?.get("status.NoNewPrivs"), "0");
    b.del("/process/noNewPrivileges");
    same!(c.report(&mut b)?.get("status.NoNewPrivs"), "0");
    Ok(())
}

fn rlimits(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let row = |kind: &str, soft: u64, hard: u64| json!({"type": kind, "soft": soft, "hard": hard});
    b.set(
        "/process/rlimits",
        json!([
            row("RLIMIT_NOFILE", 100, 200),
            row("RLIMIT_CORE", 0, 0),
            row("RLIMIT_STACK", 1 << 20, 1 << 21),
            row("RLIMIT_NPROC", 50, 60),
            row("RLIMIT_FSIZE", 1 << 33, 1 << 34),
            row("RLIMIT_CPU", 10, 20),
            row("RLIMIT_AS", 1 << 32, 1 << 33),
            row("RLIMIT_DATA", 1 << 31, 1 << 32),
            row("RLIMIT_MEMLOCK", 4096, 8192),
            row("RLIMIT_SIGPENDING", 10, 20),
            row("RLIMIT_MSGQUEUE", 1000, 2000),
            row("RLIMIT_LOCKS", 3, 4),
        ]),
    );
    let report = c.report(&mut b)?;
    for (name, want) in [
        ("Max open files", "100 200"),
        ("Max core file size", "0 0"),
        ("Max stack size", "1048576 2097152"),
        ("Max processes", "50 60"),
        ("Max file size", "8589934592 17179869184"),
        ("Max cpu time", "10 20"),
        ("Max address space", "4294967296 8589934592"),
        ("Max data size", "2147483648 4294967296"),
        ("Max locked memory", "4096 8192"),
        ("Max pending signals", "10 20"),
        ("Max msgqueue size", "1000 2000"),
        ("Max file locks", "3 4"),
    ] {
        same!(report.get(&format!("limit.{name}")), want);
    }
    Ok(())
}

fn rlimit_edges(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/process/rlimits", json!([
        {"type": "RLIMIT_FSIZE", "soft": u64::MAX, "hard": u64::MAX}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}
    ]));
    let report = c.report(&mut b)?;
    same!(report.get("limit.Max file size"), "unlimited unlimited");
    Ok(())
}

fn oom_untouched(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "report"])?;
    b.del("/process/oomScoreAdj").write()?;
    let script = "echo 123 > /proc/self/oom_score_adj; exec \"$@\"";
    let run = c
        .tool("/bin/sh", &["-c", script, "-"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root);
    let out = run.args(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?.ok()?;
    same!(Report::parse(&out)?.get("oom_score_adj"), "123");
    Ok(())
}

fn oom_given(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/process/oomScoreAdj", json!(456));
    same!(c.report(&mut b)?.get("oom_score_adj"), "456");
    Ok(())
}

fn scheduler(c: &Case, value: Value, policy: &str, nice: &str, priority: &str) -> Res {
    if priority != "0" && fs::exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us")? {
        return skip(
            "a new cpu cgroup has no real-time budget on this host (CONFIG_RT_GROUP_SCHED)",
        );
    }
    let mut b = c.bundle(&[])?;
    b.set("/process/scheduler", value);
    let report = c.report(&mut b)?;
    same!(report.get("policy"), policy);
    same!(report.get("nice"), nice);
    same!(report.get("rt_priority"), priority);
    Ok(())
}

fn io_priority(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    for (class, name) in [
        ("IOPRIO_CLASS_BE", "best-effort"),
        ("IOPRIO_CLASS_RT", "realtime"),
    ] {
        b.set(
            "/process/ioPriority",
            json!({"class": class, "priority": 3}),
        );
        same!(c.sh(&mut b, "ionice -p $$")?, format!("{name}: prio 3\n"));
    }
    b.set(
        "/process/ioPriority",
        json!({"class": "IOPRIO_CLASS_IDLE", "priority": 0}),
    );
    check!(c.sh(&mut b, "ionice -p $$")?.starts_with("idle"));
    Ok(())
}

fn personality(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/linux/personality", json!({"domain": "LINUX32"}));
    same!(c.report(&mut b)?.get("personality"), "00000008");
    Ok(())
}

fn umask(c: &Case, given: Option<u32>, want: &str) -> Res {
    let mut b = c.bundle(&["/bin/probe", "report"])?;
    if let Some(mask) = given {
        b.set("/process/user/umask", json!(mask));
    }
    b.write()?;
    // The caller's own mask must not matter.
    let script = "umask 0027; exec \"$@\"";
    let run = c
        .tool("/bin/sh", &["-c", script, "-"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root);
    let out = run.args(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?.ok()?;
    same!(Report::parse(&out)?.get("status.Umask"), want);
    Ok(())
}

fn user(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/process/user", json!({"uid": 1000, "gid": 1001}));
    let report = c.report(&mut b)?;
    same!(report.get("status.Uid"), "1000\\t1000\\t1000\\t1000");
    same!(report.get("status.Gid"), "1001\\t1001\\t1001\\t1001");
    Ok(())
}
