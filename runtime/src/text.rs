//! Texts put together and taken apart: one function for each way, instead of a formatter or a pattern at every place
//! that needs one.

use init::packed::Packed;
pub use init::text::{is, is_name, split};
use std::ffi::CString;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A text to put into a sentence: as it is, or packed.
pub trait Wording {
    /// The text.
    fn wording(self) -> String;
}

impl Wording for &str {
    fn wording(self) -> String {
        self.into()
    }
}

impl Wording for String {
    fn wording(self) -> String {
        self
    }
}

impl Wording for Packed {
    fn wording(self) -> String {
        unpacked(self)
    }
}

/// A packed text.
#[cold]
#[inline(never)]
pub fn unpacked(packed: Packed) -> String {
    let mut bytes = Vec::new();
    packed.unpack(&mut |byte| bytes.push(byte));
    String::from_utf8(bytes).unwrap_or_default()
}

/// The pieces one after the other, as system calls take them: what follows a NUL, which no piece has, is cut off.
#[inline(never)]
pub fn c(pieces: &[&[u8]]) -> CString {
    let mut bytes = pieces.concat();
    let length = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    bytes.truncate(length);
    CString::new(bytes).unwrap_or_default()
}

/// The pattern with a piece in the place of each `{}`, in their order. One pattern and the pieces that vary take less code
/// than all the pieces one by one.
#[inline(never)]
pub fn fill(pattern: &str, pieces: &[&str]) -> String {
    let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
    String::from_utf8(fill_bytes(pattern, &pieces)).unwrap_or_default()
}

/// The same for pieces that come from the operating system.
#[inline(never)]
pub fn fill_bytes(pattern: &str, pieces: &[&[u8]]) -> Vec<u8> {
    debug_assert_eq!(pattern.matches("{}").count(), pieces.len(), "{pattern}");
    let (mut text, mut rest) = (Vec::new(), pattern.as_bytes());
    for piece in pieces {
        let mark = rest.windows(2).position(|two| two == b"{}");
        let (before, after) = rest.split_at(mark.unwrap_or(rest.len()));
        text.extend_from_slice(before);
        text.extend_from_slice(piece);
        rest = after.get(2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

/// A number in decimal.
#[inline(never)]
pub fn decimal(number: u64) -> String {
    let mut text = String::new();
    push(&mut text, number, 1);
    text
}

/// A number in decimal, below zero with a minus.
pub fn signed(number: i64) -> String {
    let minus = if number < 0 { "-" } else { "" };
    [minus, &*decimal(number.unsigned_abs())].concat()
}

/// Adds a number in hexadecimal, after `0x`.
pub fn hexadecimal(text: &mut String, number: u32) {
    text.push_str("0x");
    let digits = (u32::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        text.push(char::from_digit(number >> (4 * digit) & 0xf, 16).unwrap_or('0'));
    }
}

/// Adds a number in decimal, with zeros before it up to a width.
#[inline(never)]
pub fn push(text: &mut String, number: u64, width: usize) {
    if number >= 10 || width > 1 {
        push(text, number / 10, width.saturating_sub(1));
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// The number that all of the bytes are the decimal digits of.
#[inline(never)]
pub fn number(digits: &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        value = value
            .checked_mul(10)?
            .checked_add(digit.into())
            .filter(|_| digit < 10)?;
    }
    Some(value).filter(|_| !digits.is_empty())
}

/// What stands between the white space of a text.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    Between(text)
}

struct Between<'t>(&'t [u8]);

impl<'t> Iterator for Between<'t> {
    type Item = &'t [u8];

    #[inline(never)]
    fn next(&mut self) -> Option<&'t [u8]> {
        let text = self.0.trim_ascii_start();
        let end = text.iter().position(u8::is_ascii_whitespace);
        let word;
        (word, self.0) = text.split_at(end.unwrap_or(text.len()));
        Some(word).filter(|word| !word.is_empty())
    }
}

/// Whether one of them is this.
#[inline(never)]
pub fn has_word(text: &[u8], wanted: &[u8]) -> bool {
    words(text).any(|word| word == wanted)
}

/// A word of the user's, in quotes, for a message.
pub fn quoted(word: &OsStr) -> String {
    let mut text = String::new();
    quote(&mut text, &String::from_utf8_lossy(word.as_bytes()));
    text
}

/// The lines of a text in one, with ` | ` between them.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    for piece in pieces(text.trim_ascii_end(), b'\n').filter(|piece| !piece.is_empty()) {
        if !line.is_empty() {
            line.push_str(" | ");
        }
        line.push_str(piece);
    }
    line
}

