//! Texts that are read when something has gone wrong, or was asked for, kept in half of their bytes.
//!
//! They are ASCII. Every other byte, but for the one that ends a line, stands for a [fragment](fragments), which is two bytes
//! again, of either sort. [`packed!`](crate::packed!) makes a [`Packed`] of a text that is known when compiling, so the source has the text
//! itself; [`Packed::unpack`] is the way back.

mod fragments;

use core::fmt::{self, Write};
use fragments::FRAGMENTS;

/// A text, packed. Lines, and fields that end in `|`, are packed each for itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packed(&'static [u8]);

/// The [`Packed`] of a constant text.
#[macro_export]
macro_rules! packed {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const ROOM: ([u8; TEXT.len()], usize) = $crate::packed::pack(TEXT);
        const BYTES: [u8; ROOM.1] = $crate::packed::start(&ROOM.0);
        $crate::packed::Packed::new(&BYTES)
    }};
}

impl Packed {
    /// For [`packed!`](crate::packed!).
    pub const fn new(bytes: &'static [u8]) -> Packed {
        Packed(bytes)
    }

    /// Whether there is no text.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Gives the text away, byte by byte.
    #[cold]
    #[inline(never)]
    pub fn unpack(self, to: &mut dyn FnMut(u8)) {
        for byte in self.0 {
            unpack(*byte, to);
        }
    }

    /// The texts between these, which is a line feed or `|`.
    pub fn split(self, mark: u8) -> impl Iterator<Item = Packed> {
        self.0.split(move |byte| *byte == mark).map(Packed)
    }

    /// The line with this number; nothing if there is none.
    #[cold]
    #[inline(never)]
    pub fn line(self, number: usize) -> Packed {
        self.split(b'\n').nth(number).unwrap_or(Packed(b""))
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.unpack(&mut |byte| result = result.and(f.write_char(byte.into())));
        result
    }
}

fn unpack(byte: u8, to: &mut dyn FnMut(u8)) {
    match PAIRS.get(usize::from(byte.wrapping_sub(FIRST))) {
        Some([one, two]) if byte != b'\n' => {
            unpack(*one, to);
            unpack(*two, to);
        }
        _ => to(byte),
    }
}

/// The byte of the first fragment. They go on behind the last byte: up to the blank.
const FIRST: u8 = 0x80;

/// The byte of a fragment: that of a line feed is left out.
const fn byte_of(fragment: usize) -> u8 {
    let byte = FIRST.wrapping_add(fragment as u8);
    if byte < FIRST && byte >= b'\n' {
        byte + 1
    } else {
        byte
    }
}

/// What each byte from [`FIRST`] on stands for.
static PAIRS: [[u8; 2]; FRAGMENTS.len() + 1] = {
    let mut pairs = [[b'\n'; 2]; FRAGMENTS.len() + 1];
    let mut fragment = 0;
    while fragment < FRAGMENTS.len() {
        pairs[byte_of(fragment).wrapping_sub(FIRST) as usize] =
            halves(FRAGMENTS[fragment].as_bytes());
        fragment += 1;
    }
    pairs
};

/// The two bytes that a fragment is made of: each stands for itself or for a shorter fragment.
const fn halves(text: &[u8]) -> [u8; 2] {
    let mut at = 1;
    while at < text.len() {
        let (one, two) = text.split_at(at);
        if let (Some(one), Some(two)) = (one_byte(one), one_byte(two)) {
            return [one, two];
        }
        at += 1;
    }
    panic!("a fragment is not made of two others")
}

const fn one_byte(text: &[u8]) -> Option<u8> {
    if let [byte] = text {
        return Some(*byte);
    }
    let mut fragment = 0;
    while fragment < FRAGMENTS.len() {
        let other = FRAGMENTS[fragment].as_bytes();
        if other.len() == text.len() && starts(text, 0, other) {
            return Some(byte_of(fragment));
        }
        fragment += 1;
    }
    None
}

