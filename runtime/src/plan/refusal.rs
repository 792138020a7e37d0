//! Why a document can't be run: where in it, what stands there and what would be right.

use super::namespaces::KINDS;
use core::ffi::CStr;
use core::fmt;
use rustix::io::Errno;

/// The first rule that a document breaks. It prints as one line:
/// `config.json: mounts[3].options: "foo": a bind mount has no such option`.
///
/// In a box, because it is handed up through everything that makes a part of the plan.
#[derive(Debug)]
pub struct Refusal(Box<Parts>);

#[derive(Debug)]
struct Parts {
    document: &'static str,
    path: String,
    text: String,
}

/// What the parts of the plan return.
pub type Result<T> = core::result::Result<T, Refusal>;

/// Of a document's text no more than so many bytes are shown.
const LONGEST: usize = 120;

/// A refusal. Whoever makes a part of an object or a list gives the rest of the path only, from its point or bracket
/// on; see [`Refusal::inside`] and [`Refusal::element`].
#[cold]
#[inline(never)]
pub fn refuse(path: &str, text: &str) -> Refusal {
    Refusal(Box::new(Parts {
        document: "config.json",
        path: path.into(),
        text: text.into(),
    }))
}

/// The same about the document's own text.
#[cold]
#[inline(never)]
pub fn refuse_text(path: &str, value: &CStr, text: &str) -> Refusal {
    refuse(path, text).about(value.to_bytes())
}

/// The same about a number.
#[cold]
#[inline(never)]
pub fn refuse_number(path: &str, value: i64, text: &str) -> Refusal {
    refuse(path, text).saying(&value.to_string())
}

/// What is refused without a namespace of its own: it would be done to the host.
#[cold]
#[inline(never)]
pub fn needs(path: &str, flag: u32) -> Refusal {
    let kind = KINDS.iter().find(|(_, of)| *of == flag);
    let kind = kind.map_or("", |(kind, _)| kind);
    refuse(path, &["needs {\"type\": \"", kind, "\"} in linux.namespaces"].concat())
}

impl Refusal {
    /// The property, as in `linux.namespaces[2].type`.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong there.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The same for a document of another name than config.json.
    pub fn of(mut self, document: &'static str) -> Refusal {
        self.0.document = document;
        self
    }

    /// Puts the object that has the property before it.
    #[cold]
    #[inline(never)]
    pub fn inside(mut self, object: &str) -> Refusal {
        self.0.path.insert_str(0, object);
        self
    }

    /// Puts the list and the place in it before the property.
    #[cold]
    #[inline(never)]
    pub fn element(self, list: &str, at: usize) -> Refusal {
        self.inside(&[list, "[", &at.to_string(), "]"].concat())
    }

    /// Puts the document's own text before the reason: in quotes, on one line and no longer than one, whatever it holds.
    #[cold]
    #[inline(never)]
    pub fn about(self, value: &[u8]) -> Refusal {
        let mut shown = core::str::from_utf8(value).unwrap_or("(not UTF-8)").to_owned();
        if shown.len() > LONGEST {
            let mut end = LONGEST;
            while !shown.is_char_boundary(end) {
                end -= 1;
            }
            shown.truncate(end);
            shown.push_str("...");
        }
        let mut quoted = String::new();
        spec_min::quote(&mut quoted, &shown, '"');
        self.saying(&quoted)
    }

    fn saying(mut self, value: &str) -> Refusal {
        self.0.text = [value, ": ", &self.0.text].concat();
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { document, path, text } = &*self.0;
        let colon = if path.is_empty() { "" } else { ": " };
        for piece in [document, ": ", path.as_str(), colon, text] {
            f.write_str(piece)?;
        }
        Ok(())
    }
}

impl From<Errno> for Refusal {
    /// The arena is the only thing here that asks the system for anything, and that for no more than was set aside.
    #[cold]
    #[inline(never)]
    fn from(_: Errno) -> Refusal {
        refuse("", "its plan needs more memory than was set aside")
    }
}
