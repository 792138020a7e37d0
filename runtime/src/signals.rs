//! Signals by name and number.

use crate::error::{Error, Result};
use crate::text::{number, pieces, quoted};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Rows `name constant;`, kept as one array of numbers and one text of lines in the same order: as an array of string
/// slices they would take twice the room in the binary.
macro_rules! signals {
    ($($name:ident $constant:ident;)*) => {
        const NUMBERS: &[Signal] = &[$(Signal::$constant),*];
        const NAMES: &str = concat!($(stringify!($name), "\n"),*);
    };
}

// The names have no SIG; the numbers are the target's (signal(7)).
signals! {
    ABRT ABORT;
    ALRM ALARM;
    BUS BUS;
    CHLD CHILD;
    CLD CHILD;
    CONT CONT;
    FPE FPE;
    HUP HUP;
    ILL ILL;
    INT INT;
    IO IO;
    IOT ABORT;
    KILL KILL;
    PIPE PIPE;
    POLL IO;
    PROF PROF;
    PWR POWER;
    QUIT QUIT;
    SEGV SEGV;
    STKFLT STKFLT;
    STOP STOP;
    SYS SYS;
    TERM TERM;
    TRAP TRAP;
    TSTP TSTP;
    TTIN TTIN;
    TTOU TTOU;
    URG URG;
    USR1 USR1;
    USR2 USR2;
    VTALRM VTALARM;
    WINCH WINCH;
    XCPU XCPU;
    XFSZ XFSZ;
}

/// Highest signal number (SIGRTMAX of the kernel, asm-generic/signal.h).
const LAST: u64 = 64;

/// `9`, `KILL`, `SIGKILL`, `sigkill`. Real-time signals go by number only.
pub fn parse(text: &OsStr) -> Result<Signal> {
    let upper = text.as_bytes().to_ascii_uppercase();
    let name = upper.strip_prefix(b"SIG").unwrap_or(&upper);
    let row = pieces(NAMES, b'\n').position(|known| known.as_bytes() == name);
    let signal = row.and_then(|row| NUMBERS.get(row).copied()).or_else(|| {
        let number = number(text.as_bytes()).filter(|number| (1..=LAST).contains(number))?;
        init::sys::signal::numbered(number as i32)
    });
    signal.ok_or_else(|| Error::fill(packed!("unknown signal {}"), &[&quoted(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (word, number) in [
            ("9", 9),
            ("KILL", 9),
            ("SIGKILL", 9),
            ("sigterm", 15),
            ("hup", 1),
            ("64", 64),
            ("34", 34),
        ] {
            assert_eq!(parse(OsStr::new(word)).unwrap().as_raw(), number, "{word}");
        }
        for word in [
            "",
            "0",
            "65",
            "-1",
            "+9",
            "9x",
            "SIG",
            "SIGSIGKILL",
            "RTMIN",
            "SIG9",
        ] {
            assert!(parse(OsStr::new(word)).is_err(), "{word}");
        }
    }
}
