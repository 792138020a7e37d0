//! From a byte offset to what a person looks for: line, column, and the path of keys that leads there.
//!
//! Nothing of this is tracked while reading. Only when a document is refused is its text walked once more, up to the
//! offending byte. The strings before that byte are decoded already, so newlines in them are no line ends; and since
//! decoding moves nothing, offsets and columns are those of the file.

use crate::found;
use crate::message::{DOTS, Message, quote};
use crate::reader::Reader;
use crate::text::{MAX_DEPTH, is_comma, starts_string, string};

/// Longest path, in bytes. Of one that is longer the end is kept, behind `...`.
const ROOM: usize = 128;

/// One step of a path.
#[derive(Clone, Copy)]
enum Step {
    /// In an object, between its bracket or a comma and the next key.
    NoKey,
    /// In an object: where the key starts.
    Key(usize),
    /// In an array: the element's number.
    Index(usize),
}

/// Finds line and column of an offset (both from 1, in bytes), and starts the message with the members that lead there:
/// `mounts[3].destination`, `annotations["org.example.key"]`. `text` is decoded at least up to that offset.
pub(crate) fn locate(text: &[u8], offset: usize, message: &mut Message) -> (usize, usize) {
    let mut steps = [Step::NoKey; MAX_DEPTH];
    let (mut depth, mut at) = (0usize, 0);
    let (mut line, mut line_start) = (1, 0);
    let before = &text[..offset.min(text.len())];
    while let Some(&byte) = before.get(at) {
        let start = at + 1;
        at = start;
        let top = depth.checked_sub(1).and_then(|top| steps.get_mut(top));
        match (byte, top) {
            (b'\n', _) => (line, line_start) = (line + 1, start),
            (b'{' | b'[', _) => {
                if let Some(step) = steps.get_mut(depth) {
                    *step = match byte {
                        b'{' => Step::NoKey,
                        _ => Step::Index(0),
                    };
                }
                depth += 1;
            }
            (b'}' | b']', _) => depth = depth.saturating_sub(1),
            (byte, Some(Step::Index(index))) if is_comma(byte) => *index += 1,
            (byte, Some(step)) if is_comma(byte) => *step = Step::NoKey,
            // The offset is inside of this string.
            (b'"', _) => break,
            (byte, top) if starts_string(byte) => {
                let Some(string) = string(&before[at - 1..]) else {
                    break;
                };
                if let Some(step @ Step::NoKey) = top {
                    *step = Step::Key(at - 1);
                }
                at += string.len();
            }
            _ => {}
        }
    }
    render(text, &steps[..depth.min(MAX_DEPTH)], message);
    (line, before.len() - line_start + 1)
}

/// Finds line and column (both from 1, in bytes) of the value that a path leads to, in text that
/// [`decode`](crate::text::decode) accepted: for whoever knows what is wrong, but not where. The path is one as
/// `linux.devices[3].type`, without keys in quotes. Of a value that isn't there it is the object or list that lacks it.
#[cold]
#[inline(never)]
pub fn place_of(text: &[u8], path: &str) -> (usize, usize) {
    let mut reader = Reader::new(text);
    let mut rest = path.as_bytes();
    let mut offset = reader.position();
    while let Some((member, behind)) = reader.member(rest) {
        (offset, rest) = (member, behind);
        reader = Reader::new(text);
        reader.go(offset);
    }
    locate(text, offset, &mut Message::new())
}

impl Reader<'_> {
    /// Where the member is that a path begins with, and the rest of the path. Of equal keys the last one counts.
    fn member<'p>(&mut self, path: &'p [u8]) -> Option<(usize, &'p [u8])> {
        let keys = self.peek() == b'{';
        self.open(if keys { b'{' } else { b'[' }, "").ok()?;
        let (mut found, mut index) = (None, 0);
        while self.another() {
            let behind = match keys {
                true => behind_key(path, self.bytes().ok()?),
                false => behind_index(path, index),
            };
            let at = self.position();
            found = behind.map(|behind| (at, behind)).or(found);
            self.skip();
            index += 1;
        }
        found
    }
}

/// The path without the key that it begins with: `key` or `.key`.
fn behind_key<'p>(path: &'p [u8], key: &[u8]) -> Option<&'p [u8]> {
    let behind = path.strip_prefix(b".").unwrap_or(path).strip_prefix(key)?;
    matches!(behind.first(), None | Some(b'.' | b'[')).then_some(behind)
}

/// The path without the place in a list that it begins with: `[3]`.
fn behind_index(path: &[u8], index: usize) -> Option<&[u8]> {
    let inner = path.strip_prefix(b"[")?;
    let (number, behind) = inner.split_at_checked(inner.iter().position(|byte| *byte == b']')?)?;
    let number = core::str::from_utf8(number).ok()?;
    (number.parse() == Ok(index)).then(|| &behind[1..])
}

/// Writes the path, leaving out as many steps at its start as needed.
fn render(text: &[u8], steps: &[Step], message: &mut Message) {
    let mut from = 0;
    loop {
        message.restart(ROOM);
        if from > 0 {
            message.push(DOTS);
        }
        for step in &steps[from..] {
            step.write(text, message);
        }
        if !message.is_cut() || from + 1 >= steps.len() {
            break;
        }
        from += 1;
    }
    message.end_part();
    message.end_path();
}

impl Step {
    fn write(self, text: &[u8], path: &mut Message) {
        match self {
            Step::NoKey => {}
            Step::Index(index) => {
                path.push("[");
                path.push_number(index as u64);
                path.push("]");
            }
            Step::Key(start) => {
                let key = found::string(&text[start..]);
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                if key.is_empty() || !key.bytes().all(plain) {
                    path.push("[");
                    quote(&mut |piece| path.push(piece), key, '"');
                    path.push("]");
                } else {
                    path.push(if path.is_empty() { "" } else { "." });
                    path.push(key);
                }
            }
        }
    }
}
