//! The text of an error, for want of a heap in an array: parts of limited length, one behind the other.

use core::fmt;

/// Room for the longest message: a path, a sentence, and what was found.
const SIZE: usize = 320;

/// A line of text. What doesn't fit in a part of it is cut off at a character and shown as `...`.
#[derive(Clone, Copy)]
pub struct Message {
    bytes: [u8; SIZE],
    length: usize,
    /// How much of it is the path of the member that it is about.
    path: usize,
    /// Where the present part has to end.
    limit: usize,
    cut: bool,
}

/// What stands for text that was cut off.
pub(crate) const DOTS: &str = "...";

impl Message {
    pub(crate) const fn new() -> Self {
        Message {
            bytes: [0; SIZE],
            length: 0,
            path: 0,
            limit: SIZE,
            cut: false,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// The path of the member, empty at the top of a document, and what is wrong there.
    pub fn parts(&self) -> (&str, &str) {
        let (path, rest) = self
            .as_str()
            .split_at_checked(self.path)
            .unwrap_or_default();
        (path, rest.strip_prefix(": ").unwrap_or(rest))
    }

    /// Ends the path.
    pub(crate) fn end_path(&mut self) {
        self.path = self.length;
        if self.length != 0 {
            self.push(": ");
        }
    }

    /// Starts anew, with a part of at most `room` bytes.
    pub(crate) fn restart(&mut self, room: usize) {
        self.length = 0;
        self.part(room);
    }

    /// Starts a part of at most `room` bytes.
    pub(crate) fn part(&mut self, room: usize) {
        self.limit = (self.length + room).min(SIZE - DOTS.len());
        self.cut = false;
    }

    /// Whether the part is too long.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether there is no text yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Ends the part.
    pub(crate) fn end_part(&mut self) {
        self.limit = SIZE;
        if core::mem::take(&mut self.cut) {
            self.push(DOTS);
        }
    }

    pub(crate) fn push(&mut self, text: &str) {
        if self.cut {
            return;
        }
        let mut fits = text.len().min(self.limit - self.length);
        self.cut = fits < text.len();
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        for &byte in &text.as_bytes()[..fits] {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }

    /// A number in decimal.
    pub(crate) fn push_number(&mut self, number: u64) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        self.push_digit((number % 10) as u8);
    }

    /// A byte in hexadecimal.
    pub(crate) fn push_byte(&mut self, byte: u8) {
        self.push_digit(byte >> 4);
        self.push_digit(byte & 15);
    }

    fn push_digit(&mut self, digit: u8) {
        self.push(hex(digit.into()).encode_utf8(&mut [0; 4]));
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn hex(digit: u32) -> char {
    char::from_digit(digit, 16).unwrap_or_default()
}

/// Puts text between quotation marks, so that no byte of it can move a terminal's cursor or end the quotation; `out` gets
/// it piece by piece.
pub fn quote(out: &mut dyn FnMut(&str), text: &str, mark: char) {
    let mut put = |character: char| out(character.encode_utf8(&mut [0; 4]));
    put(mark);
    for character in text.chars() {
        if character.is_control() {
            // All of them are below U+00A0.
            let code = u32::from(character);
            for piece in ['\\', 'u', '0', '0', hex(code >> 4), hex(code & 15)] {
                put(piece);
            }
            continue;
        }
        if mark == '"' && matches!(character, '"' | '\\') {
            put('\\');
        }
        put(character);
    }
    put(mark);
}
