//! Phase two: a cursor over decoded text, and how each simple type is read from it.
//!
//! [`text::decode`](crate::text::decode) has proved the syntax, so a reader only asks which kind of value comes next.
//! What stands between values carries no information any more but how long it is, where a mark says so; else it is looked
//! through.
//!
//! Each string waits for the one before to be passed, and each step on the way there for the one before: it is the number of
//! those steps that the time depends on, more than that of instructions.

use core::ffi::CStr;
use core::fmt;

use crate::error::{Error, Fault, Phase};
use crate::list::Members;
use crate::text;

/// The value has a wrong type or is out of range. What and where is kept in the [`Reader`], so that the many small
/// reading functions return one bit.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

/// A type that can be read from JSON.
pub trait Read<'a>: Copy {
    /// Stands for a value that isn't there. All of them are zero bytes, which one memset writes; see [`Maybe`].
    const ABSENT: Self;

    /// Reads one value into `self`, and leaves the reader behind it. Of what `self` was nothing stays, since an object
    /// may repeat a key; after a refusal it is unspecified.
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused>;

    /// The same for a `self` that is [`Read::ABSENT`].
    fn fill(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        self.read(reader)
    }

    /// Whether it is read from any string.
    const STRING: bool = false;

    /// Passes one value, and refuses what [`Read::read`] would.
    fn check(reader: &mut Reader<'a>) -> Result<(), Refused> {
        let mut value = Self::ABSENT;
        value.fill(reader)
    }
}

/// Reads one value and tells whether it has the right type.
type Check<'a> = fn(&mut Reader<'a>) -> Result<(), Refused>;

/// How far a mark leads that was met before. The next one is mostly the same: then the processor need not wait for it to be
/// read, only to be compared.
#[derive(Clone, Copy)]
struct Gap {
    mark: u8,
    distance: u8,
}

impl Gap {
    /// That of no mark that there is.
    const NONE: Gap = Gap {
        mark: u8::MAX,
        distance: 0,
    };

    /// How far behind `byte` the next key or value starts, if it is a mark; else 0.
    #[inline(always)]
    fn behind(&mut self, byte: u8, distance: impl Fn(u8) -> usize) -> usize {
        if byte == self.mark {
            return self.distance.into();
        }
        let distance = distance(byte);
        if distance != 0 {
            *self = Gap {
                mark: byte,
                distance: distance as u8,
            };
        }
        distance
    }
}

