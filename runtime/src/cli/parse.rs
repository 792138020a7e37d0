//! Words to a [`Line`], by the rows.
//!
//! The grammar is that of Go's command line packages, whose users mote serves: `--flag=value`,
//! `--flag value`, the same with one dash, switches as `--flag=false`, options before or after the
//! words. `lexopt`, which knows no long names after one dash, is what the tests compare it with.

use super::flags::{Flag, Flags, GLOBAL, NONE};
use super::options::{Options, Value};
use super::rows::{self, MANY, Tail, Verb};
use crate::error::lossy;
use crate::text::{decimal, fill, pieces, quoted};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::vec::IntoIter;

/// A command line, understood.
pub struct Line {
    /// The last part of the name that mote was called by.
    pub program: String,
    /// The options before the verb.
    pub globals: Options,
    /// What is to be done.
    pub wish: Wish,
}

/// What a command line asks for.
pub enum Wish {
    /// A verb with its options.
    Run(&'static Verb, Options),
    /// The help, of one verb or of all.
    Help(Option<&'static Verb>),
    /// The version.
    Version,
    /// Nothing that can be done: a usage error, with the verb it was made at.
    Wrong(Option<&'static Verb>, String),
    /// A verb that doesn't exist.
    NoSuchVerb(String),
}

/// Understands the words of a command line, the program's own name first.
pub fn parse(words: Vec<OsString>) -> Line {
    let mut words = words.into_iter();
    let program = program_name(&words.next().unwrap_or_default());
    let mut globals = Options::default();
    let wish = wish(words, &mut globals, &program).unwrap_or_else(|wish| wish);
    Line {
        program,
        globals,
        wish,
    }
}

/// The words that the kernel starts the first process with, which has no verb among them: parameters of its command
/// line that it doesn't know. They ask for `init`.
pub fn of_kernel(mut words: Vec<OsString>) -> Vec<OsString> {
    let word = words
        .get(1)
        .and_then(|word| word.to_str())
        .unwrap_or_default();
    if !word.starts_with("-") && !matches!(word, "help" | "h") && rows::verb(word).is_none() {
        words.truncate(1);
        words.push("init".into());
    }
    words
}

fn program_name(word: &OsStr) -> String {
    match word.as_bytes().rsplit(|byte| *byte == b'/').next() {
        None | Some(b"") => "mote".to_string(),
        Some(name) => lossy(name),
    }
}

/// Both arms are wishes; the `Err` ones are those that cut parsing short.
fn wish(words: IntoIter<OsString>, globals: &mut Options, program: &str) -> Result<Wish, Wish> {
    let wrong = |message| Wish::Wrong(None, message);
    let first = take(words, NONE, Tail::Verbatim, globals, None).map_err(wrong)?;
    if globals.flag("help") {
        return Ok(Wish::Help(None));
    }
    if globals.flag("version") {
        return Ok(Wish::Version);
    }
    let mut words = first.words.into_iter();
    let Some(name) = words.next() else {
        return Ok(Wish::Help(None));
    };
    let verb = |name: &OsStr| {
        let row = name.to_str().and_then(rows::verb);
        row.ok_or_else(|| Wish::NoSuchVerb(lossy(name.as_bytes())))
    };
    if name == "help" || name == "h" {
        return Ok(Wish::Help(
            words.next().map(|topic| verb(&topic)).transpose()?,
        ));
    }
    let verb = verb(&name)?;
    let wrong = |message| Wish::Wrong(Some(verb), message);
    let mut options = Options::default();
    let found = take(
        words,
        verb.flags,
        verb.words.tail,
        globals,
        Some(&mut options),
    )
    .map_err(wrong)?;
    if globals.flag("help") {
        return Ok(Wish::Help(Some(verb)));
    }
    options.words = found.words;
    count(verb, options.words.len(), found.command, program).map_err(wrong)?;
    Ok(Wish::Run(verb, options))
}

/// The words among options, and how many of them form the command after `--`.
struct Taken {
    words: Vec<OsString>,
    command: usize,
}

/// Takes options and words off the parser. An option with a row in `flags` goes to `own`, one with
/// a global row to `globals`.
fn take(
    words: IntoIter<OsString>,
    flags: Flags,
    tail: Tail,
    globals: &mut Options,
    mut own: Option<&mut Options>,
) -> Result<Taken, String> {
    let mut source = Source {
        words,
        letters: Vec::new(),
    };
    let mut words = Vec::new();
    while let Some(piece) = source.piece(flags)? {
        match piece {
            Piece::Option((flag, place), value) => match own.as_deref_mut() {
                Some(own) if place == Place::Verb => own.push(flag, value),
                _ => globals.push(flag, value),
            },
            Piece::Word(word) => {
                words.push(word);
                if tail == Tail::Verbatim {
                    // `exec ID -- CMD` is written by whoever is used to it from elsewhere.
                    let next = source.words.as_slice().first();
                    if own.is_some() && next.is_some_and(|word| word == "--") {
                        source.words.next();
                    }
                    words.extend(source.words);
                    break;
                }
            }
            Piece::End => {
                let before = words.len();
                words.extend(source.words);
                let command = if before == 0 { 0 } else { words.len() - before };
                return Ok(Taken { words, command });
            }
        }
    }
    Ok(Taken { words, command: 0 })
}

/// Whose option one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Verb,
    Global,
}

/// An option and whose it is.
type Found = (Flag, Place);

enum Piece {
    Option(Found, Value),
    Word(OsString),
    /// A `--`: what follows are words.
    End,
}

/// What is still to be taken.
struct Source {
    words: IntoIter<OsString>,
    /// Letters that stand together in one word, without those that were taken.
    letters: Vec<u8>,
}

impl Source {
    fn piece(&mut self, flags: Flags) -> Result<Option<Piece>, String> {
        let unknown = |name: &[u8]| fill("flag provided but not defined: -{}", &[&lossy(name)]);
        let mut letters = core::mem::take(&mut self.letters);
        let mut named = 1;
        if letters.is_empty() {
            let Some(word) = self.words.next() else {
                return Ok(None);
            };
            let bytes = word.as_bytes();
            if bytes == b"--" {
                return Ok(Some(Piece::End));
            }
            let Some(text) = bytes.strip_prefix(b"-").filter(|text| !text.is_empty()) else {
                return Ok(Some(Piece::Word(word)));
            };
            let long = text.strip_prefix(b"-");
            let whole = long.unwrap_or(text);
            let end = whole.iter().position(|byte| *byte == b'=');
            let name = &whole[..end.unwrap_or(whole.len())];
            if let Some(flag) = find(flags, name) {
                let joined = end.map(|end| whole[end + 1..].to_vec());
                return self.option(flag, joined).map(Some);
            }
            if long.is_some() {
                return Err(unknown(name));
            }
            letters = text.to_vec();
            named = letters.len();
        } else if letters.starts_with(b"=") {
            return Err("flag takes no value".to_string());
        }
        let flag = find(flags, &letters[..1]).ok_or_else(|| unknown(&letters[..named]))?;
        let rest = letters.split_off(1);
        let joined = if flag.0.takes_value() {
            let text = rest.strip_prefix(b"=").unwrap_or(&rest);
            (!rest.is_empty()).then(|| text.to_vec())
        } else {
            // What follows a switch's letter is another option.
            self.letters = rest;
            None
        };
        self.option(flag, joined).map(Some)
    }

    /// An option with the value that its word brought along, or the next word if the row wants one.
    fn option(&mut self, found: Found, joined: Option<Vec<u8>>) -> Result<Piece, String> {
        let flag = found.0;
        let value = match (flag.takes_value(), joined.map(OsString::from_vec)) {
            (false, None) => Value::Switch(true),
            (false, Some(text)) => match text.to_str().and_then(parse_bool) {
                Some(on) => Value::Switch(on),
                None => {
                    return Err(fill(
                        "invalid boolean value {} for -{}",
                        &[&quoted(&text), flag.long()],
                    ));
                }
            },
            (true, Some(text)) => Value::Text(text),
            (true, None) => match self.words.next() {
                Some(word) => Value::Text(word),
                None => return Err(fill("flag needs an argument: -{}", &[flag.long()])),
            },
        };
        Ok(Piece::Option(found, value))
    }
}

/// By its long name, or by its letter.
#[inline(never)]
fn find(flags: Flags, name: &[u8]) -> Option<Found> {
    if name.is_empty() {
        return None;
    }
    for (flags, place) in [(flags, Place::Verb), (GLOBAL, Place::Global)] {
        for flag in flags {
            if flag.long().as_bytes() == name || flag.short().as_bytes() == name {
                return Some((flag, place));
            }
        }
    }
    None
}

/// The words that Go's strconv.ParseBool knows, and no other.
pub(super) fn parse_bool(word: &str) -> Option<bool> {
    let is_one_of = |words| pieces(words, b' ').has(word);
    let on = is_one_of("1 t T true TRUE True");
    Some(on).filter(|on| *on || is_one_of("0 f F false FALSE False"))
}

fn count(verb: &Verb, words: usize, command: usize, program: &str) -> Result<(), String> {
    let words = if verb.words.tail == Tail::Command {
        words - command
    } else {
        words
    };
    let (min, max) = (usize::from(verb.words.min), usize::from(verb.words.max));
    let (how, limit) = match () {
        () if min == max && words != min => ("exactly", min),
        () if words < min => ("a minimum of", min),
        () if words > max && verb.words.max != MANY => ("a maximum of", max),
        () => return Ok(()),
    };
    Err(fill(
        "{}: \"{}\" requires {} {} argument(s)",
        &[program, verb.name, how, &decimal(limit as u64)],
    ))
}

#[cfg(test)]
mod tests;
