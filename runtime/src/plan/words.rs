//! Words of the document that stand for numbers of the kernel.

use super::Job;
use super::paths::given;
use super::refusal::Result;
use core::ffi::CStr;

/// A word of the spec and the kernel's number for it.
pub type Row = (&'static str, u32);

/// The number of a word.
pub fn find(table: &[Row], word: &CStr) -> Option<u32> {
    let row = table
        .iter()
        .find(|(name, _)| name.as_bytes() == word.to_bytes());
    row.map(|&(_, number)| number)
}

/// The same for a word that must be there and in the table.
#[inline(never)]
pub fn number(job: &Job<'_, '_>, table: &[Row], word: Option<&CStr>, path: &str) -> Result<u32> {
    let Some(word) = given(word) else {
        return Err(job.refuse(path, &["required: ", &*names(table)].concat()));
    };
    find(table, word)
        .ok_or_else(|| job.refuse_text(path, word, &["expected ", &*names(table)].concat()))
}

/// The names of a table, as `a, b or c`.
#[cold]
fn names(table: &[Row]) -> String {
    let mut text = String::new();
    for (at, (name, _)) in table.iter().enumerate() {
        text.push_str(match at {
            0 => "",
            at if at + 1 == table.len() => " or ",
            _ => ", ",
        });
        text.push_str(name);
    }
    text
}
