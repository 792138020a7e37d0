//! Paths as text: never resolved here, only made absolute and plain.

use super::Job;
use super::refusal::Result;
use crate::text::{fill, unpacked};
use core::ffi::CStr;
use init::packed::Packed;
use init::sys::arena::Arena;
use rustix::io::Errno;

/// What is there and not empty: engines write `""` for what they leave out.
#[inline(never)]
pub fn given(text: Option<&CStr>) -> Option<&CStr> {
    text.filter(|text| !text.is_empty())
}

/// A text that must be there.
#[inline(never)]
pub fn required<'a>(
    job: &Job<'_, '_>,
    text: Option<&'a CStr>,
    path: &str,
    what: Packed,
) -> Result<&'a CStr> {
    given(text).ok_or_else(|| job.refuse(path, &*fill("required: {}", &[&unpacked(what)])))
}

/// A path that must begin with a slash.
#[inline(never)]
pub fn absolute<'a>(job: &Job<'_, '_>, text: &'a CStr, path: &str) -> Result<&'a CStr> {
    if text.to_bytes().first() == Some(&b'/') {
        return Ok(text);
    }
    Err(job.refuse_text(path, text, packed!("must be an absolute path")))
}

/// An absolute path as it is, another one as seen from `base`.
pub fn from_base<'a>(
    arena: &'a Arena,
    base: &CStr,
    path: &'a CStr,
) -> core::result::Result<&'a CStr, Errno> {
    if path.to_bytes().first() == Some(&b'/') {
        return Ok(path);
    }
    arena.text(&[base.to_bytes(), b"/", path.to_bytes()])
}

/// The path without empty, `.` and `..` components, absolute whatever it was: as it would be if no component
/// were a symbolic link. It allows to say which places are not allowed, not to open one safely.
pub fn clean<'a>(arena: &'a Arena, path: &'a CStr) -> core::result::Result<&'a CStr, Errno> {
    let bytes = path.to_bytes();
    // Most are so already.
    // A slash and a dot differ in one bit.
    let odd = |pair: &[u8]| pair[0] == b'/' && pair[1] | 1 == b'/';
    if let [b'/', .., last] = bytes
        && *last != b'/'
        && !bytes.windows(2).any(odd)
    {
        return Ok(path);
    }
    let buffer = arena.bytes(bytes.len() + 2)?;
    let (mut end, mut rest) = (0, bytes);
    while !rest.is_empty() {
        let length = rest.iter().position(|&byte| byte == b'/');
        let part = &rest[..length.unwrap_or(rest.len())];
        rest = &rest[part.len() + usize::from(length.is_some())..];
        match part {
            b"" | b"." => {}
            b".." => {
                let slash = buffer[..end].iter().rposition(|&byte| byte == b'/');
                end = slash.unwrap_or(0);
            }
            part => {
                buffer[end] = b'/';
                buffer[end + 1..=end + part.len()].copy_from_slice(part);
                end += 1 + part.len();
            }
        }
    }
    if end == 0 {
        buffer[0] = b'/';
        end = 1;
    }
    buffer[end..].fill(0);
    CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::INVAL)
}
