//! Arrays and dictionaries of any length, without a table: each is the piece of text it was read from.
//!
//! Reading one checks every member, and iterating reads the members again, one at a time. So a list costs three words
//! wherever it is stored, and a long one costs no more than the text it is written in.

use core::ffi::CStr;
use core::fmt;
use core::marker::PhantomData;

use crate::reader::{Read, Reader, Refused};

/// The members of an array or object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members<'a> {
    /// From bracket to bracket; none without a member.
    pub text: Option<&'a [u8]>,
    /// How many there are.
    pub count: usize,
}

impl Members<'_> {
    pub const NONE: Self = Members {
        text: None,
        count: 0,
    };
}

/// A JSON array whose elements are all `T`. Absent and `null` are the empty list.
#[derive(Clone, Copy)]
pub struct List<'a, T> {
    members: Members<'a>,
    of: PhantomData<T>,
}

/// A JSON object used as a dictionary: any keys, and values that are all `V`. Absent and `null` are the empty map.
#[derive(Clone, Copy)]
pub struct Map<'a, V> {
    members: Members<'a>,
    of: PhantomData<V>,
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        List {
            members: Members::NONE,
            of: PhantomData,
        }
    }
}

impl<V> Default for Map<'_, V> {
    fn default() -> Self {
        Map {
            members: Members::NONE,
            of: PhantomData,
        }
    }
}

impl<'a, T: Read<'a>> List<'a, T> {
    /// The elements in the order of the document.
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter {
            reader: Reader::inside(self.members.text),
            of: PhantomData,
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.members.count == 0
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.members.count
    }

    /// How many bytes of the document it takes, from bracket to bracket.
    pub fn size(&self) -> usize {
        self.members.text.map_or(0, <[u8]>::len)
    }

    /// The first element.
    pub fn first(&self) -> Option<T> {
        self.iter().next()
    }
}

impl<'a, V: Read<'a>> Map<'a, V> {
    /// The members in the order of the document. A key that the document repeats comes repeatedly; applying the
    /// members in order lets the last one win.
    pub fn iter(&self) -> MapIter<'a, V> {
        MapIter {
            reader: Reader::inside(self.members.text),
            of: PhantomData,
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.count == 0
    }

    /// The number of members as written.
    pub fn len(&self) -> usize {
        self.members.count
    }

    /// The value of a key, the last one if the document repeats it.
    pub fn get(&self, key: &CStr) -> Option<V> {
        let mut found = None;
        for (name, value) in self.iter() {
            if name == key {
                found = Some(value);
            }
        }
        found
    }
}

impl<'a, T: Read<'a>> Read<'a> for List<'a, T> {
    const ABSENT: Self = List {
        members: Members::NONE,
        of: PhantomData,
    };

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        reader.array(&mut self.members, T::check, T::STRING)
    }
}

impl<'a, V: Read<'a>> Read<'a> for Map<'a, V> {
    const ABSENT: Self = Map {
        members: Members::NONE,
        of: PhantomData,
    };

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Refused> {
        reader.dictionary(&mut self.members, V::check)
    }
}

/// Reads a list's elements one at a time.
#[derive(Debug)]
pub struct ListIter<'a, T> {
    reader: Reader<'a>,
    of: PhantomData<T>,
}

/// Reads a map's members one at a time.
#[derive(Debug)]
pub struct MapIter<'a, V> {
    reader: Reader<'a>,
    of: PhantomData<V>,
}

impl<'a, T: Read<'a>> ListIter<'a, T> {
    /// Reads the next element over another one, for who has no need to keep that and spares the copy of a large one. False if
    /// there is none.
    pub fn next_into(&mut self, element: &mut T) -> bool {
        // What is no string ends a list of strings: its bracket, since the same bytes were read without a refusal when the
        // list was.
        (T::STRING || self.reader.another()) && element.read(&mut self.reader).is_ok()
    }
}

impl<'a, T: Read<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let mut value = T::ABSENT;
        self.next_into(&mut value).then_some(value)
    }
}

impl<'a, V: Read<'a>> Iterator for MapIter<'a, V> {
    type Item = (&'a CStr, V);

    fn next(&mut self) -> Option<(&'a CStr, V)> {
        if !self.reader.another() {
            return None;
        }
        let key = self.reader.string().ok()?;
        let mut value = V::ABSENT;
        value.fill(&mut self.reader).ok()?;
        Some((key, value))
    }
}

impl<'a, T: Read<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = ListIter<'a, T>;

    fn into_iter(self) -> ListIter<'a, T> {
        self.iter()
    }
}

impl<'a, V: Read<'a>> IntoIterator for Map<'a, V> {
    type Item = (&'a CStr, V);
    type IntoIter = MapIter<'a, V>;

    fn into_iter(self) -> MapIter<'a, V> {
        self.iter()
    }
}

impl<'a, T: Read<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, V: Read<'a> + fmt::Debug> fmt::Debug for Map<'a, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
