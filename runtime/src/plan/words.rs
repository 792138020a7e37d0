//! Words of the document that stand for numbers of the kernel.

use super::Job;
use super::paths::given;
use super::refusal::Result;
use crate::text::fill;
use core::ffi::CStr;

/// A table of the spec's words and the kernel's numbers for them, made by [`words!`].
///
/// The words lie one behind the other, each after its length: a table of pointers to them would take four times the
/// room.
#[derive(Clone, Copy)]
pub struct Words {
    packed: &'static [u8],
    /// Empty where a word's number is its place.
    numbers: &'static [u32],
}

/// `words! { "a" = 1, "b" = 4 }`, or `words! { "a", "b" }` where a word's number is its place, from 0 on.
macro_rules! words {
    ($($word:literal),* $(,)?) => { $crate::plan::words::words!(@ [$($word)*] []) };
    ($($word:literal = $number:expr),* $(,)?) => {
        $crate::plan::words::words!(@ [$($word)*] [$($number)*])
    };
    (@ [$($word:literal)*] [$($number:expr)*]) => {{
        const LIST: &[&str] = &[$($word),*];
        const PACKED: [u8; $crate::plan::words::room(LIST)] = $crate::plan::words::packed(LIST);
        $crate::plan::words::Words::new(&PACKED, &[$($number),*])
    }};
}
pub(crate) use words;

/// How many bytes the packed words take.
pub const fn room(words: &[&str]) -> usize {
    let (mut room, mut at) = (0, 0);
    while at < words.len() {
        room += 1 + words[at].len();
        at += 1;
    }
    room
}

/// Packs them; none may be longer than 255 bytes.
pub const fn packed<const ROOM: usize>(words: &[&str]) -> [u8; ROOM] {
    let mut packed = [0; ROOM];
    let (mut end, mut at) = (0, 0);
    while at < words.len() {
        let word = words[at].as_bytes();
        assert!(word.len() <= 255);
        packed[end] = word.len() as u8;
        end += 1;
        let mut byte = 0;
        while byte < word.len() {
            packed[end] = word[byte];
            end += 1;
            byte += 1;
        }
        at += 1;
    }
    packed
}

impl Words {
    /// See [`words!`].
    pub const fn new(packed: &'static [u8], numbers: &'static [u32]) -> Words {
        Words { packed, numbers }
    }

    /// The place of a word.
    #[inline(never)]
    pub fn place(self, word: &[u8]) -> Option<usize> {
        let mut names = Names(self.packed);
        core::iter::from_fn(|| names.bytes()).position(|known| known == word)
    }

    /// The number of a word.
    pub fn find(self, word: &CStr) -> Option<u32> {
        let place = self.place(word.to_bytes())?;
        Some(self.numbers.get(place).copied().unwrap_or(place as u32))
    }

    /// The last word with a number; nothing if there is none.
    #[inline(never)]
    pub fn word(self, number: u32) -> &'static str {
        let place = self.numbers.iter().rposition(|known| *known == number);
        place
            .and_then(|at| self.names().nth(at))
            .unwrap_or_default()
    }

    /// The words.
    pub fn names(self) -> Names {
        Names(self.packed)
    }

    /// Their numbers.
    pub fn numbers(self) -> &'static [u32] {
        self.numbers
    }

    /// The number of a word of the document, which must be there and in the table.
    #[inline(never)]
    pub(super) fn number(self, job: &Job<'_, '_>, word: Option<&CStr>, path: &str) -> Result<u32> {
        let Some(word) = given(word) else {
            return Err(job.refuse(path, &*fill("required: {}", &[&*self.one_of()])));
        };
        self.find(word)
            .ok_or_else(|| job.refuse_text(path, word, &*fill("expected {}", &[&*self.one_of()])))
    }

    /// The words as `a, b or c`.
    #[cold]
    pub fn one_of(self) -> String {
        let mut text = String::new();
        let mut names = self.names();
        while let Some(name) = names.next() {
            if !text.is_empty() {
                text.push_str(if names.0.is_empty() { " or " } else { ", " });
            }
            text.push_str(name);
        }
        text
    }
}

/// The words of a table, in their order.
pub struct Names(&'static [u8]);

impl Names {
    fn bytes(&mut self) -> Option<&'static [u8]> {
        let (length, rest) = self.0.split_first()?;
        let (word, rest) = rest.split_at_checked((*length).into())?;
        self.0 = rest;
        Some(word)
    }
}

impl Iterator for Names {
    type Item = &'static str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'static str> {
        core::str::from_utf8(self.bytes()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        const TABLE: Words = words! { "one" = 1, "uno" = 1, "seven" = 7 };
        const PLACES: Words = words! { "zero", "one" };
        assert_eq!(TABLE.find(c"uno"), Some(1));
        assert_eq!(TABLE.find(c"seven"), Some(7));
        assert_eq!(TABLE.find(c"sev"), None);
        assert_eq!(TABLE.find(c""), None);
        assert_eq!((TABLE.word(1), TABLE.word(2)), ("uno", ""));
        assert_eq!(PLACES.find(c"one"), Some(1));
        assert_eq!(TABLE.one_of(), "one, uno or seven");
        assert_eq!(PLACES.one_of(), "zero or one");
    }
}
