//! How much stack reading and planning take, by the pages of the stack that are touched.
//!
//! The kernel puts the stack at a different place in every process, down to 16 bytes, so that the mean over many processes
//! is the number of bytes, and not of pages.

use init::sys::arena::Arena;
use parser::target::ROOT;
use runtime::plan;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::hint::black_box;

/// Bytes of stack that the plan of this document touches below the caller. What looking at the stack takes itself is
/// not in it where it is deeper than that.
pub fn touched(document: &[u8]) -> u64 {
    let arena = Arena::new(document.len() + plan::arena_size(document.len())).expect("memory");
    let buffer = arena.bytes(document.len()).expect("memory");
    buffer.copy_from_slice(document);
    let (mut before, mut after) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    look(&mut before);
    look(&mut before);
    work(buffer, &arena);
    look(&mut after);
    resident(&after) - resident(&before)
}

#[inline(never)]
fn work<'a>(buffer: &'a mut [u8], arena: &'a Arena) {
    let spec = spec_min::parse_spec(buffer).expect("a good document");
    assert!(black_box(plan::container(&spec, &ROOT, arena, &mut |_, _| ())).is_ok());
}

/// Copies the kernel's description of our memory, with next to no stack: it is taken apart later.
#[inline(never)]
fn look(into: &mut [u8]) {
    let file = openat(CWD, c"/proc/self/smaps", OFlags::RDONLY, Mode::empty()).expect("smaps");
    let mut length = 0;
    while let Ok(count @ 1..) = rustix::io::read(&file, &mut into[length..]) {
        length += count;
    }
}

/// The line `Rss:` after the one that ends in `[stack]` (proc_pid_smaps(5)), in bytes.
fn resident(smaps: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(smaps);
    let (_, stack) = text.split_once("[stack]").expect("a stack");
    let (_, rss) = stack.split_once("Rss:").expect("its size");
    let kib: u64 = rss
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number");
    kib * 1024
}