/// A position in text that [`text::decode`](crate::text::decode) accepted.
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    fault: Fault,
    /// Who wants to know of every fault; without one the first ends the reading.
    tell: Option<&'a dyn Fn(Error)>,
    /// Whether nobody wants to know the value, only that it is one.
    pub(crate) checking: bool,
    /// What is before keys.
    comma: Gap,
    /// What is behind them.
    colon: Gap,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.get(self.at..).fmt(f)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Reader {
            text,
            at: 0,
            fault: Fault::NONE,
            tell: None,
            checking: false,
            comma: Gap::NONE,
            colon: Gap::NONE,
        }
    }

    /// A reader of the members of an array or object, `text` being the whole of it with its brackets. A list that was
    /// absent has no brackets; then nothing is read.
    #[inline(never)]
    pub(crate) fn inside(text: Option<&'a [u8]>) -> Self {
        Reader {
            text: text.unwrap_or_default(),
            at: 1,
            fault: Fault::NONE,
            tell: None,
            checking: false,
            comma: Gap::NONE,
            colon: Gap::NONE,
        }
    }

    pub(crate) fn tell_all(&mut self, tell: &'a dyn Fn(Error)) {
        self.tell = Some(tell);
    }

    /// Tells of the fault and goes on behind the value that has it, if anybody wants to know more.
    #[cold]
    #[inline(never)]
    pub(crate) fn recover(&mut self) -> Result<(), Refused> {
        let tell = self.tell.ok_or(Refused)?;
        tell(Error::new(self.text, self.fault, Phase::Types));
        // A value of the wrong kind was not passed; an object that lacks a key was.
        if self.at <= self.fault.offset() {
            self.skip();
        }
        Ok(())
    }

    /// The first byte of what comes next, 0 at the end of the text.
    #[inline(never)]
    pub(crate) fn peek(&mut self) -> u8 {
        match self.byte() {
            byte @ text::VALUES.. => byte,
            _ => self.pass(),
        }
    }

    /// The byte right here, 0 at the end of the text.
    #[inline(always)]
    fn byte(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// Passes what stands between values, eight bytes at a time: most of it is a comma, a line feed and indentation.
    #[inline(never)]
    fn pass(&mut self) -> u8 {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        const TOPS: u64 = ONES << 7;
        const UP: u64 = ONES * (0x7f - text::BETWEEN as u64);
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (words, bytes) = rest.as_chunks::<8>();
        for word in words {
            let word = u64::from_le_bytes(*word);
            // The top bit of each byte that starts a value: no sum of two bytes without one reaches the next byte.
            let starts = (((word & !TOPS) + UP) | word) & TOPS;
            if starts != 0 {
                let bit = starts.trailing_zeros() & !7;
                self.at += bit as usize / 8;
                return (word >> bit) as u8;
            }
            self.at += 8;
        }
        for &byte in bytes {
            if byte > text::BETWEEN {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// Goes to where a value starts.
    pub(crate) fn go(&mut self, to: usize) {
        self.at = to;
    }

    /// Where the next value starts.
    pub(crate) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Passes an array whose elements satisfy `check`.
    pub(crate) fn array(
        &mut self,
        members: &mut Members<'a>,
        check: Check<'a>,
        strings: bool,
    ) -> Result<(), Refused> {
        self.members(members, b'[', check, strings)
    }

    /// The same for an object used as a dictionary, and its values.
    pub(crate) fn dictionary(
        &mut self,
        members: &mut Members<'a>,
        check: Check<'a>,
    ) -> Result<(), Refused> {
        self.members(members, b'{', check, false)
    }

    fn members(
        &mut self,
        members: &mut Members<'a>,
        bracket: u8,
        check: Check<'a>,
        strings: bool,
    ) -> Result<(), Refused> {
        *members = Members::NONE;
        let keys = bracket == b'{';
        let first = self.peek();
        let start = self.at;
        if first != bracket {
            if self.null() {
                return Ok(());
            }
            return self.expected(if keys { "an object" } else { "an array" });
        }
        self.at += 1;
        let mut count = 0;
        let checking = core::mem::replace(&mut self.checking, true);
        loop {
            if strings {
                count += self.strings();
            }
            if !self.another() {
                break;
            }
            if keys {
                self.bytes()?;
            }
            if check(self).is_err() {
                self.recover()?;
            }
            count += 1;
        }
        self.checking = checking;
        if count > 0 {
            members.text = self.text.get(start..self.at);
            members.count = count;
        }
        Ok(())
    }

    /// Enters an array or object, and gives its place, or refuses, naming what was wanted.
    pub(crate) fn open(&mut self, bracket: u8, wanted: &'static str) -> Result<usize, Refused> {
        if self.peek() != bracket {
            return self.expected(wanted);
        }
        let start = self.at;
        self.at += 1;
        Ok(start)
    }

    /// Whether another member follows; leaves the array or object behind when none does.
    pub(crate) fn another(&mut self) -> bool {
        let distance = text::behind_comma(self.byte());
        if distance != 0 {
            self.at += distance;
        }
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

    /// Passes all strings up to something else, and gives their number.
    #[inline(never)]
    fn strings(&mut self) -> usize {
        let mut count = 0;
        while self.next_string().is_some() {
            count += 1;
            // Most are passed with two looks: the mark leads to the next one, whose first byte leads to its end. The mark is
            // mostly the same: then the processor need not wait for it to be read, only to be compared.
            let (mut at, mut mark, mut distance) = (self.at, 0, 0);
            while let Some(&byte) = self.text.get(at) {
                if byte != mark {
                    (mark, distance) = (byte, text::behind_comma(byte));
                }
                let Some(&first) = self.text.get(at + distance) else {
                    break;
                };
                let Some(length) = text::length(first).filter(|_| text::starts_string(first))
                else {
                    break;
                };
                at += distance + length + 2;
                count += 1;
            }
            self.at = at;
        }
        count
    }

    /// The string that comes next, in its C form.
    pub(crate) fn string(&mut self) -> Result<&'a CStr, Refused> {
        let string = self.terminated()?;
        // Looking for the NUL that is known to be at the end takes longer than all the rest.
        if self.checking {
            return Ok(c"");
        }
        Ok(CStr::from_bytes_with_nul(string).unwrap_or_default())
    }

    /// Its bytes with the NUL behind them.
    #[inline(always)]
    pub(crate) fn terminated(&mut self) -> Result<&'a [u8], Refused> {
        match self.next_string() {
            Some(string) => Ok(string),
            None => self.expected("a string"),
        }
    }

    /// The same, if a string comes next: a key, or an element of a list, most of all. There is mostly a mark that says where
    /// it starts. This is most of the work, so it is kept apart: a second copy, and the linker would share parts of the two.
    #[inline(never)]
    pub(crate) fn next_string(&mut self) -> Option<&'a [u8]> {
        let (text, mut at) = (self.text, self.at);
        let mut first = *text.get(at)?;
        let distance = text::behind_comma(first);
        if distance != 0 {
            at += distance;
            first = *text.get(at)?;
        }
        if text::starts_string(first)
            && let Some(length) = text::length(first)
        {
            let (string, _) = text.get(at + 1..)?.split_at_checked(length + 1)?;
            self.at = at + length + 2;
            return Some(string);
        }
        self.at = at;
        self.far_string()
    }

    /// The same where there is no mark, as behind a bracket, or of a long string.
    #[inline(never)]
    fn far_string(&mut self) -> Option<&'a [u8]> {
        let mut rest = self.text.get(self.at..)?;
        while let [..text::VALUES, behind @ ..] = rest {
            rest = behind;
            self.at += 1;
        }
        let length = text::string(rest)?.len();
        self.at += length + 2;
        rest.get(1..length + 2)
    }

    /// Passes the key that comes next, if one does, and gives the text from its first byte on.
    #[inline(always)]
    pub(crate) fn next_key(&mut self) -> Option<&'a [u8]> {
        let at = self.at + self.comma.behind(self.byte(), text::behind_comma);
        if let Some(&first) = self.text.get(at)
            && text::starts_string(first)
            && let Some(length) = text::length(first)
        {
            self.at = at + length + 2;
            return self.text.get(at..);
        }
        let size = self.next_string()?.len() + 1;
        self.text.get(self.at.checked_sub(size)?..)
    }

    /// Passes the string that starts right here, if one does.
    #[inline(always)]
    pub(crate) fn pass_string(&mut self) -> bool {
        match self.byte() {
            first if !text::starts_string(first) => false,
            first => match text::length(first) {
                Some(length) => {
                    self.at += length + 2;
                    true
                }
                None => false,
            },
        }
    }

    /// The first byte of the value that comes next, behind its key.
    #[inline(always)]
    pub(crate) fn value(&mut self) -> u8 {
        self.at += self.colon.behind(self.byte(), text::behind_colon);
        match self.byte() {
            byte @ text::VALUES.. => byte,
            _ => self.peek(),
        }
    }

    /// Its bytes.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Refused> {
        let string = self.terminated()?;
        Ok(string.split_last().map_or(&[], |(_, bytes)| bytes))
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

    /// An integer between `min` and `max`, in two's complement; the widest ranges are those of i64 and u64. A fraction
    /// or an exponent is refused even where the value is whole, as Go's decoder does.
    fn integer(&mut self, min: i64, max: u64) -> Result<u64, Refused> {
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
        // No unsigned type reaches below 0, and -0 is 0.
        let most = if negative { min.unsigned_abs() } else { max };
        match magnitude {
            Some(magnitude) if magnitude <= most => {
                self.at = end;
                Ok(if negative {
                    magnitude.wrapping_neg()
                } else {
                    magnitude
                })
            }
            _ => self.refuse(Fault::range(self.at, min, max)),
        }
    }

    /// Passes one value of any kind and gives its text.
    pub(crate) fn whole(&mut self) -> &'a [u8] {
        let start = self.position();
        self.skip();
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Passes one value of any kind, however deep.
    pub(crate) fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                0 => return,
                byte if text::starts_string(byte) => {
                    if self.bytes().is_err() {
                        return;
                    }
                }
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
    #[inline(never)]
    pub(crate) fn refuse<T>(&mut self, fault: Fault) -> Result<T, Refused> {
        self.fault = fault;
        Err(Refused)
    }

    #[cold]
    pub(crate) fn into_error(self) -> Error {
        Error::new(self.text, self.fault, Phase::Types)
    }
}

