//! kill, pause, resume, and signals that the foreground forwards.
use crate::harness::*;
use crate::limits::control;
use crate::{check, same};
use rustix::process::Signal;

/// The cases.
pub const MODULE: Module = Module {
    name: "kill",
    serial: false,
    cases: &[
        ("names_and_numbers", names),
        ("default_is_term", default_term),
        ("bad_signals_refused", bad_signals),
        ("signal_0_asks_only", zero),
        ("stopped_container_refused", stopped),
        ("created_container", created),
        ("all_flag_accepted", all_flag),
        ("kill_reaches_all_without_pid_namespace", all_processes),
        ("foreground_forwards", forwards),
        ("foreground_forwards_before_start", early),
        ("foreground_term_exit_code", term_code),
        ("pause_and_resume", pause),
        ("pause_twice_refused", pause_twice),
        ("pause_created", pause_created),
        ("pause_stopped_refused", pause_stopped),
        ("kill_paused", kill_paused),
        ("delete_paused", delete_paused),
        ("exec_in_paused_refused", exec_paused),
        ("pause_stops_all_processes", pause_all),
        ("pause_and_kill_reach_nested_cgroups", nested),
    ],
};

/// Traps what `kill` sends and prints its name.
fn trapper(c: &Case, signals: &str) -> R<(Bundle, Out)> {
    let traps: String = signals
        .split(' ')
        .map(|s| format!("trap 'echo got {s}' {s}; "))
        .collect();
    let b = c.bundle(&[
        "sh",
        "-c",
        &format!("{traps} echo ready; while :; do sleep 0.02; done"),
    ])?;
    let out = c.detach(&b)?;
    c.until("ready", || Ok(out.later().contains("ready")))?;
    Ok((b, out))
}

fn names(c: &Case) -> Res {
    let (b, out) = trapper(c, "HUP INT TERM USR1 USR2 WINCH CONT ALRM")?;
    for (given, name) in [
        ("HUP", "HUP"),
        ("SIGHUP", "HUP"),
        ("hup", "HUP"),
        ("sigusr1", "USR1"),
        ("12", "USR2"),
        ("2", "INT"),
        ("SigTerm", "TERM"),
        ("28", "WINCH"),
        ("CONT", "CONT"),
        ("ALRM", "ALRM"),
    ] {
        let before = out.later().lines().count();
        c.kill(&b, given)?;
        c.until(given, || Ok(out.later().lines().count() > before))?;
        same!(
            out.later().lines().last(),
            Some(format!("got {name}").as_str()),
            "{given}"
        );
    }
    c.force(&b)?;
    Ok(())
}

fn default_term(c: &Case) -> Res {
    let (b, out) = trapper(c, "TERM")?;
    c.mote(&["kill", &b.id]).go()?.ok()?;
    c.until("TERM", || Ok(out.later().contains("got TERM")))?;
    c.force(&b)?;
    Ok(())
}

fn zero(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.detach(&b)?;
    c.kill(&b, "0")?;
    same!(c.status(&b)?, "running");
    c.kill(&b, "KILL")?;
    c.wait_status(&b, "stopped")?;
    c.mote(&["kill", &b.id, "0"])
        .go()?
        .refused(1, &["container not running"])?;
    c.mote(&["kill", "-a", &b.id, "0"]).go()?.ok()?;
    c.delete(&b)?;
    Ok(())
}

fn bad_signals(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    for signal in [
        "NOPE",
        "SIG",
        "1x",
        "SIGSIGTERM",
        "99999999999999999999",
        "-5",
        "65",
        "1000",
        " 9",
    ] {
        c.mote(&["kill", &b.id, signal]).go()?.refused(1, &[])?;
    }
    same!(c.status(&b)?, "running");
    c.force(&b)?;
    Ok(())
}

fn stopped(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.detach(&b)?;
    c.wait_status(&b, "stopped")?;
    c.mote(&["kill", &b.id, "TERM"])
        .go()?
        .refused(1, &["not running"])?;
    c.mote(&["kill", &b.id, "9"])
        .go()?
        .refused(1, &["not running"])?;
    c.delete(&b)?;
    Ok(())
}

fn created(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.create(&b)?;
    c.kill(&b, "KILL")?;
    c.wait_status(&b, "stopped")?;
    c.mote(&["start", &b.id]).go()?.refused(1, &["stopped"])?;
    c.delete(&b)?;
    Ok(())
}

