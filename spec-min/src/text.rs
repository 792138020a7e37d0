//! Phase one: is this JSON, and what do its strings say?
//!
//! One pass checks RFC 8259 strictly and decodes every string in place. A decoded string is never longer than its
//! written form, so its bytes start where they did, right behind the opening quote, and NUL bytes fill the rest up to
//! and including the closing quote. In the opening quote's place stands the length beside the top bit, which no other
//! byte outside of a string has: so most strings are passed without being looked at again. A blank takes the place of
//! each colon.
//!
//! ```text
//!     "a\u00e9\n"     before: 11 bytes
//!     4aé.000000      after: 11 bytes, two of them in é; 4 is the byte 0x84, . is the newline, 0 is NUL
//! ```
//!
//! So each string is a C string in the buffer, and nothing else moves: offsets stay those of the file. A NUL *in* a
//! string is refused, since no path, name or value that the kernel takes can hold one. And what stands between values is
//! told from their first bytes by one comparison: NUL, blanks and commas are all less than any of these.

use memchr::memchr;

use crate::error::{Error, Fault, Phase};
use crate::reader::Refused;

/// How deep arrays and objects may nest. config.json needs 7 levels; a level costs the checker one bit.
pub const MAX_DEPTH: usize = 128;

/// One bit a level, set for an object: the type that gives [`MAX_DEPTH`] its value.
type Levels = u128;
const _: () = assert!(MAX_DEPTH == Levels::BITS as usize);

/// Checks the whole text and decodes its strings in place. After an error the text is of no more use.
pub fn decode(text: &mut [u8]) -> Result<(), Error> {
    let mut decoder = Decoder {
        text,
        at: 0,
        fault: Fault::NONE,
    };
    match decoder.document() {
        Ok(()) => Ok(()),
        Err(Refused) => Err(Error::new(decoder.text, decoder.fault, Phase::Syntax)),
    }
}

/// The bit of a string's first byte that says that the others are its length.
const LENGTH: u8 = 0x80;
/// The first byte of a string whose length doesn't fit there: its NUL has to be looked for.
const LONG: u8 = 0xff;

/// The last of the bytes that may stand between values, in decoded text. Values start with a greater one.
pub(crate) const BETWEEN: u8 = b',';

/// Whether a string starts with this byte, in decoded text.
#[inline(always)]
pub(crate) fn starts_string(byte: u8) -> bool {
    byte & LENGTH != 0
}

/// The bytes of the decoded string that starts here; none if none does.
#[inline(always)]
pub(crate) fn string(text: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = text.split_first()?;
    let length = match first {
        LONG => memchr(0, rest)?,
        LENGTH.. => usize::from(first & !LENGTH),
        _ => return None,
    };
    rest.get(..length)
}

const TOO_DEEP: &str = "arrays and objects nest deeper than 128 levels";

struct Decoder<'a> {
    text: &'a mut [u8],
    at: usize,
    /// What is wrong, behind a refusal.
    fault: Fault,
}

type Checked<T = ()> = Result<T, Refused>;

