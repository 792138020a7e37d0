//! spec-min reads the JSON a container runtime is given: `config.json`, exec's `process.json`, a `LinuxResources`
//! document, and whatever small file of its own the runtime declares with [`object!`].
//!
//! One writable buffer goes in, borrowed data comes out. There is no heap, no table with a capacity, no copy:
//!
//! 1. [`text`] checks the syntax and decodes every string where it stands, so that each becomes a C string;
//! 2. [`Reader`] checks the types and fills the declared structs, whose texts and lists point into the buffer.
//!
//! What this crate knows is JSON and the *shape* of config.json. It knows nothing of Linux: enumerations stay text,
//! and whether a value makes sense is the runtime's question. Unknown keys are ignored, as the spec wants.
//!
//! ```
//! let mut json = *br#"{"ociVersion": "1.2.0", "root": {"path": "rootfs"}}"#;
//! let spec = spec_min::parse_spec(&mut json).unwrap();
//! assert_eq!(spec.root.get().unwrap().path, Some(c"rootfs"));
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![expect(
    clippy::result_large_err,
    reason = "an error carries its text for want of a heap, and is still smaller than a Spec"
)]

pub mod config;
mod error;
mod found;
mod list;
mod message;
mod object;
mod place;
mod raw;
mod reader;
mod repeated;
mod shape;
pub mod text;

pub use config::*;
pub use error::Error;
pub use list::{List, ListIter, Map, MapIter};
pub use message::{Message, quote};
pub use object::{Fields, Keys};
pub use place::place_of;
pub use raw::{Any, Raw};
pub use reader::{Maybe, Read, Reader, Refused, Text};
pub use repeated::{Slot, repeated_keys};
pub use shape::{OTHER_SYSTEMS, Property, Shape, Shaped};

/// Reads a whole document of type `T`. The buffer is rewritten in place and must not be shown to anybody afterwards.
pub fn parse<'a, T: Read<'a>>(buf: &'a mut [u8]) -> Result<T, Error> {
    text::decode(buf)?;
    let mut reader = Reader::new(buf);
    let mut value = T::ABSENT;
    match value.fill(&mut reader) {
        Ok(()) => Ok(value),
        Err(Refused) => Err(reader.into_error()),
    }
}

/// The same for somebody who wants to know all that is wrong: hands every error over, and goes on behind the value that
/// has it. None when the text isn't JSON; else a value in which whatever was refused is absent or empty, a list as from
/// the element that was.
pub fn parse_all<'a, T: Read<'a>>(buf: &'a mut [u8], tell: &'a dyn Fn(Error)) -> Option<T> {
    if let Err(error) = text::decode(buf) {
        tell(error);
        return None;
    }
    let mut reader = Reader::new(buf);
    reader.tell_all(tell);
    let mut value = T::ABSENT;
    match value.fill(&mut reader) {
        Ok(()) => Some(value),
        Err(Refused) => reader.recover().ok().map(|()| value),
    }
}

/// Reads `config.json` (runtime-spec, config.md).
pub fn parse_spec<'a>(buf: &'a mut [u8]) -> Result<Spec<'a>, Error> {
    parse(buf)
}

/// Reads exec's `process.json`: the `process` object of config.json on its own.
pub fn parse_process<'a>(buf: &'a mut [u8]) -> Result<Process<'a>, Error> {
    parse(buf)
}

/// Reads the `linux.resources` object on its own, as `update --resources` takes it.
pub fn parse_resources<'a>(buf: &'a mut [u8]) -> Result<Resources<'a>, Error> {
    parse(buf)
}