fn all_flag(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    c.mote(&["kill", "--all", &b.id, "KILL"]).go()?.ok()?;
    c.wait_status(&b, "stopped")?;
    c.mote(&["kill", "-a", &b.id, "KILL"]).go()?.ok()?;
    c.delete(&b)?;
    Ok(())
}

fn all_processes(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc 1.1 kills only init without --all");
    }
    let mut b = c.bundle(&["/bin/probe", "forks", "10", "60"])?;
    b.share("pid");
    let out = c.detach(&b)?;
    c.until("forked", || Ok(out.later().contains("forked")))?;
    c.kill(&b, "KILL")?;
    c.until("all dead", || {
        leak::reap();
        Ok(leak::descendants(std::process::id()).is_empty())
    })?;
    c.delete(&b)?;
    Ok(())
}

fn forwards(c: &Case) -> Res {
    let traps: String = ["HUP", "USR1", "USR2", "WINCH", "ALRM"]
        .map(|s| format!("trap 'echo got {s}' {s}; "))
        .concat();
    let script = format!(
        "{traps} trap 'echo got INT; exit 5' INT; echo ready; while :; do sleep 0.02; done"
    );
    let b = c.bundle(&["sh", "-c", &script])?;
    let run = c.verb("run", &b, &[])?.spawn()?;
    c.until("ready", || Ok(run.so_far().contains("ready")))?;
    for (signal, name) in [
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::ALARM, "ALRM"),
    ] {
        run.signal(signal)?;
        c.until(name, || Ok(run.so_far().contains(&format!("got {name}"))))?;
    }
    run.signal(Signal::INT)?;
    same!(run.wait()?.code, 5);
    Ok(())
}

/// A signal in the first moments ends the runtime or the container, and nothing stays.
fn early(c: &Case) -> Res {
    let b = c.bundle(&[
        "sh",
        "-c",
        "trap 'exit 9' TERM; while :; do sleep 0.02; done",
    ])?;
    for ms in 0..20 {
        let run = c.verb("run", &b, &[])?.limit(8).spawn()?;
        std::thread::sleep(std::time::Duration::from_millis(ms));
        run.signal(Signal::TERM)?;
        // Between the program's start and its trap pid 1 ignores SIGTERM: try again.
        let pid = run.pid();
        let mut run = run;
        c.until("the end of run", || {
            if run.child.try_wait()?.is_some() {
                return Ok(true);
            }
            rustix::process::Pid::from_raw(pid)
                .map(|p| rustix::process::kill_process(p, Signal::TERM));
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(false)
        })?;
        c.force(&b)?;
    }
    Ok(())
}

fn term_code(c: &Case) -> Res {
    let mut b = c.bundle(&["sleep", "30"])?;
    b.share("pid");
    let run = c.verb("run", &b, &[])?.spawn()?;
    c.until("running", || {
        Ok(c.mote(&["state", &b.id]).go()?.out.contains("running"))
    })?;
    run.signal(Signal::TERM)?;
    same!(run.wait()?.code, 143);
    Ok(())
}

fn counter(c: &Case) -> R<(Bundle, Out)> {
    let b = c.bundle(&["sh", "-c", "while :; do echo tick; usleep 10000; done"])?;
    let out = c.detach(&b)?;
    c.until("tick", || Ok(out.later().contains("tick")))?;
    Ok((b, out))
}

fn pause(c: &Case) -> Res {
    let (b, out) = counter(c)?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    same!(c.status(&b)?, "paused");
    let before = out.later().len();
    std::thread::sleep(std::time::Duration::from_millis(150));
    same!(out.later().len(), before, "it went on while paused");
    c.mote(&["resume", &b.id]).go()?.ok()?;
    same!(c.status(&b)?, "running");
    c.until("ticks after resume", || Ok(out.later().len() > before))?;
    c.force(&b)?;
    Ok(())
}

fn pause_twice(c: &Case) -> Res {
    let (b, _) = counter(c)?;
    c.mote(&["resume", &b.id])
        .go()?
        .refused(1, &["not paused"])?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    c.mote(&["pause", &b.id])
        .go()?
        .refused(1, &["not running"])?;
    c.mote(&["resume", &b.id]).go()?.ok()?;
    c.force(&b)?;
    Ok(())
}

fn pause_created(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.create(&b)?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    same!(c.status(&b)?, "paused");
    c.mote(&["resume", &b.id]).go()?.ok()?;
    same!(c.status(&b)?, "created");
    c.delete(&b)?;
    Ok(())
}

