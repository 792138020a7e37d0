//! `process.env`: what the program, and whoever looks for it, finds in its environment.

use super::Job;
use super::refusal::Result;
use core::ffi::CStr;
use init::sys::arena::{self, Arena};
use init::sys::exec::Vector;
use memchr::memchr;
use spec_min::{List, Text};

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
pub fn lower<'a>(job: &Job<'_, 'a>, list: List<'a, Text<'a>>) -> Result<Environment<'a>> {
    let extra = job.facts.extra_env;
    let mut names = Names::new(job.arena, list.len() + extra.len())?;
    for (at, entry) in list.iter().enumerate() {
        let why = match memchr(b'=', entry.bytes()) {
            None => "expected NAME=value",
            Some(0) => "expected a name before the \"=\"",
            Some(end) => {
                names.add(entry.terminated(), end)?;
                continue;
            }
        };
        let refused = job.about(job.refuse("", why), entry.bytes());
        job.gather(job.element(refused, "process.env", at))?;
    }
    for entry in extra {
        if let Some(end) = memchr(b'=', entry.to_bytes()) {
            names.add(entry.to_bytes_with_nul(), end)?;
        }
    }
    let path = names.value(b"PATH=").unwrap_or_default();
    let find_home = names.value(b"HOME=").unwrap_or_default().is_empty();
    if find_home {
        names.remove(b"HOME=");
    }
    let kept = names.entries.finish();
    let vector = Vector::terminated(
        job.arena,
        names.count,
        kept.iter().copied().filter(|entry| !entry.is_empty()),
        1,
    )?;
    Ok(Environment {
        vector,
        find_home,
        path,
    })
}

/// The entries so far, and a hash table of their names, never full, so that 50,000 entries cost 50,000 steps: most of which
/// are a look into the table, which had better be small.
struct Names<'a> {
    /// Each with its NUL; in the place of one that doesn't stay: nothing.
    entries: arena::List<'a, &'a [u8]>,
    /// How many of them stay.
    count: usize,
    /// The low bits of each, as many as the table's size has, are a place in `entries`, from 1; the others are those of the
    /// name's hash. 0 is free: the arena gives bytes, which are 0 at first.
    slots: &'a mut [[u8; 4]],
    /// What nobody knows who writes a document, so that nobody can choose names that get into each other's way: the
    /// kernel puts the table at a random address.
    key: u64,
}

/// No number in particular: odd, with half of its bits set.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

impl<'a> Names<'a> {
    fn new(arena: &'a Arena, most: usize) -> Result<Names<'a>> {
        let size = (most + most / 4 + 1).next_power_of_two();
        let entries = arena.list(most)?;
        let slots = arena.bytes(4 * size)?.as_chunks_mut().0;
        Ok(Names {
            entries,
            count: 0,
            key: (slots.as_ptr() as u64).wrapping_mul(MIX),
            slots,
        })
    }

    /// Of sixteen bytes at a time, after wyhash: both halves of a product, neither factor of which is known outside.
    fn hash(&self, name: &[u8]) -> u64 {
        let mut hash = self.key;
        let mut mix = |bytes: &[u8; 16]| {
            let both = u128::from_le_bytes(*bytes);
            let (low, high) = (both as u64, (both >> 64) as u64);
            let product = u128::from(low ^ hash) * u128::from(high ^ self.key ^ MIX);
            hash = product as u64 ^ (product >> 64) as u64;
        };
        let (pieces, rest) = name.as_chunks();
        pieces.iter().for_each(&mut mix);
        if !rest.is_empty() {
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            mix(&last);
        }
        hash
    }

    /// Where an entry with this name is, or would be, and the hash's part of what stands there. `name` has its "=".
    fn slot(&self, name: &[u8]) -> (usize, u32) {
        let hash = self.hash(name);
        let mask = self.slots.len() - 1;
        let tag = (hash >> 32) as u32 & !(mask as u32);
        let mut slot = hash as usize & mask;
        loop {
            let found = u32::from_ne_bytes(self.slots[slot]);
            let alike = found & !(mask as u32) == tag;
            if found == 0 || alike && self.entry(slot).starts_with(name) {
                return (slot, tag);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The place in `entries`, from 1, of a slot's entry; 0 if it is free.
    fn place(&self, slot: usize) -> usize {
        u32::from_ne_bytes(self.slots[slot]) as usize & (self.slots.len() - 1)
    }

    /// A slot's entry; empty if it is free.
    fn entry(&self, slot: usize) -> &'a [u8] {
        let at = self.place(slot).wrapping_sub(1);
        self.entries.as_slice().get(at).copied().unwrap_or_default()
    }

    /// Adds an entry, `end` being the length of its name, and removes the one that has the same name.
    fn add(&mut self, entry: &'a [u8], end: usize) -> Result<()> {
        let (slot, tag) = self.slot(&entry[..=end]);
        self.entries.push(entry)?;
        match self.place(slot) {
            0 => self.count += 1,
            before => self.entries.as_mut_slice()[before - 1] = &[],
        }
        self.slots[slot] = (tag | self.entries.as_slice().len() as u32).to_ne_bytes();
        Ok(())
    }

    /// The value of an entry, given its name with the "=".
    fn value(&self, name: &[u8]) -> Option<&'a CStr> {
        let value = self.entry(self.slot(name).0).get(name.len()..)?;
        CStr::from_bytes_with_nul(value).ok()
    }

    /// Removes an entry. Nothing is looked for behind it any more, or its slot would be missed on the way.
    fn remove(&mut self, name: &[u8]) {
        if let Some(at) = self.place(self.slot(name).0).checked_sub(1) {
            self.entries.as_mut_slice()[at] = &[];
            self.count -= 1;
        }
    }
}
