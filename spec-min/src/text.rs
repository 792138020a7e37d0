//! Phase one: is this JSON, and what do its strings say?
//!
//! One pass checks RFC 8259 strictly and decodes every string in place. A decoded string is never longer than its
//! written form, so its bytes start where they did, right behind the opening quote, and NUL bytes fill the rest up to
//! and including the closing quote. In the opening quote's place stands the length, if that fits beside the top bit,
//! which no other byte outside of a string has: so most strings are passed without being looked at again.
//!
//! ```text
//!     "a\u00e9\n"     before: 11 bytes
//!     4aé.000000      after: 11 bytes, two of them in é; 4 is the byte 0x84, . is the newline, 0 is NUL
//! ```
//!
//! So each string is a C string in the buffer, and nothing else moves: offsets stay those of the file. A NUL *in* a
//! string is refused, since no path, name or value that the kernel takes can hold one.

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

/// Whether a string starts with this byte, in decoded text.
pub(crate) fn starts_string(byte: u8) -> bool {
    byte == b'"' || byte & LENGTH != 0
}

/// The bytes of the decoded string that starts here; none if none does.
pub(crate) fn string(text: &[u8]) -> Option<&[u8]> {
    let (&first, rest) = text.split_first()?;
    let length = match first {
        LENGTH.. => usize::from(first & !LENGTH),
        b'"' => memchr(0, rest)?,
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
        loop {
            // A value starts here.
            match self.peek() {
                bracket @ (b'{' | b'[') => {
                    if depth == MAX_DEPTH {
                        return self.broken(self.at, TOO_DEEP);
                    }
                    let object = bracket == b'{';
                    objects = objects << 1 | Levels::from(object);
                    depth += 1;
                    self.at += 1;
                    if self.peek() != closing(object) {
                        if object {
                            self.key("a key or '}'")?;
                        }
                        continue;
                    }
                }
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => self.name()?,
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
                } else if next == closing(object) {
                    self.at += 1;
                    objects >>= 1;
                    depth -= 1;
                } else if next == b',' {
                    self.at += 1;
                    if object {
                        self.key("a key")?;
                    }
                    break;
                } else {
                    return self.expected(if object { "',' or '}'" } else { "',' or ']'" });
                }
            }
        }
    }

    /// The next byte that isn't blank, 0 at the end. A NUL in the text is none of the bytes that anybody asks for.
    fn peek(&mut self) -> u8 {
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

    /// A key and its colon.
    fn key(&mut self, wanted: &'static str) -> Checked {
        if self.peek() != b'"' {
            return self.expected(wanted);
        }
        self.string()?;
        if self.peek() != b':' {
            return self.expected("':'");
        }
        self.at += 1;
        Ok(())
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
    fn string(&mut self) -> Checked {
        let quote = self.at;
        self.at += 1;
        let mut end = self.at;
        loop {
            let plain = self.plain()?;
            if end != plain {
                self.text.copy_within(plain..self.at, end);
            }
            end += self.at - plain;
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => end = self.escape(end)?,
                Some(_) => {
                    return self.broken(
                        self.at,
                        "a control character in a string isn't written as \\u00XX",
                    );
                }
                None => return self.broken(quote, "a string isn't closed"),
            }
        }
        // Most strings have no escape and so no gap: a call to memset each would show in the time of the whole.
        if end < self.at {
            self.text[end..self.at].fill(0);
        }
        self.text[self.at] = 0;
        self.at += 1;
        let length = end - quote - 1;
        if length < usize::from(LENGTH) {
            self.text[quote] = LENGTH | length as u8;
        }
        Ok(())
    }

    /// Passes the bytes that stand for themselves, which have to be UTF-8, and says where they started.
    fn plain(&mut self) -> Checked<usize> {
        let start = self.at;
        let (length, ascii) = plain_length(&self.text[start..]);
        let plain = &self.text[start..start + length];
        if !ascii && let Err(error) = core::str::from_utf8(plain) {
            let offset = start + error.valid_up_to();
            return self.broken(offset, "a string isn't UTF-8");
        }
        self.at = start + length;
        Ok(start)
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

/// How many bytes at the start stand for themselves in a string (no quote, no backslash, no control character), and
/// whether they are surely ASCII. Eight bytes at a time: config.json is mostly strings, and most are short, for which
/// memchr's set-up costs more than it saves.
fn plain_length(text: &[u8]) -> (usize, bool) {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // The top bit of each byte that is less than `limit`, exact up to the first such byte (a borrow may reach beyond).
    let less = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & TOPS;
    let mut seen = 0;
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = less(word, 0x20)
            | less(word ^ (ONES * u64::from(b'"')), 1)
            | less(word ^ (ONES * u64::from(b'\\')), 1);
        seen |= word;
        if special != 0 {
            return (
                at * 8 + special.trailing_zeros() as usize / 8,
                seen & TOPS == 0,
            );
        }
    }
    let is_special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    let length = rest.iter().position(is_special).unwrap_or(rest.len());
    (
        words.len() * 8 + length,
        seen & TOPS == 0 && rest.is_ascii(),
    )
}
