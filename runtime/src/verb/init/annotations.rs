//! What a bundle's annotations ask `init` for. Pure; runtime/docs/init.md has the table for users.

use crate::error::Error;
use crate::plan::words::{Words, words};
use crate::signals;
use crate::text::{self, fill, number};
use crate::verb::update::size;
use core::ffi::CStr;
use init::supervise::service::{Output, Ready, Restart, Settings};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What all of the names begin with.
const PREFIX: &[u8] = b"org.mote.init.";

spec_min::object! {
    /// The part of config.json that is read here; the rest is read when the container is started.
    pub struct Document<'a> {
        /// See the module.
        annotations: spec_min::Map<'a, &'a CStr> = "annotations",
    }
}

/// What was understood.
#[derive(Default)]
pub struct Wishes {
    /// All but the order.
    pub settings: Settings,
    /// The ids of those that it is to start after, as they stand there.
    pub after: Vec<u8>,
}

/// Reads annotations; what is wrong with one is told, and it counts as absent.
pub fn read(document: &Document<'_>, tell: &mut dyn FnMut(Error)) -> Wishes {
    let mut wishes = Wishes::default();
    for (key, value) in document.annotations.iter() {
        let Some(name) = key.to_bytes().strip_prefix(PREFIX) else {
            continue;
        };
        if let Err(why) = wishes.take(name, value.to_bytes()) {
            tell(Error::fill_bytes(
                packed!("annotations: {} \"{}\": {}"),
                &[key.to_bytes(), value.to_bytes(), why.as_bytes()],
            ));
        }
    }
    wishes
}

impl Wishes {
    /// One setting; an error says what its value may be.
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), String> {
        const TIME: &str = "expected seconds, or a number with ms, s, m or h";
        const SIZE: &str = "expected bytes such as 64k or 1m";
        const SIGNAL: &str = "expected a signal's name or number";
        let settings = &mut self.settings;
        let time = || duration(value).ok_or(TIME);
        let one_of = |words: Words| {
            let place = words.place(value);
            place.ok_or_else(|| fill("expected {}", &[&words.one_of()]))
        };
        let is = |word| text::is(name, word);
        if is("after") {
            self.after = value.to_vec();
        } else if is("log-size") {
            settings.log_size = size(value).ok_or(SIZE)?;
        } else if is("output") {
            let place = one_of(words! { "log", "console", "none" })?;
            settings.output = [Output::Log, Output::Console, Output::None][place];
        } else if is("ready") {
            let place = one_of(words! { "start", "notify", "exit" })?;
            settings.ready = [Ready::Start, Ready::Notify, Ready::Exit][place];
        } else if is("ready-timeout") {
            settings.ready_timeout = time()?;
        } else if is("restart") {
            let place = one_of(words! { "never", "on-failure", "always" })?;
            settings.restart = [Restart::Never, Restart::OnFailure, Restart::Always][place];
        } else if is("restart-delay") {
            settings.delay = time()?;
        } else if is("stop-signal") {
            let signal = signals::parse(OsStr::from_bytes(value));
            settings.stop_signal = signal.map_err(|_| SIGNAL)?;
        } else if is("stop-timeout") {
            settings.stop_timeout = time()?;
        } else {
            return Err("no such setting".into());
        }
        Ok(())
    }
}

/// Milliseconds from a number with a unit, by itself of seconds.
fn duration(text: &[u8]) -> Option<i64> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = match unit {
        b"ms" => 1,
        b"" | b"s" => 1000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        _ => return None,
    };
    number(digits)?.checked_mul(factor)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, want) in [
            ("0", Some(0)),
            ("7", Some(7000)),
            ("7s", Some(7000)),
            ("250ms", Some(250)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("", None),
            ("ms", None),
            ("-1", None),
            ("1.5", None),
            ("1 s", None),
            ("1d", None),
            ("9223372036854775807ms", Some(i64::MAX)),
            ("9223372036854775808ms", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(duration(text.as_bytes()), want, "{text}");
        }
    }

    /// The rows of the documentation's table, whose second column is the default and so a value that is taken.
    #[test]
    fn documented_settings_are_taken() {
        let text = include_str!("../../../docs/init.md");
        let rows = text
            .lines()
            .filter_map(|line| line.strip_prefix("| `org.mote.init."));
        let mut count = 0;
        for row in rows {
            let mut cells = row.split('|');
            let name = cells.next().unwrap().trim().trim_end_matches('`');
            let default = cells.next().unwrap().trim().trim_matches('`');
            let mut wishes = Wishes::default();
            assert_eq!(
                wishes.take(name.as_bytes(), default.as_bytes()),
                Ok(()),
                "{name}"
            );
            let unchanged = format!("{:?}", wishes.settings);
            assert_eq!(unchanged, format!("{:?}", Settings::default()), "{name}");
            count += 1;
        }
        assert_eq!(count, 9);
    }
}
