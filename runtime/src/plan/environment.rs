//! `process.env`: what the program, and whoever looks for it, finds in its environment.

use super::Job;
use super::refusal::Result;
use crate::text::split;
use core::ffi::CStr;
use init::sys::arena::{self, Arena};
use init::sys::exec::{Texts, Vector};
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
        let entry = entry.terminated();
        let why = match names.name(entry) {
            None => packed!("expected NAME=value"),
            Some((0, _)) => packed!("expected a name before the \"=\""),
            Some((_, hash)) => {
                names.add(entry, hash)?;
                continue;
            }
        };
        let text = entry.split_last().map_or(entry, |(_, text)| text);
        let refused = job.about(job.refuse("", why), text);
        job.gather(job.element(refused, "process.env", at))?;
    }
    for entry in extra {
        let entry = entry.to_bytes_with_nul();
        if let Some((_, hash)) = names.name(entry) {
            names.add(entry, hash)?;
        }
    }
    names.settle();
    let path = names.value(b"PATH=").unwrap_or_default();
    let find_home = names.value(b"HOME=").unwrap_or_default().is_empty();
    if find_home {
        names.remove(b"HOME=");
    }
    Ok(Environment {
        vector: names.entries.finish(),
        find_home,
        path,
    })
}

/// The entries, and a hash table of their names, at most half full, so that 50,000 entries cost 50,000 steps. Most of that is
/// a look into the table, which comes when all entries are known: so that the processor has many under way at a time.
struct Names<'a> {
    entries: Texts<'a>,
    /// The hash of each one's name.
    hashes: arena::List<'a, u32>,
    /// Room for the places of those whose slot another one has.
    others: &'a mut [[u8; 4]],
    /// The low bits of each, as many as the table's size has, are a place in `entries`, from 1; the others are those of the
    /// name's hash. 0 is free: the arena gives bytes, which are 0 at first.
    slots: &'a mut [[u8; 4]],
    /// What nobody knows who writes a document, so that nobody can choose names that get into each other's way: the
    /// kernel puts the table at a random address.
    key: u64,
}

/// The length of a name and its hash.
type Name = (usize, u32);

/// No number in particular: odd, with half of its bits set.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// What stands in the slot of an entry.
#[inline(always)]
fn mark(hash: u32, mask: usize, at: usize) -> u32 {
    hash & !(mask as u32) | (at + 1) as u32
}

impl<'a> Names<'a> {
    fn new(arena: &'a Arena, most: usize) -> Result<Names<'a>> {
        let size = (2 * most + 1).next_power_of_two();
        // One more for HOME.
        let entries = Texts::new(arena, most + 1)?;
        let hashes = arena.list(most)?;
        let others = arena.bytes(4 * most)?.as_chunks_mut().0;
        let slots = arena.bytes(4 * size)?.as_chunks_mut().0;
        Ok(Names {
            entries,
            hashes,
            others,
            key: (slots.as_ptr() as u64).wrapping_mul(MIX),
            slots,
        })
    }

    /// Adds an entry, given the hash of its name.
    #[inline(always)]
    fn add(&mut self, entry: &'a [u8], hash: u32) -> Result<()> {
        self.entries.push(entry)?;
        Ok(self.hashes.push(hash)?)
    }

    /// Puts all entries into the table, and removes each that has the name of a later one. First those whose slot is free, of
    /// which there are most: without a branch that the processor would have to guess. Of equal names the first is among them or
    /// none is, so that the others still come in their order.
    #[inline(never)]
    fn settle(&mut self) {
        let mask = self.slots.len() - 1;
        let mut count = 0;
        for (at, &hash) in self.hashes.as_slice().iter().enumerate() {
            let slot = &mut self.slots[hash as usize & mask];
            let found = u32::from_ne_bytes(*slot);
            let new = mark(hash, mask, at);
            *slot = if found == 0 { new } else { found }.to_ne_bytes();
            self.others[count] = (at as u32).to_ne_bytes();
            count += usize::from(found != 0);
        }
        for other in 0..count {
            let at = u32::from_ne_bytes(self.others[other]) as usize;
            let hash = self.hashes.as_slice()[at];
            let slot = self.slot(hash, |before| self.alike(before, at));
            if let Some(before) = self.place(slot).checked_sub(1) {
                self.entries.remove(before);
            }
            self.slots[slot] = mark(hash, mask, at).to_ne_bytes();
        }
    }

    /// Whether two entries have the same name.
    #[cold]
    #[inline(never)]
    fn alike(&self, one: usize, other: usize) -> bool {
        let name = |at| {
            let entry = self.entries.get(at).unwrap_or_default().to_bytes();
            split(entry, b'=').next()
        };
        name(one) == name(other)
    }

    /// The name of an entry: what is before its first "=". Eight bytes at a time, each of which is looked at once.
    #[inline(always)]
    fn name(&self, entry: &[u8]) -> Option<Name> {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        let (words, rest) = entry.as_chunks();
        let (mut hash, mut length) = (self.key, 0);
        for word in words {
            let word = u64::from_le_bytes(*word);
            let apart = word ^ (ONES * b'=' as u64);
            // The top bit of each "=", exact up to the first of them (a borrow may reach beyond).
            let found = apart.wrapping_sub(ONES) & !apart & (ONES << 7);
            if found != 0 {
                let bits = found.trailing_zeros() & !7;
                hash = self.mix(hash, word & !(u64::MAX << bits));
                return Some((length + bits as usize / 8, hash as u32));
            }
            hash = self.mix(hash, word);
            length += 8;
        }
        let mut word = 0;
        for (at, byte) in rest.iter().enumerate() {
            if *byte == b'=' {
                return Some((length + at, self.mix(hash, word) as u32));
            }
            word |= u64::from(*byte) << (8 * at);
        }
        None
    }

    /// After wyhash: both halves of a product, neither factor of which is known outside.
    #[inline(always)]
    fn mix(&self, hash: u64, word: u64) -> u64 {
        let product = u128::from(word ^ hash) * u128::from(self.key ^ MIX);
        product as u64 ^ (product >> 64) as u64
    }

    /// The slot of the name with this hash, `is` telling of an entry whether it has it; if none has, the free one for it.
    #[inline(always)]
    fn slot(&self, hash: u32, is: impl Fn(usize) -> bool) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let found = u32::from_ne_bytes(self.slots[slot]);
            let same = (found ^ hash) & !(mask as u32) == 0;
            if found == 0 || same && is((found as usize & mask) - 1) {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The place in `entries`, from 1, of a slot's entry; 0 if it is free.
    fn place(&self, slot: usize) -> usize {
        u32::from_ne_bytes(self.slots[slot]) as usize & (self.slots.len() - 1)
    }

    /// The place, from 1, of the entry with this name, which has its "="; 0 without one.
    #[inline(never)]
    fn find(&self, name: &[u8]) -> usize {
        let hash = self.name(name).map_or(0, |(_, hash)| hash);
        let is = |at| {
            let entry = self.entries.get(at).unwrap_or_default();
            entry.to_bytes().starts_with(name)
        };
        self.place(self.slot(hash, is))
    }

    /// The value of an entry, given its name with the "=".
    fn value(&self, name: &[u8]) -> Option<&'a CStr> {
        let entry = self.entries.get(self.find(name).checked_sub(1)?)?;
        CStr::from_bytes_with_nul(entry.to_bytes_with_nul().get(name.len()..)?).ok()
    }

    /// Removes an entry. Nothing is looked for any more.
    fn remove(&mut self, name: &[u8]) {
        if let Some(at) = self.find(name).checked_sub(1) {
            self.entries.remove(at);
        }
    }
}
