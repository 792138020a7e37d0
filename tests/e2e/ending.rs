//! How a container ended: who keeps it, who shows it, and `wait`.
use crate::harness::*;
use crate::{check, same};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::{Duration, Instant};

/// The cases.
pub const MODULE: Module = Module {
    name: "ending",
    serial: false,
    cases: &[
        ("run_keeps_it", kept_by_run),
        ("monitor_of_run_and_create", kept_by_monitor),
        ("memory_hog_is_reported", oom),
        ("unwatched_is_said_plainly", unwatched),
        ("killed_monitor", killed_monitor),
        ("killed_create", killed_create),
        ("monitor_holds_nothing_of_the_caller", holds_nothing),
        ("monitor_is_small", small),
        ("delete_while_watched", deleted),
        ("several_wait", several),
        ("failed_create_with_monitor", failed),
    ],
};

fn ended(c: &Case, b: &Bundle, code: u64, signal: Option<u64>) -> Res {
    let state = c.state(b)?;
    same!(state["status"], "stopped");
    same!(state["exitCode"], code);
    same!(state.get("signal").and_then(Value::as_u64), signal);
    let time = state["finishedAt"].as_str().unwrap_or_default();
    let created = state["created"].as_str().unwrap_or_default();
    check!(
        time > created && time.ends_with('Z') && time.len() > 20,
        "{created} {time}"
    );
    let list = c.mote(&["list", "--format", "json"]).go()?.ok()?;
    let list: Value = serde_json::from_str(&list.out)?;
    let row = list
        .as_array()
        .into_iter()
        .flatten()
        .find(|row| row["id"] == b.id.as_str());
    let row = row.ok_or("not in the list")?;
    for key in ["exitCode", "signal", "oomKilled", "finishedAt"] {
        same!(row[key], state[key], "{key}");
    }
    same!(c.mote(&["wait", &b.id]).go()?.code as u64, code);
    Ok(())
}

fn kept_by_run(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "exit", "7"])?;
    same!(c.verb("run", &b, &["--keep"])?.go()?.code, 7);
    ended(c, &b, 7, None)?;
    same!(c.state(&b)?["oomKilled"], false);
    c.delete(&b)?;
    b.args(&["sh", "-c", "kill -9 $$"]);
    b.share("pid");
    same!(c.verb("run", &b, &["--keep"])?.go()?.code, 137);
    ended(c, &b, 137, Some(9))?;
    c.delete(&b)?;
    // From elsewhere, while it runs.
    b.args(&["sh", "-c", "sleep 1; exit 5"]);
    let run = c.verb("run", &b, &["--keep"])?.spawn()?;
    c.until("the container", || {
        Ok(c.root.join(&b.id).join("end").exists())
    })?;
    check!(c.state(&b)?.get("exitCode").is_none());
    same!(c.mote(&["wait", &b.id]).go()?.code, 5);
    same!(run.wait()?.code, 5);
    c.delete(&b)?;
    // Without --keep nothing is left, and nobody is asked to keep anything.
    b.args(&["/bin/probe", "exit", "3"]);
    same!(c.verb("run", &b, &["--monitor"])?.go()?.code, 3);
    check!(!c.root.join(&b.id).exists());
    Ok(())
}

/// The process that `--monitor` has left behind.
fn monitor(c: &Case, b: &Bundle) -> R<i32> {
    let init = c.pid(b)?;
    let stat = fs::read_to_string(format!("/proc/{init}/stat"))?;
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    Ok(fields.split(' ').nth(1).ok_or("no parent")?.parse()?)
}

