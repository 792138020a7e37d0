//! What mote says about itself: log lines in the two formats that runc's callers read.
//!
//! A [`Reporter`] is made once from the global options and handed down by reference. Without `--log`
//! the lines go to stderr; with it they go to the file, and the fatal one also, bare, to stderr.

use crate::error::{Error, Result};
use crate::files;
use crate::json::{Layout, Writer};
use crate::text::{fill, push, quote};
use init::sys::process::standard_streams;
use init::sys::time::now;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::time::ClockId;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How serious a line is; a [`Reporter`] leaves out what lies above its own level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The command failed, or a part of it that the caller must know of.
    Error,
    /// Something asked for was left out or may surprise.
    Warning,
    /// Worth knowing.
    Info,
    /// Of use to whoever looks for a fault in mote or the host.
    Debug,
}

/// Rows of level, the name that log readers match, the form on a terminal, other names accepted.
const LEVELS: [(Level, &str, &str, &[&str]); 4] = [
    (Level::Error, "error", "ERRO", &["fatal", "panic"]),
    (Level::Warning, "warning", "WARN", &["warn"]),
    (Level::Info, "info", "INFO", &[]),
    (Level::Debug, "debug", "DEBU", &["trace"]),
];

impl Level {
    /// The name that log readers match.
    pub fn name(self) -> &'static str {
        LEVELS[self as usize].1
    }

    /// The level with this name, as `--log-level` takes it (runc's names, and crun's and youki's).
    pub fn named(name: &str) -> Option<Level> {
        let row = LEVELS
            .iter()
            .find(|row| row.1 == name || row.3.contains(&name));
        row.map(|row| row.0)
    }
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `time="…" level=error msg="…"`, on a terminal `ERRO[0000] …`.
    Text,
    /// One JSON object a line with the keys in alphabetical order.
    Json,
}

/// Where log lines go, in which form, and which of them.
pub struct Reporter {
    level: Level,
    format: Format,
    file: Option<OwnedFd>,
    /// Seconds of the monotonic clock.
    start: i64,
}

impl Reporter {
    /// A reporter to stderr.
    pub fn new(level: Level, format: Format) -> Reporter {
        Reporter {
            level,
            format,
            file: None,
            start: now(ClockId::Monotonic).tv_sec,
        }
    }

    /// Sends the lines to the end of this file, which is made if there is none.
    pub fn to_file(mut self, path: &Path) -> Result<Reporter> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::SYNC;
        let opened = files::open(path, flags, 0o644);
        let failed = |errno| {
            Error::of(
                "",
                &[b"--log ", path.as_os_str().as_bytes()].concat(),
                errno,
            )
        };
        self.file = Some(opened.map_err(failed)?);
        Ok(self)
    }

    /// The most talkative level that is written.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The end of a command that failed: the one line that its caller shows.
    pub fn fatal(&self, error: &Error) {
        self.write(Level::Error, error.text());
        if self.file.is_some() {
            let [_, _, stderr] = standard_streams();
            let _ = files::write_all(stderr, fill("{}\n", &[error.text()]).as_bytes());
        }
    }

    /// A failure that doesn't end the command.
    pub fn error(&self, message: &str) {
        self.write(Level::Error, message);
    }

    /// A surprise that the command survives.
    pub fn warn(&self, message: &str) {
        self.write(Level::Warning, message);
    }

    /// A fact worth a line.
    pub fn info(&self, message: &str) {
        self.write(Level::Info, message);
    }

    /// A step, for whoever gave `--debug`.
    pub fn debug(&self, message: &str) {
        self.write(Level::Debug, message);
    }

    /// A line that can't be written has nowhere else to go, so that failure is dropped.
    #[inline(never)]
    fn write(&self, level: Level, message: &str) {
        if level > self.level {
            return;
        }
        let line = Line {
            level,
            message,
            time: &rfc3339(now(ClockId::Realtime).tv_sec as u64),
        };
        let [_, _, stderr] = standard_streams();
        let out = self.file.as_ref().map_or(stderr, AsFd::as_fd);
        let text = match self.format {
            Format::Json => line.json(),
            Format::Text if self.file.is_none() && rustix::termios::isatty(out) => {
                line.terminal((now(ClockId::Monotonic).tv_sec - self.start) as u64)
            }
            Format::Text => line.text(),
        };
        // One write a line: several processes may append to the same file.
        let _ = files::write_all(out, text.as_bytes());
    }
}

/// One line before it has a form.
struct Line<'a> {
    level: Level,
    message: &'a str,
    time: &'a str,
}

