//! Why a document was refused, and where: data first, one line of text when it is known that nobody goes on.

use core::fmt;

use crate::found;
use crate::message::Message;
use crate::place;

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
    /// The path of the member it is in, but at the top, and what is wrong there.
    pub message: Message,
}

/// An error in the form in which the two phases keep it: small, and without the costly search for its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    offset: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Something else than the grammar or the declared type wants: what would have been right, with its article.
    Expected(&'static str),
    /// An integer that its type can't hold.
    Range { min: i64, max: u64 },
    /// An object without a key that it must have.
    Missing(&'static str),
    /// Text that no JSON document, or none that the kernel can be told, contains.
    Broken(&'static str),
}

impl Fault {
    pub(crate) const NONE: Fault = Fault::broken(0, "");

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

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

/// Which phase found a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first: the text behind the fault is still as it was written, so only one character of it is shown.
    Syntax,
    /// The second, which shows the whole value.
    Types,
}

impl Error {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(text: &[u8], fault: Fault, phase: Phase) -> Self {
        let mut message = Message::new();
        let (line, column) = place::locate(text, fault.offset, &mut message);
        let wanted = match fault.kind {
            Kind::Missing(key) => {
                message.push(key);
                " is missing"
            }
            Kind::Broken(why) => why,
            Kind::Expected(wanted) => {
                message.push("expected ");
                wanted
            }
            Kind::Range { min, max } => {
                message.push("expected an integer from ");
                message.push(if min < 0 { "-" } else { "" });
                message.push_number(min.unsigned_abs());
                message.push(" to ");
                message.push_number(max);
                ""
            }
        };
        message.push(wanted);
        if let Kind::Expected(_) | Kind::Range { .. } = fault.kind {
            message.push(", found ");
            let rest = text.get(fault.offset..).unwrap_or_default();
            match phase {
                Phase::Syntax => found::character(&mut message, rest),
                Phase::Types => found::value(&mut message, rest),
            }
        }
        Error {
            offset: fault.offset,
            line,
            column,
            message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}",
            self.line,
            self.column,
            self.message.as_str()
        )
    }
}

impl core::error::Error for Error {}
