//! From a byte offset to what a person looks for: line, column, and the path of keys that leads there.
//!
//! Nothing of this is tracked while reading. Only when a document is refused is its text walked once more, up to the
//! offending byte. The strings before that byte are decoded already, so newlines in them are no line ends; and since
//! decoding moves nothing, offsets and columns are those of the file.

use core::fmt::{self, Write};

use memchr::memchr;

use crate::found::quote;
use crate::text::MAX_DEPTH;

/// The members that lead to a value: `mounts[3].destination`, `annotations["org.example.key"]`. Of a path that is too
/// long the end is kept, behind `...`.
pub type Path = Fixed<128>;

/// One step of a path.
#[derive(Clone, Copy)]
enum Step {
    /// In an object, between its bracket or a comma and the next key.
    NoKey,
    /// In an object: where the key's text starts.
    Key(usize),
    /// In an array: the element's number.
    Index(usize),
}

/// Finds line, column (both from 1, in bytes) and path of an offset. `text` is decoded at least up to that offset.
pub(crate) fn locate(text: &[u8], offset: usize) -> (usize, usize, Path) {
    let mut steps = [Step::NoKey; MAX_DEPTH];
    let (mut depth, mut at) = (0usize, 0);
    let (mut line, mut line_start) = (1, 0);
    let before = &text[..offset.min(text.len())];
    while let Some(&byte) = before.get(at) {
        let start = at + 1;
        at = start;
        match (
            byte,
            depth.checked_sub(1).and_then(|top| steps.get_mut(top)),
        ) {
            (b'\n', _) => (line, line_start) = (line + 1, start),
            (b'{' | b'[', _) => {
                if let Some(step) = steps.get_mut(depth) {
                    *step = if byte == b'{' {
                        Step::NoKey
                    } else {
                        Step::Index(0)
                    };
                }
                depth += 1;
            }
            (b'}' | b']', _) => depth = depth.saturating_sub(1),
            (b',', Some(Step::Index(index))) => *index += 1,
            (b',', Some(step)) => *step = Step::NoKey,
            (b'"', top) => {
                // Without an end the offset is inside of this string.
                let Some(length) = memchr(0, &before[start..]) else {
                    break;
                };
                at = start + length;
                if let Some(step @ Step::NoKey) = top {
                    *step = Step::Key(start);
                }
            }
            _ => {}
        }
    }
    (
        line,
        before.len() - line_start + 1,
        render(text, &steps[..depth.min(MAX_DEPTH)]),
    )
}

/// Writes the path, leaving out as many steps at its start as needed.
fn render(text: &[u8], steps: &[Step]) -> Path {
    let mut from = 0;
    loop {
        let mut path = Path::new();
        if from > 0 {
            let _ = path.write_str("...");
        }
        for step in &steps[from..] {
            let _ = step.write(text, &mut path);
        }
        if !path.cut || from + 1 >= steps.len() {
            return path;
        }
        from += 1;
    }
}

impl Step {
    fn write(self, text: &[u8], path: &mut Path) -> fmt::Result {
        match self {
            Step::NoKey => Ok(()),
            Step::Index(index) => write!(path, "[{index}]"),
            Step::Key(start) => {
                let key = text[start..]
                    .split(|byte| *byte == 0)
                    .next()
                    .unwrap_or_default();
                let key = core::str::from_utf8(key).unwrap_or_default();
                if key.is_empty()
                    || !key
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
                {
                    path.write_char('[')?;
                    quote(path, key, '"')?;
                    return path.write_char(']');
                }
                if !path.is_empty() {
                    path.write_char('.')?;
                }
                path.write_str(key)
            }
        }
    }
}

/// A text of at most `N` bytes. What doesn't fit is cut off at a character and shown as `...`.
#[derive(Clone, Copy)]
pub struct Fixed<const N: usize> {
    bytes: [u8; N],
    length: usize,
    cut: bool,
}

impl<const N: usize> Fixed<N> {
    pub(crate) const fn new() -> Self {
        Fixed {
            bytes: [0; N],
            length: 0,
            cut: false,
        }
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The text, without the dots that tell of a cut.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl<const N: usize> Write for Fixed<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.cut {
            return Ok(());
        }
        let room = N - self.length;
        let mut fits = text.len().min(room);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.cut = fits < text.len();
        self.bytes[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        Ok(())
    }
}

impl<const N: usize> fmt::Display for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        if self.cut { f.write_str("...") } else { Ok(()) }
    }
}

impl<const N: usize> fmt::Debug for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
