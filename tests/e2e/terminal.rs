//! Terminals: in the foreground, through a console socket, and on every way out.
use crate::harness::pty::Pty;
use crate::harness::sock::FdSocket;
use crate::harness::*;
use crate::{check, same};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;

/// The cases.
pub const MODULE: Module = Module {
    name: "terminal",
    serial: false,
    cases: &[
        ("a1_unedited_template_is_an_interactive_shell", interactive),
        ("exit_code_and_settings_restored", restored),
        ("restored_after_failure", restored_after_failure),
        ("restored_after_kill", restored_after_kill),
        ("raw_while_running", raw_mode),
        ("size_at_start_and_resize", resize),
        ("console_size", console_size),
        ("console_size_beside_none", console_size_beside_none),
        ("controlling_terminal", controlling),
        ("dev_console", dev_console),
        ("terminal_of_another_user", other_user),
        ("a1_under_script", under_script),
        ("no_tty_of_the_callers_refused", no_tty),
        ("detached_needs_a_socket", detach_refused),
        ("socket_without_terminal_refused", socket_refused),
        ("console_socket_create", socket_create),
        ("console_socket_run_detached", socket_run),
        ("console_socket_exec", socket_exec),
        ("console_socket_that_is_none", bad_socket),
        ("exec_tty", exec_tty),
        ("j27_big_output", big_output),
        ("j27_early_exit", early_exit),
        ("j27_closed_stdin", closed_stdin),
        ("j27_hangup", hangup),
        ("job_control_keys", keys),
        ("eof_key_ends_the_shell", eof_key),
        ("pidfd_socket", pidfd_socket),
        ("image_console_is_a_symlink", console_symlink),
    ],
};

