//! The container's process in the end-to-end tests: a small static program that
//! tells what it sees (`report`), tries what it should not be able to do, or
//! keeps busy in a chosen way. It is std only, so that `rustc` alone builds it.
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::process::exit;
use std::thread::sleep;
use std::time::Duration;

mod attack;
mod report;

/// A command of the probe: its name and what it does with the arguments after it.
type Row = (&'static str, fn(&[String]) -> io::Result<()>);

const COMMANDS: &[Row] = &[
    ("report", report::everything),
    ("fds", report::fds),
    ("ext", report::extended),
    ("exit", |a| exit(number(a, 0) as i32)),
    ("sleep", pause),
    ("forks", forks),
    ("emit", emit),
    ("sum", sum),
    ("notify", notify),
    ("kmsg", kmsg),
    ("scan", attack::scan),
    ("overwrite", attack::overwrite),
    ("try-write", attack::try_write),
];

fn main() {
    let args: Vec<String> = env::args().collect();
    let name = args.get(1).map_or("report", String::as_str);
    let Some((_, run)) = COMMANDS.iter().find(|(n, _)| *n == name) else {
        eprintln!("probe: no such command: {name}");
        exit(2);
    };
    if let Err(e) = run(args.get(2..).unwrap_or(&[])) {
        println!("error\t{e}");
        exit(1);
    }
}

/// The argument at `i` as a number, 0 if it is none.
fn number(args: &[String], i: usize) -> u64 {
    args.get(i).and_then(|a| a.parse().ok()).unwrap_or(0)
}

/// `sleep SECONDS [LINE]`: prints LINE first, so that the reader knows it runs.
fn pause(args: &[String]) -> io::Result<()> {
    if let Some(line) = args.get(1) {
        println!("{line}");
    }
    sleep(Duration::from_secs(number(args, 0)));
    Ok(())
}

/// `forks N SECONDS`: N children that sleep, and sleeps itself.
fn forks(args: &[String]) -> io::Result<()> {
    let seconds = number(args, 1).to_string();
    for _ in 0..number(args, 0) {
        std::process::Command::new("/proc/self/exe")
            .args(["sleep", &seconds])
            .spawn()?;
    }
    println!("forked");
    pause(&args[1..])
}

/// Byte `i` of the stream that `emit` writes; not periodic in any buffer size.
fn pattern(i: u64) -> u8 {
    (i.wrapping_mul(2654435761) >> 13) as u8
}

/// `emit N [err]`: N bytes of a known pattern on stdout (or stderr).
fn emit(args: &[String]) -> io::Result<()> {
    let data: Vec<u8> = (0..number(args, 0)).map(pattern).collect();
    match args.get(1) {
        Some(_) => io::stderr().write_all(&data),
        None => io::stdout().write_all(&data),
    }
}

/// `sum`: reads stdin to its end, prints how many bytes came and an FNV-1a hash.
fn sum(_: &[String]) -> io::Result<()> {
    let mut data = Vec::new();
    io::stdin().read_to_end(&mut data)?;
    let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
    });
    println!("{} {hash:016x}", data.len());
    Ok(())
}

/// `kmsg TEXT CODE`: puts a line into the kernel's log, which stamps it with its own clock, and exits.
fn kmsg(args: &[String]) -> io::Result<()> {
    let text = args.first().map_or("", String::as_str);
    fs::write("/dev/kmsg", format!("probe: {text}\n"))?;
    exit(number(args, 1) as i32)
}

/// `notify TEXT`: sends TEXT to $NOTIFY_SOCKET.
fn notify(args: &[String]) -> io::Result<()> {
    let path = env::var("NOTIFY_SOCKET").map_err(io::Error::other)?;
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    let text = args.first().cloned().unwrap_or_default();
    socket.send_to(text.as_bytes(), &path)?;
    println!("sent to {path}");
    if let Some(file) = args.get(1) {
        fs::write(file, "sent")?;
    }
    sleep(Duration::from_secs(number(args, 2)));
    Ok(())
}