/// A value that may be absent, like an `Option`, but absent is all zero bytes: `None` would be one more value of some tag
/// or `bool` inside of it, and a large object with that at one place can't be cleared by one memset.
#[derive(Clone, Copy)]
pub struct Maybe<T> {
    given: bool,
    value: T,
}

impl<T> Maybe<T> {
    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.given.then_some(&self.value)
    }

    /// Whether there is one.
    pub fn is_some(&self) -> bool {
        self.given
    }
}

impl<T: fmt::Debug> fmt::Debug for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Maybe<T> {
    const ABSENT: Self = Maybe {
        given: false,
        value: T::ABSENT,
    };

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        self.given = true;
        self.value.read(reader)
    }
}

impl<'a> Read<'a> for bool {
    const ABSENT: Self = false;

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        *self = reader.boolean()?;
        Ok(())
    }
}

impl<'a> Read<'a> for &'a CStr {
    const ABSENT: Self = c"";
    const STRING: bool = true;

    #[inline(always)]
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        *self = reader.string()?;
        Ok(())
    }

    fn check(reader: &mut Reader<'a>) -> Result<(), Refused> {
        reader.bytes().map(drop)
    }
}

/// A string as its bytes. Making a [`CStr`] of it takes a look at each of them, which shows where there are thousands.
#[derive(Clone, Copy, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// With the NUL behind them, which is the only one.
    pub fn terminated(self) -> &'a [u8] {
        self.0
    }

    /// Without it.
    pub fn bytes(self) -> &'a [u8] {
        self.0.split_last().map_or(&[], |(_, bytes)| bytes)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CStr::from_bytes_with_nul(self.0).unwrap_or_default().fmt(f)
    }
}

impl<'a> Read<'a> for Text<'a> {
    const ABSENT: Self = Text(&[]);
    const STRING: bool = true;

    #[inline(always)]
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        self.0 = reader.terminated()?;
        Ok(())
    }

    fn check(reader: &mut Reader<'a>) -> Result<(), Refused> {
        reader.bytes().map(drop)
    }
}

/// Absent is `None`. A `null` is none only as a member of an object, which takes it for an absent one.
impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    const ABSENT: Self = None;
    const STRING: bool = T::STRING;

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        self.insert(T::ABSENT).fill(reader)
    }
}

macro_rules! integers {
    ($($int:ident)*) => {$(
        impl<'a> Read<'a> for $int {
            const ABSENT: Self = 0;

            fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
                *self = reader.integer($int::MIN as i64, $int::MAX as u64)? as $int;
                Ok(())
            }
        }
    )*};
}

integers!(u16 u32 u64 i32 i64);
