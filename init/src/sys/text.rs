//! C strings out of bytes.
#![allow(unsafe_code)]

use crate::text::find;
use core::ffi::CStr;

/// The text that these bytes are, with its NUL; none if they end otherwise or hold another one. core's own function is built for
/// size, as all of core is here, which shows in thousands of mounts.
#[inline(always)]
pub fn c_str(bytes: &[u8]) -> Option<&CStr> {
    let length = find(bytes, 0)?;
    // SAFETY: the first NUL is the last byte.
    (length + 1 == bytes.len()).then(|| unsafe { CStr::from_bytes_with_nul_unchecked(bytes) })
}
