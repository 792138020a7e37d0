//! Short texts put together without a heap and without core::fmt, which would be some kilobytes more.

use core::ffi::CStr;
use heapless::VecView;
use memchr::memchr;
use rustix::io::Errno;

/// Fills `to` with the parts in a row and a NUL; `NAMETOOLONG` if there isn't room, `INVAL` if a part has a NUL.
#[inline(never)]
pub fn put<'b>(to: &'b mut VecView<u8>, parts: &[&[u8]]) -> Result<&'b CStr, Errno> {
    to.clear();
    append(to, parts)?;
    append(to, &[b"\0"])?;
    CStr::from_bytes_with_nul(to).map_err(|_| Errno::INVAL)
}

/// Adds the parts in a row; those before the first that there isn't room for.
#[inline(never)]
pub fn append(to: &mut VecView<u8>, parts: &[&[u8]]) -> Result<(), Errno> {
    parts
        .iter()
        .try_for_each(|part| to.extend_from_slice(part))
        .map_err(|_| Errno::NAMETOOLONG)
}

/// Where a byte comes first.
#[inline(never)]
pub fn find(text: &[u8], byte: u8) -> Option<usize> {
    memchr(byte, text)
}

/// The pieces of a text between marks, like `slice::split`, whose code is made anew for every use.
#[derive(Clone, Debug)]
pub struct Split<'t> {
    rest: Option<&'t [u8]>,
    mark: u8,
}

/// See [`Split`].
pub fn split(text: &[u8], mark: u8) -> Split<'_> {
    Split {
        rest: Some(text),
        mark,
    }
}

impl<'t> Iterator for Split<'t> {
    type Item = &'t [u8];

    #[inline(never)]
    fn next(&mut self) -> Option<&'t [u8]> {
        let rest = self.rest?;
        let end = find(rest, self.mark);
        self.rest = end.and_then(|end| rest.get(end + 1..));
        rest.get(..end.unwrap_or(rest.len()))
    }
}

/// Whether it is this word. Comparisons in place, as those of a `match` are, take the word's bytes apart.
#[inline(never)]
pub fn is(text: &[u8], word: &str) -> bool {
    text == word.as_bytes()
}

/// Whether it may be the name of something in a directory, as far as its dots go.
#[inline(never)]
pub fn is_name(part: &[u8]) -> bool {
    !matches!(part, b"" | b"." | b"..")
}

/// Room for the digits of any number.
pub type Digits = [u8; 22];

/// A number in digits of base 8 or 10.
#[inline(never)]
pub fn digits(room: &mut Digits, mut number: u64, base: u64) -> &[u8] {
    let mut start = room.len();
    loop {
        start -= 1;
        room[start] = b'0' + (number % base) as u8;
        number /= base;
        if number == 0 {
            return &room[start..];
        }
    }
}

/// The number that digits of base 10 or 16 say; none if there are none, others, or too many for it.
#[inline(never)]
pub fn number(digits: &[u8], base: u32) -> Option<u32> {
    let add = |number: u32, &digit: &u8| {
        number
            .checked_mul(base)?
            .checked_add(char::from(digit).to_digit(base)?)
    };
    if digits.is_empty() {
        None
    } else {
        digits.iter().try_fold(0, add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_digits_and_numbers_again() {
        let mut room = Digits::default();
        assert_eq!(digits(&mut room, 0, 10), b"0");
        assert_eq!(digits(&mut room, u64::MAX, 10), b"18446744073709551615");
        assert_eq!(digits(&mut room, u64::MAX, 8), b"1777777777777777777777");
        assert_eq!(digits(&mut room, 0o1777, 8), b"1777");
        assert_eq!(number(b"4294967295", 10), Some(u32::MAX));
        assert_eq!(number(b"007", 10), Some(7));
        assert_eq!(number(b"3f1F0000", 16), Some(0x3f1f_0000));
        for wrong in [&b""[..], b"4294967296", b"1x", b"-1", b"+1", b" 1"] {
            assert_eq!(number(wrong, 10), None);
        }
    }

    #[test]
    fn pieces_are_those_of_a_slice() {
        for text in [&b""[..], b",", b"a", b"a,b", b",a,,b,"] {
            assert!(split(text, b',').eq(text.split(|byte| *byte == b',')));
        }
    }

    #[test]
    fn parts_must_fit() {
        let mut room = heapless::Vec::<u8, 4>::new();
        assert_eq!(put(&mut room, &[b"a", b"", b"bc"]), Ok(c"abc"));
        assert_eq!(put(&mut room, &[b"ab", b"cd"]), Err(Errno::NAMETOOLONG));
        assert_eq!(put(&mut room, &[b"a\0"]), Err(Errno::INVAL));
        assert_eq!(put(&mut room, &[]), Ok(c""));
    }
}
