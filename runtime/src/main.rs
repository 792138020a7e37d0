//! The `mote` program.
#![no_main]

use init::sys::heap::Heap;
use init::sys::start;
use runtime::cli;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

#[global_allocator]
static HEAP: Heap = Heap::new();

init::entry!(run);

fn run() -> ! {
    let mut words = Vec::new();
    for word in start::arguments() {
        words.push(OsStr::from_bytes(word.to_bytes()).to_owned());
    }
    let first = rustix::process::getpid().is_init();
    cli::obey(&cli::parse(if first {
        cli::of_kernel(words)
    } else {
        words
    }))
}