impl Decoder<'_> {
    fn document(&mut self) -> Checked {
        if self.text.starts_with(b"\xef\xbb\xbf") {
            return self.broken(
                0,
                "the text starts with a byte order mark, which JSON forbids",
            );
        }
        let (mut depth, mut objects): (usize, Levels) = (0, 0);
        // What is wanted first, where it is a key.
        let mut key = None;
        loop {
            // A value starts here, or a key.
            match self.peek() {
                b'"' => {
                    self.string()?;
                    if key.take().is_some() {
                        if self.peek() != b':' {
                            return self.expected("':'");
                        }
                        self.text[self.at] = b' ';
                        self.at += 1;
                        continue;
                    }
                }
                other => {
                    if let Some(wanted) = key {
                        return self.expected(wanted);
                    }
                    match other {
                        b'{' | b'[' => {
                            if depth == MAX_DEPTH {
                                return self.broken(self.at, TOO_DEEP);
                            }
                            let object = other == b'{';
                            objects = objects << 1 | Levels::from(object);
                            depth += 1;
                            self.at += 1;
                            if self.peek() != closing(object) {
                                key = object.then_some("a key or '}'");
                                continue;
                            }
                        }
                        b'-' | b'0'..=b'9' => self.number()?,
                        _ => self.name()?,
                    }
                }
            }
            // It ends here, and with it perhaps what is around it.
            loop {
                let next = self.peek();
                let object = objects & 1 != 0;
                if depth == 0 {
                    return if self.at == self.text.len() {
                        Ok(())
                    } else {
                        self.expected("the end of the text")
                    };
                } else if next == b',' {
                    self.at += 1;
                    key = object.then_some("a key");
                    break;
                } else if next == closing(object) {
                    self.at += 1;
                    objects >>= 1;
                    depth -= 1;
                } else {
                    return self.expected(if object { "',' or '}'" } else { "',' or ']'" });
                }
            }
        }
    }

    /// The next byte that isn't blank, 0 at the end. A NUL in the text is none of the bytes that anybody asks for.
    #[inline(always)]
    fn peek(&mut self) -> u8 {
        match self.text.get(self.at) {
            Some(&byte) if byte > b' ' => byte,
            _ => self.blanks(),
        }
    }

    /// The same behind blanks.
    #[inline(never)]
    fn blanks(&mut self) -> u8 {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// The byte right here, 0 at the end.
    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[cold]
    #[inline(never)]
    fn expected<T>(&mut self, wanted: &'static str) -> Checked<T> {
        self.fault = Fault::expected(self.at, wanted);
        Err(Refused)
    }

    #[cold]
    #[inline(never)]
    fn broken<T>(&mut self, offset: usize, why: &'static str) -> Checked<T> {
        self.fault = Fault::broken(offset, why);
        Err(Refused)
    }

    /// `true`, `false` or `null`.
    fn name(&mut self) -> Checked {
        let rest = &self.text[self.at..];
        for name in ["true", "false", "null"] {
            if rest.starts_with(name.as_bytes()) {
                self.at += name.len();
                return Ok(());
            }
        }
        self.expected("a value")
    }

    /// RFC 8259, section 6. What may follow a number is the caller's question.
    fn number(&mut self) -> Checked {
        if self.byte() == b'-' {
            self.at += 1;
        }
        let zero = self.byte() == b'0';
        let start = self.at;
        self.digits()?;
        if zero && self.at > start + 1 {
            return self.broken(start, "a number starts with a needless 0");
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Checked {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start {
            self.expected("a digit")
        } else {
            Ok(())
        }
    }

    /// Decodes the string that starts here.
    #[inline(always)]
    fn string(&mut self) -> Checked {
        let quote = self.at;
        self.at = quote + 1 + plain_length(&self.text[quote + 1..]);
        // Most strings have nothing else in them.
        let end = match self.text.get(self.at) {
            Some(b'"') => self.at,
            _ => self.rest(quote)?,
        };
        self.text[self.at] = 0;
        self.at += 1;
        let length = end - quote - 1;
        self.text[quote] = match length {
            ..0x7f => LENGTH | length as u8,
            _ => LONG,
        };
        Ok(())
    }

    /// Decodes the string from the first byte on that does not stand for itself, up to its quote, and gives the end of what
    /// it wrote.
    #[inline(never)]
    fn rest(&mut self, quote: usize) -> Checked<usize> {
        let mut end = self.at;
        loop {
            let start = self.at;
            match self.text.get(start) {
                Some(b'"') => break,
                Some(b'\\') => end = self.escape(end)?,
                Some(0..0x20) => {
                    return self.broken(
                        start,
                        "a control character in a string isn't written as \\u00XX",
                    );
                }
                None => return self.broken(quote, "a string isn't closed"),
                Some(_) => {
                    let rest = &self.text[start..];
                    let plain = &rest[..plain_length(rest)];
                    let wide = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
                    // One of the two is empty.
                    if let Err(error) = core::str::from_utf8(&rest[..wide]) {
                        let offset = start + error.valid_up_to();
                        return self.broken(offset, "a string isn't UTF-8");
                    }
                    self.at += plain.len() + wide;
                    self.text.copy_within(start..self.at, end);
                    end += self.at - start;
                }
            }
        }
        self.text[end..self.at].fill(0);
        Ok(end)
    }

    /// Decodes the escape that starts here to `end`, and gives the end of what it wrote.
    fn escape(&mut self, end: usize) -> Checked<usize> {
        let start = self.at;
        self.at += 1;
        let simple = match self.byte() {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(start, end),
            _ => {
                return self.expected("one of \" \\ / b f n r t u after '\\'");
            }
        };
        self.at += 1;
        self.text[end] = simple;
        Ok(end + 1)
    }

    /// Decodes `\uXXXX`, or two of them that are a surrogate pair.
    fn unicode(&mut self, start: usize, end: usize) -> Checked<usize> {
        const LONE: &str = "half of a surrogate pair stands alone in a string";
        let mut code = self.hex4()?;
        if let 0xd800..=0xdbff = code {
            if !self.text[self.at..].starts_with(b"\\u") {
                return self.broken(start, LONE);
            }
            self.at += 1;
            let low = self.hex4()?;
            if !(0xdc00..=0xdfff).contains(&low) {
                return self.broken(start, LONE);
            }
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        let character = match char::from_u32(code) {
            Some('\0') => {
                return self.broken(
                    start,
                    "\\u0000 can't be part of a string given to the kernel",
                );
            }
            Some(character) => character,
            None => return self.broken(start, LONE),
        };
        let mut utf8 = [0; 4];
        let utf8 = character.encode_utf8(&mut utf8).as_bytes();
        self.text[end..end + utf8.len()].copy_from_slice(utf8);
        Ok(end + utf8.len())
    }

    /// The `u` that stands here and its four digits.
    fn hex4(&mut self) -> Checked<u32> {
        let mut value = 0;
        for _ in 0..4 {
            self.at += 1;
            let Some(digit) = char::from(self.byte()).to_digit(16) else {
                return self.expected("four hexadecimal digits after \\u");
            };
            value = value << 4 | digit;
        }
        self.at += 1;
        Ok(value)
    }
}

const fn closing(object: bool) -> u8 {
    if object { b'}' } else { b']' }
}

/// How many bytes at the start stand for themselves in a string: ASCII, no quote, no backslash, no control character.
/// Sixteen bytes at a time: config.json is mostly strings, and most are short, for which memchr's set-up costs more than
/// it saves.
#[inline(always)]
fn plain_length(text: &[u8]) -> usize {
    let mut length = 0;
    let (pieces, rest) = text.as_chunks::<16>();
    for piece in pieces {
        let both = u128::from_le_bytes(*piece);
        let (low, high) = (special(both as u64), special((both >> 64) as u64));
        if low | high != 0 {
            let (word, from) = if low != 0 { (low, 0) } else { (high, 8) };
            return length + from + word.trailing_zeros() as usize / 8;
        }
        length += 16;
    }
    for &byte in rest {
        if special(byte.into()) & 0x80 != 0 {
            break;
        }
        length += 1;
    }
    length
}

/// The top bit of each byte that does not stand for itself, exact up to the first of them (a borrow may reach beyond). A
/// quote changes places with a blank, so that one comparison finds quotes and control characters.
#[inline(always)]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const SWAP: u64 = (b'"' ^ b' ') as u64;
    let low = (word ^ (ONES * SWAP)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (low | backslash | word) & (ONES << 7)
}
