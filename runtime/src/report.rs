//! What mote says about itself: log lines in the two formats that runc's callers read.
//!
//! A [`Reporter`] is made once from the global options and handed down by reference. Without `--log`
//! the lines go to stderr; with it they go to the file, and the fatal one also, bare, to stderr.

use crate::error::{Error, Result};
use crate::json::{Layout, Writer};
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::Location;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

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
    file: Option<File>,
    start: Instant,
}

impl Reporter {
    /// A reporter to stderr.
    pub fn new(level: Level, format: Format) -> Reporter {
        Reporter {
            level,
            format,
            file: None,
            start: Instant::now(),
        }
    }

    /// Sends the lines to the end of this file, which is made if there is none.
    pub fn to_file(mut self, path: &Path) -> Result<Reporter> {
        const O_SYNC: i32 = rustix::fs::OFlags::SYNC.bits() as i32;
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o644)
            .custom_flags(O_SYNC)
            .open(path)
            .map_err(|error| Error::io(format_args!("--log {}", path.display()), &error))?;
        self.file = Some(opened);
        Ok(self)
    }

    /// The most talkative level that is written.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The end of a command that failed: the one line that its caller shows.
    #[track_caller]
    pub fn fatal(&self, error: &Error) {
        let text = error.to_string();
        self.write(Level::Error, &text);
        if self.file.is_some() {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// A failure that doesn't end the command.
    #[track_caller]
    pub fn error(&self, message: &str) {
        self.write(Level::Error, message);
    }

    /// A surprise that the command survives.
    #[track_caller]
    pub fn warn(&self, message: &str) {
        self.write(Level::Warning, message);
    }

    /// A fact worth a line.
    #[track_caller]
    pub fn info(&self, message: &str) {
        self.write(Level::Info, message);
    }

    /// A step, for whoever gave `--debug`.
    #[track_caller]
    pub fn debug(&self, message: &str) {
        self.write(Level::Debug, message);
    }

    /// A line that can't be written has nowhere else to go, so that failure is dropped.
    #[track_caller]
    fn write(&self, level: Level, message: &str) {
        if level > self.level {
            return;
        }
        // Asked here and not in a closure, whose caller would be itself.
        let caller = Location::caller();
        let place = (self.level == Level::Debug).then(|| caller.to_string());
        let line = Line {
            level,
            message,
            place: place.as_deref(),
            time: &now(),
        };
        let terminal = self.file.is_none() && std::io::stderr().is_terminal();
        let text = match self.format {
            Format::Json => line.json(),
            Format::Text if terminal => line.terminal(self.start.elapsed()),
            Format::Text => line.text(),
        };
        // One write a line: several processes may append to the same file.
        let _ = match self.file.as_ref() {
            Some(mut file) => file.write_all(text.as_bytes()),
            None => std::io::stderr().write_all(text.as_bytes()),
        };
    }
}

/// One line before it has a form.
struct Line<'a> {
    level: Level,
    message: &'a str,
    place: Option<&'a str>,
    time: &'a str,
}

impl Line<'_> {
    fn json(&self) -> String {
        let mut writer = Writer::new(Layout::Compact);
        writer.open_object();
        if let Some(place) = self.place {
            writer.text("file", place);
        }
        writer.text("level", name(self.level).1);
        writer.text("msg", self.message);
        writer.text("time", self.time);
        writer.close();
        writer.finish() + "\n"
    }

    fn text(&self) -> String {
        let mut text = String::from("time=");
        quote(&mut text, self.time);
        text.push_str(" level=");
        text.push_str(name(self.level).1);
        text.push_str(" msg=");
        quote(&mut text, self.message);
        if let Some(place) = self.place {
            text.push_str(" file=");
            quote(&mut text, place);
        }
        text.push('\n');
        text
    }

    fn terminal(&self, since_start: Duration) -> String {
        let place = self
            .place
            .map(|place| format!(" file={place}"))
            .unwrap_or_default();
        let seconds = since_start.as_secs();
        format!(
            "{}[{seconds:04}] {}{place}\n",
            name(self.level).2,
            self.message
        )
    }
}

fn name(level: Level) -> (Level, &'static str, &'static str) {
    let row = LEVELS[level as usize];
    (row.0, row.1, row.2)
}

/// Values with anything but letters, digits and `-._/@^+` stand in quotes, with Go's escapes, as
/// the readers of this format (it is called logfmt) expect.
fn quote(text: &mut String, value: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return text.push_str(value);
    }
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control.is_control() => {
                text.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

fn now() -> String {
    rfc3339(
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs(),
    )
}

/// A moment as `2026-11-22T02:41:22Z`, from seconds since 1970 without leap seconds.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86400, seconds % 86400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The same with the fraction down to nanoseconds, less its trailing zeros: the form of `created`
/// in a container's state. Moments before 1970 count as its start.
pub fn rfc3339_nanos(moment: SystemTime) -> String {
    let since = moment
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let mut text = rfc3339(since.as_secs());
    if since.subsec_nanos() != 0 {
        let digits = format!("{:09}", since.subsec_nanos());
        text.truncate(text.len() - 1);
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
        text.push('Z');
    }
    text
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

    fn line<'a>(message: &'a str, place: Option<&'a str>) -> Line<'a> {
        Line {
            level: Level::Error,
            message,
            place,
            time: "2026-11-22T02:41:22Z",
        }
    }

    #[test]
    fn the_three_forms() {
        assert_eq!(
            line("a \"b\"\n", None).text(),
            "time=\"2026-11-22T02:41:22Z\" level=error msg=\"a \\\"b\\\"\\n\"\n"
        );
        assert_eq!(
            line("word", Some("x.rs:1:2")).text(),
            "time=\"2026-11-22T02:41:22Z\" level=error msg=word file=\"x.rs:1:2\"\n"
        );
        assert_eq!(
            line("a \"b\"", None).json(),
            "{\"level\":\"error\",\"msg\":\"a \\\"b\\\"\",\"time\":\"2026-11-22T02:41:22Z\"}\n"
        );
        assert_eq!(
            line("a b", None).terminal(Duration::from_secs(7)),
            "ERRO[0007] a b\n"
        );
    }

    #[test]
    fn level_names() {
        assert_eq!(Level::named("warn"), Some(Level::Warning));
        assert_eq!(Level::named("warning"), Some(Level::Warning));
        assert_eq!(Level::named("trace"), Some(Level::Debug));
        assert_eq!(Level::named("loud"), None);
        for row in LEVELS {
            assert_eq!(name(row.0).1, row.1);
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
        let at = |nanos| rfc3339_nanos(SystemTime::UNIX_EPOCH + Duration::new(1, nanos));
        assert_eq!(at(0), "1970-01-01T00:00:01Z");
        assert_eq!(at(500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(at(12), "1970-01-01T00:00:01.000000012Z");
    }
}
