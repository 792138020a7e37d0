//! `ps`: the container's processes, from /proc; no ps program is needed.

use super::list::wants_json;
use crate::cli::{Global, Options, print};
use crate::container::{Container, id};
use crate::error::{Result, lossy};
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::text::{c, decimal, number, padded};
use rustix::process::Pid;

/// Longer command lines are cut off.
const LONGEST: usize = 65536;

/// Of the times in /proc/PID/stat; the same on every machine (USER_HZ, asm-generic/param.h).
const TICKS: u64 = 100;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<u8> {
    let id = id(options.positional(0))?;
    let as_json = wants_json(options)?;
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    let pids = pids(&container, &host)?;
    print(&if as_json { json(&pids) } else { table(&host, &pids) })?;
    Ok(0)
}

/// All in its cgroups; without cgroups at least the first.
fn pids(container: &Container, host: &Host) -> Result<Vec<Pid>> {
    let group = container.group()?;
    if group.is_empty() {
        return Ok(container.alive(&host.procfs).map(|init| init.pid).into_iter().collect());
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
    let boot = line(stat, b"btime ").and_then(|time| number(time.trim_ascii())).unwrap_or(0);
    for pid in pids {
        // One that is gone meanwhile is not listed.
        let _ = process(host, *pid, boot, &mut buffer, &mut text);
    }
    text
}

/// The rest of the line that begins so.
fn line<'a>(file: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    file.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(start))
}

/// Adds a process's line; `boot` is when the machine started, in seconds since 1970.
fn process(host: &Host, pid: Pid, boot: u64, buffer: &mut [u8], text: &mut String) -> Option<()> {
    let pid = decimal(pid.as_raw_pid() as u64);
    let mut file = |name: &[u8]| {
        let path = c(&[pid.as_bytes(), b"/", name]);
        host.procfs.read(&path, buffer).ok().map(<[u8]>::to_vec)
    };
    let (stat, status, command) = (file(b"stat")?, file(b"status")?, file(b"cmdline")?);
    let uid = line(&status, b"Uid:")?.split(u8::is_ascii_whitespace).nth(2)?;
    let name = stat.iter().position(|byte| *byte == b'(')? + 1..stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat.get(name.end + 2..)?.split(|byte| *byte == b' ');
    // Each is so many fields after the one before (proc_pid_stat(5)): 4, 7, 14, 15, 22.
    let mut field = |skip: usize| fields.nth(skip).and_then(number).unwrap_or(0);
    let (parent, terminal, user, system, start) = (field(1), field(2), field(6), field(0), field(6));
    let started = boot + start / TICKS;
    let used = (user + system) / TICKS;
    let command = match command.trim_ascii_end().strip_suffix(b"\0").unwrap_or(&command) {
        b"" => [b"[", stat.get(name)?, b"]"].concat(),
        words => words.split(|byte| *byte == 0).collect::<Vec<_>>().join(&b' '),
    };
    cell(text, &lossy(uid), -8);
    cell(text, &pid, 7);
    cell(text, &decimal(parent), 7);
    cell(text, "0", 2);
    cell(text, &[&padded(started / 3600 % 24, 2), ":", &padded(started / 60 % 60, 2)].concat(), 5);
    cell(text, &tty(terminal), -8);
    let parts = [used / 3600, used / 60 % 60, used % 60].map(|part| padded(part, 2));
    cell(text, &parts.join(":"), 8);
    text.push_str(&lossy(&command));
    text.push('\n');
    Some(())
}

/// Adds a column, to the left where the width is negative, and a blank.
fn cell(text: &mut String, value: &str, width: isize) {
    let left = width < 0;
    if left {
        text.push_str(value);
    }
    for _ in value.len()..width.unsigned_abs() {
        text.push(' ');
    }
    if !left {
        text.push_str(value);
    }
    text.push(' ');
}

/// The name of a controlling terminal by its device number (proc_pid_stat(5), tty_nr).
fn tty(device: u64) -> String {
    let (major, minor) = (device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
    let (kind, minor) = match (major, minor) {
        (0, 0) => return "?".to_string(),
        (136..=143, minor) => ("pts/", (major - 136) * 256 + minor),
        (4, minor @ 64..) => ("ttyS", minor - 64),
        (4, minor) => ("tty", minor),
        (major, minor) => return [&decimal(major), ":", &decimal(minor)].concat(),
    };
    [kind, &decimal(minor)].concat()
}
