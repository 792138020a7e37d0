//! A value of any kind: for documents whose shape isn't known.

use core::ffi::CStr;

use crate::text::starts_string;
use crate::{List, Map, Read, Reader, Refused};

/// A value as its decoded text. Absent and `null` are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw<'a>(&'a [u8]);

/// What a [`Raw`] is.
#[derive(Clone, Copy, Debug)]
pub enum Any<'a> {
    /// Nothing, or `null`.
    Null,
    /// An object.
    Object(Map<'a, Raw<'a>>),
    /// An array.
    Array(List<'a, Raw<'a>>),
    /// A string.
    String(&'a CStr),
    /// A number, `true` or `false`, as it is written.
    Word(&'a str),
}

impl<'a> Raw<'a> {
    /// What it is.
    #[inline(never)]
    pub fn any(self) -> Any<'a> {
        match self.0.first() {
            None | Some(b'n') => Any::Null,
            Some(b'{') => Any::Object(self.read()),
            Some(b'[') => Any::Array(self.read()),
            Some(byte) if starts_string(*byte) => Any::String(self.read()),
            Some(_) => Any::Word(core::str::from_utf8(self.0).unwrap_or_default()),
        }
    }

    /// Whether it says anything: it isn't `null` or empty.
    pub fn is_given(self) -> bool {
        match self.any() {
            Any::Null => false,
            Any::Object(members) => !members.is_empty(),
            Any::Array(elements) => !elements.is_empty(),
            Any::String(text) => !text.is_empty(),
            Any::Word(_) => true,
        }
    }

    /// A member of a member, by the keys with dots between them; absent if there is none.
    pub fn at(self, path: &[u8]) -> Raw<'a> {
        let mut at = self;
        for key in path.split(|byte| *byte == b'.') {
            let Any::Object(members) = at.any() else {
                return Raw::ABSENT;
            };
            at = Raw::ABSENT;
            for (name, value) in members.iter() {
                if name.to_bytes() == key {
                    at = value;
                }
            }
        }
        at
    }

    /// The value as the type that its first byte shows.
    fn read<T: Read<'a>>(self) -> T {
        let mut value = T::ABSENT;
        match value.fill(&mut Reader::new(self.0)) {
            Ok(()) => value,
            Err(Refused) => T::ABSENT,
        }
    }
}

impl<'a> Read<'a> for Raw<'a> {
    const ABSENT: Self = Raw(&[]);

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        self.0 = reader.whole();
        Ok(())
    }
}