/// Whether `start` stands at this place of the text.
const fn starts(text: &[u8], at: usize, start: &[u8]) -> bool {
    if text.len() - at < start.len() {
        return false;
    }
    let mut i = 0;
    while i < start.len() {
        if text[at + i] != start[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Where the fragments with this first byte begin in their list, which is in order; those of the next byte follow.
const BEGIN: [usize; 129] = {
    let mut begin = [0; 129];
    let mut fragment = 0;
    while fragment < FRAGMENTS.len() {
        let mut byte = FRAGMENTS[fragment].as_bytes()[0] as usize + 1;
        assert!(
            fragment == begin[byte] || begin[byte] == 0,
            "fragments are in order"
        );
        while byte < begin.len() {
            begin[byte] = fragment + 1;
            byte += 1;
        }
        fragment += 1;
    }
    begin
};

/// The fewest bytes for a text, and how many they are.
pub const fn pack<const N: usize>(text: &str) -> ([u8; N], usize) {
    // From the end on: how many bytes the rest takes, and the best first one of them, with the length of its text.
    let text = text.as_bytes();
    let (mut least, mut first, mut length) = ([0u16; N], [0u8; N], [0u8; N]);
    let mut at = N;
    while at > 0 {
        at -= 1;
        let byte = text[at];
        assert!(
            byte == b'\n' || byte >= b' ' && byte < 0x7f,
            "a packed text is ASCII"
        );
        (least[at], first[at], length[at]) = (1 + rest(&least, at + 1), byte, 1);
        let mut fragment = BEGIN[byte as usize];
        while fragment < BEGIN[byte as usize + 1] {
            let other = FRAGMENTS[fragment].as_bytes();
            if starts(text, at, other) && 1 + rest(&least, at + other.len()) < least[at] {
                least[at] = 1 + rest(&least, at + other.len());
                (first[at], length[at]) = (byte_of(fragment), other.len() as u8);
            }
            fragment += 1;
        }
    }
    let (mut packed, mut count) = ([0; N], 0);
    while at < N {
        packed[count] = first[at];
        count += 1;
        at += length[at] as usize;
    }
    (packed, count)
}

const fn rest(least: &[u16], at: usize) -> u16 {
    if at < least.len() { least[at] } else { 0 }
}

/// The first N of the bytes.
pub const fn start<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut start = [0; N];
    let (part, _) = bytes.split_at(N);
    start.copy_from_slice(part);
    start
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    fn text(packed: Packed) -> String {
        let mut bytes = Vec::new();
        packed.unpack(&mut |byte| bytes.push(byte));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_fragment_stands_for_itself() {
        for (number, fragment) in FRAGMENTS.iter().enumerate() {
            let byte = [byte_of(number)];
            let packed = Packed(std::boxed::Box::leak(std::boxed::Box::new(byte)));
            assert_eq!(text(packed), *fragment);
            assert!(!fragment.contains(['\n', '|']));
        }
        let bytes: Vec<u8> = (0..FRAGMENTS.len()).map(byte_of).collect();
        assert!(
            bytes
                .iter()
                .all(|byte| !(b' '..0x80).contains(byte) && *byte != b'\n')
        );
    }

    #[test]
    fn what_is_packed_is_shorter_and_the_same_again() {
        const LINES: &str =
            "expected a number from 0, or -1 for no limit\n\na|the container's process|\n~";
        let packed = packed!(LINES);
        assert_eq!(text(packed), LINES);
        assert!(packed.0.len() * 3 < LINES.len() * 2, "{}", packed.0.len());
        assert_eq!(text(packed.line(1)), "");
        let fields: Vec<String> = packed.line(2).split(b'|').map(text).collect();
        assert_eq!(fields, ["a", "the container's process", ""]);
        assert!(packed.line(9).is_empty());
        assert!(packed!("").is_empty());
        let all: String = (b' '..0x7f).map(char::from).collect();
        let (room, length) = pack::<95>(&all);
        assert_eq!(
            text(Packed(std::boxed::Box::leak(room[..length].into()))),
            all
        );
    }
}
