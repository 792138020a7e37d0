//! `ociVersion`: which documents this runtime reads.

use super::Job;
use super::refusal::Result;
use core::ffi::CStr;

/// The oldest version of the runtime-spec that is understood.
pub const OCI_VERSION_MIN: &str = "1.0.0";

/// The last minor version of major version 1 that is understood; the messages below say it too.
const MINOR_MAX: u32 = 3;

/// Accepts 1.0.0 to 1.3.x, also with what SemVer allows behind: `1.0.2-dev`, `1.3.0+dev`.
pub fn check(job: &Job<'_, '_>, version: Option<&CStr>) -> Result<()> {
    const PATH: &str = "ociVersion";
    let version = version.ok_or_else(|| {
        job.refuse(
            PATH,
            packed!("required: the version of the spec it follows, such as \"1.3.0\""),
        )
    })?;
    let why = match numbers(version.to_bytes()) {
        Some([1, 0..=MINOR_MAX, _]) => return Ok(()),
        None => packed!("expected a version such as \"1.3.0\""),
        Some([0, ..]) => {
            packed!(
                "a form from before 1.0.0, which is no longer read; `spec --from-legacy` converts it"
            )
        }
        Some(_) => packed!("newer than this runtime, which reads 1.0.0 to 1.3.x"),
    };
    Err(job.refuse_text(PATH, version, why))
}

/// MAJOR.MINOR.PATCH; what may stand behind them begins with `-` or `+`.
fn numbers(text: &[u8]) -> Option<[u32; 3]> {
    let (mut numbers, mut rest) = ([0u32; 3], text);
    for (at, number) in numbers.iter_mut().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let start = rest;
        while let [digit @ b'0'..=b'9', tail @ ..] = rest {
            *number = number
                .checked_mul(10)?
                .checked_add(u32::from(digit - b'0'))?;
            rest = tail;
        }
        if rest.len() == start.len() {
            return None;
        }
    }
    matches!(rest, [] | [b'-' | b'+', _, ..]).then_some(numbers)
}
