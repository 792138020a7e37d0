//! Keys that an object has more than once. JSON leaves open what they mean; here the last value counts, as for Go. A person
//! who wrote both ought to know, but looking for them takes a table, so it isn't part of reading.

use crate::Error;
use crate::error::{Fault, Phase};
use crate::found::string;
use crate::message::Message;
use crate::place;
use crate::text::{MAX_DEPTH, decode, is_comma, starts_string};

/// A place in the table of [`repeated_keys`]: where an object starts and where a key in it starts; zeros are free.
pub type Slot = [u32; 2];

/// Tells of every key that its object had before: in the order of the document, each with its own place and path.
///
/// The text is rewritten like [`parse`](crate::parse)'s. `slots` is a table of zeros; it has to have more than twice as many as
/// the document has colons, else the keys behind those that fit are passed over. The time is linear in the text but for each
/// key that is told of, of which there are at most `most`.
pub fn repeated_keys(
    text: &mut [u8],
    slots: &mut [Slot],
    most: usize,
    tell: &mut dyn FnMut(&Error),
) -> Result<(), Error> {
    decode(text)?;
    let text = &*text;
    // Where the objects start that are around; 0 stands for an array, since no object with an outer one starts there.
    let mut around = [0; MAX_DEPTH];
    let (mut depth, mut at) = (0usize, 0);
    let (mut kept, mut told, mut key) = (0, 0, false);
    while let Some(&byte) = text.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' => {
                if let Some(start) = around.get_mut(depth) {
                    *start = if byte == b'{' { at } else { 0 };
                }
                depth += 1;
                key = byte == b'{';
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            byte if is_comma(byte) => {
                key = depth.checked_sub(1).and_then(|top| around.get(top)) != Some(&0)
            }
            byte if starts_string(byte) => {
                let name = string(&text[start..]);
                at += name.len();
                if !core::mem::take(&mut key) {
                    continue;
                }
                let object = around[depth.saturating_sub(1).min(MAX_DEPTH - 1)];
                if 2 * kept >= slots.len() || told == most {
                    return Ok(());
                }
                kept += 1;
                if !insert(text, slots, [object as u32, start as u32], name) {
                    told += 1;
                    tell(&error(text, start));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Adds a key; false if its object has one of the same name.
fn insert(text: &[u8], slots: &mut [Slot], new: Slot, name: &str) -> bool {
    // FNV-1a, the object's place first.
    let start = 0x811c_9dc5_u32 ^ new[0].wrapping_mul(0x9e37_79b9);
    let hash = name.bytes().fold(start, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let mut at = hash as usize % slots.len();
    while let Some(&old @ [object, key]) = slots.get(at) {
        if old == [0, 0] {
            slots[at] = new;
            return true;
        }
        if object == new[0] && string(&text[key as usize..]) == name {
            return false;
        }
        at = (at + 1) % slots.len();
    }
    true
}

/// The path is that of the value, line and column are those of the key.
fn error(text: &[u8], key: usize) -> Error {
    let value = key + string(&text[key..]).len() + 2;
    let fault = Fault::broken(
        value,
        "the object has this key twice; the last value counts",
    );
    let (line, column) = place::locate(text, key, &mut Message::new());
    Error {
        offset: key,
        line,
        column,
        ..Error::new(text, fault, Phase::Types)
    }
}