/// Adds a text in quotes, with the escapes of Go's `%q`.
#[inline(never)]
pub fn quote(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\0'..' ' | '\x7f'..'\u{a0}' => {
                escape(text, character);
                continue;
            }
            other => {
                text.push(other);
                continue;
            }
        };
        text.push_str(short);
    }
    text.push('"');
}

/// Adds `\u` and the four hexadecimal digits of a character's number.
#[inline(never)]
pub fn escape(text: &mut String, character: char) {
    text.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        text.push(char::from_digit(character as u32 >> shift & 0xf, 16).unwrap_or('0'));
    }
}

/// The pieces of a text between marks, like `str::split`, whose code is made anew for every use.
#[derive(Clone, Debug)]
pub struct Pieces<'t> {
    rest: Option<&'t str>,
    mark: u8,
}

/// `mark` is an ASCII character.
pub fn pieces(text: &str, mark: u8) -> Pieces<'_> {
    Pieces {
        rest: Some(text),
        mark,
    }
}

impl<'t> Pieces<'t> {
    /// All that was not taken yet, further marks included.
    pub fn rest(self) -> Option<&'t str> {
        self.rest
    }

    /// Whether one of the pieces is this.
    #[inline(never)]
    pub fn has(mut self, wanted: &str) -> bool {
        self.any(|piece| piece == wanted)
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'t str> {
        let rest = self.rest?;
        let end = init::text::find(rest.as_bytes(), self.mark);
        self.rest = end.and_then(|end| rest.get(end + 1..));
        rest.get(..end.unwrap_or(rest.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(decimal(0), "0");
        assert_eq!(decimal(u64::MAX), u64::MAX.to_string());
        let mut text = String::new();
        push(&mut text, 7, 4);
        push(&mut text, 12345, 4);
        push(&mut text, 0, 1);
        assert_eq!(text, "0007123450");
        text.clear();
        hexadecimal(&mut text, 0);
        hexadecimal(&mut text, 0xc000_003e);
        assert_eq!(text, "0x00xc000003e");
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for digits in [
            &b""[..],
            b"18446744073709551616",
            b"-1",
            b"+1",
            b"1x",
            b" 1",
        ] {
            assert_eq!(number(digits), None);
        }
    }

    #[test]
    fn white_space() {
        assert!(words(b" a\t\nbc ").eq([&b"a"[..], b"bc"]));
        assert_eq!(words(b" \n").next(), None);
        assert!(has_word(b"a bc", b"bc") && !has_word(b"a bc", b"b"));
    }

    #[test]
    fn filling() {
        assert_eq!(fill("{}: {{}}, {}", &["a", "{}", ""]), "a: {{}}, ");
        assert_eq!(fill("none", &[]), "none");
        assert_eq!(fill_bytes("/{}", &[b"\xff"]), b"/\xff");
    }

    #[test]
    fn paths_and_quotes() {
        assert_eq!(
            quoted(OsStr::new("a \"b\"\n\u{e9}\u{1}")),
            "\"a \\\"b\\\"\\n\u{e9}\\u0001\""
        );
        assert_eq!(quoted(OsStr::from_bytes(b"\xff")), "\"\u{fffd}\"");
        assert_eq!(c(&[b"a/", b"b"]).as_c_str(), c"a/b");
        assert_eq!(c(&[b"a\0b"]).as_c_str(), c"a");
        assert_eq!(one_line("a b\n\nc \n"), "a b | c");
        assert_eq!(one_line("\n"), "");
    }
}
