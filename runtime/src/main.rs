//! The `mote` program.

use init::sys::heap::Heap;
use runtime::cli;
use std::process::ExitCode;

#[global_allocator]
static HEAP: Heap = Heap::new();

fn main() -> ExitCode {
    let line = cli::parse(std::env::args_os().collect());
    ExitCode::from(cli::obey(line))
}
