//! `events`: what a container uses, again and again, and when it runs out of memory, as runc's JSON.
//!
//! Between two turns mote sleeps in one poll(2); a turn takes nothing from the heap.

use crate::cgroup::Stats;
use crate::cli::{Code, Global, Options, print};
use crate::container::{Container, id};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::rdt;
use crate::text::{number, quoted};
use init::sys::process::standard_streams;
use init::sys::time::now;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::ClockId;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let interval = interval(options.text("interval").unwrap_or(OsStr::new("5s")))?;
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    let pidfd = container
        .open_init(&host.procfs)?
        .ok_or_else(|| Error::fill(packed!("container with id {} is not running"), &[id]))?;
    let group = container.group()?;
    let rdt = container.rdt(&host.procfs)?;
    let mut lines = Lines {
        id,
        stats: Stats::of(group),
        rdt: rdt.as_ref().map(rdt::stats::Stats::of),
        json: Writer::new(Layout::Compact),
    };
    if options.flag("stats") {
        lines.stats()?;
        return Ok(0);
    }
    let mut oom = group.watch_oom()?;
    if oom.is_none() {
        global
            .report
            .warn("no memory controller: nothing will be told of memory that ran out");
    }
    let mut next = time() + interval;
    loop {
        let said = wait(&pidfd, oom.as_ref().map(|oom| oom.poll()), next)?;
        if let Some(watch) = &mut oom {
            match watch.happened() {
                Some(true) => lines.oom()?,
                Some(false) => {}
                None => oom = None,
            }
        }
        // The end of the container, or of who reads.
        if said {
            return Ok(0);
        }
        let time = time();
        if time >= next {
            lines.stats()?;
            next = (next + interval).max(time);
        }
    }
}

/// Sleeps until something happens or it is time; says whether the end has come.
fn wait(pidfd: &OwnedFd, oom: Option<PollFd<'_>>, next: u64) -> Result<bool> {
    let [_, stdout, _] = standard_streams();
    // No event is asked for: errors and hang-ups come anyway.
    let mut fds = [
        PollFd::new(pidfd, PollFlags::IN),
        PollFd::from_borrowed_fd(stdout, PollFlags::empty()),
        PollFd::from_borrowed_fd(stdout, PollFlags::empty()),
    ];
    if let Some(oom) = oom {
        fds[2] = oom;
    }
    let left = next.saturating_sub(time());
    let left = Timespec {
        tv_sec: (left / SECOND) as i64,
        tv_nsec: (left % SECOND) as _,
    };
    match poll(&mut fds, Some(&left)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(Error::call("poll", errno)),
    }
    Ok(fds[..2].iter().any(|fd| !fd.revents().is_empty()))
}

/// Nanoseconds of a clock that is never set.
fn time() -> u64 {
    let now = now(ClockId::Monotonic);
    now.tv_sec as u64 * SECOND + now.tv_nsec as u64
}

/// One JSON object a line.
struct Lines<'c> {
    id: &'c str,
    stats: Stats<'c>,
    rdt: Option<rdt::stats::Stats<'c>>,
    json: Writer,
}

impl Lines<'_> {
    fn open(&mut self, kind: &str) {
        self.json.restart();
        self.json.open_object();
        self.json.text("type", kind);
        self.json.text("id", self.id);
    }

    fn close(&mut self) -> Result<()> {
        self.json.close();
        print(self.json.line())
    }

    fn stats(&mut self) -> Result<()> {
        self.open("stats");
        self.json.key("data");
        let rdt = &mut self.rdt;
        self.stats.write(&mut self.json, &mut |json| {
            if let Some(rdt) = rdt {
                rdt.write(json);
            }
        });
        self.close()
    }

    fn oom(&mut self) -> Result<()> {
        self.open("oom");
        self.close()
    }
}

/// The units of durations, in nanoseconds.
const UNITS: [(&[u8], u64); 7] = [
    (b"ns", 1),
    (b"us", 1000),
    ("\u{b5}s".as_bytes(), 1000),
    (b"ms", 1_000_000),
    (b"s", SECOND),
    (b"m", 60 * SECOND),
    (b"h", 3600 * SECOND),
];

/// A duration in Go's notation (time.ParseDuration), such as `1m30.5s`, in nanoseconds.
fn interval(text: &OsStr) -> Result<u64> {
    duration(text.as_bytes())
        .filter(|time| *time > 0)
        .ok_or_else(|| {
            Error::fill(
                packed!(
                    "--interval {}: a time greater than 0 is needed, such as 500ms, 5s or 1m30s"
                ),
                &[&quoted(text)],
            )
        })
}

fn duration(mut text: &[u8]) -> Option<u64> {
    let mut sum = 0u64;
    while !text.is_empty() {
        let (whole, rest) = split(text, |byte| !byte.is_ascii_digit());
        let (fraction, rest) = match rest.strip_prefix(b".") {
            Some(rest) => split(rest, |byte| !byte.is_ascii_digit()),
            None => (&b""[..], rest),
        };
        let (name, rest) = split(rest, |byte| byte.is_ascii_digit() || *byte == b'.');
        let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
        let mut share = *unit;
        for digit in fraction {
            share /= 10;
            sum = sum.checked_add(share * u64::from(digit - b'0'))?;
        }
        let whole = match whole {
            b"" if !fraction.is_empty() => 0,
            whole => number(whole)?,
        };
        sum = sum.checked_add(whole.checked_mul(*unit)?)?;
        text = rest;
    }
    Some(sum)
}

/// What comes before the first such byte, and the rest.
fn split(text: &[u8], ends: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(ends).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, nanoseconds) in [
            ("5s", 5 * SECOND),
            ("500ms", SECOND / 2),
            ("1h1m1s", 3661 * SECOND),
            ("1.5s", 3 * SECOND / 2),
            (".5s", SECOND / 2),
            ("1m30.000000001s", 90 * SECOND + 1),
            ("10us20ns", 10_020),
            ("3\u{b5}s", 3000),
        ] {
            assert_eq!(interval(OsStr::new(text)).unwrap(), nanoseconds, "{text}");
        }
        for text in [
            "",
            "0",
            "0s",
            "5",
            "s",
            ".s",
            "-1s",
            "5 s",
            "5d",
            "1s5",
            "99999999999999h",
            "1e3s",
            "0x1s",
        ] {
            assert!(interval(OsStr::new(text)).is_err(), "{text}");
        }
    }
}
