//! Phase two: a cursor over decoded text, and how each simple type is read from it.
//!
//! [`text::decode`](crate::text::decode) has proved the syntax, so a reader only asks which kind of value comes next.
//! Commas, colons and the NUL bytes behind each string carry no information any more: they are skipped like blanks.

use core::ffi::CStr;

use memchr::memchr;

use crate::error::{Error, Fault};

/// The value has a wrong type or is out of range. What and where is kept in the [`Reader`], so that the many small
/// reading functions return one bit.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

/// A type that can be read from JSON. Its `Default` stands for the absent value.
pub trait Read<'a>: Copy + Default {
    /// Reads one value into `self`, and leaves the reader behind it. `self` is unspecified after a refusal.
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused>;
}

/// A position in text that [`text::decode`](crate::text::decode) accepted.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    fault: Fault,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Reader {
            text,
            at: 0,
            fault: Fault::NONE,
        }
    }

    /// A reader of the members of an array or object, `text` being the whole of it with its brackets. A list that was
    /// absent has no brackets; then nothing is read.
    pub(crate) fn inside(text: &'a [u8]) -> Self {
        Reader {
            text,
            at: 1,
            fault: Fault::NONE,
        }
    }

    /// The first byte of what comes next, 0 at the end of the text.
    pub(crate) fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, 0 | b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// Where the next value starts.
    pub(crate) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Everything read since `start`.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Enters an array or object, or refuses, naming what was wanted.
    pub(crate) fn open(&mut self, bracket: u8, wanted: &'static str) -> Result<(), Refused> {
        if self.peek() != bracket {
            return self.expected(wanted);
        }
        self.at += 1;
        Ok(())
    }

    /// Whether another member follows; leaves the array or object behind when none does.
    pub(crate) fn another(&mut self) -> bool {
        match self.peek() {
            0 => false,
            b']' | b'}' => {
                self.at += 1;
                false
            }
            _ => true,
        }
    }

    /// Passes a `null`, if there is one.
    pub(crate) fn null(&mut self) -> bool {
        let null = self.peek() == b'n';
        if null {
            self.at += b"null".len();
        }
        null
    }

    /// The string that comes next, in its C form.
    pub(crate) fn string(&mut self) -> Result<&'a CStr, Refused> {
        if self.peek() != b'"' {
            return self.expected("a string");
        }
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let Ok(string) = CStr::from_bytes_until_nul(rest) else {
            return self.expected("a string");
        };
        self.at += 1 + string.count_bytes();
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool, Refused> {
        let (value, length) = match self.peek() {
            b't' => (true, b"true".len()),
            b'f' => (false, b"false".len()),
            _ => return self.expected("true or false"),
        };
        self.at += length;
        Ok(value)
    }

    /// An integer between `min` and `max`; the widest ranges are those of i64 and u64. A fraction or an exponent is
    /// refused even where the value is whole, as Go's decoder does.
    fn integer(&mut self, min: i64, max: u64) -> Result<i128, Refused> {
        let negative = self.peek() == b'-';
        let mut end = self.at + usize::from(negative);
        let first = end;
        let mut magnitude = Some(0u64);
        while let Some(digit @ b'0'..=b'9') = self.text.get(end) {
            let digit = u64::from(digit - b'0');
            magnitude = magnitude.and_then(|m| m.checked_mul(10)?.checked_add(digit));
            end += 1;
        }
        if end == first || matches!(self.text.get(end), Some(b'.' | b'e' | b'E')) {
            return self.expected("an integer");
        }
        let value = magnitude.map(|m| {
            if negative {
                -i128::from(m)
            } else {
                i128::from(m)
            }
        });
        match value {
            Some(value) if value >= i128::from(min) && value <= i128::from(max) => {
                self.at = end;
                Ok(value)
            }
            _ => self.refuse(Fault::range(self.at, min, max)),
        }
    }

    /// Passes one value of any kind, however deep.
    pub(crate) fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                0 => return,
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => self.skip_word(),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += memchr(0, rest).unwrap_or(rest.len());
    }

    /// Passes a number or one of the three names.
    fn skip_word(&mut self) {
        while let Some(b'a'..=b'z' | b'E' | b'0'..=b'9' | b'-' | b'+' | b'.') =
            self.text.get(self.at)
        {
            self.at += 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn expected<T>(&mut self, wanted: &'static str) -> Result<T, Refused> {
        self.refuse(Fault::expected(self.at, wanted))
    }

    #[cold]
    pub(crate) fn refuse<T>(&mut self, fault: Fault) -> Result<T, Refused> {
        self.fault = fault;
        Err(Refused)
    }

    #[cold]
    pub(crate) fn into_error(self) -> Error {
        Error::in_decoded(self.text, self.fault)
    }
}

impl<'a> Read<'a> for bool {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        *self = reader.boolean()?;
        Ok(())
    }
}

impl<'a> Read<'a> for &'a CStr {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        *self = reader.string()?;
        Ok(())
    }
}

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        if reader.null() {
            *self = None;
            return Ok(());
        }
        self.insert(T::default()).read(reader)
    }
}

macro_rules! integers {
    ($($int:ident)*) => {$(
        impl<'a> Read<'a> for $int {
            fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
                *self = reader.integer($int::MIN as i64, $int::MAX as u64)? as $int;
                Ok(())
            }
        }
    )*};
}

integers!(u16 u32 u64 i32 i64);
