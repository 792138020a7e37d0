//! Objects with known keys: one declaration gives the struct, its documentation and its reader.

use crate::error::Fault;
use crate::reader::{Reader, Refused};

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
                const TABLE: &[(&str, bool)] = &[$( ($key, $crate::object!(@is $($required)?)) ),*];
                const PACKED: [u8; $crate::Keys::size(TABLE)] = $crate::Keys::pack(TABLE);
                reader.object($crate::Keys::new(&PACKED), self)
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

/// The keys of one object, as one run of bytes: for each its length (with the top bit set if it is required) and its text.
/// A table of `&str` would cost a relocation a key in a position-independent binary.
#[derive(Clone, Copy, Debug)]
pub struct Keys(&'static [u8]);

/// The bit of a key's length that says that the key is required.
const REQUIRED: u8 = 0x80;

impl Keys {
    /// The size of the packed form.
    pub const fn size(table: &[(&str, bool)]) -> usize {
        let (mut size, mut i) = (0, 0);
        while i < table.len() {
            size += 1 + table[i].0.len();
            i += 1;
        }
        size
    }

    /// The packed form of a table of keys, each with whether it's required.
    pub const fn pack<const N: usize>(table: &[(&str, bool)]) -> [u8; N] {
        assert!(
            table.len() <= 64,
            "an object has at most 64 fields: see Reader::object"
        );
        let (mut packed, mut end, mut i) = ([0; N], 0, 0);
        while i < table.len() {
            let (key, required) = (table[i].0.as_bytes(), table[i].1);
            assert!(
                key.len() < REQUIRED as usize,
                "a key is at most 127 bytes long"
            );
            packed[end] = key.len() as u8 | if required { REQUIRED } else { 0 };
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

    /// Keys from their packed form.
    pub const fn new(packed: &'static [u8]) -> Self {
        Keys(packed)
    }

    fn iter(self) -> impl Iterator<Item = (&'static [u8], bool)> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (head, tail) = rest.split_first()?;
            let (key, next) = tail.split_at_checked(usize::from(head & !REQUIRED))?;
            rest = next;
            Some((key, head & REQUIRED != 0))
        })
    }

    /// The first required key whose bit in `seen` is clear.
    fn missing(self, seen: u64) -> Option<&'static str> {
        let (_, (key, _)) = self
            .iter()
            .enumerate()
            .find(|(at, (_, required))| *required && seen >> at & 1 == 0)?;
        core::str::from_utf8(key).ok()
    }
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
    #[inline(never)]
    fn find(&mut self, wanted: &[u8]) -> Option<usize> {
        let start = self.rest.len();
        loop {
            let Some((head, tail)) = self.rest.split_first() else {
                if start == self.keys.len() {
                    return None;
                }
                (self.rest, self.at) = (self.keys, 0);
                continue;
            };
            let (key, next) = tail.split_at_checked(usize::from(head & !REQUIRED))?;
            (self.rest, self.at) = (next, self.at + 1);
            if same(key, wanted) {
                return Some(self.at - 1);
            }
            if next.len() == start {
                return None;
            }
        }
    }
}

/// Whether two short texts are the same.
#[inline(always)]
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a == b)
}

/// An object's fields. Each declared object has its own code for this and for nothing else; [`Reader::object`] does the
/// rest for all of them.
pub trait Fields<'a> {
    /// Reads the value of the key at this place in the table.
    fn field(&mut self, at: usize, reader: &mut Reader<'a>) -> Result<(), Refused>;
}

impl<'a> Reader<'a> {
    /// Reads the object that comes next.
    pub fn object(&mut self, keys: Keys, fields: &mut dyn Fields<'a>) -> Result<(), Refused> {
        let start = self.position();
        self.open(b'{', "an object")?;
        // Bit n: the nth key has had a value.
        let mut seen = 0u64;
        let mut finder = Finder {
            keys: keys.0,
            rest: keys.0,
            at: 0,
        };
        while self.another() {
            let key = self.bytes()?;
            if self.null() {
                continue;
            }
            match finder.find(key) {
                Some(at) => {
                    seen |= 1 << at;
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