/// Starts `VERB` with a new session's controlling terminal.
fn on_pty(c: &Case, b: &Bundle, pty: &Pty, args: &[&str]) -> R<Running> {
    b.write()?;
    let run = c
        .tool("setsid", &["-c"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(args);
    run.on_tty(pty.slave()?)?.cwd(&b.dir).spawn()
}

fn terminal(c: &Case, args: &[&str]) -> R<Bundle> {
    let mut b = c.bundle(args)?;
    b.set("/process/terminal", json!(true));
    Ok(b)
}

fn interactive(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.config = serde_json::from_slice(&fs::read(c.path("config.json"))?)?;
    let mut pty = Pty::new()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("# ")?;
    pty.write("echo pid $$ and $((6*7))\r")?;
    pty.expect("pid 1 and 42")?;
    pty.write("exit 19\r")?;
    let out = run.wait()?;
    same!(out.code, 19);
    same!(fs::read_dir(&c.root)?.count(), 0, "list is empty after");
    Ok(())
}

fn restored(c: &Case) -> Res {
    let b = terminal(c, &["sh", "-c", "stty -a; exit 33"])?;
    let pty = Pty::new()?;
    let before = pty.settings()?;
    same!(on_pty(c, &b, &pty, &["run", &b.id])?.wait()?.code, 33);
    same!(pty.settings()?, before);
    Ok(())
}

fn restored_after_failure(c: &Case) -> Res {
    let b = terminal(c, &["/no/such/program"])?;
    let pty = Pty::new()?;
    let before = pty.settings()?;
    same!(on_pty(c, &b, &pty, &["run", &b.id])?.wait()?.code, 1);
    same!(pty.settings()?, before);
    Ok(())
}

fn restored_after_kill(c: &Case) -> Res {
    let b = terminal(c, &["sh", "-c", "echo up; sleep 60"])?;
    let mut pty = Pty::new()?;
    let before = pty.settings()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("up")?;
    c.kill(&b, "KILL")?;
    same!(run.wait()?.code, 137);
    same!(pty.settings()?, before);
    Ok(())
}

fn raw_mode(c: &Case) -> Res {
    let b = terminal(c, &["sh", "-c", "echo up; sleep 60"])?;
    let mut pty = Pty::new()?;
    let before = pty.settings()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("up")?;
    check!(pty.settings()? != before, "the caller's terminal isn't raw");
    c.kill(&b, "KILL")?;
    run.wait()?;
    Ok(())
}

/// Says the size of its terminal, now and whenever that changes.
const SIZES: &str = "trap 'stty size' WINCH; stty size; echo up; while :; do sleep 0.05; done";

fn resize(c: &Case) -> Res {
    resized(c, &terminal(c, &["sh", "-c", SIZES])?, (31, 101), "31 101")
}

/// The caller's terminal has a size before, for which the container's has another perhaps, and a new one later.
fn resized(c: &Case, b: &Bundle, (rows, columns): (u16, u16), first: &str) -> Res {
    let mut pty = Pty::new()?;
    pty.resize(rows, columns)?;
    let run = on_pty(c, b, &pty, &["run", &b.id])?;
    pty.expect(first)?;
    pty.expect("up")?;
    pty.resize(42, 123)?;
    pty.expect("42 123")?;
    c.kill(b, "KILL")?;
    run.wait()?;
    Ok(())
}

fn console_size(c: &Case) -> Res {
    let mut b = terminal(c, &["sh", "-c", "sleep 30"])?;
    b.set("/process/consoleSize", json!({"height": 17, "width": 71}));
    let socket = FdSocket::listen(&c.path("s"))?;
    let path = c.path("s").display().to_string();
    c.verb("create", &b, &["--console-socket", &path])?
        .go()?
        .ok()?;
    let pty = Pty::from_master(socket.receive()?.1);
    same!(pty.size()?, (17, 71));
    c.delete(&b)?;
    Ok(())
}

/// A caller's terminal without a size, as a serial line, takes none away; a size that it gets later counts.
fn console_size_beside_none(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc 1.1 copies the size 0 0");
    }
    let mut b = terminal(c, &["sh", "-c", SIZES])?;
    b.set("/process/consoleSize", json!({"height": 17, "width": 71}));
    resized(c, &b, (0, 0), "17 71")
}

fn controlling(c: &Case) -> Res {
    let b = terminal(
        c,
        &[
            "sh",
            "-c",
            "tty; echo x > /dev/tty && ps -o pid,tty | grep -c '1 '; /bin/probe report | grep tty_nr",
        ],
    )?;
    let mut pty = Pty::new()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("/dev/pts/0")?;
    pty.expect("x")?;
    pty.expect("tty_nr")?;
    same!(run.wait()?.code, 0);
    pty.drain(2)?;
    check!(!pty.seen.starts_with("\t0\r"), "no controlling terminal");
    Ok(())
}

fn dev_console(c: &Case) -> Res {
    let b = terminal(
        c,
        &[
            "sh",
            "-c",
            "/bin/probe ext /dev/console; echo through > /dev/console",
        ],
    )?;
    let mut pty = Pty::new()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("/dev/console\t20")?;
    pty.expect(" 136:0 ")?;
    pty.expect("through")?;
    same!(run.wait()?.code, 0);
    Ok(())
}

fn other_user(c: &Case) -> Res {
    let mut b = terminal(
        c,
        &[
            "sh",
            "-c",
            "echo hello > /proc/self/fd/1; stat -c 'owner %u:%g' /dev/pts/0",
        ],
    )?;
    b.set("/process/user", json!({"uid": 1000, "gid": 1000}))
        .caps(&[]);
    let mut pty = Pty::new()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("hello")?;
    pty.expect("owner 1000:5")?;
    same!(run.wait()?.code, 0);
    Ok(())
}

fn under_script(c: &Case) -> Res {
    let b = terminal(c, &["sh", "-c", "tty; exit 21"])?;
    b.write()?;
    let line = format!(
        "{} --root {} run -b {} {}",
        c.mote.display(),
        c.root.display(),
        b.dir.display(),
        b.id
    );
    let log = c.path("typescript").display().to_string();
    let out = c.tool("script", &["-q", "-e", "-c", &line, &log]).go()?;
    same!(out.code, 21);
    check!(cmd::read(&c.path("typescript")).contains("/dev/pts/0"));
    Ok(())
}

fn no_tty(c: &Case) -> Res {
    let b = terminal(c, &["true"])?;
    b.write()?;
    crate::lifecycle::setsid_waits(c)?;
    let run = c
        .tool("setsid", &["-w"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"]);
    run.arg(&b.dir).arg(&b.id).go()?.refused(1, &["tty"])?;
    Ok(())
}

fn detach_refused(c: &Case) -> Res {
    let b = terminal(c, &["true"])?;
    c.verb("create", &b, &[])?
        .go()?
        .refused(1, &["console socket"])?;
    c.verb("run", &b, &["-d"])?
        .go()?
        .refused(1, &["console socket"])?;
    Ok(())
}

fn socket_refused(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let _socket = FdSocket::listen(&c.path("s"))?;
    let path = c.path("s").display().to_string();
    c.verb("create", &b, &["--console-socket", &path])?
        .go()?
        .refused(1, &["console socket"])?;
    Ok(())
}

fn socket_create(c: &Case) -> Res {
    let b = terminal(
        c,
        &["sh", "-c", "echo started; read x; echo got $x; exit 3"],
    )?;
    let socket = FdSocket::listen(&c.path("s"))?;
    let path = c.path("s").display().to_string();
    c.verb("create", &b, &["--console-socket", &path])?
        .go()?
        .ok()?;
    let (name, master) = socket.receive()?;
    check!(
        name.contains("ptmx") || name.contains("pts") || name.contains("console"),
        "payload {name:?}"
    );
    c.start(&b)?;
    let mut pty = Pty::from_master(master);
    pty.expect("started")?;
    pty.write("word\n")?;
    pty.expect("got word")?;
    c.wait_status(&b, "stopped")?;
    c.delete(&b)?;
    Ok(())
}

fn socket_run(c: &Case) -> Res {
    let b = terminal(c, &["sh", "-c", "tty; sleep 60"])?;
    let socket = FdSocket::listen(&c.path("s"))?;
    let path = c.path("s").display().to_string();
    c.verb("run", &b, &["-d", "--console-socket", &path])?
        .go()?
        .ok()?;
    let mut pty = Pty::from_master(socket.receive()?.1);
    pty.expect("/dev/pts/0")?;
    pty.resize(5, 6)?;
    c.force(&b)?;
    Ok(())
}

fn socket_exec(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.detach(&b)?;
    let socket = FdSocket::listen(&c.path("s"))?;
    let path = c.path("s").display().to_string();
    let exec = c.mote(&[
        "exec",
        "-t",
        "-d",
        "--console-socket",
        &path,
        &b.id,
        "sh",
        "-c",
        "tty; read x; echo got $x; sleep 20",
    ]);
    exec.go()?.ok()?;
    let mut pty = Pty::from_master(socket.receive()?.1);
    pty.expect("/dev/pts/0")?;
    pty.write("this\n")?;
    pty.expect("got this")?;
    c.force(&b)?;
    Ok(())
}

fn bad_socket(c: &Case) -> Res {
    let b = terminal(c, &["true"])?;
    let file = c.path("plain");
    fs::write(&file, "")?;
    for path in [
        file.display().to_string(),
        c.path("absent").display().to_string(),
        "/".repeat(200),
    ] {
        c.verb("create", &b, &["--console-socket", &path])?
            .go()?
            .refused(1, &[])?;
    }
    Ok(())
}

fn exec_tty(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    c.detach(&b)?;
    let mut pty = Pty::new()?;
    let before = pty.settings()?;
    let run = on_pty(
        c,
        &b,
        &pty,
        &["exec", "-t", &b.id, "sh", "-c", "stty size; tty; exit 44"],
    )?;
    pty.expect("24 80")?;
    pty.expect("/dev/pts/0")?;
    same!(run.wait()?.code, 44);
    same!(pty.settings()?, before);
    c.force(&b)?;
    Ok(())
}

fn big_output(c: &Case) -> Res {
    let lines = 40_000;
    let b = terminal(c, &["sh", "-c", &format!("seq {lines}; exit 8")])?;
    let mut pty = Pty::new()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("\n39999\r\n40000\r\n")?;
    same!(run.wait()?.code, 8);
    Ok(())
}

fn early_exit(c: &Case) -> Res {
    let b = terminal(c, &["echo", "last words"])?;
    for _ in 0..c.scale(20) {
        let mut pty = Pty::new()?;
        let run = on_pty(c, &b, &pty, &["run", &b.id])?;
        same!(run.wait()?.code, 0);
        pty.expect("last words\r\n")?;
    }
    Ok(())
}

/// stdin is /dev/null, the terminal is on stdout and stderr.
fn closed_stdin(c: &Case) -> Res {
    let b = terminal(c, &["sh", "-c", "seq 2000; exit 2"])?;
    let mut pty = Pty::new()?;
    b.write()?;
    let run = c
        .tool("setsid", &["-c", "sh", "-c", "exec \"$@\" </dev/null", "-"])
        .arg(&c.mote);
    let run = run
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .limit(20);
    let run = run.on_tty(pty.slave()?)?.spawn()?;
    pty.expect("\n2000\r\n")?;
    same!(run.wait()?.code, 2);
    Ok(())
}

/// The terminal goes away: SIGHUP reaches the container and nothing stays.
fn hangup(c: &Case) -> Res {
    let b = terminal(
        c,
        &[
            "sh",
            "-c",
            "trap 'exit 1' HUP; echo up; while :; do sleep 0.05; done",
        ],
    )?;
    let mut pty = Pty::new()?;
    let mut run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("up")?;
    drop(pty);
    c.until("the end of run after a hangup", || {
        Ok(run.child.try_wait()?.is_some())
    })?;
    c.force(&b)?;
    Ok(())
}

fn keys(c: &Case) -> Res {
    let b = terminal(
        c,
        &[
            "sh",
            "-c",
            "trap 'echo caught INT' INT; echo up; while :; do sleep 0.05; done",
        ],
    )?;
    let mut pty = Pty::new()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("up")?;
    pty.write("\x03")?;
    pty.expect("caught INT")?;
    run.signal(Signal::KILL).ok();
    run.wait()?;
    c.force(&b)?;
    Ok(())
}

fn eof_key(c: &Case) -> Res {
    let b = terminal(c, &["sh"])?;
    let mut pty = Pty::new()?;
    let run = on_pty(c, &b, &pty, &["run", &b.id])?;
    pty.expect("# ")?;
    pty.write("\x04")?;
    same!(run.wait()?.code, 0);
    Ok(())
}

fn pidfd_socket(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("--pidfd-socket is newer than runc 1.1");
    }
    let b = c.bundle(&["sleep", "30"])?;
    let socket = FdSocket::listen(&c.path("s"))?;
    let path = c.path("s").display().to_string();
    c.verb("create", &b, &["--pidfd-socket", &path])?
        .go()?
        .ok()?;
    let (name, fd) = socket.receive()?;
    same!(name, "standard");
    use std::os::fd::AsRawFd;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
    check!(info.contains(&format!("Pid:\t{}\n", c.pid(&b)?)), "{info}");
    c.start(&b)?;
    c.mote(&["exec", "-d", "--pidfd-socket", &path, &b.id, "sleep", "30"])
        .go()?
        .ok()?;
    same!(socket.receive()?.0, "setns");
    c.force(&b)?;
    Ok(())
}

/// CVE-2025-52565: the console is bound on what the image put there.
fn console_symlink(c: &Case) -> Res {
    let b = &mut terminal(c, &["sh", "-c", "readlink /proc/self/fd/0"])?;
    let victim = c.path("victim");
    fs::write(&victim, "untouched")?;
    for at in ["/dev", "/dev/mqueue", "/dev/shm"] {
        b.unmount(at);
    }
    symlink(&victim, b.rootfs("dev/console"))?;
    fs::create_dir_all(b.rootfs("dev/pts"))?;
    let before = leak::mounts();
    let socket = FdSocket::listen(&c.path("s"))?;
    let path = c.path("s").display().to_string();
    let out = c.verb("create", b, &["--console-socket", &path])?.go()?;
    drop(socket);
    c.force(b)?;
    same!(fs::read_to_string(&victim)?, "untouched");
    same!(leak::mounts(), before);
    check!(out.code <= 1);
    Ok(())
}
