//! `ps`: the container's processes, from /proc; no ps program is needed.

use crate::cli::{Global, Options, print};
use crate::container::{Container, id};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::{Layout, Writer};
use rustix::process::Pid;
use std::ffi::{CString, OsStr};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<u8> {
    let id = id(options.positional(0))?;
    let format = options.text("format").unwrap_or(OsStr::new("table"));
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    let pids = pids(&container, &host)?;
    match format.as_bytes() {
        b"json" => {
            let mut json = Writer::new(Layout::Compact);
            json.open_array();
            pids.iter().for_each(|pid| json.unsigned(pid.as_raw_nonzero().get() as u64));
            json.close();
            print(&json.finish())?;
        }
        b"table" => print(&table(&host, &pids))?,
        _ => return Err(Error::new(format!("invalid format option {format:?}: table or json"))),
    }
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

/// The columns of `ps -ef`, which is what runc shows.
fn table(host: &Host, pids: &[Pid]) -> String {
    let mut text = String::from("UID          PID    PPID  C STIME TTY          TIME CMD\n");
    for pid in pids {
        // One that is gone meanwhile is not listed.
        let _ = line(host, *pid, &mut text);
    }
    text
}

fn line(host: &Host, pid: Pid, text: &mut String) -> Option<()> {
    let number = pid.as_raw_nonzero();
    let mut buffer = vec![0; 65536];
    let path = |name: &str| CString::new(format!("{number}/{name}")).ok();
    let stat = String::from_utf8_lossy(host.procfs.read(&path("stat")?, &mut buffer).ok()?).into_owned();
    let (name, rest) = (stat.split_once('(')?.1.rsplit_once(')')?.0, stat.rsplit_once(") ")?.1);
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let (parent, terminal, ticks, start) = (field(1), field(4), field(11) + field(12), field(19));
    let status = String::from_utf8_lossy(host.procfs.read(&path("status")?, &mut buffer).ok()?).into_owned();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.to_string();
    let command = host.procfs.read(&path("cmdline")?, &mut buffer).ok()?;
    let command = match command.trim_ascii_end().strip_suffix(b"\0").unwrap_or(command) {
        b"" => format!("[{name}]"),
        words => String::from_utf8_lossy(words).replace('\0', " "),
    };
    let seconds = ticks / 100;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    writeln!(
        text,
        "{uid:<8} {number:>7} {parent:>7}  0 {} {:<8} {hours:02}:{minutes:02}:{seconds:02} {command}",
        started(host, start),
        tty(terminal)
    )
    .ok()
}

/// Time of day, in UTC, of a start so many ticks after boot.
fn started(host: &Host, ticks: u64) -> String {
    let mut buffer = vec![0; 65536];
    let stat = host.procfs.read(c"stat", &mut buffer).unwrap_or_default();
    let stat = String::from_utf8_lossy(stat);
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok()).unwrap_or(0);
    let seconds = boot + ticks / 100;
    format!("{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60)
}

/// The name of a controlling terminal by its device number (proc_pid_stat(5), tty_nr).
fn tty(device: u64) -> String {
    let (major, minor) = (device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
    match (major, minor) {
        (0, 0) => "?".to_string(),
        (136..=143, minor) => format!("pts/{}", (major - 136) * 256 + minor),
        (4, minor @ 64..) => format!("ttyS{}", minor - 64),
        (4, minor) => format!("tty{minor}"),
        (major, minor) => format!("{major}:{minor}"),
    }
}
