//! What stands where something else was wanted, kept short enough to be part of an error.

use core::fmt::{self, Write};

use crate::place::Fixed;

/// A piece of the document as a message shows it: `"1g"`, `1.5`, `null`, `an array`, `'}'`, `the end of the text`.
#[derive(Clone, Copy, Debug)]
pub struct Found(Fixed<48>);

impl Found {
    /// The character at `offset`.
    pub(crate) fn character(text: &[u8], offset: usize) -> Self {
        let mut shown = Fixed::new();
        let rest = text.get(offset..).unwrap_or_default();
        let sequence = &rest[..rest.len().min(4)];
        let valid = match core::str::from_utf8(sequence) {
            Ok(valid) => valid,
            Err(error) => {
                core::str::from_utf8(&sequence[..error.valid_up_to()]).unwrap_or_default()
            }
        };
        // Writing into a Fixed never fails: it cuts.
        let _ = match (valid.chars().next(), rest.first()) {
            (Some(character), _) => quote(&mut shown, character.encode_utf8(&mut [0; 4]), '\''),
            (None, Some(byte)) => write!(shown, "the byte 0x{byte:02x}"),
            (None, None) => shown.write_str("the end of the text"),
        };
        Found(shown)
    }

    /// The value at `offset` in decoded text.
    pub(crate) fn value(text: &[u8], offset: usize) -> Self {
        let mut shown = Fixed::new();
        let rest = text.get(offset..).unwrap_or_default();
        let _ = match rest.first() {
            Some(b'{') => shown.write_str("an object"),
            Some(b'[') => shown.write_str("an array"),
            Some(b'"') => {
                let content = rest[1..]
                    .split(|byte| *byte == 0)
                    .next()
                    .unwrap_or_default();
                quote(
                    &mut shown,
                    core::str::from_utf8(content).unwrap_or_default(),
                    '"',
                )
            }
            _ => {
                let end = rest.iter().position(
                    |b| !matches!(b, b'a'..=b'z' | b'E' | b'0'..=b'9' | b'-' | b'+' | b'.'),
                );
                let word = &rest[..end.unwrap_or(rest.len())];
                shown.write_str(core::str::from_utf8(word).unwrap_or_default())
            }
        };
        Found(shown)
    }
}

/// Writes text between quotation marks, so that no byte of it can move a terminal's cursor or end the quotation.
pub(crate) fn quote(out: &mut impl Write, text: &str, mark: char) -> fmt::Result {
    out.write_char(mark)?;
    for character in text.chars() {
        match character {
            '"' | '\\' if mark == '"' => {
                out.write_char('\\')?;
                out.write_char(character)?;
            }
            _ if character.is_control() => write!(out, "\\u{:04x}", u32::from(character))?,
            _ => out.write_char(character)?,
        }
    }
    out.write_char(mark)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