fn pause_stopped(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.detach(&b)?;
    c.wait_status(&b, "stopped")?;
    c.mote(&["pause", &b.id])
        .go()?
        .refused(1, &["not running"])?;
    c.delete(&b)?;
    Ok(())
}

fn kill_paused(c: &Case) -> Res {
    let (b, _) = counter(c)?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    c.kill(&b, "KILL")?;
    c.wait_status(&b, "stopped")?;
    c.delete(&b)?;
    Ok(())
}

fn delete_paused(c: &Case) -> Res {
    let (b, _) = counter(c)?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    c.mote(&["delete", &b.id]).go()?.refused(1, &[])?;
    c.force(&b)?;
    Ok(())
}

fn exec_paused(c: &Case) -> Res {
    let (b, _) = counter(c)?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    c.exec(&b, &["true"])?.refused(255, &["paused"])?;
    let held = c
        .mote(&["exec", "--ignore-paused", &b.id, "echo", "thawed"])
        .spawn()?;
    std::thread::sleep(std::time::Duration::from_millis(200));
    c.mote(&["resume", &b.id]).go()?.ok()?;
    same!(held.wait()?.ok()?.out, "thawed\n");
    c.force(&b)?;
    Ok(())
}

fn pause_all(c: &Case) -> Res {
    let b = c.bundle(&[
        "sh",
        "-c",
        "(while :; do echo child; usleep 5000; done)& while :; do echo parent; usleep 5000; done",
    ])?;
    let out = c.detach(&b)?;
    c.until("both", || {
        Ok(out.later().contains("child") && out.later().contains("parent"))
    })?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    let before = out.later().len();
    std::thread::sleep(std::time::Duration::from_millis(100));
    same!(out.later().len(), before);
    c.force(&b)?;
    Ok(())
}

/// Makes a cgroup below a process's own where it is paused and where it is looked for, and moves the process there.
fn move_below(pid: i32, name: &str) -> R<Vec<std::path::PathBuf>> {
    let mut made = Vec::new();
    for file in ["freezer.state", "cgroup.procs"] {
        let control = control(pid, file)?;
        let dir = control.parent().ok_or("no directory")?.join(name);
        if control.exists() && !dir.exists() {
            std::fs::create_dir(&dir)?;
            std::fs::write(dir.join("cgroup.procs"), pid.to_string())?;
            made.push(dir);
        }
    }
    check!(!made.is_empty());
    Ok(made)
}

fn nested(c: &Case) -> Res {
    let script =
        "(while :; do echo child; usleep 5000; done)& while :; do echo parent; usleep 5000; done";
    let mut b = c.bundle(&["sh", "-c", script])?;
    b.share("pid");
    let out = c.detach(&b)?;
    c.until("both", || {
        Ok(out.later().contains("child") && out.later().contains("parent"))
    })?;
    let init = c.pid(&b)?;
    let children = std::fs::read_to_string(format!("/proc/{init}/task/{init}/children"))?;
    let pids: Vec<i32> = children
        .split_whitespace()
        .filter_map(|p| p.parse().ok())
        .collect();
    // The short-lived usleep of the parent is among them; the subshell is the first.
    let child = *pids.first().ok_or("no child")?;
    let made = move_below(child, "below")?;
    let listed = c.mote(&["ps", "--format", "json", &b.id]).go()?.ok()?;
    let listed: Vec<i32> = serde_json::from_str(&listed.out)?;
    check!(
        listed.contains(&child) && listed.contains(&init),
        "{listed:?}"
    );
    c.mote(&["pause", &b.id]).go()?.ok()?;
    same!(c.status(&b)?, "paused");
    let before = out.later().len();
    std::thread::sleep(std::time::Duration::from_millis(100));
    same!(out.later().len(), before, "output while paused");
    c.mote(&["resume", &b.id]).go()?.ok()?;
    c.until("the child again", || {
        Ok(out.later()[before..].contains("child"))
    })?;
    // Killed while paused, with the child in a cgroup that is frozen by itself.
    c.mote(&["pause", &b.id]).go()?.ok()?;
    for dir in &made {
        let _ = std::fs::write(dir.join("freezer.state"), "FROZEN");
        let _ = std::fs::write(dir.join("cgroup.freeze"), "1");
    }
    c.kill(&b, "KILL")?;
    c.until("all dead", || {
        leak::reap();
        Ok(!leak::alive(child as u32) && !leak::alive(init as u32))
    })?;
    c.delete(&b)?;
    check!(made.iter().all(|dir| !dir.exists()));
    Ok(())
}