fn kept_by_monitor(c: &Case) -> Res {
    let mut b = c.bundle(&["sh", "-c", "sleep 0.3; exit 9"])?;
    c.verb("run", &b, &["-d", "--monitor"])?.go()?.ok()?;
    check!(c.state(&b)?.get("exitCode").is_none());
    same!(c.mote(&["wait", &b.id]).go()?.code, 9);
    ended(c, &b, 9, None)?;
    c.delete(&b)?;
    b.args(&["sleep", "60"]);
    c.verb("create", &b, &["--monitor"])?.go()?.ok()?;
    same!(c.status(&b)?, "created");
    c.start(&b)?;
    let start = Instant::now();
    let waiting = c.mote(&["wait", &b.id]).spawn()?;
    std::thread::sleep(Duration::from_millis(200));
    c.kill(&b, "TERM")?;
    c.kill(&b, "KILL")?;
    same!(waiting.wait()?.code, 137);
    check!(start.elapsed() < Duration::from_secs(8));
    ended(c, &b, 137, Some(9))?;
    c.delete(&b)?;
    // One that never started.
    c.verb("create", &b, &["--monitor"])?.go()?.ok()?;
    c.kill(&b, "KILL")?;
    same!(c.mote(&["wait", &b.id]).go()?.code, 137);
    c.delete(&b)?;
    Ok(())
}

fn oom(c: &Case) -> Res {
    // dd's buffer is twice the limit.
    let mut b = c.bundle(&["dd", "if=/dev/zero", "of=/dev/null", "bs=32M", "count=1"])?;
    b.set(
        "/linux/resources/memory",
        json!({"limit": 16 << 20, "swap": 16 << 20}),
    );
    c.verb("run", &b, &["-d", "--monitor"])?.go()?.ok()?;
    same!(c.mote(&["wait", &b.id]).go()?.code, 137);
    ended(c, &b, 137, Some(9))?;
    same!(c.state(&b)?["oomKilled"], true);
    c.delete(&b)?;
    same!(c.verb("run", &b, &["--keep"])?.go()?.code, 137);
    same!(c.state(&b)?["oomKilled"], true);
    c.delete(&b)?;
    // The kernel killed another one, and the first ended by itself.
    let script = "dd if=/dev/zero of=/dev/null bs=32M count=1; exit 4";
    b.args(&["sh", "-c", script]);
    same!(c.verb("run", &b, &["--keep"])?.go()?.code, 4);
    ended(c, &b, 4, None)?;
    same!(c.state(&b)?["oomKilled"], true);
    c.delete(&b)?;
    Ok(())
}

const UNKNOWN: [&str; 2] = ["its exit code is not known", "--monitor"];

fn unwatched(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.detach(&b)?;
    let waiting = c.mote(&["wait", &b.id]).spawn()?;
    std::thread::sleep(Duration::from_millis(200));
    check!(fs::metadata(format!("/proc/{}", waiting.pid())).is_ok());
    c.kill(&b, "KILL")?;
    waiting.wait()?.refused(254, &UNKNOWN)?;
    c.mote(&["wait", &b.id]).go()?.refused(254, &UNKNOWN)?;
    check!(c.state(&b)?.get("exitCode").is_none());
    c.delete(&b)?;
    c.mote(&["wait", &b.id])
        .go()?
        .refused(255, &["container does not exist"])?;
    Ok(())
}

fn killed_monitor(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.verb("run", &b, &["-d", "--monitor"])?.go()?.ok()?;
    let pid = monitor(c, &b)?;
    let waiting = c.mote(&["wait", &b.id]).spawn()?;
    kill_process(Pid::from_raw(pid).ok_or("no pid")?, Signal::KILL)?;
    std::thread::sleep(Duration::from_millis(200));
    // The container doesn't care.
    same!(c.status(&b)?, "running");
    same!(c.exec(&b, &["true"])?.code, 0);
    c.kill(&b, "KILL")?;
    waiting.wait()?.refused(254, &UNKNOWN)?;
    c.wait_status(&b, "stopped")?;
    check!(c.state(&b)?.get("exitCode").is_none());
    c.delete(&b)?;
    Ok(())
}

