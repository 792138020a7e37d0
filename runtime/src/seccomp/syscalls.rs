//! Names and numbers of system calls, out of the packed [`tables`].

use super::tables;
use init::sys::arena::Arena;
use rustix::io::Errno;

/// How many names there are. A name's id is its place in their order, from 1; 0 is none.
pub const COUNT: usize = tables::COUNT;

/// A name's byte below this says how much the name shares with the one before.
const SHARED: u8 = 0x20;

/// The id of a name.
pub fn id(name: &[u8]) -> Option<u16> {
    Finder::default().id(name)
}

/// Looks names up; those of a profile are in order for the most part, so that the next one is near the last.
#[derive(Default)]
pub struct Finder<'n> {
    /// What was found last, or nothing,
    last: &'n [u8],
    /// the block that has it,
    block: usize,
    /// and its place there.
    at: usize,
    /// Where in the names the next entry is.
    next: usize,
}

impl<'n> Finder<'n> {
    /// The id of a name.
    pub fn id(&mut self, name: &'n [u8]) -> Option<u16> {
        let ahead = !self.last.is_empty() && self.last < name;
        if ahead && let Some(id) = self.scan(name, common(self.last, name)) {
            return Some(id);
        }
        self.last = &[];
        let (mut low, mut high) = (0, tables::BLOCKS.len());
        while high - low > 1 {
            let middle = (low + high) / 2;
            let first = rest(&tables::NAMES[start(middle) + 1..]);
            match first <= name {
                true => low = middle,
                false => high = middle,
            }
        }
        (self.block, self.at, self.next) = (low, 0, start(low));
        self.scan(name, 0)
    }

    /// Looks through the rest of the block. The name comes after the entry before, of which it has the first `same`
    /// bytes.
    fn scan(&mut self, name: &'n [u8], mut same: usize) -> Option<u16> {
        let entries = tables::NAMES.get(self.next..start(self.block + 1))?;
        for (at, (shared, rest)) in block(entries).enumerate() {
            self.next += 1 + rest.len();
            if shared > same {
                continue;
            }
            let wanted = name.get(same..).filter(|_| shared == same)?;
            let more = common(wanted, rest);
            if more == rest.len() && more == wanted.len() {
                self.at += at + 1;
                self.last = name;
                return Some((self.block * tables::BLOCK + self.at) as u16);
            }
            same += more;
        }
        None
    }
}

/// How many bytes both begin with.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// Where a block starts.
fn start(block: usize) -> usize {
    let start = tables::BLOCKS.get(block);
    start.map_or(tables::NAMES.len(), |at| usize::from(*at))
}

/// The name with an id.
pub fn name(id: u16) -> String {
    let at = usize::from(id).wrapping_sub(1);
    let mut name = Vec::new();
    let (number, place) = (at / tables::BLOCK, at % tables::BLOCK);
    let entries = tables::NAMES
        .get(start(number)..start(number + 1))
        .unwrap_or_default();
    for (shared, rest) in block(entries).take(place + 1) {
        name.truncate(shared);
        name.extend_from_slice(rest);
    }
    crate::error::lossy(&name)
}

/// The entries of a block: how much each shares with the one before, and the rest of it.
fn block(mut entries: &'static [u8]) -> impl Iterator<Item = (usize, &'static [u8])> {
    core::iter::from_fn(move || {
        let (shared, after) = entries.split_first()?;
        let rest = rest(after);
        entries = &after[rest.len()..];
        Some((usize::from(*shared), rest))
    })
}

/// The bytes up to the next entry.
fn rest(bytes: &'static [u8]) -> &'static [u8] {
    let end = bytes.iter().position(|byte| *byte < SHARED);
    &bytes[..end.unwrap_or(bytes.len())]
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
            let repeated = bits.take(1) == 1;
            if !repeated {
                row.push(bits.take(tables::NAME_BITS) as u16)?;
                continue;
            }
            let place = bits.take(tables::PLACE_BITS);
            for at in place..place + bits.take(tables::LENGTH_BITS) + tables::LEAST {
                let id = row.as_slice().get(at).copied();
                row.push(id.unwrap_or_default())?;
            }
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
    held: u32,
    /// How many bits are held.
    count: u32,
}

impl Bits {
    /// At most 24 bits.
    fn take(&mut self, width: u32) -> usize {
        while self.count < width {
            let byte = tables::NUMBERS.get(self.at).copied().unwrap_or_default();
            self.held = self.held << 8 | u32::from(byte);
            self.at += 1;
            self.count += 8;
        }
        self.count -= width;
        (self.held >> self.count & ((1 << width) - 1)) as usize
    }
}
