//! The command line: rows that say what there is, a parser, help made from the rows, and what the
//! global options come to.
//!
//! - [`rows`] and [`flags`]: every verb and every option, one row each.
//! - [`parse`]: words -> [`Line`], by the rows and Go's grammar for options.
//! - [`options`]: what was given to a verb, looked up by name.
//! - [`global`]: the options before the verb, resolved for use.
//! - [`help`]: the help and version texts.

pub mod flags;
pub mod global;
pub mod help;
pub mod options;
pub mod parse;
pub mod rows;

pub use global::Global;
pub use options::Options;
pub use parse::{Line, Wish, of_kernel, parse};

use crate::error::{Error, Result};
use crate::files;
use crate::text::{fill, quoted};
use core::mem::ManuallyDrop;
use init::sys::process::{exit, standard_streams};
use std::ffi::OsStr;

/// The exit code of mote, up to 255. It is as wide as an error, so that a result of either is returned in registers.
pub type Code = usize;

/// Does what the command line asks for and ends the process; whatever went wrong is reported here and nowhere else.
pub fn obey(line: &Line) -> ! {
    exit(code(line) as i32)
}

fn code(line: &Line) -> Code {
    match &line.wish {
        Wish::Help(verb) => return answer(&help::text(&line.program, *verb)),
        Wish::Version => return answer(&help::version()),
        _ => {}
    }
    // It lives as long as the process.
    let global = match Global::new(&line.program, &line.globals) {
        Ok(global) => ManuallyDrop::new(global),
        Err(error) => {
            let text = fill("{}: {}\n", &[&line.program, error.text()]);
            let _ = files::write_all(standard_streams()[2], text.as_bytes());
            return 1;
        }
    };
    let (error, code) = match &line.wish {
        Wish::Run(verb, options) => match (verb.run)(&global, options) {
            Ok(code) => return code,
            Err(error) => (error, verb.error_code.into()),
        },
        Wish::Wrong(verb, message) => {
            let _ = print(&fill(
                "Incorrect Usage.\n\n{}",
                &[&help::text(&line.program, *verb)],
            ));
            (Error::join(&[message]), 1)
        }
        Wish::NoSuchVerb(name) => {
            let name = quoted(OsStr::new(name));
            (
                Error::fill(
                    packed!("no such command: {}; `{} help` lists them"),
                    &[&name, &line.program],
                ),
                3,
            )
        }
        Wish::Help(_) | Wish::Version => return 0,
    };
    global.report.fatal(&error);
    code
}

fn answer(text: &str) -> Code {
    Code::from(print(text).is_err())
}

/// Writes a verb's output to stdout; a reader that has gone away is an error like a full disk.
pub fn print(text: &str) -> Result<()> {
    files::write_all(standard_streams()[1], text.as_bytes())
        .map_err(|errno| Error::call("stdout", errno))
}
