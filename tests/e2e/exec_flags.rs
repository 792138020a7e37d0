//! exec's flags and process.json, one by one.
use crate::exec::{report, sleeper, with};
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "exec_flags",
    serial: false,
    cases: &[
        ("cwd_env_user", cwd_env_user),
        ("additional_gids", gids),
        ("no_new_privs", nnp),
        ("cap_never_inheritable", cap),
        ("cap_with_inheritable_is_ambient", cap_ambient),
        ("user_is_strict", strict_user),
        ("bad_gids_refused", bad_gids),
        ("process_json", process_json),
        ("process_json_bad", process_json_bad),
        ("cpus_of_exec", cpus),
        ("env_override", env_override),
        ("detached_with_pid_file", detached),
        ("options_stop_at_the_id", options_stop),
        ("cgroup_flag", cgroup_flag),
        ("cgroup_escape_refused", cgroup_escape),
        ("missing_arguments", missing_args),
    ],
};

fn cwd_env_user(c: &Case) -> Res {
    with(c, |b| {
        let r = report(
            c,
            b,
            &["--cwd", "/var", "-e", "A=1", "-e", "B=x y", "-u", "5:6"],
        )?;
        same!(r.get("cwd"), "/var");
        same!(r.get("env.A"), "1");
        same!(r.get("env.B"), "x y");
        same!(r.get("status.Uid"), "5\\t5\\t5\\t5");
        same!(r.get("status.Gid"), "6\\t6\\t6\\t6");
        let r = report(c, b, &["--user=9"])?;
        same!(r.get("status.Uid"), "9\\t9\\t9\\t9");
        same!(r.get("status.Gid"), "0\\t0\\t0\\t0");
        Ok(())
    })
}

fn gids(c: &Case) -> Res {
    with(c, |b| {
        let r = report(c, b, &["-g", "100", "-g", "200"])?;
        same!(r.get("status.Groups").trim(), "100 200");
        Ok(())
    })
}

fn nnp(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.set("/process/noNewPrivileges", json!(false));
    })?;
    same!(report(c, &b, &[])?.get("status.NoNewPrivs"), "0");
    same!(
        report(c, &b, &["--no-new-privs"])?.get("status.NoNewPrivs"),
        "1"
    );
    c.force(&b)?;
    Ok(())
}

fn sets(r: &Report) -> [String; 5] {
    ["Inh", "Prm", "Eff", "Bnd", "Amb"].map(|s| {
        r.get(&format!("status.Cap{s}"))
            .trim_start_matches('0')
            .to_string()
    })
}

fn cap(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.del("/process/capabilities/ambient")
            .del("/process/capabilities/inheritable");
    })?;
    same!(
        sets(&report(c, &b, &[])?),
        ["", "20000420", "20000420", "20000420", ""].map(String::from)
    );
    let r = report(c, &b, &["--cap", "CAP_SYS_ADMIN", "--cap", "CAP_CHOWN"])?;
    same!(
        sets(&r),
        ["", "20200421", "20200421", "20200421", ""].map(String::from)
    );
    c.force(&b)?;
    Ok(())
}

fn cap_ambient(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.caps(&["CAP_KILL"])
            .set("/process/user", json!({"uid": 1000, "gid": 1000}));
    })?;
    same!(sets(&report(c, &b, &[])?), ["20"; 5].map(String::from));
    c.force(&b)?;
    Ok(())
}

/// CVE-2026-30892 of crun: nothing but UID or UID:GID of plain digits.
fn strict_user(c: &Case) -> Res {
    with(c, |b| {
        for user in [
            "",
            ":5",
            "1x",
            "4294967296",
            "-1",
            "5:",
            "5:x",
            "root",
            "0x10",
            " 5",
            "5 ",
            "+5",
            "5:6:7",
            "99999999999999999999",
        ] {
            let out = c
                .mote(&["exec", &format!("--user={user}"), &b.id, "id", "-u"])
                .go()?;
            check!(out.code != 0, "-u {user:?} ran as {}", out.out);
            check!(
                !out.err.is_empty() && out.out.lines().all(|l| l.parse::<u32>().is_err()),
                "{user:?}: {out:?}"
            );
        }
        Ok(())
    })
}

fn bad_gids(c: &Case) -> Res {
    with(c, |b| {
        for gid in ["-1", "x", "4294967296", ""] {
            let out = c
                .mote(&["exec", &format!("--additional-gids={gid}"), &b.id, "id"])
                .go()?;
            check!(out.code != 0, "-g {gid:?}: {}", out.out);
        }
        Ok(())
    })
}

