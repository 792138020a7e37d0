//! `process.env`: what the program, and whoever looks for it, finds in its environment.

use super::Job;
use super::refusal::Result;
use core::ffi::CStr;
use init::sys::exec::Vector;
use spec_min::List;

/// The environment and what was read from it on the way.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// One entry a name, with a spare slot for HOME.
    pub vector: Vector<'a>,
    /// Whether HOME is to be found: an empty one is as good as none.
    pub find_home: bool,
    /// PATH's value; empty without one.
    pub path: &'a CStr,
}

/// Of entries with the same name only the last one stays, where it stands (runc's rule).
pub fn lower<'a>(job: &Job<'_, 'a>, list: List<'a, &'a CStr>) -> Result<Environment<'a>> {
    let extra = job.facts.extra_env;
    let count = list.len() + extra.len();
    let mut all = job.arena.list::<&CStr>(count)?;
    for (at, entry) in list.iter().enumerate() {
        let why = match entry.to_bytes() {
            [b'=', ..] => "expected a name before the \"=\"",
            bytes if !bytes.contains(&b'=') => "expected NAME=value",
            _ => {
                all.push(entry)?;
                continue;
            }
        };
        job.gather(job.element(job.refuse_text("", entry, why), "process.env", at))?;
    }
    for &entry in extra {
        all.push(entry)?;
    }
    let all = all.finish();

    let mut names = Names::new(job, all)?;
    let mut kept = job.arena.list::<&CStr>(count)?;
    let (mut find_home, mut path) = (true, c"");
    for (at, &entry) in all.iter().enumerate().rev() {
        if !names.insert(at) {
            continue;
        }
        match name(entry) {
            b"HOME" if entry == c"HOME=" => continue,
            b"HOME" => find_home = false,
            b"PATH" => path = value(entry),
            _ => {}
        }
        kept.push(entry)?;
    }
    let kept = kept.finish_mut();
    kept.reverse();
    let vector = job.vector_of(kept, 1)?;
    Ok(Environment {
        vector,
        find_home,
        path,
    })
}

fn name(entry: &CStr) -> &[u8] {
    let bytes = entry.to_bytes();
    &bytes[..bytes
        .iter()
        .position(|&byte| byte == b'=')
        .unwrap_or(bytes.len())]
}

fn value(entry: &CStr) -> &CStr {
    let bytes = entry.to_bytes_with_nul();
    let start = (name(entry).len() + 1).min(bytes.len() - 1);
    CStr::from_bytes_until_nul(&bytes[start..]).unwrap_or(c"")
}

/// The names seen so far: a hash table at most half full, so that 50,000 entries cost 50,000 steps.
struct Names<'a> {
    entries: &'a [&'a CStr],
    /// Places in `entries`, from 1; 0 is free.
    slots: &'a mut [u32],
}

impl<'a> Names<'a> {
    fn new(job: &Job<'_, 'a>, entries: &'a [&'a CStr]) -> Result<Names<'a>> {
        let size = (entries.len() * 2).next_power_of_two();
        let mut slots = job.arena.list(size)?;
        for _ in 0..size {
            slots.push(0)?;
        }
        Ok(Names {
            entries,
            slots: slots.finish_mut(),
        })
    }

    /// Adds the name of `entries[at]`; false if it was there already.
    fn insert(&mut self, at: usize) -> bool {
        let wanted = name(self.entries[at]);
        // FNV-1a.
        let hash = wanted.iter().fold(0x811c_9dc5_u32, |hash, &byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != 0 {
            if name(self.entries[self.slots[slot] as usize - 1]) == wanted {
                return false;
            }
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = at as u32 + 1;
        true
    }
}
