//! What a bundle's annotations ask `init` for. Pure.

use crate::error::Error;
use crate::signals;
use crate::text::number;
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
    /// The names of those that it is to start after.
    pub after: Vec<String>,
}

/// Rows of a name, without the prefix, what its value may be, and who takes it; none for one that is wrong.
type Row = (
    &'static str,
    &'static str,
    fn(&mut Wishes, &[u8]) -> Option<()>,
);

const ROWS: &[Row] = &[
    ("after", "container ids", |wishes, text| {
        let names = text
            .split(|byte| b" ,".contains(byte))
            .filter(|name| !name.is_empty());
        wishes.after.extend(names.map(crate::error::lossy));
        Some(())
    }),
    ("log-size", "bytes such as 64k or 1m", |wishes, text| {
        wishes.settings.log_size = size(text)?;
        Some(())
    }),
    ("output", "log, console or none", |wishes, text| {
        wishes.settings.output = word(
            text,
            &[
                ("log", Output::Log),
                ("console", Output::Console),
                ("none", Output::None),
            ],
        )?;
        Some(())
    }),
    ("ready", "start, notify or exit", |wishes, text| {
        wishes.settings.ready = word(
            text,
            &[
                ("start", Ready::Start),
                ("notify", Ready::Notify),
                ("exit", Ready::Exit),
            ],
        )?;
        Some(())
    }),
    ("ready-timeout", TIME, |wishes, text| {
        wishes.settings.ready_timeout = duration(text)?;
        Some(())
    }),
    ("restart", "never, on-failure or always", |wishes, text| {
        wishes.settings.restart = word(
            text,
            &[
                ("never", Restart::Never),
                ("on-failure", Restart::OnFailure),
                ("always", Restart::Always),
            ],
        )?;
        Some(())
    }),
    ("restart-delay", TIME, |wishes, text| {
        wishes.settings.delay = duration(text)?;
        Some(())
    }),
    (
        "stop-signal",
        "a signal's name or number",
        |wishes, text| {
            wishes.settings.stop_signal = signals::parse(OsStr::from_bytes(text)).ok()?;
            Some(())
        },
    ),
    ("stop-timeout", TIME, |wishes, text| {
        wishes.settings.stop_timeout = duration(text)?;
        Some(())
    }),
];

const TIME: &str = "seconds, or a number with ms, s, m or h";

/// Reads annotations; what is wrong with one is told, and it counts as absent.
pub fn read(document: &Document<'_>, tell: &mut dyn FnMut(Error)) -> Wishes {
    let mut wishes = Wishes::default();
    for (key, value) in document.annotations.iter() {
        let Some(name) = key.to_bytes().strip_prefix(PREFIX) else {
            continue;
        };
        let row = ROWS.iter().find(|row| row.0.as_bytes() == name);
        let taken = row.map(|(_, _, take)| take(&mut wishes, value.to_bytes()));
        let wanted = match (row, taken) {
            (_, Some(Some(()))) => continue,
            (Some((_, wanted, _)), _) => wanted,
            (None, _) => "no such setting",
        };
        tell(Error::bytes(&[
            b"annotations: ",
            key.to_bytes(),
            b" \"",
            value.to_bytes(),
            if row.is_some() {
                b"\": expected "
            } else {
                b"\": "
            },
            wanted.as_bytes(),
        ]));
    }
    wishes
}

fn word<T: Copy>(text: &[u8], words: &[(&str, T)]) -> Option<T> {
    let row = words.iter().find(|(word, _)| word.as_bytes() == text);
    row.map(|(_, value)| *value)
}

/// Milliseconds from a number with a unit, by itself of seconds.
fn duration(text: &[u8]) -> Option<i64> {
    let units: [(&[u8], u64); 4] = [(b"ms", 1), (b"s", 1000), (b"m", 60_000), (b"h", 3_600_000)];
    let unit = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, *factor)));
    let (digits, factor) = unit.unwrap_or((text, 1000));
    number(digits)?.checked_mul(factor)?.try_into().ok()
}
