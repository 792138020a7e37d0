//! Why a document can't be run: where in it, what stands there and what would be right.

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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts {
            document,
            path,
            text,
        } = &*self.0;
        match path.is_empty() {
            true => write!(f, "{document}: {text}"),
            false => write!(f, "{document}: {path}: {text}"),
        }
    }
}

impl From<Errno> for Refusal {
    /// The arena is the only thing here that asks the system for anything.
    fn from(errno: Errno) -> Refusal {
        refuse(
            format_args!(""),
            format_args!("its plan needs more memory than was set aside ({errno:?})"),
        )
    }
}

/// What the parts of the plan return.
pub type Result<T> = core::result::Result<T, Refusal>;

/// A refusal; the only place that allocates.
#[cold]
#[inline(never)]
pub fn refuse(path: fmt::Arguments<'_>, text: fmt::Arguments<'_>) -> Refusal {
    Refusal(Box::new(Parts {
        document: "config.json",
        path: path.to_string(),
        text: text.to_string(),
    }))
}

/// The document's own text in quotes, on one line and no longer than one, whatever it holds.
pub struct Quoted<'a>(pub &'a CStr);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 120;
        let text = self.0.to_str().unwrap_or("(not UTF-8)");
        f.write_str("\"")?;
        for (at, letter) in text.char_indices() {
            if at >= LONGEST {
                f.write_str("...")?;
                break;
            }
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                letter if letter.is_control() => write!(f, "\\u{:04x}", u32::from(letter))?,
                letter => write!(f, "{letter}")?,
            }
        }
        f.write_str("\"")
    }
}

/// The names of a table, as `a, b or c`.
pub struct OneOf<I>(pub I);

impl<'t, I: Iterator<Item = &'t str> + Clone> fmt::Display for OneOf<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.0.clone().peekable();
        let mut first = true;
        while let Some(name) = names.next() {
            let between = match (first, names.peek()) {
                (true, _) => "",
                (false, Some(_)) => ", ",
                (false, None) => " or ",
            };
            write!(f, "{between}{name}")?;
            first = false;
        }
        Ok(())
    }
}
