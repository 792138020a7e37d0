//! Packing: what `runtime/src/seccomp/syscalls.rs` unpacks.
//!
//! Names are sorted, in blocks of [`BLOCK`]. Each is one byte, how many bytes it shares with the one before it in its
//! block, and the rest of its bytes. As no name has a byte below [`SHARED`], that byte also ends the name before.
//!
//! Numbers: for each machine in turn, the name at each number from 0 on, counted from 1, and 0 for none. All of that
//! in a row is packed by references to what came before, since most machines were numbered after another one. A
//! stream of bits, highest first: 0 and [`NAME`] bits of a name; or 1, [`PLACE`] bits of a place in the row and
//! [`LENGTH`] bits of a length less [`LEAST`], for a repetition of what stands there. Zeros follow, so that four bytes can be read
//! wherever one is.

use crate::sh::Result;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

const BLOCK: usize = 16;
const SHARED: u8 = 0x20;
const NAME: u32 = 10;
const PLACE: u32 = 14;
const LENGTH: u32 = 8;
const LEAST: usize = 2;
const MOST: usize = LEAST + (1 << LENGTH) - 1;

/// The system calls of one machine.
pub struct Table {
    machine: &'static str,
    /// By number.
    names: Vec<Option<String>>,
}

impl Table {
    /// An error if two calls have the same number or the same name.
    pub fn new(machine: &'static str, calls: Vec<(String, u32)>) -> Result<Table> {
        let mut names = Vec::new();
        for (name, number) in calls {
            let at = number as usize;
            if names.len() <= at {
                names.resize(at + 1, None);
            }
            if names[at].as_ref() == Some(&name) {
                continue;
            }
            if names.contains(&Some(name.clone())) || names[at].is_some() {
                return Err(format!(
                    "{machine}: {name} or its number {number} is there twice"
                ));
            }
            names[at] = Some(name);
        }
        Ok(Table { machine, names })
    }
}

/// The source text of the tables.
pub fn render(tables: &[Table]) -> Result<String> {
    let all = tables.iter().flat_map(|table| table.names.iter().flatten());
    let names: Vec<&str> = all
        .map(String::as_str)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if names.len() >= 1 << NAME {
        return Err(format!(
            "{} names are too many for {NAME} bits",
            names.len()
        ));
    }
    let ids: HashMap<&str, u16> = names.iter().copied().zip(1..).collect();
    let mut row = Vec::new();
    let mut ends = String::new();
    for table in tables {
        row.extend(
            table
                .names
                .iter()
                .map(|name| name.as_deref().map_or(0, |name| ids[name])),
        );
        write!(ends, " {},", row.len()).map_err(|e| e.to_string())?;
    }
    if row.len() >= 1 << PLACE {
        return Err(format!(
            "{} numbers are too many for {PLACE} bits",
            row.len()
        ));
    }
    let (blocks, starts) = front_code(&names)?;
    let packed = pack(&row);
    let machines: Vec<&str> = tables.iter().map(|table| table.machine).collect();
    Ok(format!(
        "//! Written by `cargo ci syscalls` from Linux 6.12's headers (linux-libc-dev of Debian 13) and its own list of what
//! came later; not to be edited. The format is that of `ci/src/syscalls/pack.rs`; `syscalls.rs` reads it.

/// How many names there are,
pub const COUNT: usize = {count};
/// and how many are in a block.
pub const BLOCK: usize = {BLOCK};

/// Bits of a name,
pub const NAME_BITS: u32 = {NAME};
/// of a place,
pub const PLACE_BITS: u32 = {PLACE};
/// and of a length, which is no less than
pub const LENGTH_BITS: u32 = {LENGTH};
/// this, which is not packed,
pub const LEAST: usize = {LEAST};
/// and no more than this.
pub const LONGEST: usize = {MOST};

/// The names.
pub const NAMES: &[u8] = b\"\\\n{blocks}\";

/// Where each block of {BLOCK} names starts.
#[rustfmt::skip]
pub const BLOCKS: [u16; {block_count}] = [\n{starts}];

/// Where the numbers of each machine end in the row: {list}.
#[rustfmt::skip]
pub const ENDS: [u16; {machine_count}] = [{ends}];

/// The row, packed.
#[rustfmt::skip]
pub const NUMBERS: [u8; {packed_count}] = [\n{packed}];
",
        count = names.len(),
        block_count = starts.len(),
        starts = lines(starts.iter().map(|at| format!("{at},"))),
        list = machines.join(" "),
        machine_count = machines.len(),
        ends = ends.trim_start().trim_end_matches(','),
        packed_count = packed.len(),
        packed = lines(packed.iter().map(|byte| format!("{byte},"))),
    ))
}

