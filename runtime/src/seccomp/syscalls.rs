//! Names and numbers of system calls, out of the packed [`tables`].

use super::tables;
use init::sys::arena::Arena;
use rustix::io::Errno;

/// How many names there are. A name's id is its place in their order, from 1; 0 is none.
pub const COUNT: usize = tables::COUNT;

/// A name's byte below this says how much the name shares with the one before.
const SHARED: u8 = 0x20;

/// The id of a name.
pub const fn id(name: &[u8]) -> Option<u16> {
    let mut finder = Finder::START;
    finder.id(name)
}

/// The ids of names with a space between, 0 for what is none: for constants.
pub const fn ids<const N: usize>(names: &str) -> [u16; N] {
    let mut ids = [0; N];
    let (mut rest, mut at) = (names.as_bytes(), 0);
    while !rest.is_empty() {
        let mut end = 0;
        while end < rest.len() && rest[end] != b' ' {
            end += 1;
        }
        let (name, after) = rest.split_at(end);
        if let Some(id) = id(name) {
            ids[at] = id;
        }
        at += 1;
        rest = match after {
            [_, next @ ..] => next,
            [] => after,
        };
    }
    ids
}

/// Looks names up; those of a profile are in order for the most part, so that the next one is near the last.
pub struct Finder<'n> {
    /// What was found last, or nothing,
    last: &'n [u8],
    /// the block that has it,
    block: usize,
    /// and its place there, from 1.
    at: usize,
    /// Where in the names the next entry is.
    next: usize,
}

impl<'n> Finder<'n> {
    /// One that has found nothing yet.
    pub const START: Finder<'n> = Finder {
        last: &[],
        block: 0,
        at: 0,
        next: 0,
    };

    /// The id of a name.
    pub const fn id(&mut self, name: &'n [u8]) -> Option<u16> {
        let mut same = 0;
        while same < name.len() && same < self.last.len() && name[same] == self.last[same] {
            same += 1;
        }
        let ahead = !self.last.is_empty()
            && same < name.len()
            && (same == self.last.len() || self.last[same] < name[same]);
        if ahead && let Some(id) = self.scan(name, same) {
            return Some(id);
        }
        self.last = &[];
        let (mut low, mut high) = (0, tables::BLOCKS.len());
        while high - low > 1 {
            let middle = (low + high) / 2;
            match comes_after(start(middle) + 1, name) {
                true => high = middle,
                false => low = middle,
            }
        }
        (self.block, self.at, self.next) = (low, 0, start(low));
        self.scan(name, 0)
    }

    /// Looks through the rest of the block. The name comes after the entry before, of which it has the first `same`
    /// bytes.
    const fn scan(&mut self, name: &'n [u8], mut same: usize) -> Option<u16> {
        let end = start(self.block + 1);
        let mut next = self.next;
        let mut found = None;
        while next < end {
            let shared = tables::NAMES[next] as usize;
            if shared < same {
                break;
            }
            next += 1;
            self.at += 1;
            if shared == same {
                while same < name.len() && in_entry(next) && tables::NAMES[next] == name[same] {
                    next += 1;
                    same += 1;
                }
                if same == name.len() && !in_entry(next) {
                    self.last = name;
                    found = Some((self.block * tables::BLOCK + self.at) as u16);
                    break;
                }
            }
            while in_entry(next) {
                next += 1;
            }
        }
        self.next = next;
        found
    }
}

/// Whether there is a byte of an entry at a place, not the next entry or the end.
const fn in_entry(at: usize) -> bool {
    at < tables::NAMES.len() && tables::NAMES[at] >= SHARED
}

/// Whether the first name of a block, which begins at a place, comes after another name.
const fn comes_after(mut at: usize, name: &[u8]) -> bool {
    let mut same = 0;
    while in_entry(at) {
        if same == name.len() || tables::NAMES[at] > name[same] {
            return true;
        }
        if tables::NAMES[at] < name[same] {
            return false;
        }
        at += 1;
        same += 1;
    }
    false
}

/// Where a block starts.
const fn start(block: usize) -> usize {
    match block < tables::BLOCKS.len() {
        true => tables::BLOCKS[block] as usize,
        false => tables::NAMES.len(),
    }
}

/// The name with an id.
pub fn name(id: u16) -> String {
    let at = usize::from(id).wrapping_sub(1);
    let mut next = start(at / tables::BLOCK);
    let mut name = Vec::new();
    for _ in 0..=at % tables::BLOCK {
        let shared = tables::NAMES.get(next).copied().unwrap_or_default();
        name.truncate(shared.into());
        next += 1;
        while in_entry(next) {
            name.push(tables::NAMES[next]);
            next += 1;
        }
    }
    crate::error::lossy(&name)
}

/// How many numbers a machine has, by its place in the tables.
pub fn count(machine: usize) -> usize {
    let end = |at: usize| usize::from(tables::ENDS[at]);
    end(machine) - machine.checked_sub(1).map_or(0, end)
}

/// The ids at the numbers from 0 on of some machines.
#[derive(Clone, Copy)]
pub struct Numbers<'a>(&'a [u16]);

impl<'a> Numbers<'a> {
    /// Unpacks those up to a machine, by its place in the tables.
    pub fn unpack(arena: &'a Arena, last: usize) -> Result<Numbers<'a>, Errno> {
        let count = usize::from(tables::ENDS[last]);
        let mut row = arena.list(count + tables::LONGEST)?;
        let mut bits = Bits::default();
        while row.as_slice().len() < count {
            if bits.take(1) == 0 {
                row.push(bits.take(tables::NAME_BITS) as u16)?;
                continue;
            }
            let place = bits.take(tables::PLACE_BITS);
            row.repeat(place, bits.take(tables::LENGTH_BITS) + tables::LEAST)?;
        }
        Ok(Numbers(row.finish()))
    }

    /// Those of one machine.
    pub fn of(&self, machine: usize) -> &'a [u16] {
        let end = |at: usize| usize::from(tables::ENDS[at]);
        let start = machine.checked_sub(1).map_or(0, end);
        self.0.get(start..end(machine)).unwrap_or_default()
    }
}

/// The packed numbers, read from the highest bit on.
#[derive(Default)]
struct Bits {
    /// Read so far.
    at: usize,
    held: u64,
    /// How many bits are held.
    count: u32,
}

impl Bits {
    /// At most 32 bits.
    fn take(&mut self, width: u32) -> usize {
        if self.count < width {
            let next = tables::NUMBERS.get(self.at..).and_then(<[u8]>::first_chunk);
            let next = u32::from_be_bytes(next.copied().unwrap_or_default());
            self.held = self.held << 32 | u64::from(next);
            self.at += 4;
            self.count += 32;
        }
        self.count -= width;
        (self.held >> self.count) as usize & ((1 << width) - 1)
    }
}
