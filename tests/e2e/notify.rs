//! NOTIFY_SOCKET: READY, MAINPID and BARRIER relayed to a supervisor's socket (B5).
use crate::harness::*;
use crate::{check, same};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// The cases.
pub const MODULE: Module = Module {
    name: "notify",
    serial: false,
    cases: &[
        ("ready_and_main_pid", |c| ready(c, "READY=1")),
        ("ready_among_other_lines", |c| {
            ready(c, "STATUS=x\nREADY=1\nSTATUS=late")
        }),
        ("start_blocks_until_ready", blocks),
        ("exit_before_ready_ends_start", exits_early),
        ("environment_and_mount", environment),
        ("absent_without_socket", absent),
        ("a_manager_that_is_gone", gone),
    ],
};

fn socket(c: &Case) -> R<(UnixDatagram, String)> {
    use std::os::unix::fs::PermissionsExt;
    let path = c.path("notify");
    let socket = UnixDatagram::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777))?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    Ok((socket, path.display().to_string()))
}

/// All messages that come within half a second of each other.
fn messages(socket: &UnixDatagram) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = socket.recv(&mut buffer) {
        text += &String::from_utf8_lossy(&buffer[..n]);
        text.push('\n');
    }
    text
}

fn ready(c: &Case, message: &str) -> Res {
    let (socket, path) = socket(c)?;
    let b = c.bundle(&["/bin/probe", "notify", message, "/tmp/x", "30"])?;
    let run = c
        .verb("run", &b, &["-d"])?
        .env("NOTIFY_SOCKET", &path)
        .spawn()?;
    let text = messages(&socket);
    run.wait()?.ok()?;
    check!(text.contains("READY=1"), "{text}");
    check!(text.contains(&format!("MAINPID={}", c.pid(&b)?)), "{text}");
    if !c.is_other("runc") {
        check!(text.contains("BARRIER=1"), "{text}");
    }
    c.force(&b)?;
    Ok(())
}

fn blocks(c: &Case) -> Res {
    let (socket, path) = socket(c)?;
    let b = c.bundle(&["sh", "-c", "sleep 0.7; /bin/probe notify READY=1; sleep 30"])?;
    c.verb("create", &b, &[])?
        .env("NOTIFY_SOCKET", &path)
        .go()?
        .ok()?;
    let begun = std::time::Instant::now();
    let start = c
        .mote(&["start", &b.id])
        .env("NOTIFY_SOCKET", &path)
        .spawn()?;
    let mut text = String::new();
    for _ in 0..4 {
        text += &messages(&socket);
    }
    start.wait()?.ok()?;
    check!(
        begun.elapsed() >= Duration::from_millis(700),
        "start didn't wait"
    );
    check!(text.contains("READY=1"), "{text}");
    c.force(&b)?;
    Ok(())
}

fn exits_early(c: &Case) -> Res {
    let (_socket, path) = socket(c)?;
    let b = c.bundle(&["true"])?;
    c.verb("create", &b, &[])?
        .env("NOTIFY_SOCKET", &path)
        .go()?
        .ok()?;
    c.mote(&["start", &b.id])
        .env("NOTIFY_SOCKET", &path)
        .limit(15)
        .go()?;
    c.wait_status(&b, "stopped")?;
    c.delete(&b)?;
    Ok(())
}

fn environment(c: &Case) -> Res {
    let (_socket, path) = socket(c)?;
    let b = c.bundle(&["/bin/probe", "report"])?;
    let out = c
        .verb("run", &b, &[])?
        .env("NOTIFY_SOCKET", &path)
        .go()?
        .ok()?;
    let report = Report::parse(&out)?;
    same!(report.get("env.NOTIFY_SOCKET"), "/run/notify/notify.sock");
    let mount = report
        .mount("/run/notify")
        .ok_or("no mount at /run/notify")?;
    for option in ["ro", "nosuid", "nodev", "noexec"] {
        check!(mount.has(option), "{mount:?}");
    }
    Ok(())
}

fn absent(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    let report = c.report(&mut b)?;
    same!(report.find("env.NOTIFY_SOCKET"), None);
    check!(report.mount("/run/notify").is_none());
    Ok(())
}

/// A variable that was left over, as in a shell that a service has started, keeps no container from running.
fn gone(c: &Case) -> Res {
    let nobody = c.path("nobody").display().to_string();
    drop(UnixDatagram::bind(&nobody)?);
    for path in ["/nowhere/socket", &nobody] {
        let b = c.bundle(&["echo", "ran"])?;
        let out = c
            .verb("run", &b, &[])?
            .env("NOTIFY_SOCKET", path)
            .go()?
            .ok()?;
        same!(out.out, "ran\n");
        let b = c.bundle(&["sleep", "60"])?;
        let detached = c.verb("run", &b, &["-d"])?.env("NOTIFY_SOCKET", path);
        let out = detached.go()?.ok()?;
        check!(
            c.is_other("runc")
                || out
                    .err
                    .contains(&format!("level=warning msg=\"NOTIFY_SOCKET={path}: ")),
            "{}",
            out.err
        );
        c.wait_status(&b, "running")?;
        c.force(&b)?;
        let create = c.verb("create", &b, &[])?.env("NOTIFY_SOCKET", path);
        create.go()?.ok()?;
        let start = c.mote(&["start", &b.id]).env("NOTIFY_SOCKET", path);
        let out = start.go()?;
        // runc fails, and the container runs.
        if !c.is_other("runc") {
            out.ok()?;
        }
        c.wait_status(&b, "running")?;
        c.force(&b)?;
    }
    Ok(())
}
