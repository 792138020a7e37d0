//! What a case left on the host, and how to remove it.
use super::{Case, R, fail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait, waitpid};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The lines of this process's mountinfo.
pub fn mounts() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().map(String::from).collect()
}

/// Fails if the case left a process, mount, cgroup or state behind.
pub fn check(case: &Case) -> R<()> {
    let mut left = Vec::new();
    // Orphans of the case (it is their subreaper) need a moment to be gone.
    let end = Instant::now() + Duration::from_secs(2);
    loop {
        reap();
        let living: Vec<u32> = descendants(std::process::id());
        if living.is_empty() {
            break;
        }
        if Instant::now() > end {
            left.extend(
                living
                    .iter()
                    .map(|p| format!("process {p} ({})", command_line(*p))),
            );
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let dir = case.dir.display().to_string();
    left.extend(
        mounts()
            .into_iter()
            .filter(|m| m.contains(&dir) && !case.mounts.contains(m))
            .map(|m| format!("mount {m}")),
    );
    left.extend(
        cgroups(&case.token)
            .iter()
            .map(|c| format!("cgroup {}", c.display())),
    );
    for entry in fs::read_dir(&case.root).into_iter().flatten().flatten() {
        left.push(format!("state {}", entry.path().display()));
    }
    if left.is_empty() {
        return Ok(());
    }
    fail(format!("left behind: {}", left.join("; ")))
}

/// Removes what is left, and the directory, which stays if the case failed.
pub fn clean(case: &Case, keep: bool) {
    let ids: Vec<_> = fs::read_dir(&case.root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    for id in ids {
        case.mote(&["delete".as_ref(), "--force".as_ref(), id.as_os_str()])
            .go()
            .ok();
    }
    for pid in descendants(std::process::id()) {
        kill(pid);
    }
    let end = Instant::now() + Duration::from_secs(2);
    while !descendants(std::process::id()).is_empty() && Instant::now() < end {
        reap();
        std::thread::sleep(Duration::from_millis(2));
    }
    remove(&case.dir, &case.token, keep);
}

/// After a case that hung and was killed with all its processes.
pub fn sweep(suite: &Path, name: &str, mote: &Path) {
    let dir = suite.join(name.replace("::", "-"));
    let root = dir.join("state");
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        let mut delete = std::process::Command::new(mote);
        delete
            .arg("--root")
            .arg(&root)
            .args(["delete", "--force"])
            .arg(entry.file_name());
        if let Ok(mut child) = delete.spawn() {
            std::thread::sleep(Duration::from_secs(2));
            child.kill().ok();
            child.wait().ok();
        }
    }
    remove(&dir, "no cgroup has this name", true);
}

fn remove(dir: &Path, token: &str, keep: bool) {
    let text = dir.display().to_string();
    let here: Vec<String> = mounts().into_iter().filter(|m| m.contains(&text)).collect();
    for line in here.iter().rev() {
        if let Some(at) = line.split(' ').nth(4).filter(|at| at.contains(&text)) {
            std::process::Command::new("umount")
                .args(["-l", at])
                .output()
                .ok();
        }
    }
    cgroups(token).iter().for_each(|c| remove_cgroup(c));
    if !keep {
        fs::remove_dir_all(dir).ok();
    }
}

/// Kills what is in a cgroup and below it, and removes it.
pub fn remove_cgroup(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    for pid in fs::read_to_string(dir.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
    {
        pid.parse().map(kill).ok();
        std::thread::sleep(Duration::from_millis(5));
        reap_orphans();
    }
    fs::remove_dir(dir).ok();
}

/// Every cgroup directory with `token` in its name, in all hierarchies.
pub fn cgroups(token: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if entry.file_name().to_string_lossy().contains(token) {
                    found.push(entry.path());
                }
                todo.push(entry.path());
            }
        }
    }
    found
}

/// All living processes below `pid`. Zombies don't count.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = BTreeSet::new();
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        let threads = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace().filter_map(|c| c.parse().ok());
            todo.extend(children.filter(|c| alive(*c) && found.insert(*c)));
        }
    }
    found.into_iter().collect()
}

/// True unless the process is gone or a zombie.
pub fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, s)| s.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// Collects the dead orphans of this process; its own children have an owner that waits.
pub fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// The processes that the case started itself and will wait for.
static OWN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Says that the case waits for this child, or no longer does.
pub fn own(pid: u32, mine: bool) {
    let mut set = OWN.lock().unwrap_or_else(|e| e.into_inner());
    if mine {
        set.insert(pid)
    } else {
        set.remove(&pid)
    };
}

/// Collects dead orphans that this process got as their subreaper, as a supervisor
/// does: a PID namespace lives on until the last of its dead has been waited for.
pub fn reap_orphans() {
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let set = OWN.lock().unwrap_or_else(|e| e.into_inner()).clone();
    for pid in children
        .split_whitespace()
        .filter_map(|c| c.parse::<u32>().ok())
    {
        if !alive(pid) && !set.contains(&pid) {
            waitpid(Pid::from_raw(pid as i32), WaitOptions::NOHANG).ok();
        }
    }
}

/// Kills a process and everything below it.
pub fn kill_tree(pid: u32) {
    for pid in descendants(pid) {
        kill(pid);
    }
    kill(pid);
}

fn kill(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        kill_process(pid, Signal::KILL).ok();
    }
}

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
