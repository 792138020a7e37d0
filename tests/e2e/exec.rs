//! exec: defaults from the container, its flags, process.json, exit codes.
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "exec",
    serial: false,
    cases: &[
        ("defaults", defaults),
        ("exit_codes", exit_codes),
        ("exit_by_signal", by_signal),
        ("same_namespaces_and_cgroup", same_place),
        ("not_found", not_found),
        ("not_executable", not_executable),
        ("unknown_container", unknown_container),
        ("stopped_container", stopped),
        ("j30_created_container_stays_created", created),
        ("forwards_signals", forwards),
        ("only_three_fds", fds),
        ("twenty_at_once", twenty),
        ("child_outlives_exec", outlives),
        ("rlimits_umask_oom", limits),
        ("in_user_namespace", userns),
        ("in_pathless_pid_namespace", shared_pid),
        ("home_and_path", home_path),
    ],
};

/// A running container that sleeps.
pub fn sleeper(c: &Case, edit: impl Fn(&mut Bundle)) -> R<Bundle> {
    let mut b = c.bundle(&["sleep", "100"])?;
    edit(&mut b);
    c.detach(&b)?;
    Ok(b)
}

pub fn report(c: &Case, b: &Bundle, flags: &[&str]) -> R<Report> {
    let cmd = c
        .mote(&["exec"])
        .args(flags)
        .args(&[&b.id, "/bin/probe", "report"]);
    Report::parse(&cmd.go()?.ok()?)
}

/// Runs `check` on a sleeper with default settings and removes it.
pub fn with(c: &Case, check: impl Fn(&Bundle) -> Res) -> Res {
    let b = sleeper(c, |_| {})?;
    check(&b)?;
    c.force(&b)?;
    Ok(())
}

fn defaults(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.set("/process/cwd", json!("/etc")).env("FROM=config");
        b.set(
            "/process/user",
            json!({"uid": 1000, "gid": 1001, "additionalGids": [7]}),
        );
    })?;
    let r = report(c, &b, &[])?;
    same!(r.get("cwd"), "/etc");
    same!(r.get("env.FROM"), "config");
    same!(r.get("status.Uid"), "1000\\t1000\\t1000\\t1000");
    same!(r.get("status.Gid"), "1001\\t1001\\t1001\\t1001");
    same!(r.get("status.Groups").trim(), "7");
    same!(r.get("status.NoNewPrivs"), "1");
    same!(r.get("env.HOME"), "/home/user");
    check!(r.get("pid") != "1");
    c.force(&b)?;
    Ok(())
}

fn exit_codes(c: &Case) -> Res {
    with(c, |b| {
        for code in [0, 1, 7, 126, 127, 128, 200, 254, 255] {
            same!(
                c.exec(b, &["/bin/probe", "exit", &code.to_string()])?.code,
                code
            );
        }
        Ok(())
    })
}

fn by_signal(c: &Case) -> Res {
    with(c, |b| {
        for signal in [1, 2, 6, 9, 11, 15] {
            same!(
                c.exec(
                    b,
                    &[
                        "sh",
                        "-c",
                        &format!("ulimit -c 0; kill -{signal} $$; sleep 3")
                    ]
                )?
                .code,
                128 + signal
            );
        }
        Ok(())
    })
}

fn same_place(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.namespace("cgroup", None);
    })?;
    let pid = c.pid(&b)?;
    let r = report(c, &b, &[])?;
    for ns in ["mnt", "net", "pid", "ipc", "uts", "user", "cgroup", "time"] {
        let init = fs::read_link(format!("/proc/{pid}/ns/{ns}"))?
            .display()
            .to_string();
        same!(r.get(&format!("ns.{ns}")), init, "{ns}");
    }
    let inside = r.lines("cgroup");
    check!(inside.iter().all(|l| l.ends_with(":/")), "{inside:?}");
    c.force(&b)?;
    Ok(())
}

fn not_found(c: &Case) -> Res {
    with(c, |b| {
        c.exec(b, &["no-such-program"])?
            .refused(255, &["no-such-program"])?;
        c.exec(b, &["/no/such/program"])?
            .refused(255, &["/no/such/program"])?;
        same!(c.status(b)?, "running");
        Ok(())
    })
}

fn not_executable(c: &Case) -> Res {
    with(c, |b| {
        c.exec(b, &["/etc/passwd"])?
            .refused(255, &["/etc/passwd"])?;
        c.exec(b, &["/etc"])?.refused(255, &["/etc"])?;
        Ok(())
    })
}

