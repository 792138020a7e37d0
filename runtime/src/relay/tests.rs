//! Through real pipes, pseudoterminals and processes.

// The relay waits for them, by their pids.
#![allow(clippy::zombie_processes)]

use super::*;
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcgetwinsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a process printed, and the code that the relay returned.
struct Outcome {
    code: u8,
    out: Vec<u8>,
    err: Vec<u8>,
}

fn collect(mut file: File) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

fn pidfd(child: &Child) -> (OwnedFd, Pid) {
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    (
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap(),
        pid,
    )
}

/// A signalfd on which nothing arrives: the test's thread blocks no signal.
fn no_signals() -> OwnedFd {
    signal::descriptor(signal::Set::NONE).unwrap()
}

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC).unwrap()
}

/// Runs a shell script with `input` as its stdin.
fn shell(script: &str, input: &[u8]) -> Outcome {
    let ((source, feed), (out, out_sink), (err, err_sink)) = (pipe(), pipe(), pipe());
    let (mut relay, [stdin, stdout, stderr]) =
        Relay::pipes_for([source, out_sink, err_sink].map(End::Own)).unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    let child = command.spawn().unwrap();
    drop(command);
    let input = input.to_vec();
    // The process may leave before it has read everything, so this may fail.
    let feeder = std::thread::spawn(move || drop(File::from(feed).write_all(&input)));
    let (out, err) = (collect(File::from(out)), collect(File::from(err)));
    let (fd, pid) = pidfd(&child);
    let code = relay
        .run(fd.as_fd(), pid, no_signals().as_fd())
        .unwrap()
        .code;
    drop(relay);
    feeder.join().unwrap();
    Outcome {
        code,
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

#[test]
fn exit_codes() {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -9 $$", 137),
    ] {
        assert_eq!(shell(script, b"").code, code, "{script}");
    }
}

#[test]
fn streams_stay_apart_and_stdin_ends() {
    let outcome = shell("cat; echo error >&2", b"some\0bytes");
    assert_eq!(
        (outcome.out, outcome.err),
        (b"some\0bytes".to_vec(), b"error\n".to_vec())
    );
}

#[test]
fn no_byte_is_lost_of_many() {
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7 / 3) as u8).collect();
    assert!(shell("cat", &bytes).out == bytes);
}

#[test]
fn output_just_before_the_end_is_kept() {
    for _ in 0..50 {
        assert_eq!(shell("head -c 60000 /dev/zero", b"").out.len(), 60000);
    }
}

#[test]
fn an_orphan_with_the_pipe_open_is_not_waited_for() {
    let start = Instant::now();
    let outcome = shell("sleep 5 & echo $!", b"");
    assert!(start.elapsed() < Duration::from_secs(3));
    let orphan: i32 = String::from_utf8(outcome.out)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let _ = rustix::process::kill_process(Pid::from_raw(orphan).unwrap(), Signal::KILL);
}

#[test]
fn a_process_that_ignores_its_stdin_does_not_hang() {
    assert_eq!(
        shell("exec <&-; sleep 0.1; exit 3", &[b'x'; 500_000]).code,
        3
    );
}

#[test]
fn a_reader_that_goes_away_is_felt_by_the_process() {
    let ((source, _feed), (out, out_sink), (_err, err_sink)) = (pipe(), pipe(), pipe());
    let (mut relay, [stdin, stdout, stderr]) =
        Relay::pipes_for([source, out_sink, err_sink].map(End::Own)).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap 'exit 9' PIPE; while echo y; do :; done; exit 4"]);
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    let child = command.spawn().unwrap();
    drop(command);
    drop(out);
    let (fd, pid) = pidfd(&child);
    let code = relay
        .run(fd.as_fd(), pid, no_signals().as_fd())
        .unwrap()
        .code;
    drop(relay);
    assert!(code == 9 || code == 4, "{code}");
}

/// A pseudoterminal, master end first.
fn terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap();
    (master, slave)
}

