//! The `mote` program.

use runtime::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let line = cli::parse(std::env::args_os());
    ExitCode::from(cli::obey(line))
}
