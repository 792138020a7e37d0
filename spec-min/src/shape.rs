//! The shape of a declared type as data: which keys an object has, and what may stand behind each.
//!
//! Nothing that is shipped reads it, and a constant that nobody reads takes no byte of a program. It is there for whoever
//! writes about the document: tests compare it with the spec's JSON schema and make the table of properties from it.

use crate::{List, Map, Maybe, Read};

/// What JSON a type is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// A string.
    Text,
    /// A number without fraction and exponent, in this range.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: u64,
    },
    /// An array of values of one shape.
    List(&'static Shape),
    /// An object with any keys, whose values have one shape.
    Map(&'static Shape),
    /// An object with known keys; others are skipped.
    Object(&'static [Property]),
}

/// One known key of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// The key.
    pub name: &'static str,
    /// Whether an object without it is refused by the reader itself.
    pub required: bool,
    /// What stands behind it.
    pub shape: &'static Shape,
}

/// The properties of config.json that are for other systems, and skipped whatever is in them.
pub const OTHER_SYSTEMS: &[&str] = &[
    "freebsd",
    "process.commandLine",
    "process.user.username",
    "solaris",
    "vm",
    "windows",
    "zos",
];

/// A type whose JSON has a known shape: every type that can be read.
pub trait Shaped {
    /// That shape.
    const SHAPE: Shape;
}

impl Shaped for bool {
    const SHAPE: Shape = Shape::Boolean;
}

impl Shaped for &core::ffi::CStr {
    const SHAPE: Shape = Shape::Text;
}

impl Shaped for crate::Text<'_> {
    const SHAPE: Shape = Shape::Text;
}

macro_rules! integers {
    ($($int:ident)*) => {$(
        impl Shaped for $int {
            const SHAPE: Shape = Shape::Integer { min: $int::MIN as i64, max: $int::MAX as u64 };
        }
    )*};
}

integers!(u16 u32 u64 i32 i64);

/// `null` and absent are the same in an object, and no shape of their own.
impl<T: Shaped> Shaped for Option<T> {
    const SHAPE: Shape = T::SHAPE;
}

impl<T: Shaped> Shaped for Maybe<T> {
    const SHAPE: Shape = T::SHAPE;
}

impl<'a, T: Shaped + Read<'a>> Shaped for List<'a, T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
}

impl<'a, V: Shaped + Read<'a>> Shaped for Map<'a, V> {
    const SHAPE: Shape = Shape::Map(&V::SHAPE);
}
