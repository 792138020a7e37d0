//! One line for a person: the step, the thing, the errno and, when known, the way out.

use core::fmt;
use rustix::io::Errno;

/// What every verb returns when it can't.
pub type Result<T> = core::result::Result<T, Error>;

/// A finished sentence; it is made where the facts are and printed once, in `main`.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// An error whose text is complete.
    pub fn new(text: impl Into<String>) -> Error {
        Error(text.into())
    }

    /// `what: no such file or directory (ENOENT)`.
    pub fn os(what: impl fmt::Display, errno: Errno) -> Error {
        Error(format!("{what}: {}", crate::errno::text(errno)))
    }

    /// The same for an error of the standard library.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Error {
        match error.raw_os_error() {
            Some(code) => Error::os(what, Errno::from_raw_os_error(code)),
            None => Error(format!("{what}: {error}")),
        }
    }

    /// Puts the larger undertaking before the text: `context: text`.
    pub fn within(self, context: impl fmt::Display) -> Error {
        Error(format!("{context}: {}", self.0))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
