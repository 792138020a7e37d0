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
        ("memory_policy", memory_policy),
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

/// In force for the container's process, and for `exec`.
fn memory_policy(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("linux.memoryPolicy is newer than runc 1.1");
    }
    if !std::path::Path::new("/proc/self/numa_maps").exists() {
        return skip("this kernel has no NUMA");
    }
    let show = [
        "sh",
        "-c",
        "read address policy rest < /proc/self/numa_maps; echo $policy",
    ];
    for (policy, expected) in [
        (json!({"mode": "MPOL_BIND", "nodes": "0"}), "bind:0"),
        (
            json!({"mode": "MPOL_PREFERRED", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}),
            "prefer=static:0",
        ),
        (json!({"mode": "MPOL_LOCAL", "nodes": ""}), "local"),
        (json!({"mode": "MPOL_DEFAULT"}), "default"),
        (json!({"mode": ""}), "default"),
    ] {
        let mut b = c.bundle(&show)?;
        b.set("/linux/memoryPolicy", policy);
        same!(c.run(&b)?.ok()?.out, format!("{expected}\n"));
    }
    let mut b = c.bundle(&["sleep", "60"])?;
    b.set(
        "/linux/memoryPolicy",
        json!({"mode": "MPOL_BIND", "nodes": "0"}),
    );
    c.detach(&b)?;
    same!(c.exec(&b, &show)?.ok()?.out, "bind:0\n");
    c.force(&b)?;
    b.set("/linux/memoryPolicy/nodes", json!("1000"));
    c.run(&b)?
        .refused(1, &["linux.memoryPolicy: set_mempolicy: invalid argument"])?;
    Ok(())
}
