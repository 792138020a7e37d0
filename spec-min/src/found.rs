//! What stands where something else was wanted, kept short enough to be part of an error: `"1g"`, `1.5`, `null`,
//! `an array`, `'}'`, `the end of the text`.

use crate::message::{Message, quote};
use crate::text;

/// Longest text that is shown, in bytes.
const ROOM: usize = 48;

/// The character at the start of `rest`.
pub(crate) fn character(message: &mut Message, rest: &[u8]) {
    let Some(first) = rest.first() else {
        return message.push("the end of the text");
    };
    let sequence = &rest[..rest.len().min(4)];
    let valid = sequence
        .utf8_chunks()
        .next()
        .map_or("", |chunk| chunk.valid());
    match valid.chars().next() {
        Some(character) => {
            let text = &valid[..character.len_utf8()];
            quote(&mut |piece| message.push(piece), text, '\'');
        }
        None => {
            message.push("the byte 0x");
            message.push_byte(*first);
        }
    }
}

/// The value at the start of `rest`, in decoded text.
pub(crate) fn value(message: &mut Message, rest: &[u8]) {
    message.part(ROOM);
    match rest.first() {
        Some(b'{') => message.push("an object"),
        Some(b'[') => message.push("an array"),
        Some(&byte) if text::starts_string(byte) => {
            quote(&mut |piece| message.push(piece), string(rest), '"');
        }
        _ => {
            let word = |b: &u8| matches!(b, b'a'..=b'z' | b'E' | b'0'..=b'9' | b'-' | b'+' | b'.');
            let end = rest.iter().take_while(|byte| word(byte)).count();
            message.push(core::str::from_utf8(&rest[..end]).unwrap_or_default());
        }
    }
    message.end_part();
}

/// The decoded string that starts here.
pub(crate) fn string(rest: &[u8]) -> &str {
    core::str::from_utf8(text::string(rest).unwrap_or_default()).unwrap_or_default()
}