fn process_json(c: &Case) -> Res {
    with(c, |b| {
        let file = c.path("process.json");
        let process = json!({
            "terminal": false, "user": {"uid": 1000, "gid": 1000}, "args": ["/bin/probe", "report", "extra"],
            "env": ["ONLY=this", "PATH=/bin"], "cwd": "/tmp", "capabilities": {"bounding": ["CAP_CHOWN"]},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}]
        });
        fs::write(&file, serde_json::to_vec(&process)?)?;
        let exec = || {
            c.mote(&["exec", "--process", &file.display().to_string(), &b.id])
                .go()
        };
        let out = exec()?.ok()?;
        let r = Report::parse(&out)?;
        same!(r.get("arg.2"), "extra");
        same!(r.get("env.ONLY"), "this");
        same!(r.find("env.TERM"), None);
        same!(r.get("cwd"), "/tmp");
        same!(sets(&r), ["", "", "", "1", ""].map(String::from));
        same!(r.get("status.NoNewPrivs"), "0");
        same!(r.get("limit.Max open files"), "50 60");
        let short = c
            .mote(&["exec", "-p", &file.display().to_string(), &b.id])
            .go()?
            .ok()?;
        check!(short.out.contains("arg.2"));
        if !c.is_other("runc") {
            fs::write(&file, r#"{"capabilities": ["CAP_CHOWN"]}"#)?;
            let old = "process.json:1:18: capabilities: expected an object, found an array; a flat list is the form";
            exec()?.refused(255, &[old])?;
        }
        Ok(())
    })
}

/// The process is bound, not the container: by process.json, else by the container's config.
fn cpus(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("process.execCPUAffinity is newer than runc 1.1");
    }
    let own = fs::read_to_string("/proc/self/status")?;
    let own = own
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let all = own.unwrap_or_default().trim().to_owned();
    let [first, .., last] = all.split([',', '-']).collect::<Vec<_>>()[..] else {
        return skip("there is one CPU");
    };
    let show = [
        "sh",
        "-c",
        "sed -n s/Cpus_allowed_list:.//p /proc/self/status",
    ];
    let mut b = c.bundle(&["sleep", "60"])?;
    b.set(
        "/process/execCPUAffinity",
        json!({"initial": first, "final": last}),
    );
    c.detach(&b)?;
    let status = fs::read_to_string(format!("/proc/{}/status", c.pid(&b)?))?;
    check!(
        status.contains(&format!("Cpus_allowed_list:\t{all}\n")),
        "{status}"
    );
    same!(c.exec(&b, &show)?.ok()?.out, format!("{last}\n"));
    let file = c.path("process.json");
    let path = file.display().to_string();
    for (affinity, expected) in [
        (json!({"initial": first}), Ok(first)),
        (json!({"final": first}), Ok(first)),
        (json!({"initial": last, "final": first}), Ok(first)),
        (json!({"initial": "", "final": ""}), Ok(&*all)),
        (
            json!({"initial": "8000"}),
            Err("process.execCPUAffinity.initial: sched_setaffinity: invalid argument"),
        ),
        (
            json!({"final": "8000"}),
            Err("the container's cgroup has none of these CPUs"),
        ),
        (
            json!({"final": "one"}),
            Err("process.json:1:130: process.execCPUAffinity.final: "),
        ),
    ] {
        let process =
            json!({"args": show, "cwd": "/", "env": ["PATH=/bin"], "execCPUAffinity": affinity});
        fs::write(&file, serde_json::to_vec(&process)?)?;
        let out = c.mote(&["exec", "--process", &path, &b.id]).go()?;
        match expected {
            Ok(list) => same!(out.ok()?.out, format!("{list}\n")),
            Err(words) => drop(out.refused(255, &[words])?),
        }
    }
    c.force(&b)?;
    // Whatever mote was bound to: a container's CPUs are those of its cgroup.
    b.args(&show);
    b.write()?;
    let bound = c.tool("taskset", &["--cpu-list", first]).arg(&c.mote);
    let run = bound.arg("--root").arg(&c.root).args(&["run", "-b"]);
    same!(
        run.arg(&b.dir).arg(&b.id).go()?.ok()?.out,
        format!("{all}\n")
    );
    Ok(())
}

fn process_json_bad(c: &Case) -> Res {
    with(c, |b| {
        let file = c.path("process.json");
        for text in [
            "",
            "{",
            "[]",
            "{\"args\": [], \"cwd\": \"/\"}",
            "{\"args\": [\"true\"], \"cwd\": \"relative\"}",
            "{\"cwd\":\"/\"}",
            "{\"args\": \"sh\"}",
        ] {
            fs::write(&file, text)?;
            c.mote(&["exec", "-p", &file.display().to_string(), &b.id])
                .go()?
                .refused(255, &[])?;
        }
        c.mote(&["exec", "-p", "/no/such/file", &b.id])
            .go()?
            .refused(255, &["/no/such/file"])?;
        Ok(())
    })
}

