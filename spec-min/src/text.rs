//! Phase one: is this JSON, and what do its strings say?
//!
//! One pass checks RFC 8259 strictly and decodes every string in place. A decoded string is never longer than its
//! written form, so its bytes start where they did, right behind the opening quote, and NUL bytes fill the rest up to
//! and including the closing quote. In the opening quote's place stands the length beside the top bit, which no other
//! byte outside of a string has: so most strings are passed without being looked at again. In the place of a comma or colon
//! stands how far behind it the next value or key starts, if that isn't far.
//!
//! ```text
//!     "a\u00e9\n"     before: 11 bytes
//!     4aé.000000      after: 11 bytes, two of them in é; 4 is the byte 0x84, . is the newline, 0 is NUL
//! ```
//!
//! So each string is a C string in the buffer, and nothing else moves: offsets stay those of the file. A NUL *in* a
//! string is refused, since no path, name or value that the kernel takes can hold one. And what stands between values is
//! told from their first bytes by one comparison: NUL, blanks, commas and these marks are all less than any of them.

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

/// A comma that the next key or value is up to 15 bytes behind has this added to that number, and a colon with one up to 7
/// bytes behind is that number. None of them is a byte that a text may hold between its values.
const COMMA: u8 = 0x10;
const COMMA_MOST: usize = 15;
const COLON: u8 = 0;
const COLON_MOST: usize = 7;

/// How far behind this byte the next key or value starts, if it stands for a comma that knows; else 0.
#[inline(always)]
pub(crate) fn behind_comma(byte: u8) -> usize {
    match byte & 0xf0 {
        COMMA => usize::from(byte & 0xf),
        _ => 0,
    }
}

/// The same of a colon.
#[inline(always)]
pub(crate) fn behind_colon(byte: u8) -> usize {
    match usize::from(byte) {
        distance @ ..=COLON_MOST => distance,
        _ => 0,
    }
}

/// Whether the byte stands for a comma.
pub(crate) fn is_comma(byte: u8) -> bool {
    byte == b',' || byte & 0xf0 == COMMA
}

/// The last of the bytes that may stand between values, in decoded text. Values start with a greater one.
pub(crate) const BETWEEN: u8 = b',';
/// The first of those.
pub(crate) const VALUES: u8 = BETWEEN + 1;

/// What a string of this length starts with, in decoded text.
#[inline(always)]
pub(crate) const fn head(length: usize) -> u8 {
    match length {
        ..0x7f => LENGTH | length as u8,
        _ => LONG,
    }
}

/// Whether a string starts with this byte, in decoded text.
#[inline(always)]
pub(crate) fn starts_string(byte: u8) -> bool {
    byte & LENGTH != 0
}