impl Line<'_> {
    fn json(&self) -> String {
        let mut writer = Writer::new(Layout::Compact);
        writer.open_object();
        writer.text("level", self.level.name());
        writer.text("msg", self.message);
        writer.text("time", self.time);
        writer.close();
        writer.finish() + "\n"
    }

    fn text(&self) -> String {
        let mut text = String::from("time=");
        field(&mut text, self.time);
        text.push_str(" level=");
        text.push_str(self.level.name());
        text.push_str(" msg=");
        field(&mut text, self.message);
        text.push('\n');
        text
    }

    fn terminal(&self, seconds: u64) -> String {
        let mut text = fill("{}[", &[LEVELS[self.level as usize].2]);
        push(&mut text, seconds, 4);
        text.push_str("] ");
        text.push_str(self.message);
        text.push('\n');
        text
    }
}

/// Values with anything but letters, digits and `-._/@^+` stand in quotes, as the readers of this format (it is
/// called logfmt) expect.
fn field(text: &mut String, value: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        text.push_str(value)
    } else {
        quote(text, value)
    }
}

/// A moment as `2026-11-22T02:41:22Z`, from seconds since 1970 without leap seconds.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86400, seconds % 86400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let mut text = String::new();
    let mut add = |number, width, end| {
        push(&mut text, number, width);
        text.push(end);
    };
    add(year, 4, '-');
    add(month, 2, '-');
    add(day, 2, 'T');
    add(hour, 2, ':');
    add(minute, 2, ':');
    add(second, 2, 'Z');
    text
}

/// The same with the fraction down to nanoseconds, less its trailing zeros: the form of `created` in a container's
/// state.
fn rfc3339_nanos(seconds: u64, nanos: u64) -> String {
    let mut text = rfc3339(seconds);
    if nanos != 0 {
        text.truncate(text.len() - 1);
        text.push('.');
        push(&mut text, nanos, 9);
        while text.ends_with("0") {
            text.truncate(text.len() - 1);
        }
        text.push('Z');
    }
    text
}

/// The present moment, with nanoseconds.
pub fn moment() -> String {
    let now = now(ClockId::Realtime);
    rfc3339_nanos(now.tv_sec as u64, now.tv_nsec as u64)
}

/// Year, month and day of a number of days since 1970-01-01. Counting years from the first of
/// March puts the leap day last, so that the months before it have the same lengths every year.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097; // days in 400 years, after which the calendar repeats
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> Line<'_> {
        Line {
            level: Level::Error,
            message,
            time: "2026-11-22T02:41:22Z",
        }
    }

    #[test]
    fn the_three_forms() {
        assert_eq!(
            line("a \"b\"\n").text(),
            "time=\"2026-11-22T02:41:22Z\" level=error msg=\"a \\\"b\\\"\\n\"\n"
        );
        assert_eq!(
            line("word").text(),
            "time=\"2026-11-22T02:41:22Z\" level=error msg=word\n"
        );
        assert_eq!(
            line("a \"b\"").json(),
            "{\"level\":\"error\",\"msg\":\"a \\\"b\\\"\",\"time\":\"2026-11-22T02:41:22Z\"}\n"
        );
        assert_eq!(line("a b").terminal(7), "ERRO[0007] a b\n");
    }

    #[test]
    fn level_names() {
        assert_eq!(Level::named("warn"), Some(Level::Warning));
        assert_eq!(Level::named("warning"), Some(Level::Warning));
        assert_eq!(Level::named("trace"), Some(Level::Debug));
        assert_eq!(Level::named("loud"), None);
        for row in LEVELS {
            assert_eq!(LEVELS[row.0 as usize].1, row.1);
        }
    }

    #[test]
    fn a_log_file_is_appended_to_and_filtered() {
        let path = std::env::temp_dir().join(format!("mote-report-{}", std::process::id()));
        std::fs::write(&path, "before\n").unwrap();
        let report = Reporter::new(Level::Warning, Format::Json)
            .to_file(&path)
            .unwrap();
        report.info("left out");
        report.warn("kept");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], "before");
        assert!(lines[1].starts_with("{\"level\":\"warning\",\"msg\":\"kept\",\"time\":\"20"));
    }

    #[test]
    fn calendar() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_795_315_282, "2026-11-22T02:41:22Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(rfc3339(seconds), expected);
        }
    }

    #[test]
    fn nanoseconds_lose_trailing_zeros() {
        let at = |nanos| rfc3339_nanos(1, nanos);
        assert_eq!(at(0), "1970-01-01T00:00:01Z");
        assert_eq!(at(500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(at(12), "1970-01-01T00:00:01.000000012Z");
    }
}
