//! One line for a person: the step, the thing, the errno and, when known, the way out.

use crate::text::{self, Wording, unpacked};
use core::fmt;
use init::packed::Packed;
use rustix::io::Errno;

/// What every verb returns when it can't.
pub type Result<T> = core::result::Result<T, Error>;

/// A finished sentence; it is made where the facts are and printed once, in `main`.
///
/// One pointer wide: every `?` of the program moves it, and a result that fits a register keeps them short.
#[derive(Debug)]
pub struct Error(Box<Sentence>);

#[derive(Debug)]
struct Sentence(String);

impl Error {
    /// An error whose text is complete.
    #[cold]
    #[inline(never)]
    pub fn new(text: impl Wording) -> Error {
        Error::from_text(text.wording())
    }

    #[cold]
    #[inline(never)]
    fn from_text(text: String) -> Error {
        Error(Box::new(Sentence(text)))
    }

    /// The pieces one after the other.
    #[cold]
    #[inline(never)]
    pub fn join(pieces: &[&str]) -> Error {
        Error::from_text(pieces.concat())
    }

    /// The pattern with a piece in the place of each `{}`, in their order.
    #[cold]
    #[inline(never)]
    pub fn fill(pattern: Packed, pieces: &[&str]) -> Error {
        Error::from_text(text::fill(&unpacked(pattern), pieces))
    }

    /// The same for pieces that come from the operating system; what isn't UTF-8 in them becomes U+FFFD.
    #[cold]
    #[inline(never)]
    pub fn fill_bytes(pattern: Packed, pieces: &[&[u8]]) -> Error {
        Error::from_text(lossy(&text::fill_bytes(&unpacked(pattern), pieces)))
    }

    /// `step: thing: no such file or directory (ENOENT)`; without the step where that is empty.
    #[cold]
    #[inline(never)]
    pub fn of(step: &str, thing: &[u8], errno: Errno) -> Error {
        let colon = if step.is_empty() { "" } else { ": " };
        Error::fill_bytes(
            packed!("{}{}{}: {}"),
            &[
                step.as_bytes(),
                colon.as_bytes(),
                thing,
                crate::errno::text(errno).as_bytes(),
            ],
        )
    }

    /// `step: no such file or directory (ENOENT)`.
    #[cold]
    #[inline(never)]
    pub fn call(step: impl Wording, errno: Errno) -> Error {
        Error::of("", step.wording().as_bytes(), errno)
    }

    /// Adds the errno: `text: no such file or directory (ENOENT)`.
    #[cold]
    #[inline(never)]
    pub fn with(self, errno: Errno) -> Error {
        Error::of("", self.text().as_bytes(), errno)
    }

    /// Adds what is known of it beyond that, such as a way out.
    #[cold]
    #[inline(never)]
    pub fn and(self, more: Packed) -> Error {
        Error::join(&[self.text(), &unpacked(more)])
    }

    /// `context: text`, for a context that is one piece.
    #[cold]
    #[inline(never)]
    pub fn under(self, context: &str) -> Error {
        Error::fill(packed!("{}: {}"), &[context, self.text()])
    }

    /// The sentence.
    pub fn text(&self) -> &str {
        &self.0.0
    }
}

/// Bytes of the operating system as text; what isn't UTF-8 in them becomes U+FFFD.
#[inline(never)]
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
