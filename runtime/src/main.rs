//! The `mote` program.
#![no_main]

use init::sys::heap::Heap;
use init::sys::start;
use runtime::cli;
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

#[global_allocator]
static HEAP: Heap = Heap::new();

init::entry!(run);

fn run() -> ! {
    let word = |word: &CStr| OsStr::from_bytes(word.to_bytes()).to_owned();
    let words: Vec<OsString> = start::arguments().map(word).collect();
    let first = rustix::process::getpid().is_init();
    cli::obey(&cli::parse(if first {
        cli::of_kernel(words)
    } else {
        words
    }))
}