/// The length of the string that starts with this byte, unless it is too long to be there.
#[inline(always)]
pub(crate) const fn length(first: u8) -> Option<usize> {
    match first {
        LONG => None,
        first => Some((first & !LENGTH) as usize),
    }
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
    /// Where whoever isn't the loop of [`Decoder::document`] is: that one keeps it to itself, since each string waits for the
    /// end of the one before.
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
        let (mut at, mut next) = self.token(0);
        loop {
            // A value starts here, or a key.
            if next == b'"' {
                at = self.string(at)?;
                (at, next) = self.token(at);
                if key.take().is_some() {
                    if next != b':' {
                        return self.expected(at, "':'");
                    }
                    (at, next) = self.behind(at, COLON, COLON_MOST);
                    continue;
                }
            } else if let Some(wanted) = key {
                return self.expected(at, wanted);
            } else if next == b'{' || next == b'[' {
                if depth == MAX_DEPTH {
                    return self.broken(at, TOO_DEEP);
                }
                let object = next == b'{';
                objects = objects << 1 | Levels::from(object);
                depth += 1;
                (at, next) = self.token(at + 1);
                if next != closing(object) {
                    key = object.then_some("a key or '}'");
                    continue;
                }
            } else {
                self.at = at;
                self.word(next)?;
                (at, next) = self.token(self.at);
            }
            // It ends here, and with it perhaps what is around it.
            loop {
                let object = objects & 1 != 0;
                if depth == 0 {
                    return if at == self.text.len() {
                        Ok(())
                    } else {
                        self.expected(at, "the end of the text")
                    };
                } else if next == b',' {
                    (at, next) = self.behind(at, COMMA, COMMA_MOST);
                    key = object.then_some("a key");
                    break;
                } else if next == closing(object) {
                    (at, next) = self.token(at + 1);
                    objects >>= 1;
                    depth -= 1;
                } else {
                    let wanted = if object { "',' or '}'" } else { "',' or ']'" };
                    return self.expected(at, wanted);
                }
            }
        }
    }

    /// The next byte from here on that isn't blank, and its place; 0 at the end. A NUL in the text is none of the bytes that
    /// anybody asks for.
    #[inline(always)]
    fn token(&self, at: usize) -> (usize, u8) {
        match self.text.get(at) {
            Some(&byte) if byte > b' ' => (at, byte),
            _ => blanks(self.text, at),
        }
    }

    /// The same behind the comma or colon that is here, in whose place it puts the distance, if that isn't too great.
    #[inline(always)]
    fn behind(&mut self, at: usize, mark: u8, most: usize) -> (usize, u8) {
        let (to, next) = self.token(at + 1);
        if to - at <= most {
            self.text[at] = mark + (to - at) as u8;
        } else if mark == COLON {
            self.text[at] = b' ';
        }
        (to, next)
    }

    /// The byte right here, 0 at the end.
    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[cold]
    #[inline(never)]
    fn expected<T>(&mut self, at: usize, wanted: &'static str) -> Checked<T> {
        self.fault = Fault::expected(at, wanted);
        Err(Refused)
    }

    #[cold]
    #[inline(never)]
    fn broken<T>(&mut self, offset: usize, why: &'static str) -> Checked<T> {
        self.fault = Fault::broken(offset, why);
        Err(Refused)
    }

    /// A number or a name.
    #[inline(never)]
    fn word(&mut self, first: u8) -> Checked {
        match first {
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.name(),
        }
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
        self.expected(self.at, "a value")
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
            self.expected(self.at, "a digit")
        } else {
            Ok(())
        }
    }

    /// Decodes the string that starts here, and gives the place behind it.
    #[inline(always)]
    fn string(&mut self, quote: usize) -> Checked<usize> {
        let mut at = plain_end(self.text, quote + 1);
        let mut end = at;
        // Most strings have nothing else in them.
        if self.text.get(at) != Some(&b'"') {
            self.at = at;
            end = self.rest(quote)?;
            at = self.at;
        }
        self.text[at] = 0;
        self.text[quote] = head(end - quote - 1);
        Ok(at + 1)
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
                    let plain = plain_end(self.text, start) - start;
                    let wide = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
                    // One of the two is empty.
                    if let Err(error) = core::str::from_utf8(&rest[..wide]) {
                        let offset = start + error.valid_up_to();
                        return self.broken(offset, "a string isn't UTF-8");
                    }
                    self.at += plain + wide;
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
                return self.expected(self.at, "one of \" \\ / b f n r t u after '\\'");
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
                return self.expected(self.at, "four hexadecimal digits after \\u");
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

/// The first byte from here on that isn't blank, and its place; 0 at the end.
#[inline(never)]
fn blanks(text: &[u8], mut at: usize) -> (usize, u8) {
    while let Some(&byte) = text.get(at) {
        if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return (at, byte);
        }
        at += 1;
    }
    (at, 0)
}

/// Where from here on the first byte is that does not stand for itself in a string: it isn't ASCII, or a quote, backslash or
/// control character. Eight bytes at a time: config.json is mostly strings, and most are short, for which memchr's set-up
/// costs more than it saves. A function of its own, since the linker would share parts of two copies.
#[inline(never)]
fn plain_end(text: &[u8], from: usize) -> usize {
    let mut rest = &text[from..];
    while let Some((piece, behind)) = rest.split_first_chunk() {
        let both = u128::from_le_bytes(*piece);
        let (low, high) = (special(both as u64), special((both >> 64) as u64));
        if low != 0 {
            return text.len() - rest.len() + low.trailing_zeros() as usize / 8;
        }
        if high != 0 {
            return text.len() - rest.len() + high.trailing_zeros() as usize / 8 + 8;
        }
        rest = behind;
    }
    while let [byte, behind @ ..] = rest
        && special((*byte).into()) & 0x80 == 0
    {
        rest = behind;
    }
    text.len() - rest.len()
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