fn unknown_container(c: &Case) -> Res {
    c.mote(&["exec", "nobody-here", "true"])
        .go()?
        .refused(255, &["does not exist"])?;
    Ok(())
}

fn stopped(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.detach(&b)?;
    c.wait_status(&b, "stopped")?;
    c.exec(&b, &["true"])?.refused(255, &["stopped"])?;
    c.delete(&b)?;
    Ok(())
}

fn created(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "echo started; sleep 60"])?;
    let out = c.create(&b)?;
    same!(c.exec(&b, &["echo", "inside"])?.ok()?.out, "inside\n");
    same!(c.status(&b)?, "created");
    same!(out.later(), "");
    c.start(&b)?;
    c.until("start", || Ok(out.later().contains("started")))?;
    same!(c.status(&b)?, "running");
    c.force(&b)?;
    Ok(())
}

fn forwards(c: &Case) -> Res {
    with(c, |b| {
        let run = c
            .mote(&[
                "exec",
                &b.id,
                "sh",
                "-c",
                "trap 'exit 77' TERM; echo up; while :; do sleep 0.02; done",
            ])
            .spawn()?;
        c.until("up", || Ok(run.so_far().contains("up")))?;
        run.signal(rustix::process::Signal::TERM)?;
        same!(run.wait()?.code, 77);
        Ok(())
    })
}

fn fds(c: &Case) -> Res {
    with(c, |b| {
        same!(report(c, b, &[])?.fds(), [0, 1, 2]);
        Ok(())
    })
}

fn twenty(c: &Case) -> Res {
    with(c, |b| {
        let all: Vec<Running> = (0..20)
            .map(|n| c.mote(&["exec", &b.id, "echo", &n.to_string()]).spawn())
            .collect::<R<_>>()?;
        for (n, run) in all.into_iter().enumerate() {
            same!(run.wait()?.ok()?.out, format!("{n}\n"));
        }
        Ok(())
    })
}

fn outlives(c: &Case) -> Res {
    with(c, |b| {
        let out = c
            .mote(&[
                "exec",
                &b.id,
                "sh",
                "-c",
                "sleep 50 > /dev/null 2>&1 & echo left",
            ])
            .limit(10)
            .go()?
            .ok()?;
        same!(out.out, "left\n");
        let pids = c.mote(&["ps", "-f", "json", &b.id]).go()?.ok()?.out;
        let pids: Vec<u32> = serde_json::from_str(&pids)?;
        same!(pids.len(), 2);
        Ok(())
    })
}

fn limits(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.set(
            "/process/rlimits",
            json!([{"type": "RLIMIT_NOFILE", "soft": 70, "hard": 80}]),
        )
        .set("/process/oomScoreAdj", json!(222));
        b.set("/process/user/umask", json!(0o27));
    })?;
    let r = report(c, &b, &[])?;
    same!(r.get("limit.Max open files"), "70 80");
    same!(r.get("oom_score_adj"), "222");
    same!(r.get("status.Umask"), "0027");
    c.force(&b)?;
    Ok(())
}

fn userns(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.userns(100_000);
        for sub in ["", "dev", "proc", "sys", "bin"] {
            std::os::unix::fs::chown(b.rootfs(sub), Some(100_000), Some(100_000)).ok();
        }
    })?;
    let r = report(c, &b, &["-u", "5:5"])?;
    same!(r.get("status.Uid"), "5\\t5\\t5\\t5");
    let init = fs::read_link(format!("/proc/{}/ns/user", c.pid(&b)?))?
        .display()
        .to_string();
    same!(r.get("ns.user"), init);
    c.force(&b)?;
    Ok(())
}

fn shared_pid(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.share("pid").share("network").share("ipc");
    })?;
    let r = report(c, &b, &[])?;
    same!(
        r.get("ns.pid"),
        fs::read_link("/proc/self/ns/pid")?.display().to_string()
    );
    c.force(&b)?;
    Ok(())
}

fn home_path(c: &Case) -> Res {
    with(c, |b| {
        same!(report(c, b, &["-u", "1000"])?.get("env.HOME"), "/home/user");
        same!(
            c.mote(&[
                "exec",
                "-e",
                "PATH=/nowhere",
                &b.id,
                "/bin/sh",
                "-c",
                "echo $PATH"
            ])
            .go()?
            .ok()?
            .out,
            "/nowhere\n"
        );
        Ok(())
    })
}
