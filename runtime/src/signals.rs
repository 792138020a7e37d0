//! Signals by name and number.

use crate::error::{Error, Result};
use crate::text::{number, quoted};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Rows of name without SIG and signal; the numbers are the target's (signal(7)).
const NAMES: [(&str, Signal); 34] = [
    ("ABRT", Signal::ABORT),
    ("ALRM", Signal::ALARM),
    ("BUS", Signal::BUS),
    ("CHLD", Signal::CHILD),
    ("CLD", Signal::CHILD),
    ("CONT", Signal::CONT),
    ("FPE", Signal::FPE),
    ("HUP", Signal::HUP),
    ("ILL", Signal::ILL),
    ("INT", Signal::INT),
    ("IO", Signal::IO),
    ("IOT", Signal::ABORT),
    ("KILL", Signal::KILL),
    ("PIPE", Signal::PIPE),
    ("POLL", Signal::IO),
    ("PROF", Signal::PROF),
    ("PWR", Signal::POWER),
    ("QUIT", Signal::QUIT),
    ("SEGV", Signal::SEGV),
    ("STKFLT", Signal::STKFLT),
    ("STOP", Signal::STOP),
    ("SYS", Signal::SYS),
    ("TERM", Signal::TERM),
    ("TRAP", Signal::TRAP),
    ("TSTP", Signal::TSTP),
    ("TTIN", Signal::TTIN),
    ("TTOU", Signal::TTOU),
    ("URG", Signal::URG),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("VTALRM", Signal::VTALARM),
    ("WINCH", Signal::WINCH),
    ("XCPU", Signal::XCPU),
    ("XFSZ", Signal::XFSZ),
];

/// Highest signal number (SIGRTMAX of the kernel, asm-generic/signal.h).
const LAST: u64 = 64;

/// `9`, `KILL`, `SIGKILL`, `sigkill`. Real-time signals go by number only.
pub fn parse(text: &OsStr) -> Result<Signal> {
    let upper = text.as_bytes().to_ascii_uppercase();
    let name = upper.strip_prefix(b"SIG").unwrap_or(&upper);
    let row = NAMES.iter().find(|(known, _)| known.as_bytes() == name);
    let signal = row.map(|(_, signal)| *signal).or_else(|| {
        let number = number(text.as_bytes()).filter(|number| (1..=LAST).contains(number))?;
        init::sys::signal::numbered(number as i32)
    });
    signal.ok_or_else(|| Error::join(&["unknown signal ", &quoted(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (word, number) in [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("hup", 1), ("64", 64), ("34", 34)] {
            assert_eq!(parse(OsStr::new(word)).unwrap().as_raw(), number, "{word}");
        }
        for word in ["", "0", "65", "-1", "+9", "9x", "SIG", "SIGSIGKILL", "RTMIN", "SIG9"] {
            assert!(parse(OsStr::new(word)).is_err(), "{word}");
        }
    }
}
