//! Why a document can't be run: where in it, what stands there and what would be right.

use super::Job;
use super::namespaces::KINDS;
use crate::error::Error;
use crate::text::{Wording, decimal, fill, signed};
use core::ffi::CStr;
use rustix::io::Errno;

/// A rule that a document breaks. As one line it is
/// `config.json:41:17: mounts[3].options: "foo": a bind mount has no such option`.
#[derive(Debug, Default)]
pub struct Refusal {
    document: &'static str,
    /// `41:17:`, line and column, if they were looked for.
    place: String,
    path: String,
    text: String,
}

impl Refusal {
    /// The property, as in `linux.namespaces[2].type`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same with line and column, `text` being the document as it is written.
    #[cold]
    #[inline(never)]
    pub fn found_in(mut self, text: &[u8]) -> Refusal {
        let mut copy = text.to_vec();
        if spec_min::text::decode(&mut copy).is_ok() {
            // process.json is what config.json has at `process`.
            let inner = match self.document {
                "process.json" => self.path.strip_prefix("process."),
                _ => None,
            };
            let place = spec_min::place_of(&copy, inner.unwrap_or(&self.path));
            self.place = place_text(Some(place));
        }
        self
    }

    /// What a verb that can't go on says.
    #[cold]
    #[inline(never)]
    pub fn error(self) -> Error {
        Error::new(self.line())
    }

    /// All of it, as one line.
    pub fn line(&self) -> String {
        let colon = if self.path.is_empty() { "" } else { ": " };
        fill(
            "{}:{} {}{}{}",
            &[self.document, &self.place, &self.path, colon, &self.text],
        )
    }

    fn saying(&mut self, value: &str) {
        self.text = fill("{}: {}", &[value, &self.text]);
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.line())
    }
}

/// Line and column as they stand before what is wrong, with their colons; nothing for none.
pub fn place_text(place: Option<(usize, usize)>) -> String {
    match place {
        Some((line, column)) => {
            let [line, column] = [line, column].map(|number| decimal(number as u64));
            fill("{}:{}:", &[&*line, &*column])
        }
        None => String::new(),
    }
}

/// Line, column and text of an error of the parser.
#[cold]
#[inline(never)]
pub fn misread(document: &str, error: &spec_min::Error) -> String {
    let place = place_text(Some((error.line, error.column)));
    fill("{}:{} {}", &[document, &place, error.message.as_str()])
}

/// That something was refused; what, is kept in the [`Job`], so that all the parts of the plan return little more than
/// what they make.
#[derive(Debug)]
pub struct Refused;

impl From<Errno> for Refused {
    /// The arena is the only thing here that asks the system for anything; [`Job::refusal`] knows.
    fn from(_: Errno) -> Refused {
        Refused
    }
}

/// What the parts of the plan return.
pub type Result<T> = core::result::Result<T, Refused>;

/// Of a document's text no more than so many bytes are shown.
const LONGEST: usize = 120;

/// Whoever makes a part of an object or a list refuses with the rest of the path only, from its point or bracket on;
/// see [`Job::inside`] and [`Job::element`].
impl Job<'_, '_> {
    /// Refuses the document.
    #[cold]
    #[inline(never)]
    pub fn refuse(&self, path: &str, text: impl Wording) -> Refused {
        self.refusal.replace(Refusal {
            document: self.facts.document,
            place: String::new(),
            path: path.into(),
            text: text.wording(),
        });
        Refused
    }

    /// The same about the document's own text.
    #[cold]
    #[inline(never)]
    pub fn refuse_text(&self, path: &str, value: &CStr, text: impl Wording) -> Refused {
        let refused = self.refuse(path, text);
        self.about(refused, value.to_bytes())
    }

    /// The same about a number.
    #[cold]
    #[inline(never)]
    pub fn refuse_number(&self, path: &str, value: i64, text: impl Wording) -> Refused {
        let refused = self.refuse(path, text);
        self.refusal.borrow_mut().saying(&signed(value));
        refused
    }

    /// Refuses what would be done to the host without a namespace of its own.
    #[cold]
    #[inline(never)]
    pub fn needs(&self, path: &str, flag: u32) -> Refused {
        if self.kinds.are_in_doubt() {
            return Refused;
        }
        let kind = KINDS.word(flag);
        self.refuse(
            path,
            &*fill("needs {\"type\": \"{}\"} in linux.namespaces", &[kind]),
        )
    }

    /// Puts the object that has the property before it.
    #[cold]
    #[inline(never)]
    pub fn inside(&self, refused: Refused, object: &str) -> Refused {
        self.refusal.borrow_mut().path.insert_str(0, object);
        refused
    }

    /// Puts the list and the place in it before the property.
    #[cold]
    #[inline(never)]
    pub fn element(&self, refused: Refused, list: &str, at: usize) -> Refused {
        self.inside(refused, &fill("{}[{}]", &[list, &decimal(at as u64)]))
    }

    /// Puts the document's own text before the reason: in quotes, on one line and no longer than one, whatever it holds.
    #[cold]
    #[inline(never)]
    pub fn about(&self, refused: Refused, value: &[u8]) -> Refused {
        let mut shown = core::str::from_utf8(value)
            .unwrap_or("(not UTF-8)")
            .to_owned();
        if shown.len() > LONGEST {
            let mut end = LONGEST;
            while !shown.is_char_boundary(end) {
                end -= 1;
            }
            shown.truncate(end);
            shown.push_str("...");
        }
        let mut quoted = String::new();
        spec_min::quote(&mut |piece| quoted.push_str(piece), &shown, '"');
        self.refusal.borrow_mut().saying(&quoted);
        refused
    }

    /// Says what would be refused if it mattered more.
    #[cold]
    #[inline(never)]
    pub fn warn(&self, odd: Refused) {
        let odd = self.refusal(odd);
        (self.warn.borrow_mut())(&odd.path, &odd.text);
    }

    /// Puts a refusal down and goes on, or ends the plan with it.
    #[cold]
    #[inline(never)]
    pub fn gather(&self, refused: Refused) -> Result<()> {
        let Some(found) = self.found else {
            return Err(refused);
        };
        let refusal = self.refusal.take();
        // Without a text nothing was wrong but what had been put down before.
        if !refusal.text.is_empty() {
            found.borrow_mut().push(refusal);
        }
        Ok(())
    }

    /// What was refused.
    #[cold]
    #[inline(never)]
    pub fn refusal(&self, _: Refused) -> Refusal {
        if self.refusal.borrow().text.is_empty() {
            self.refuse("", packed!("its plan needs more memory than was set aside"));
        }
        self.refusal.take()
    }
}
