//! The container's process: arguments, environment, directory, user, groups, sets and limits.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The cases.
pub const MODULE: Module = Module {
    name: "process",
    serial: false,
    cases: &[
        ("a9_pid_one_and_no_host_processes", pid_one),
        ("args_kept_exactly", args_exact),
        ("path_lookup_in_container", path_lookup),
        ("path_lookup_without_path", no_path),
        ("path_lookup_skips_directories_and_plain_files", path_skips),
        ("relative_program_from_cwd", relative_program),
        ("interpreter_script", script),
        ("env_is_the_configs_only", env_exact),
        ("env_last_wins", env_last),
        ("home_from_passwd", home_passwd),
        ("home_given", home_given),
        ("home_default", home_default),
        ("j15_passwd_oddities", passwd_oddities),
        ("cwd", cwd),
        ("cwd_is_made", cwd_made),
        ("cwd_of_another_user", cwd_other_user),
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
        ("signals_are_fresh", signals_fresh),
        ("one_thread_own_session", session),
        ("working_streams", streams),
        ("stdio_belongs_to_the_user", stdio_owner),
        ("only_three_fds", only_three),
        ("no_memory_of_the_runtime", no_memory),
    ],
};

fn pid_one(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let report = c.report(&mut b)?;
    same!(report.get("pid"), "1");
    same!(report.get("ppid"), "0");
    let ps = c.sh(&mut b, "ps -o pid,args")?;
    let rows: Vec<&str> = ps.lines().skip(1).collect();
    check!(rows[0].trim_start().starts_with("1 "), "{ps}");
    check!(rows.len() <= 2, "host processes are visible: {ps}");
    Ok(())
}

fn args_exact(c: &Case) -> Res {
    let args = [
        "/bin/probe",
        "report",
        "",
        " two  spaces ",
        "new\nline",
        "-x",
        "--",
        "ünï\u{1F980}",
        "\\",
        "\"'$",
    ];
    let b = c.bundle(&args)?;
    let report = Report::parse(&c.run(&b)?.ok()?)?;
    for (i, arg) in args.iter().enumerate() {
        same!(
            report.get(&format!("arg.{i}")),
            arg.escape_default().to_string()
        );
    }
    check!(report.find(&format!("arg.{}", args.len())).is_none());
    Ok(())
}

fn program(b: &Bundle, name: &str, text: &str, mode: u32) -> Res {
    let path = b.rootfs(name);
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(&path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

fn path_lookup(c: &Case) -> Res {
    let mut b = c.bundle(&["only-here", "x"])?;
    program(&b, "opt/tools/only-here", "#!/bin/sh\necho $0 $1\n", 0o755)?;
    b.set("/process/env", json!(["PATH=/nowhere:/opt/tools:/bin"]));
    same!(c.run(&b)?.ok()?.out, "/opt/tools/only-here x\n");
    Ok(())
}

fn no_path(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "report"])?;
    b.set("/process/env", json!([]));
    let report = Report::parse(&c.run(&b)?.ok()?)?;
    same!(report.get("env.HOME"), "/root");
    Ok(())
}

fn path_skips(c: &Case) -> Res {
    let mut b = c.bundle(&["tool"])?;
    fs::create_dir_all(b.rootfs("a/tool"))?;
    program(&b, "b/tool", "#!/bin/sh\necho plain\n", 0o644)?;
    program(&b, "c/tool", "#!/bin/sh\necho good\n", 0o755)?;
    b.set("/process/env", json!(["PATH=/a:/b:/c:/bin"]));
    same!(c.run(&b)?.ok()?.out, "good\n");
    Ok(())
}

fn relative_program(c: &Case) -> Res {
    let mut b = c.bundle(&["./here"])?;
    program(&b, "srv/here", "#!/bin/sh\necho found\n", 0o755)?;
    b.set("/process/cwd", json!("/srv"));
    same!(c.run(&b)?.ok()?.out, "found\n");
    Ok(())
}

fn script(c: &Case) -> Res {
    let b = c.bundle(&["/srv/script", "a b"])?;
    program(&b, "srv/script", "#!/bin/sh -e\necho \"$0|$1|$#\"\n", 0o755)?;
    same!(c.run(&b)?.ok()?.out, "/srv/script|a b|1\n");
    Ok(())
}

fn env_exact(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "report"])?;
    b.set(
        "/process/env",
        json!(["PATH=/bin", "A=1", "EMPTY=", "EQ=a=b", "SP= x y ", "UTF=ñ"]),
    );
    let out = c
        .verb("run", &b, &[])?
        .env("SECRET", "host")
        .env("_LIBCONTAINER_X", "1")
        .go()?
        .ok()?;
    let report = Report::parse(&out)?;
    same!(report.get("env-count"), "7", "six and HOME");
    for (key, want) in [
        ("A", "1"),
        ("EMPTY", ""),
        ("EQ", "a=b"),
        ("SP", " x y "),
        ("HOME", "/root"),
    ] {
        same!(report.find(&format!("env.{key}")), Some(want));
    }
    Ok(())
}

fn env_last(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.env("A=first").env("B=b").env("A=last");
    let out = c.sh(&mut b, "env")?;
    same!(
        out.lines()
            .filter(|l| l.starts_with("A="))
            .collect::<Vec<_>>(),
        ["A=last"]
    );
    Ok(())
}

fn home(c: &Case, uid: u32, edit: impl Fn(&mut Bundle) -> Res) -> R<String> {
    let mut b = c.bundle(&[])?;
    b.set("/process/user/uid", json!(uid));
    edit(&mut b)?;
    Ok(c.report(&mut b)?.get("env.HOME").to_string())
}

fn home_passwd(c: &Case) -> Res {
    same!(home(c, 1000, |_| Ok(()))?, "/home/user");
    same!(home(c, 0, |_| Ok(()))?, "/root");
    Ok(())
}

