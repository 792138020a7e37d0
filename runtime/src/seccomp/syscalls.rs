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
    let (mut low, mut high) = (0, tables::BLOCKS.len());
    while high - low > 1 {
        let middle = (low + high) / 2;
        let first = rest(&tables::NAMES[usize::from(tables::BLOCKS[middle]) + 1..]);
        match first <= name {
            true => low = middle,
            false => high = middle,
        }
    }
    // How much of the name is that of the entry before, which comes before the name.
    let mut same = 0;
    for (at, (shared, rest)) in block(low).enumerate() {
        if shared > same {
            continue;
        }
        let wanted = name.get(same..).filter(|_| shared == same)?;
        let more = wanted.iter().zip(rest).take_while(|(a, b)| a == b).count();
        if more == rest.len() && more == wanted.len() {
            return Some((low * tables::BLOCK + at + 1) as u16);
        }
        same += more;
    }
    None
}

/// The name with an id.
pub fn name(id: u16) -> String {
    let at = usize::from(id).wrapping_sub(1);
    let mut name = Vec::new();
    for (shared, rest) in block(at / tables::BLOCK).take(at % tables::BLOCK + 1) {
        name.truncate(shared);
        name.extend_from_slice(rest);
    }
    crate::error::lossy(&name)
}

/// The entries of a block: how much each shares with the one before, and the rest of it.
fn block(at: usize) -> impl Iterator<Item = (usize, &'static [u8])> {
    let start = |at: usize| tables::BLOCKS.get(at).copied().map(usize::from);
    let from = start(at).unwrap_or(tables::NAMES.len());
    let mut entries = &tables::NAMES[from..start(at + 1).unwrap_or(tables::NAMES.len())];
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
