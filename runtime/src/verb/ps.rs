//! `ps`: the container's processes, from /proc; no ps program is needed.

use super::list::wants_json;
use crate::cli::{Code, Global, Options, print};
use crate::container::{Container, id};
use crate::error::{Result, lossy};
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::text::{c, decimal, number, push, split, words};
use rustix::process::Pid;

/// Longer command lines are cut off.
const LONGEST: usize = 65536;

/// Of the times in /proc/PID/stat; the same on every machine (USER_HZ, asm-generic/param.h).
const TICKS: u64 = 100;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let as_json = wants_json(options)?;
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    let pids = pids(container, host)?;
    print(&if as_json {
        json(&pids)
    } else {
        table(host, &pids)
    })?;
    Ok(0)
}

/// All in its cgroups; without cgroups at least the first.
fn pids(container: &Container, host: &Host) -> Result<Vec<Pid>> {
    let group = container.group()?;
    if group.is_empty() {
        let init = container.alive(&host.procfs);
        return Ok(init.map_or(Vec::new(), |init| vec![init.pid]));
    }
    group.pids()
}

fn json(pids: &[Pid]) -> String {
    let mut json = Writer::new(Layout::Compact);
    json.open_array();
    for pid in pids {
        json.unsigned(pid.as_raw_pid() as u64);
    }
    json.close();
    json.finish()
}

/// The columns of `ps -ef`, which is what runc shows.
fn table(host: &Host, pids: &[Pid]) -> String {
    let mut text = String::from("UID          PID    PPID  C STIME TTY          TIME CMD\n");
    let mut buffer = vec![0; LONGEST];
    let stat = host.procfs.read(c"stat", &mut buffer).unwrap_or_default();
    let boot = line(stat, b"btime ")
        .and_then(|time| number(time.trim_ascii()))
        .unwrap_or(0);
    for pid in pids {
        // One that is gone meanwhile is not listed.
        let _ = process(host, *pid, boot, &mut buffer, &mut text);
    }
    text
}

/// The rest of the line that begins so.
fn line<'a>(file: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    split(file, b'\n').find_map(|line| line.strip_prefix(start))
}

/// A file of a process.
fn file(host: &Host, pid: Pid, name: &str, buffer: &mut [u8]) -> Option<Vec<u8>> {
    let path = c(&[decimal(pid.as_raw_pid() as u64).as_bytes(), name.as_bytes()]);
    host.procfs.read(&path, buffer).ok().map(<[u8]>::to_vec)
}

/// Adds a process's line; `boot` is when the machine started, in seconds since 1970.
fn process(host: &Host, pid: Pid, boot: u64, buffer: &mut [u8], text: &mut String) -> Option<()> {
    let stat = file(host, pid, "/stat", buffer)?;
    let status = file(host, pid, "/status", buffer)?;
    let mut command = file(host, pid, "/cmdline", buffer)?;
    let uid = words(line(&status, b"Uid:")?).nth(1)?;
    let name = stat.iter().position(|byte| *byte == b'(')? + 1
        ..stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = split(stat.get(name.end + 2..)?, b' ');
    // The third field and on (proc_pid_stat(5)).
    let mut numbers = [0; 20];
    for slot in &mut numbers {
        *slot = fields.next().and_then(number).unwrap_or(0);
    }
    let [
        _,
        parent,
        _,
        _,
        terminal,
        ..,
        user,
        system,
        _,
        _,
        _,
        _,
        _,
        _,
        start,
    ] = numbers;
    let started = boot + start / TICKS;
    let used = (user + system) / TICKS;
    while command
        .last()
        .is_some_and(|byte| *byte == 0 || byte.is_ascii_whitespace())
    {
        command.pop();
    }
    for byte in &mut command {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    if command.is_empty() {
        command = [b"[", stat.get(name)?, b"]"].concat();
    }
    let start = text.len();
    text.push_str(&lossy(uid));
    fill(text, start + 9);
    column(text, pid.as_raw_pid() as u64);
    column(text, parent);
    text.push_str(" 0 ");
    clock(text, &[started / 3600 % 24, started / 60 % 60]);
    tty(text, terminal);
    fill(text, start + 43);
    clock(text, &[used / 3600, used / 60 % 60, used % 60]);
    text.push_str(&lossy(&command));
    text.push('\n');
    Some(())
}

/// Adds blanks up to a length, one at least.
fn fill(text: &mut String, length: usize) {
    text.push(' ');
    while text.len() < length {
        text.push(' ');
    }
}

/// Adds a number at the right of seven columns, and a blank.
fn column(text: &mut String, number: u64) {
    let digits = decimal(number);
    for _ in digits.len()..7 {
        text.push(' ');
    }
    text.push_str(&digits);
    text.push(' ');
}

/// Adds numbers of two digits with colons between them, and a blank.
fn clock(text: &mut String, numbers: &[u64]) {
    for (at, part) in numbers.iter().enumerate() {
        push(text, *part, 2);
        text.push(if at + 1 == numbers.len() { ' ' } else { ':' });
    }
}

/// Adds the name of a controlling terminal by its device number (proc_pid_stat(5), tty_nr).
fn tty(text: &mut String, device: u64) {
    let (major, minor) = (
        device >> 8 & 0xfff,
        (device & 0xff) | (device >> 12 & 0xfff00),
    );
    let (kind, minor) = match (major, minor) {
        (0, 0) => return text.push('?'),
        (136..=143, minor) => ("pts/", (major - 136) * 256 + minor),
        (4, minor @ 64..) => ("ttyS", minor - 64),
        (4, minor) => ("tty", minor),
        (major, minor) => {
            push(text, major, 1);
            (":", minor)
        }
    };
    text.push_str(kind);
    push(text, minor, 1);
}