/// At any point the caller's process may be killed: then all of it ends, or the container is there as a whole.
fn killed_create(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    for turn in 0..c.scale(100).max(20) {
        let run = c.verb("run", &b, &["-d", "--monitor"])?.spawn()?;
        std::thread::sleep(Duration::from_micros(u64::from(turn % 20) * 700));
        let _ = run.signal(Signal::KILL);
        let out = run.wait()?;
        check!(out.code == 0 || out.code == 1009, "{out:?}");
        // The process that makes it may still be in its last system call.
        c.until("the end of who makes it", || {
            c.force(&b)?;
            leak::reap();
            Ok(leak::descendants(std::process::id()).is_empty())
        })?;
        c.force(&b)?;
        check!(!c.root.join(&b.id).exists(), "turn {turn}");
        check!(leak::cgroups(&b.id).is_empty(), "turn {turn}");
    }
    Ok(())
}

fn holds_nothing(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    b.write()?;
    let out = c.verb("create", &b, &["--monitor"])?.go()?.ok()?;
    same!(out.out, "");
    let pid = monitor(c, &b)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        names.push(fs::read_link(entry?.path())?.display().to_string());
    }
    same!(names.len(), 3, "{names:?}");
    check!(
        names.iter().all(|name| name.contains("pidfd")
            || name.ends_with("/end")
            || name.contains("/memory.")),
        "{names:?}"
    );
    same!(
        fs::read_link(format!("/proc/{pid}/cwd"))?
            .display()
            .to_string(),
        "/"
    );
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    same!(fields[3], pid.to_string(), "a session of its own");
    c.force(&b)?;
    Ok(())
}

fn small(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.verb("run", &b, &["-d", "--monitor"])?.go()?.ok()?;
    let pid = monitor(c, &b)?;
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name));
        line.and_then(|l| l.split_whitespace().next())
            .and_then(|n| n.parse::<u64>().ok())
    };
    // What no other process can share and nobody can take back.
    let private = field("Anonymous:").ok_or("no figure")?;
    let slept = fs::read_to_string(format!("/proc/{pid}/status"))?;
    std::thread::sleep(Duration::from_millis(300));
    let later = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let switches = |text: &str| {
        text.lines()
            .filter(|l| l.contains("ctxt"))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    same!(switches(&later), switches(&slept), "it only sleeps");
    c.force(&b)?;
    let size = fs::metadata(&c.mote)?.len();
    if size > 1 << 20 {
        return skip(format!(
            "{private} KiB, but a binary of {} KiB is not the one that is shipped",
            size >> 10
        ));
    }
    check!(private <= 300, "{private} KiB private");
    Ok(())
}

fn deleted(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    for _ in 0..c.scale(60).max(10) {
        c.verb("run", &b, &["-d", "--monitor"])?.go()?.ok()?;
        let waiting = c.mote(&["wait", &b.id]).spawn()?;
        c.until("the waiting", || {
            Ok(fs::read_to_string(format!("/proc/{}/wchan", waiting.pid())).is_ok())
        })?;
        c.force(&b)?;
        let code = waiting.wait()?.code;
        // It may have come before the file, or after the container.
        check!([137, 254, 255].contains(&code), "{code}");
        check!(!c.root.join(&b.id).exists());
    }
    Ok(())
}

fn several(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "sleep 0.5; exit 6"])?;
    c.verb("run", &b, &["-d", "--monitor"])?.go()?.ok()?;
    let waiting: Vec<Running> = (0..4)
        .map(|_| c.mote(&["wait", &b.id]).spawn())
        .collect::<R<_>>()?;
    for one in waiting {
        same!(one.wait()?.code, 6);
    }
    c.delete(&b)?;
    Ok(())
}

fn failed(c: &Case) -> Res {
    let mut b = c.bundle(&["/no/such/program"])?;
    for verb in ["create", "run"] {
        let extra: &[&str] = if verb == "run" {
            &["-d", "--monitor"]
        } else {
            &["--monitor"]
        };
        c.verb(verb, &b, extra)?
            .go()?
            .refused(1, &["no such file or directory"])?;
        check!(!c.root.join(&b.id).exists());
        check!(leak::cgroups(&b.id).is_empty());
    }
    b.set("/linux/resources/cpu", json!({"cpus": "8000"}));
    c.verb("create", &b, &["--monitor"])?
        .go()?
        .refused(1, &["linux.resources.cpu.cpus"])?;
    Ok(())
}
