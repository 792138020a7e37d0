//! Why a document was refused, and where: data first, one line of text when somebody prints it.

use core::fmt;

use crate::found::Found;
use crate::place::{self, Path};

/// A refused document. It prints as `41:17: linux.resources.memory.limit: expected an integer, found "1g"`; whoever
/// knows the file's name puts it in front.
#[derive(Clone, Copy, Debug)]
pub struct Error {
    /// Bytes before the offending place.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in bytes, from 1.
    pub column: usize,
    /// The member it is in; empty at the top.
    pub path: Path,
    /// What is wrong there.
    pub what: What,
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Something else than the grammar or the declared type wants.
    Expected {
        /// What would have been right, with its article.
        wanted: &'static str,
        /// What stands there.
        found: Found,
    },
    /// An integer that its type can't hold.
    Range {
        /// The least value allowed.
        min: i64,
        /// The greatest value allowed.
        max: u64,
        /// The number as written.
        found: Found,
    },
    /// An object without a key that it must have.
    Missing {
        /// The key.
        key: &'static str,
    },
    /// Text that no JSON document, or none that the kernel can be told, contains.
    Broken(&'static str),
}

/// An error in the form in which the two phases hand it up: small, and without the costly search for its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    offset: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Expected(&'static str),
    Range { min: i64, max: u64 },
    Missing(&'static str),
    Broken(&'static str),
}

impl Fault {
    pub(crate) const NONE: Fault = Fault::broken(0, "");

    pub(crate) const fn expected(offset: usize, wanted: &'static str) -> Self {
        Fault {
            offset,
            kind: Kind::Expected(wanted),
        }
    }

    pub(crate) const fn range(offset: usize, min: i64, max: u64) -> Self {
        Fault {
            offset,
            kind: Kind::Range { min, max },
        }
    }

    pub(crate) const fn missing(offset: usize, key: &'static str) -> Self {
        Fault {
            offset,
            kind: Kind::Missing(key),
        }
    }

    pub(crate) const fn broken(offset: usize, why: &'static str) -> Self {
        Fault {
            offset,
            kind: Kind::Broken(why),
        }
    }
}

impl Error {
    /// A fault of phase one: the text behind it is still as it was written, so only one character of it is shown.
    #[cold]
    #[inline(never)]
    pub(crate) fn in_raw(text: &[u8], fault: Fault) -> Self {
        Error::new(text, fault, Found::character(text, fault.offset))
    }

    /// A fault of phase two, which shows the whole value.
    #[cold]
    #[inline(never)]
    pub(crate) fn in_decoded(text: &[u8], fault: Fault) -> Self {
        Error::new(text, fault, Found::value(text, fault.offset))
    }

    fn new(text: &[u8], fault: Fault, found: Found) -> Self {
        let (line, column, path) = place::locate(text, fault.offset);
        let what = match fault.kind {
            Kind::Expected(wanted) => What::Expected { wanted, found },
            Kind::Range { min, max } => What::Range { min, max, found },
            Kind::Missing(key) => What::Missing { key },
            Kind::Broken(why) => What::Broken(why),
        };
        Error {
            offset: fault.offset,
            line,
            column,
            path,
            what,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.what.fmt(f)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Expected { wanted, found } => write!(f, "expected {wanted}, found {found}"),
            What::Range { min, max, found } => {
                write!(f, "expected an integer from {min} to {max}, found {found}")
            }
            What::Missing { key } => write!(f, "{key} is missing"),
            What::Broken(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for Error {}
