//! Objects with known keys: one declaration gives the struct, its documentation and its reader.

use crate::error::Fault;
use crate::reader::{Reader, Refused};
use crate::text;

/// Declares structs that are read from JSON objects.
///
/// Each field names its type and its JSON key; `required` before the key makes an object without it an error. Fields
/// that are absent or `null` keep their type's default, unknown keys are skipped, and of a repeated key the last
/// value that isn't `null` counts. A struct may have 64 fields; a struct that borrows takes one lifetime.
///
/// ```
/// use core::ffi::CStr;
/// spec_min::object! {
///     /// A place on a map.
///     pub struct Place<'a> {
///         /// Its name.
///         name: Option<&'a CStr> = "name",
///         /// Height in metres.
///         height: i32 = required "heightInMetres",
///     }
/// }
/// let mut json = *br#"{"name": "Brocken", "heightInMetres": 1141}"#;
/// let place: Place = spec_min::parse(&mut json).unwrap();
/// assert_eq!((place.name, place.height), (Some(c"Brocken"), 1141));
/// ```
#[macro_export]
macro_rules! object {
    () => {};
    (
        $(#[$about:meta])*
        $vis:vis struct $name:ident<$life:lifetime> { $($fields:tt)* }
        $($more:tt)*
    ) => {
        $crate::object! { @declare [$(#[$about])*] [$vis] $name [<$life>] $life { $($fields)* } }
        $crate::object! { $($more)* }
    };
    (
        $(#[$about:meta])*
        $vis:vis struct $name:ident { $($fields:tt)* }
        $($more:tt)*
    ) => {
        $crate::object! { @declare [$(#[$about])*] [$vis] $name [] 'text { $($fields)* } }
        $crate::object! { $($more)* }
    };
    (
        @declare [$(#[$about:meta])*] [$vis:vis] $name:ident [$($generics:tt)*] $life:lifetime {
            $( $(#[$doc:meta])* $field:ident : $type:ty = $($required:ident)? $key:literal ),* $(,)?
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name $($generics)* {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl $($generics)* ::core::default::Default for $name $($generics)* {
            fn default() -> Self {
                $crate::Read::ABSENT
            }
        }

        impl<$life> $crate::Read<$life> for $name $($generics)* {
            const ABSENT: Self = $name { $( $field: $crate::Read::ABSENT ),* };

            fn read(
                &mut self, reader: &mut $crate::Reader<$life>,
            ) -> ::core::result::Result<(), $crate::Refused> {
                *self = Self::ABSENT;
                self.fill(reader)
            }

            fn fill(
                &mut self, reader: &mut $crate::Reader<$life>,
            ) -> ::core::result::Result<(), $crate::Refused> {
                const TABLE: &[&str] = &[$( $key ),*];
                const PACKED: [u8; $crate::Keys::size(TABLE)] = $crate::Keys::pack(TABLE);
                const REQUIRED: u64 = $crate::Keys::set(&[$( $crate::object!(@is $($required)?) ),*]);
                let keys = $crate::Keys {
                    packed: &PACKED,
                    required: REQUIRED,
                    strings: const { $crate::Keys::set(&[$( <$type as $crate::Read<$life>>::STRING ),*]) },
                };
                reader.object(&keys, self)
            }
        }

        impl $($generics)* $crate::Shaped for $name $($generics)* {
            const SHAPE: $crate::Shape = $crate::Shape::Object(&[$( $crate::Property {
                name: $key,
                required: $crate::object!(@is $($required)?),
                shape: &<$type as $crate::Shaped>::SHAPE,
            } ),*]);
        }

        impl<$life> $crate::Fields<$life> for $name $($generics)* {
            fn field(
                &mut self, at: usize, reader: &mut $crate::Reader<$life>,
            ) -> ::core::result::Result<(), $crate::Refused> {
                #[allow(non_camel_case_types)]
                enum Field { $($field),* }

                match at {
                    $( at if at == Field::$field as usize => $crate::Read::read(&mut self.$field, reader), )*
                    _ => Ok(()),
                }
            }
        }
    };
    (@is required) => { true };
    (@is) => { false };
}

/// The keys of one object.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// All of them as one run of bytes: each as in decoded text, its length beside the top bit before it. Zeros follow, so that
    /// eight bytes can be read from the start of any. A table of `&str` would cost a relocation a key in a
    /// position-independent binary.
    pub packed: &'static [u8],
    /// Which must be there: bit n for the nth.
    pub required: u64,
    /// Of which the value may be any string, and nothing else.
    pub strings: u64,
}

/// What is read of a key at a time.
type Word = [u8; 8];

impl Keys {
    /// The size of the packed form.
    pub const fn size(table: &[&str]) -> usize {
        let (mut size, mut i) = (size_of::<Word>(), 0);
        while i < table.len() {
            size += 1 + table[i].len();
            i += 1;
        }
        size
    }

    /// The packed form.
    pub const fn pack<const N: usize>(table: &[&str]) -> [u8; N] {
        assert!(
            table.len() <= 64,
            "an object has at most 64 fields: see Reader::object"
        );
        let (mut packed, mut end, mut i) = ([0; N], 0, 0);
        while i < table.len() {
            let key = table[i].as_bytes();
            packed[end] = text::head(key.len());
            assert!(
                text::length(packed[end]).is_some(),
                "a key is at most 126 bytes long"
            );
            end += 1;
            let mut j = 0;
            while j < key.len() {
                packed[end] = key[j];
                end += 1;
                j += 1;
            }
            i += 1;
        }
        packed
    }

    /// Bit n for whether the nth is so.
    pub const fn set(table: &[bool]) -> u64 {
        let (mut bits, mut i) = (0, 0);
        while i < table.len() {
            bits |= (table[i] as u64) << i;
            i += 1;
        }
        bits
    }

    /// The first required key whose bit in `seen` is clear.
    fn missing(&self, seen: u64) -> Option<&'static str> {
        let missing = self.required & !seen;
        if missing == 0 {
            return None;
        }
        let mut rest = self.packed;
        for _ in 0..missing.trailing_zeros() {
            rest = rest.get(1 + key(rest)?.len()..)?;
        }
        core::str::from_utf8(key(rest)?).ok()
    }
}

/// The key that a table of packed ones begins with.
fn key(packed: &[u8]) -> Option<&[u8]> {
    text::string(packed)
}

/// Looks for keys, first behind the one that was found last: objects in a list have theirs in the same order, which is mostly
/// the table's.
struct Finder {
    keys: &'static [u8],
    /// The part of the table that is looked through first, and the place of the key that it begins with.
    rest: &'static [u8],
    at: usize,
}

impl Finder {
    /// The place of the key that decoded text begins with.
    #[inline(never)]
    fn find(&mut self, wanted: &[u8]) -> Option<usize> {
        let start = self.rest.len();
        loop {
            let size = match self.rest.first() {
                Some(&head) if text::starts_string(head) => 1 + text::length(head)?,
                _ if start == self.keys.len() => return None,
                _ => {
                    (self.rest, self.at) = (self.keys, 0);
                    continue;
                }
            };
            let found = same(self.rest, wanted, size);
            self.rest = self.rest.get(size..)?;
            self.at += 1;
            if found {
                return Some(self.at - 1);
            }
            if self.rest.len() == start {
                return None;
            }
        }
    }
}

/// Whether two texts begin with the same bytes, which are at least one.
#[inline(always)]
fn same(one: &[u8], other: &[u8], size: usize) -> bool {
    const MOST: usize = size_of::<Word>();
    let word = |text: &[u8]| {
        text.first_chunk()
            .map(|word: &Word| u64::from_le_bytes(*word))
    };
    if let (Some(a), Some(b)) = (word(one), word(other)) {
        let differ = a ^ b;
        if size <= MOST {
            return differ << (8 * (MOST - size)) == 0;
        }
        if differ != 0 {
            return false;
        }
    }
    one.get(..size) == other.get(..size)
}

/// An object's fields. Each declared object has its own code for this and for nothing else; [`Reader::object`] does the
/// rest for all of them.
pub trait Fields<'a> {
    /// Reads the value of the key at this place in the table.
    fn field(&mut self, at: usize, reader: &mut Reader<'a>) -> Result<(), Refused>;
}

impl<'a> Reader<'a> {
    /// Reads the object that comes next.
    pub fn object(&mut self, keys: &Keys, fields: &mut dyn Fields<'a>) -> Result<(), Refused> {
        let start = self.open(b'{', "an object")?;
        // Bit n: the nth key has had a value.
        let mut seen = 0u64;
        let mut finder = Finder {
            keys: keys.packed,
            rest: keys.packed,
            at: 0,
        };
        loop {
            let Some(key) = self.next_key() else {
                // The bracket.
                self.another();
                break;
            };
            if self.value() == b'n' {
                self.null();
                continue;
            }
            match finder.find(key) {
                Some(at) => {
                    seen |= 1 << at;
                    // Of what nobody wants to have, and can't be wrong, a look at the first byte is enough.
                    if self.checking && keys.strings >> at & 1 != 0 && self.pass_string() {
                        continue;
                    }
                    if fields.field(at, self).is_err() {
                        self.recover()?;
                    }
                }
                None => self.skip(),
            }
        }
        match keys.missing(seen) {
            Some(key) => self.refuse(Fault::missing(start, key)),
            None => Ok(()),
        }
    }
}