/// The blocks as lines of a literal, and where each begins.
fn front_code(names: &[&str]) -> Result<(String, Vec<u16>)> {
    let (mut text, mut starts, mut at) = (String::new(), Vec::new(), 0u16);
    for block in names.chunks(BLOCK) {
        starts.push(at);
        text.push_str("    ");
        let mut before = "";
        for name in block {
            let same = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b);
            let shared = same.count();
            if shared >= SHARED as usize || name.bytes().any(|byte| byte <= SHARED) {
                return Err(format!("{name} doesn't fit the format"));
            }
            write!(text, "\\x{shared:02x}{}", &name[shared..]).map_err(|e| e.to_string())?;
            at += 1 + (name.len() - shared) as u16;
            before = name;
        }
        text.push_str("\\\n");
    }
    Ok((text, starts))
}

/// The shortest way to say `row`.
fn pack(row: &[u16]) -> Vec<u8> {
    let matches = longest(row);
    // From the end: how many bits the rest takes, and the length of its first token.
    let mut rest = vec![(0, 0); row.len() + 1];
    for at in (0..row.len()).rev() {
        let name: (u32, usize) = (1 + NAME + rest[at + 1].0, 1);
        let repeat = |length: usize| (1 + PLACE + LENGTH + rest[at + length].0, length);
        let repeats = (LEAST..=matches[at].1).map(repeat);
        rest[at] = repeats.chain([name]).min().unwrap_or(name);
    }
    let mut bits = Bits::default();
    let mut at = 0;
    while at < row.len() {
        let length = rest[at].1;
        if length == 1 {
            bits.push(u32::from(row[at]), 1 + NAME);
        } else {
            bits.push(1 << PLACE | matches[at].0 as u32, 1 + PLACE);
            bits.push((length - LEAST) as u32, LENGTH);
        }
        at += length;
    }
    bits.bytes.extend([0; 3]);
    bits.bytes
}

/// For each place the first of the longest earlier stretches with the same names: (place, length).
fn longest(row: &[u16]) -> Vec<(usize, usize)> {
    let mut seen: HashMap<u16, Vec<usize>> = HashMap::new();
    let mut matches = Vec::new();
    for at in 0..row.len() {
        let places = seen.entry(row[at]).or_default();
        let mut best = (0, 0);
        for &place in places.iter() {
            let most = MOST.min(row.len() - at).min(at - place);
            let same = (0..most).take_while(|more| row[place + more] == row[at + more]);
            let length = same.count();
            if length > best.1 {
                best = (place, length);
            }
        }
        places.push(at);
        matches.push(best);
    }
    matches
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, value: u32, width: u32) {
        for bit in (0..width).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> bit & 1) as u8) << (7 - self.count % 8);
            self.count += 1;
        }
    }
}

/// Words in lines.
fn lines(words: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut line = String::from("   ");
    for word in words {
        if line.len() + word.len() > 115 {
            text.push_str(&line);
            text.push('\n');
            line = String::from("   ");
        }
        line.push(' ');
        line.push_str(&word);
    }
    text + &line + "\n"
}
