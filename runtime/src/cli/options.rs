//! What the command line gave to one verb, looked up by the long names of the verb's rows.

use super::flags::Flag;
use crate::error::{Error, Result};
use crate::text::{number, quoted};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// One option as it was given.
pub(super) enum Value {
    /// A switch, on or off.
    Switch(bool),
    /// The text of an option that takes one.
    Text(OsString),
}

/// The options and words of one verb.
///
/// A name that no row has is answered like one that wasn't given; a test in [`super::rows`] finds
/// lookups of such names in the sources.
#[derive(Default)]
pub struct Options {
    pub(super) given: Vec<(&'static str, Value)>,
    pub(super) words: Vec<OsString>,
}

impl Options {
    pub(super) fn push(&mut self, flag: Flag, value: Value) {
        self.given.push((flag.long(), value));
    }

    fn last(&self, name: &str) -> Option<&Value> {
        self.given
            .iter()
            .rev()
            .find(|(long, _)| *long == name)
            .map(|(_, value)| value)
    }

    /// Whether a switch is on; of several the last counts.
    pub fn flag(&self, name: &str) -> bool {
        self.given(name).unwrap_or(false)
    }

    /// A switch's state if it was given at all.
    pub fn given(&self, name: &str) -> Option<bool> {
        match self.last(name) {
            Some(Value::Switch(on)) => Some(*on),
            _ => None,
        }
    }

    /// The text of an option; of several the last counts. Like runc's, an option that is given
    /// an empty text counts as not given.
    pub fn text(&self, name: &str) -> Option<&OsStr> {
        match self.last(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The same where an empty text is a mistake, not an absence.
    pub fn text_or_empty(&self, name: &str) -> Option<&OsStr> {
        match self.last(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// All texts of an option that may be repeated, in order.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a OsStr> {
        self.given
            .iter()
            .filter_map(move |(long, value)| match value {
                Value::Text(text) if *long == name => Some(text.as_os_str()),
                _ => None,
            })
    }

    /// The number that an option was given, at most `u32::MAX`.
    pub fn number(&self, name: &str) -> Result<Option<u32>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match number(text.as_bytes()).map(u32::try_from) {
            Some(Ok(number)) => Ok(Some(number)),
            _ => Err(Error::fill(
                packed!("--{} {}: a number from 0 is needed"),
                &[name, &quoted(text)],
            )),
        }
    }

    /// The n-th word that is not an option, from 0; the container id where there is one.
    #[inline(never)]
    pub fn positional(&self, n: usize) -> Option<&OsStr> {
        self.words.get(n).map(OsString::as_os_str)
    }

    /// The words after the first: the command of `exec` and of `run ID -- CMD`, the signal of `kill`.
    pub fn rest(&self) -> &[OsString] {
        self.words.get(1..).unwrap_or_default()
    }
}