fn env_override(c: &Case) -> Res {
    let b = sleeper(c, |b| {
        b.env("X=config");
    })?;
    same!(
        report(c, &b, &["-e", "X=one", "-e", "X=two"])?.get("env.X"),
        "two"
    );
    let out = c.mote(&["exec", "-e", "NOVALUE", &b.id, "true"]).go()?;
    check!(out.code == 255, "-e without =: {out:?}");
    c.force(&b)?;
    Ok(())
}

fn detached(c: &Case) -> Res {
    with(c, |b| {
        let file = c.path("pid");
        let flags = [
            "exec",
            "-d",
            "--pid-file",
            &file.display().to_string(),
            &b.id,
            "sleep",
            "50",
        ];
        c.mote(&flags).go()?.ok()?;
        let pid: u32 = fs::read_to_string(&file)?.parse()?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm"))?;
        check!(name == "sleep\n" || name == "busybox\n", "{name}");
        check!(
            leak::descendants(std::process::id()).contains(&pid),
            "a child of the caller's subreaper"
        );
        Ok(())
    })
}

fn options_stop(c: &Case) -> Res {
    with(c, |b| {
        same!(
            c.exec(b, &["echo", "-t", "--cwd", "/x", "-u", "--", "z"])?
                .ok()?
                .out,
            "-t --cwd /x -u -- z\n"
        );
        same!(
            c.exec(b, &["sh", "-c", "echo $0 $1", "-d"])?.ok()?.out,
            "-d\n"
        );
        Ok(())
    })
}

/// The container's cgroup in the freezer hierarchy, or in the only one.
fn cgroup_dir(pid: i32) -> R<(String, std::path::PathBuf)> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    for (controller, mount) in [
        ("freezer", "/sys/fs/cgroup/freezer"),
        ("", "/sys/fs/cgroup"),
    ] {
        let row = text.lines().find_map(|l| {
            l.split_once(':')?
                .1
                .split_once(':')
                .filter(|(n, _)| *n == controller)
        });
        if let Some((_, path)) = row
            && fs::exists(mount)?
        {
            return Ok((controller.into(), format!("{mount}{path}").into()));
        }
    }
    skip("no freezer and no unified hierarchy")
}

fn cgroup_flag(c: &Case) -> Res {
    with(c, |b| {
        let (controller, dir) = cgroup_dir(c.pid(b)?)?;
        fs::create_dir(dir.join("sub"))?;
        let value = if controller.is_empty() {
            "sub".into()
        } else {
            format!("{controller}:sub")
        };
        let out = c
            .mote(&[
                "exec",
                "--cgroup",
                &value,
                &b.id,
                "cat",
                "/proc/self/cgroup",
            ])
            .go()?
            .ok()?
            .out;
        check!(out.lines().any(|l| l.ends_with("/sub")), "{out}");
        c.mote(&[
            "exec",
            "--cgroup",
            &value.replace("sub", "absent"),
            &b.id,
            "true",
        ])
        .go()?
        .refused(255, &[])?;
        Ok(())
    })
}

fn cgroup_escape(c: &Case) -> Res {
    with(c, |b| {
        let (controller, _) = cgroup_dir(c.pid(b)?)?;
        for path in ["..", "../..", "../../..", "/../..", "sub/../.."] {
            let value = if controller.is_empty() {
                path.into()
            } else {
                format!("{controller}:{path}")
            };
            let out = c
                .mote(&[
                    "exec",
                    &format!("--cgroup={value}"),
                    &b.id,
                    "cat",
                    "/proc/self/cgroup",
                ])
                .go()?;
            let inside = out
                .out
                .lines()
                .filter(|l| l.contains(&format!(":{controller}:")))
                .all(|l| l.contains(&b.id));
            check!(
                out.code != 0 || inside,
                "--cgroup {value} left the container: {}",
                out.out
            );
        }
        Ok(())
    })
}

fn missing_args(c: &Case) -> Res {
    with(c, |b| {
        let out = c.mote(&["exec", &b.id]).go()?;
        check!(out.code != 0 && !out.err.is_empty(), "{out:?}");
        let out = c.mote(&["exec"]).go()?;
        check!(out.code == 1 && !out.err.is_empty(), "{out:?}");
        Ok(())
    })
}
