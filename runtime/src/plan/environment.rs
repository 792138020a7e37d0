//! `process.env`: what the program, and whoever looks for it, finds in its environment.

use super::Job;
use super::refusal::Result;
use core::ffi::CStr;
use init::sys::arena::{self, Arena};
use init::sys::exec::Vector;
use memchr::memchr;
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
    let mut names = Names::new(job.arena, list.len() + extra.len())?;
    for (at, entry) in list.iter().enumerate() {
        let why = match memchr(b'=', entry.to_bytes()) {
            None => "expected NAME=value",
            Some(0) => "expected a name before the \"=\"",
            Some(end) => {
                names.add(entry, end)?;
                continue;
            }
        };
        job.gather(job.element(job.refuse_text("", entry, why), "process.env", at))?;
    }
    for &entry in extra {
        if let Some(end) = memchr(b'=', entry.to_bytes()) {
            names.add(entry, end)?;
        }
    }
    let path = names.value(c"PATH=").unwrap_or_default();
    let find_home = names.value(c"HOME=").unwrap_or_default().is_empty();
    if find_home {
        names.remove(c"HOME=");
    }
    let kept = names.entries.finish();
    let vector = Vector::new(
        job.arena,
        names.count,
        kept.iter().copied().filter(|entry| *entry != REMOVED),
        1,
    )?;
    Ok(Environment {
        vector,
        find_home,
        path,
    })
}

/// In the place of an entry that doesn't stay; no entry is without a name.
const REMOVED: &CStr = c"";

/// The entries so far, and a hash table of their names, at most half full, so that 50,000 entries cost 50,000 steps.
struct Names<'a> {
    entries: arena::List<'a, &'a CStr>,
    /// How many of them stay.
    count: usize,
    /// Places in `entries`, from 1; 0 is free. The arena gives bytes, which are 0 at first.
    slots: &'a mut [[u8; 4]],
}

impl<'a> Names<'a> {
    fn new(arena: &'a Arena, most: usize) -> Result<Names<'a>> {
        let size = (most * 2).next_power_of_two();
        Ok(Names {
            entries: arena.list(most)?,
            count: 0,
            slots: arena.bytes(4 * size)?.as_chunks_mut().0,
        })
    }

    /// Where an entry with this name is, or would be. `name` has its "=".
    fn slot(&self, name: &[u8]) -> usize {
        let (words, rest) = name.as_chunks::<8>();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        let rest = rest.iter().map(|byte| u64::from(*byte));
        // FNV's way, but for whole words: the high bits depend on all.
        let hash = words
            .chain(rest)
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| {
                (hash ^ word)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(29)
            });
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while let Some(entry) = self.entry(slot)
            && !entry.to_bytes().starts_with(name)
        {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn entry(&self, slot: usize) -> Option<&'a CStr> {
        let at = u32::from_ne_bytes(self.slots[slot]) as usize;
        self.entries.as_slice().get(at.checked_sub(1)?).copied()
    }

    /// Adds an entry, `end` being the length of its name, and removes the one that has the same name.
    fn add(&mut self, entry: &'a CStr, end: usize) -> Result<()> {
        let slot = self.slot(&entry.to_bytes()[..=end]);
        self.entries.push(entry)?;
        let before = u32::from_ne_bytes(self.slots[slot]) as usize;
        self.slots[slot] = (self.entries.as_slice().len() as u32).to_ne_bytes();
        match before {
            0 => self.count += 1,
            before => self.entries.as_mut_slice()[before - 1] = REMOVED,
        }
        Ok(())
    }

    /// The value of an entry, given its name with the "=".
    fn value(&self, name: &CStr) -> Option<&'a CStr> {
        let entry = self.entry(self.slot(name.to_bytes()))?;
        entry
            .to_bytes_with_nul()
            .get(name.count_bytes()..)
            .and_then(|value| CStr::from_bytes_with_nul(value).ok())
    }

    /// Removes an entry. Nothing is looked for behind it any more, or its slot would be missed on the way.
    fn remove(&mut self, name: &CStr) {
        let at = u32::from_ne_bytes(self.slots[self.slot(name.to_bytes())]) as usize;
        if let Some(at) = at.checked_sub(1) {
            self.entries.as_mut_slice()[at] = REMOVED;
            self.count -= 1;
        }
    }
}
