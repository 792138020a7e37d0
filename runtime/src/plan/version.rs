//! `ociVersion`: which documents this runtime reads.

use super::refusal::{Quoted, Result, refuse};
use crate::SPEC_VERSION;
use core::ffi::CStr;

/// The oldest version of the runtime-spec that is understood.
pub const OCI_VERSION_MIN: &str = "1.0.0";

/// The last minor version of major version 1 that is understood.
const MINOR_MAX: u32 = 3;

/// Accepts 1.0.0 to 1.3.x, also with what SemVer allows behind: `1.0.2-dev`, `1.3.0+dev`.
pub fn check(version: Option<&CStr>) -> Result<()> {
    let path = format_args!("ociVersion");
    let Some(version) = version else {
        return Err(refuse(
            path,
            format_args!(
                "required: the version of the spec it follows, such as \"{SPEC_VERSION}\""
            ),
        ));
    };
    let quoted = Quoted(version);
    match numbers(version.to_bytes()) {
        None => Err(refuse(
            path,
            format_args!("{quoted}: expected a version such as \"{SPEC_VERSION}\""),
        )),
        Some((0, ..)) => Err(refuse(
            path,
            format_args!(
                "{quoted}: a form from before 1.0.0, which is no longer read; `spec` writes a current one"
            ),
        )),
        Some((1, minor, _)) if minor <= MINOR_MAX => Ok(()),
        Some(_) => Err(refuse(
            path,
            format_args!(
                "{quoted}: newer than this runtime, which reads {OCI_VERSION_MIN} to 1.{MINOR_MAX}.x"
            ),
        )),
    }
}

/// MAJOR.MINOR.PATCH; what may stand behind them begins with `-` or `+`.
fn numbers(text: &[u8]) -> Option<(u32, u32, u32)> {
    let end = text
        .iter()
        .position(|byte| matches!(byte, b'-' | b'+'))
        .unwrap_or(text.len());
    let mut parts = text[..end].split(|&byte| byte == b'.').map(number);
    let found = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && text.len() != end + 1).then_some(found)
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}