fn home_given(c: &Case) -> Res {
    let given = home(c, 1000, |b| {
        b.env("HOME=/given");
        Ok(())
    });
    same!(given?, "/given");
    Ok(())
}

fn home_default(c: &Case) -> Res {
    same!(
        home(c, 4242, |_| Ok(()))?,
        "/",
        "a uid that passwd doesn't have"
    );
    same!(
        home(c, 0, |b| Ok(fs::remove_file(b.rootfs("etc/passwd"))?))?,
        "/",
        "no passwd"
    );
    Ok(())
}

fn passwd_oddities(c: &Case) -> Res {
    let text = "# comment\n\n:::::::\nbroken line\nneg:x:-5:0::/neg:/\nbig:x:99999999999999999999:0::/big:/\n\
                1000:x:0:0::/fake:/\nroot:x:0:0:gecos with : colon\nfirst:x:77:0:g:/one:/bin/sh\nsecond:x:77:0:g:/two:/bin/sh";
    let write = |b: &mut Bundle| Ok(fs::write(b.rootfs("etc/passwd"), text)?);
    same!(home(c, 77, write)?, "/one", "the first match counts");
    same!(
        home(c, 1000, write)?,
        "/",
        "a user named 1000 is not uid 1000"
    );
    let mut b = c.bundle(&["env"])?;
    b.set("/process/user/uid", json!(77));
    fs::write(b.rootfs("etc/passwd"), vec![b'x'; 4 << 20])?;
    let out = c.run(&b)?;
    check!(
        out.code == 1 || out.out.contains("HOME=/\n"),
        "four megabytes without a newline: {}",
        out.err
    );
    Ok(())
}

fn cwd(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/process/cwd", json!("/etc"));
    same!(c.report(&mut b)?.get("cwd"), "/etc");
    Ok(())
}

fn cwd_made(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.set("/process/cwd", json!("/var/not/there/yet"));
    let out = c.sh(&mut b, "umask 0; pwd; stat -c '%a %u' .")?;
    same!(out, "/var/not/there/yet\n755 0\n");
    Ok(())
}

/// A directory that only its owner may enter: chdir again after setuid.
fn cwd_other_user(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let dir = b.rootfs("home/user");
    fs::create_dir_all(&dir)?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
    std::os::unix::fs::chown(&dir, Some(1000), Some(1000))?;
    b.set("/process/user", json!({"uid": 1000, "gid": 1000}))
        .set("/process/cwd", json!("/home/user"))
        .caps(&[]);
    same!(c.report(&mut b)?.get("cwd"), "/home/user");
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

/// Whatever the caller ignores or blocks, the program starts with defaults.
fn signals_fresh(c: &Case) -> Res {
    let b = c.bundle(&["cat", "/proc/self/status"])?;
    b.write()?;
    let script = "trap '' TERM USR1 ALRM PIPE; exec \"$@\"";
    let run = c
        .tool("/bin/sh", &["-c", script, "-"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root);
    let out = run
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .ok()?
        .out;
    let get = |key: &str| {
        out.lines()
            .find_map(|l| l.strip_prefix(key))
            .unwrap_or("")
            .trim()
            .to_string()
    };
    same!(get("SigBlk:"), "0000000000000000");
    let ignored = u64::from_str_radix(&get("SigIgn:"), 16)?;
    // 32 and 33 belong to C libraries, which may have set them in any ancestor.
    same!(ignored & 0x7fff_ffff, 0);
    Ok(())
}

fn session(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let report = c.report(&mut b)?;
    same!(report.get("threads"), "1");
    same!(report.get("session"), "1");
    same!(report.get("pgrp"), "1");
    same!(report.get("status.TracerPid"), "0");
    same!(report.get("status.Seccomp"), "0");
    Ok(())
}

fn streams(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "echo out; echo err >&2; read x; echo got $x"])?;
    let out = c.verb("run", &b, &[])?.stdin_bytes(b"line\n")?.go()?.ok()?;
    same!(out.out, "out\ngot line\n");
    same!(out.err, "err\n");
    Ok(())
}

/// /proc/self/fd/1 can be opened again by an ordinary user.
fn stdio_owner(c: &Case) -> Res {
    let mut b = c.bundle(&[
        "sh",
        "-c",
        "echo a > /proc/self/fd/1; echo b > /proc/self/fd/2; echo $?",
    ])?;
    b.set("/process/user", json!({"uid": 1000, "gid": 1000}))
        .caps(&[]);
    same!(c.run(&b)?.ok()?.out, "a\n0\n");
    Ok(())
}

fn only_three(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    same!(c.report(&mut b)?.fds(), [0, 1, 2]);
    b.args(&["/bin/probe", "report"]);
    c.create(&b)?;
    let held = c.pid(&b)?;
    let names: Vec<String> = fs::read_dir(format!("/proc/{held}/fd"))?
        .flatten()
        .filter_map(|e| fs::read_link(e.path()).ok())
        .map(|p| p.display().to_string())
        .collect();
    let dir = b.dir.display().to_string();
    let open: Vec<&String> = names.iter().filter(|n| n.starts_with(&dir)).collect();
    check!(
        open.is_empty(),
        "a created container holds host files: {open:?}"
    );
    c.delete(&b)?;
    Ok(())
}

/// The process maps nothing but its own program.
fn no_memory(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let maps = c.sh(&mut b, "cat /proc/self/maps")?;
    let strange: Vec<&str> = maps
        .lines()
        .filter_map(|l| l.split_whitespace().nth(5))
        .filter(|p| p.starts_with('/') && !p.starts_with("/bin/"))
        .collect();
    check!(strange.is_empty(), "{strange:?}");
    Ok(())
}
