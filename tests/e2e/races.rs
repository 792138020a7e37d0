//! Two commands at one container at once, one id used again and again, a pid used again.
use crate::harness::*;
use crate::{check, same};
use rustix::process::Signal;
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "races",
    serial: false,
    cases: &[
        ("b1_supervisor_restarts_one_id", supervisor),
        ("b4_child_of_the_subreaper", reparented),
        ("id_free_after_delete", id_free),
        ("two_creates_at_once", two_creates),
        ("two_starts_at_once", two_starts),
        ("two_deletes_at_once", two_deletes),
        ("pid_reuse_is_stopped", other_process_at_pid),
    ],
};

/// `Type=forking` with PIDFile and `ExecStopPost=delete`, five restarts of one id.
fn supervisor(c: &Case) -> Res {
    let b = c.bundle(&[
        "sh",
        "-c",
        "trap 'exit 3' TERM; while :; do sleep 0.05; done",
    ])?;
    let file = c.path("pid");
    for _ in 0..5 {
        b.write()?;
        let run = c
            .mote(&["run", "-d", "--pid-file"])
            .arg(&file)
            .arg("-b")
            .arg(&b.dir)
            .arg(&b.id);
        run.go()?.ok()?;
        let pid: i32 = fs::read_to_string(&file)?.parse()?;
        same!(pid, c.pid(&b)?);
        let parent = host_status(pid, "PPid")?;
        same!(
            parent,
            std::process::id().to_string(),
            "parent of the main pid"
        );
        let main = rustix::process::Pid::from_raw(pid).ok_or("pid")?;
        std::thread::sleep(std::time::Duration::from_millis(60));
        rustix::process::kill_process(main, Signal::TERM)?;
        let end = rustix::process::waitpid(Some(main), rustix::process::WaitOptions::empty())?;
        let code = end.and_then(|(_, s)| s.exit_status());
        same!(
            code,
            Some(3),
            "the supervisor sees the exit status of the container's init"
        );
        c.delete(&b)?;
    }
    Ok(())
}

fn host_status(pid: i32, key: &str) -> R<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let row = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    Ok(row.ok_or(format!("no {key}"))?.trim().to_string())
}

fn reparented(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    same!(host_status(pid, "PPid")?, std::process::id().to_string());
    let all = leak::descendants(std::process::id());
    check!(
        all.iter().all(|p| *p == pid as u32),
        "something else lives on beside {pid}: {all:?}"
    );
    c.force(&b)?;
    Ok(())
}

fn id_free(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    for _ in 0..3 {
        c.create(&b)?;
        c.start(&b)?;
        c.wait_status(&b, "stopped")?;
        c.delete(&b)?;
    }
    Ok(())
}

fn race(c: &Case, n: usize, make: impl Fn() -> R<Cmd>) -> R<(usize, Vec<Out>)> {
    let running: Vec<Running> = (0..n).map(|_| make()?.spawn()).collect::<R<_>>()?;
    let outs: Vec<Out> = running.into_iter().map(Running::wait).collect::<R<_>>()?;
    check!(c.dir.exists());
    Ok((outs.iter().filter(|o| o.code == 0).count(), outs))
}

fn losers_speak(outs: Vec<Out>) -> Res {
    for out in outs {
        if out.code != 0 {
            out.refused(1, &[])?;
        }
    }
    Ok(())
}

fn two_creates(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    for _ in 0..5 {
        let (won, outs) = race(c, 6, || c.verb("create", &b, &[]))?;
        same!(won, 1, "creates that won");
        losers_speak(outs)?;
        same!(c.status(&b)?, "created");
        c.delete(&b)?;
    }
    Ok(())
}

fn two_starts(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    for _ in 0..5 {
        c.create(&b)?;
        let (won, outs) = race(c, 6, || Ok(c.mote(&["start", &b.id])))?;
        same!(won, 1, "starts that won");
        losers_speak(outs)?;
        c.force(&b)?;
    }
    Ok(())
}

fn two_deletes(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    for _ in 0..5 {
        c.detach(&b)?;
        let (won, outs) = race(c, 6, || Ok(c.mote(&["delete", "--force", &b.id])))?;
        check!(won >= 1, "no delete won");
        losers_speak(outs)?;
        c.mote(&["state", &b.id]).go()?.refused(1, &[])?;
    }
    Ok(())
}

/// The saved pid now belongs to a process with another start time.
fn other_process_at_pid(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    c.kill(&b, "KILL")?;
    c.wait_status(&b, "stopped")?;
    leak::reap();
    // Start times count in clock ticks of 10 ms: the other process has to start in a later one.
    std::thread::sleep(std::time::Duration::from_millis(30));
    let last = "/proc/sys/kernel/ns_last_pid";
    for _ in 0..50 {
        fs::write(last, (pid - 1).to_string())?;
        let mut child = std::process::Command::new("/bin/sleep").arg("10").spawn()?;
        let hit = child.id() == pid as u32;
        let status = c.status(&b)?;
        let kill = c.mote(&["kill", &b.id, "KILL"]).go()?;
        let alive = child.try_wait()?.is_none();
        child.kill()?;
        child.wait()?;
        if hit {
            same!(status, "stopped", "status when another process has the pid");
            check!(
                alive && kill.code == 1,
                "kill hit a process that is not the container's"
            );
            c.delete(&b)?;
            return Ok(());
        }
    }
    c.delete(&b)?;
    skip(format!("couldn't get {pid} again"))
}