/// Runs a shell script on a terminal of its own, with `input` as the caller's stdin and another
/// terminal as the caller's; the latter must be raw meanwhile and as before afterwards.
fn on_terminal(script: &str, input: &[u8]) -> Outcome {
    let (_host_master, host) = terminal();
    let size = Winsize {
        ws_row: 33,
        ws_col: 77,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&host, size).unwrap();
    let echoes = || {
        tcgetattr(&host)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO)
    };
    let (master, slave) = terminal();
    let ((source, feed), (out, out_sink)) = (pipe(), pipe());
    let mut command = Command::new("/usr/bin/setsid");
    command.args(["-c", "-w", "/bin/sh", "-c", script]);
    let copy = || Stdio::from(slave.try_clone().unwrap());
    command
        .stdin(copy())
        .stdout(copy())
        .stderr(copy())
        .arg0("setsid");
    let caller = [End::Own(source), End::Own(out_sink)];
    assert!(echoes());
    let found = HostTerminal(host.try_clone().unwrap());
    let mut relay = Relay::terminal_for(caller, found, master).unwrap();
    assert!(!echoes());
    assert_eq!(tcgetwinsize(&slave).unwrap(), size);
    let child = command.spawn().unwrap();
    drop(command);
    drop(slave);
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || drop(File::from(feed).write_all(&input)));
    let out = collect(File::from(out));
    let (fd, pid) = pidfd(&child);
    let code = relay
        .run(fd.as_fd(), pid, no_signals().as_fd())
        .unwrap()
        .code;
    drop(relay);
    assert!(echoes());
    feeder.join().unwrap();
    Outcome {
        code,
        out: out.join().unwrap(),
        err: Vec::new(),
    }
}

#[test]
fn a_terminal_is_a_terminal() {
    let outcome = on_terminal(
        "test -t 0 && stty size && read x && echo got:$x; exit 5",
        b"hello\n",
    );
    let text = String::from_utf8(outcome.out).unwrap();
    assert!(
        text.starts_with("33 77\n") || text.contains("\n33 77\n"),
        "{text:?}"
    );
    assert!(text.ends_with("got:hello\n"), "{text:?}");
    assert_eq!(outcome.code, 5);
}

#[test]
fn the_end_of_stdin_is_the_end_of_the_terminals_input() {
    for input in [&b""[..], b"line\n", b"unfinished"] {
        let outcome = on_terminal("cat >/dev/null; echo done", input);
        assert!(
            outcome.out.ends_with(b"done\n"),
            "{:?}",
            String::from_utf8_lossy(&outcome.out)
        );
    }
}

#[test]
fn the_end_of_stdin_reaches_a_program_that_changes_the_mode_first() {
    let script = "stty -icanon; sleep 0.1; stty icanon; cat >/dev/null; echo done";
    assert!(on_terminal(script, b"").out.ends_with(b"done\n"));
}

#[test]
fn a_terminals_last_output_is_kept() {
    for _ in 0..20 {
        let outcome = on_terminal("head -c 100000 /dev/zero | tr '\\0' x", b"");
        assert_eq!(
            outcome.out.iter().filter(|byte| **byte == b'x').count(),
            100_000
        );
    }
}

/// The other half of [`signals_are_forwarded`], in a process of its own because it reaps every
/// child.
#[test]
#[ignore = "runs inside signals_are_forwarded"]
fn relay_for_signals() {
    let signals = signal::descriptor(signal::Set::ALL).unwrap();
    let (mut relay, [stdin, stdout, stderr]) = Relay::pipes().unwrap();
    let mut command = Command::new("/bin/sh");
    let script = "trap 'echo usr1' USR1; trap 'echo rt' 40; trap 'exit 42' TERM; echo ready; while :; do sleep 0.01; done";
    command
        .args(["-c", script])
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    let child = command.spawn().unwrap();
    drop(command);
    let (fd, pid) = pidfd(&child);
    let code = relay.run(fd.as_fd(), pid, signals.as_fd()).unwrap().code;
    drop(relay);
    std::process::exit(code.into());
}

#[test]
fn signals_are_forwarded() {
    // env(1) blocks the signals for every thread of the test program, before any exists.
    let mut command = Command::new("env");
    command
        .arg("--block-signal")
        .arg(std::env::current_exe().unwrap());
    command.args([
        "relay::tests::relay_for_signals",
        "--exact",
        "--ignored",
        "--nocapture",
    ]);
    command.stdout(Stdio::piped()).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut wait_for = |wanted: &str| loop {
        let mut line = String::new();
        assert_ne!(
            std::io::BufRead::read_line(&mut out, &mut line).unwrap(),
            0,
            "no {wanted}"
        );
        if line.ends_with(wanted) {
            return;
        }
    };
    wait_for("ready\n");
    for ignored in [Signal::WINCH, Signal::URG, Signal::CHILD] {
        rustix::process::kill_process(pid, ignored).unwrap();
    }
    rustix::process::kill_process(pid, Signal::USR1).unwrap();
    wait_for("usr1\n");
    rustix::process::kill_process(pid, signal::numbered(40).unwrap()).unwrap();
    wait_for("rt\n");
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(42));
}
