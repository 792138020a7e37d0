//! What the process sees of itself, one `key<TAB>value` a line.
use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;

/// A file's text without its last newline, or the error in brackets.
fn text(path: &str) -> String {
    match fs::read(path) {
        Ok(b) => String::from_utf8_lossy(&b)
            .trim_end_matches('\n')
            .to_string(),
        Err(e) => format!("[{e}]"),
    }
}

/// `report`: everything that a process inherits and that a test may ask for.
pub fn everything(_: &[String]) -> io::Result<()> {
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        out += &format!("{key}\t{}\n", value.escape_default());
    };
    line("pid", &std::process::id().to_string());
    line("ppid", &std::os::unix::process::parent_id().to_string());
    for (i, arg) in env::args_os().enumerate() {
        line(&format!("arg.{i}"), &arg.to_string_lossy());
    }
    for (k, v) in env::vars_os() {
        line(
            &format!("env.{}", k.to_string_lossy()),
            &v.to_string_lossy(),
        );
    }
    line("env-count", &env::vars_os().count().to_string());
    match env::current_dir() {
        Ok(d) => line("cwd", &d.to_string_lossy()),
        Err(e) => line("cwd", &format!("[{e}]")),
    }
    for row in text("/proc/self/status").lines() {
        if let Some((k, v)) = row.split_once(':') {
            line(&format!("status.{k}"), v.trim());
        }
    }
    for row in text("/proc/self/limits").lines().skip(1) {
        let (name, rest) = row.split_at(26.min(row.len()));
        let mut columns = rest.split_whitespace();
        let (soft, hard) = (columns.next().unwrap_or(""), columns.next().unwrap_or(""));
        line(&format!("limit.{}", name.trim()), &format!("{soft} {hard}"));
    }
    stat(&mut line);
    for (key, path) in FILES {
        line(key, &text(path));
    }
    for ns in ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] {
        let link = fs::read_link(format!("/proc/self/ns/{ns}"));
        line(
            &format!("ns.{ns}"),
            &link.map_or_else(|e| e.to_string(), |l| l.display().to_string()),
        );
    }
    for (fd, target) in open_fds()? {
        line(&format!("fd.{fd}"), &target);
    }
    io::stdout().write_all(out.as_bytes())
}

const FILES: &[(&str, &str)] = &[
    ("hostname", "/proc/sys/kernel/hostname"),
    ("domainname", "/proc/sys/kernel/domainname"),
    ("oom_score_adj", "/proc/self/oom_score_adj"),
    ("personality", "/proc/self/personality"),
    ("timens_offsets", "/proc/self/timens_offsets"),
    ("uptime", "/proc/uptime"),
    ("uid_map", "/proc/self/uid_map"),
    ("gid_map", "/proc/self/gid_map"),
    ("setgroups", "/proc/self/setgroups"),
    ("cgroup", "/proc/self/cgroup"),
    ("keys", "/proc/keys"),
    ("mountinfo", "/proc/self/mountinfo"),
    ("loginuid", "/proc/self/loginuid"),
    ("attr", "/proc/self/attr/current"),
];

/// The fields of /proc/self/stat that no other file has (proc_pid_stat(5)).
fn stat(line: &mut impl FnMut(&str, &str)) {
    let all = text("/proc/self/stat");
    let after = all.rsplit_once(')').map_or("", |p| p.1);
    let fields: Vec<&str> = after.split_whitespace().collect();
    // Index 0 is field 3, the state.
    for (key, field) in [
        ("pgrp", 5),
        ("session", 6),
        ("tty_nr", 7),
        ("tpgid", 8),
        ("nice", 19),
        ("threads", 20),
        ("rt_priority", 40),
        ("policy", 41),
    ] {
        line(key, fields.get(field - 3).copied().unwrap_or(""));
    }
}

/// The open file descriptors and what they are; without the one that reads the list.
fn open_fds() -> io::Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let fd = entry
            .file_name()
            .to_string_lossy()
            .parse()
            .unwrap_or(u32::MAX);
        if let Ok(target) = fs::read_link(entry.path()) {
            let target = target.display().to_string();
            if !(target.starts_with("/proc/") && target.ends_with("/fd")) {
                found.push((fd, target));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `fds [READ]`: the open descriptors; with an argument also what each above 2 holds.
pub fn fds(args: &[String]) -> io::Result<()> {
    for (fd, target) in open_fds()? {
        println!("{fd}\t{target}");
        if fd > 2 && !args.is_empty() {
            println!("{fd} holds\t{}", text(&format!("/proc/self/fd/{fd}")));
        }
    }
    Ok(())
}

/// `ext PATH...`: type, mode, owner and device number of each path, without following links.
pub fn extended(args: &[String]) -> io::Result<()> {
    for path in args {
        match fs::symlink_metadata(path) {
            Ok(m) => println!(
                "{path}\t{:o} {}:{} {}:{} {}",
                m.mode(),
                m.uid(),
                m.gid(),
                // The kernel's encoding of st_rdev (linux/kdev_t.h, new_encode_dev).
                (m.rdev() >> 8) & 0xfff,
                (m.rdev() & 0xff) | ((m.rdev() >> 12) & 0xfff00),
                fs::read_link(path).map_or_else(|_| "-".into(), |l| l.display().to_string()),
            ),
            Err(e) => println!("{path}\t[{e}]"),
        }
    }
    Ok(())
}
